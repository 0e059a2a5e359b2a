"""A bare machine beside a mirror that has all that its plan installs: where `craton-node` is put to the test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from installer.artifacts.catalogue import read_sums, wanted
from installer.node.configuration import configuration
from installer.plan.model import InstallPlan
from installer.plan.sections import Artifacts
from installer.plan.topology import topology
from tests.doubles.bare_machine import BareMachine, bare_machine
from tests.doubles.mirror import Mirror, published, running_mirror

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=1, workers=1)


@dataclass
class Bench:
    """A bare machine, the mirror that it fetches from, and the configuration that it is prepared with."""

    box: BareMachine
    mirror: Mirror
    plan: InstallPlan
    text: str

    def with_lines(self, *lines: str) -> Bench:
        return replace(self, text=self.text + "".join(f"{line}\n" for line in lines))

    def prepare(self) -> subprocess.CompletedProcess[str]:
        return self.box.node("prepare", stdin=self.text)

    def prepared(self) -> str:
        """What a preparation says that has to succeed."""
        ended = self.prepare()
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def refused(self, status: int) -> str:
        """The last word of a preparation that has to fail."""
        ended = self.prepare()
        assert ended.returncode == status, ended.stdout + ended.stderr
        return ended.stderr.splitlines()[-1]

    def undone(self) -> list[str]:
        ended = self.box.node("undo")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout.splitlines()


def path_of(name: str) -> str:
    return next(artifact.path for artifact in wanted(PLAN, "amd64") if artifact.name == name)


@contextmanager
def node_bench(directory: Path) -> Iterator[Bench]:
    with running_mirror(published(PLAN)) as mirror, bare_machine(directory) as box:
        plan = PLAN.model_copy(update={"artifacts": Artifacts(mirror=mirror.url)})
        plan = plan.model_copy(update={"artifacts": Artifacts(mirror=mirror.url, sums=read_sums(plan))})
        mirror.asked.clear()
        machine = topology(plan).machines[0].name
        yield Bench(box, mirror, plan, configuration(plan, topology(plan), machine))
