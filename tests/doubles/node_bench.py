"""A bare machine beside a mirror that has all that its plan installs: where `craton-node` is put to the test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

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


Begin = Callable[[Bench], object]
"""What is done on a machine before a test begins: a function of a module, which is one thing for all tests."""


def path_of(name: str) -> str:
    return next(artifact.path for artifact in wanted(PLAN, "amd64") if artifact.name == name)


class Benches:
    """Machines beside one mirror. What several of them begin with is done once, and kept for the others."""

    def __init__(self, mirror: Mirror, directory: Path) -> None:
        self._files, self._mirror, self._directory = dict(mirror.files), mirror, directory
        plan = PLAN.model_copy(update={"artifacts": Artifacts(mirror=mirror.url)})
        self._plan = plan.model_copy(update={"artifacts": Artifacts(mirror=mirror.url, sums=read_sums(plan))})
        machine = topology(self._plan).machines[0].name
        self._text = configuration(self._plan, topology(self._plan), machine)
        self._kept: dict[tuple[Begin, ...], Path] = {}

    @contextmanager
    def begun(self, *begin: Begin) -> Iterator[Bench]:
        """A bare machine of its own on which all of `begin` was done, beside the mirror as it was at first."""
        with self._machine(self._archive(begin)) as bench:
            yield bench

    def _archive(self, begin: tuple[Begin, ...]) -> Path:
        if begin not in self._kept:
            before = self._archive(begin[:-1]) if begin else None
            archive = self._directory / f"{len(self._kept)}.tar"
            with self._machine(before) as bench:
                for last in begin[-1:]:
                    last(bench)
                bench.box.keep(archive)
            self._kept[begin] = archive
        return self._kept[begin]

    @contextmanager
    def _machine(self, archive: Path | None) -> Iterator[Bench]:
        with TemporaryDirectory(dir=self._directory) as own, bare_machine(Path(own), archive) as box:
            self._mirror.reset(self._files)
            yield Bench(box, self._mirror, self._plan, self._text)


@contextmanager
def node_benches(directory: Path) -> Iterator[Benches]:
    with running_mirror(published(PLAN)) as mirror:
        yield Benches(mirror, directory)
