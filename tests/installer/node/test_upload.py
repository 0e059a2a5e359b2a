"""Uploads: resumed after a dropped connection, checked on the machine, put in place in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.node.upload import upload
from tests.doubles.bare_machine import BareMachine, bare_machine
from tests.doubles.node_bench import PLAN
from tests.doubles.shell_connection import MachineContext, ShellConnection

DATA = bytes(range(256)) * 4096
TARGET = "/var/lib/craton/artifacts/release/kubeadm"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BareMachine]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    with bare_machine(tmp_path / "box") as box:
        yield box


def arrived(box: BareMachine) -> str:
    return box.sh(f"sha256sum <{TARGET} | cut -c 1-8; stat -c '%a %u' {TARGET}; ls -A $(dirname {TARGET})")


@pytest.mark.parametrize(
    ("drops", "sent"),
    [([], len(DATA)), ([500_000, 300_000], len(DATA)), ([0, 0, 0, 10], len(DATA))],
)
def test_what_had_arrived_is_not_sent_again(box: BareMachine, drops: list[int], sent: int) -> None:
    connection = ShellConnection(box, drops=drops)
    upload(MachineContext(PLAN, connection), "m", DATA, TARGET, mode=0o755)
    assert arrived(box).splitlines()[1:] == ["755 0", "kubeadm"]
    assert connection.sent == sent
    upload(MachineContext(PLAN, connection), "m", DATA, TARGET, mode=0o755)
    assert connection.sent == sent


def test_a_file_is_uploaded_with_its_progress(box: BareMachine, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(20_000_000))
    ctx = MachineContext(PLAN, ShellConnection(box))
    upload(ctx, "m", tmp_path / "file", TARGET)
    assert ctx.lines == ["kubeadm: 8 of 20 MB sent", "kubeadm: 16 of 20 MB sent"]
    assert box.sh(f"wc -c <{TARGET}").strip() == "20000000"


def test_what_is_damaged_on_its_way_is_sent_once_more(box: BareMachine) -> None:
    ctx = MachineContext(PLAN, ShellConnection(box, spoil=1))
    upload(ctx, "m", DATA, TARGET, mode=0o755)
    assert "kubeadm: the transfer was damaged; starting it again" in ctx.lines
    assert box.sh(f"wc -c <{TARGET}").strip() == str(len(DATA))


def test_what_is_damaged_twice_is_given_up(box: BareMachine) -> None:
    with pytest.raises(InstallerError, match="was damaged twice"):
        upload(MachineContext(PLAN, ShellConnection(box, spoil=2)), "m", DATA, TARGET)
    assert box.sh("ls -A /var/lib/craton/artifacts/release") == ""


def test_a_connection_that_never_carries_a_byte_is_given_up(box: BareMachine) -> None:
    with pytest.raises(InstallerError, match="the connection dropped"):
        upload(MachineContext(PLAN, ShellConnection(box, drops=[0] * 9)), "m", DATA, TARGET)


@pytest.mark.parametrize(
    ("mount", "said", "hint"),
    [("size=64k", "No space left on device", "free space"), ("ro", "Read-only file system", "mount")],
)
def test_a_disk_that_takes_nothing_is_told_as_such(box: BareMachine, mount: str, said: str, hint: str) -> None:
    box.sh(f"mkdir -p /var/lib/craton; mount -t tmpfs -o {mount} tmpfs /var/lib/craton")
    with pytest.raises(InstallerError, match=said) as caught:
        upload(MachineContext(PLAN, ShellConnection(box)), "m", DATA, TARGET)
    assert hint in caught.value.hint


def test_a_file_that_changed_is_not_sent(box: BareMachine, tmp_path: Path) -> None:
    connection = ShellConnection(box)
    with pytest.raises(InstallerError, match="expected 0000"):
        upload(MachineContext(PLAN, connection), "m", DATA, TARGET, sha256="0" * 64)
    with pytest.raises(InstallerError, match="cannot be read: No such file or directory"):
        upload(MachineContext(PLAN, connection), "m", tmp_path / "none", TARGET)
    assert connection.commands == []
