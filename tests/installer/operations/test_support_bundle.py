"""The support bundle: what machines tell is in it, each one's in its place; secrets are not; and it is listed first."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from installer.cli import support as cli_gather
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine.journal import Journal
from installer.operations import machine_logs, session, support_bundle
from installer.operations import support_bundle as support
from installer.operations.support_bundle import BundledFile
from installer.plan.model import InstallPlan
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.ssh.connection import Result
from installer.steps.platform import Platform
from installer.steps.world import World
from tests.doubles.planned_platform import PLANNED

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=1, workers=1, ingress=Ingress(kind="load-balancer"))


class _Machines:
    """Implements installer.node.connection.Connections: what each machine's `gather` says, or the error it raises."""

    user = "craton"
    host_key = ""

    def __init__(self, **said: Result | InstallerError) -> None:
        self._said = said
        self._machine = ""

    def get(self, machine: str, deadline: float) -> Any:
        found = self._said[machine.replace("-", "_")]
        if isinstance(found, InstallerError) and found.operation == "connect":
            raise found
        one = _Machines(**self._said)
        one._machine = machine
        return one

    def run(
        self, command: str, *, stdin: str = "", deadline: float, on_line: Any = None, secret: bool = False
    ) -> Result:
        assert command == "sudo -n /usr/local/sbin/craton-node gather"
        found = self._said[self._machine.replace("-", "_")]
        if isinstance(found, InstallerError):
            on_line("#file kubelet.log")
            on_line("as far as it came")
            raise found
        for line in (found.stdout + found.stderr).splitlines():
            on_line(line)
        return found


def gathered(
    master: Result | InstallerError, worker: Result | InstallerError, platform: Platform = PLANNED
) -> dict[str, str]:
    connections = cast(Any, _Machines(demo_master_1=master, demo_worker_1=worker))
    world = World(PLAN, topology(PLAN), ClusterDirectory.of("demo"), platform, connections)
    return dict(machine_logs.gathered(world))


WELL = Result(0, "#file versions.txt\nDebian 13\n#file kubelet.log\nstarted\n\nReady\n", "")


def test_each_section_becomes_a_file_of_its_machine() -> None:
    assert gathered(WELL, Result(0, "#file versions.txt\nDebian 12\n", "")) == {
        "machines/demo-master-1/versions.txt": "Debian 13\n",
        "machines/demo-master-1/kubelet.log": "started\n\nReady\n",
        "machines/demo-worker-1/versions.txt": "Debian 12\n",
    }


def test_a_machine_that_does_not_answer_is_a_file_that_says_so() -> None:
    lost = InstallerError("connect", "no answer", machine="demo-worker-1", hint="start it")
    assert gathered(WELL, lost)["machines/demo-worker-1/not-all.txt"] == (
        "demo-worker-1: connect: no answer\nstart it\n"
    )


def test_the_console_of_a_machine_that_does_not_answer_is_in_the_bundle_or_why_it_is_not() -> None:
    lost = InstallerError("connect", "no answer", machine="demo-worker-1", hint="start it")
    refused = InstallerError("ask AWS for ec2:GetConsoleOutput", "not allowed", hint="allow it")
    consoles = cast(
        Platform, SimpleNamespace(located=lambda shape: shape, console=lambda machine: f"boot of {machine}")
    )
    found = gathered(WELL, lost, consoles)
    assert found["machines/demo-worker-1/console.txt"] == "boot of demo-worker-1"
    assert "machines/demo-master-1/console.txt" not in found, "what answers tells more itself"

    def fail(_machine: str) -> str:
        raise refused

    kept = cast(Platform, SimpleNamespace(located=lambda shape: shape, console=fail))
    assert gathered(WELL, lost, kept)["machines/demo-worker-1/console.txt"] == f"{refused}\nallow it\n"


def test_what_came_before_a_machine_hung_or_failed_is_kept() -> None:
    late = InstallerError("run command", "did not end within 180 s", machine="demo-master-1")
    found = gathered(late, Result(127, "", "sudo: /usr/local/sbin/craton-node: command not found\n"))
    assert found["machines/demo-master-1/kubelet.log"] == "as far as it came\n"
    assert "did not end within 180 s" in found["machines/demo-master-1/not-all.txt"]
    assert "status 127:\nsudo: " in found["machines/demo-worker-1/not-all.txt"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "A", "a b", ".hidden", "x" * 65])
def test_a_machine_cannot_name_a_file_elsewhere(name: str) -> None:
    found = gathered(WELL, Result(0, f"#file {name}\nx\n", ""))
    assert [file for file in found if file.startswith("machines/demo-worker-1/")] == [
        "machines/demo-worker-1/first.txt"
    ]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    directory = ClusterDirectory.of("demo")
    write_private(directory.plan, "craton: 1\nname: demo\nsubdomain: example.test\nplatform: rehearsal\n")
    Journal(directory.journal).close()
    return directory


def names(path: Path) -> set[str]:
    with tarfile.open(path) as archive:
        return set(archive.getnames())


def test_a_bundle_is_listed_before_it_is_saved_and_not_saved_unless_agreed(
    directory: ClusterDirectory, tmp_path: Path
) -> None:
    output = tmp_path / "out.tar.gz"
    told: list[BundledFile] = []

    def refuse(entries: Sequence[BundledFile]) -> None:
        told.extend(entries)
        raise InstallerError("confirm", "not confirmed")

    more = [("machines/demo-master-1/kubelet.log", "x" * 5000 + "\n")]
    with pytest.raises(InstallerError, match="not confirmed"):
        support.bundle(directory, output, more, refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert {"demo/plan.yaml", "demo/events.jsonl", "demo/machines/demo-master-1/kubelet.log"} <= {e.name for e in told}
    assert "      4.0 kB  demo/machines/demo-master-1/kubelet.log" in support.listing(told)
    support.bundle(directory, output, more)
    assert names(output) == {entry.name for entry in told}
    assert output.stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_read_hides_nothing_else(directory: ClusterDirectory, tmp_path: Path) -> None:
    directory.journal.write_bytes(b"no database at all" * 100)
    support.bundle(directory, tmp_path / "out.tar.gz")
    assert {"demo/plan.yaml", "demo/events.txt"} <= names(tmp_path / "out.tar.gz")


def test_the_command_lists_what_it_saves_and_can_leave_the_machines_alone(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "open_world", lambda *_: nullcontext())
    monkeypatch.setattr(machine_logs, "gathered", lambda _world: iter([("machines/x/kubelet.log", "words\n")]))
    ran = CliRunner().invoke(cli_gather.app, ["demo", "-o", "all.tar.gz"])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout == "all.tar.gz\n"
    assert "0.0 kB  demo/machines/x/kubelet.log" in ran.stderr
    assert "demo/machines/x/kubelet.log" in names(Path("all.tar.gz"))
    assert CliRunner().invoke(cli_gather.app, ["demo", "--no-machines"]).stdout == "demo-support.tar.gz\n"
    assert not any("machines" in name for name in names(Path("demo-support.tar.gz")))


def test_a_plan_that_cannot_be_read_is_no_reason_to_gather_nothing(directory: ClusterDirectory, tmp_path: Path) -> None:
    directory.plan.write_text("masters: [\n")
    support_bundle.gather("demo", tmp_path / "out.tar.gz")
    assert {"demo/plan.yaml", "demo/machines/none.txt"} <= names(tmp_path / "out.tar.gz")
