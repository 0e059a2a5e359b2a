"""An engine keeps its cluster's lease, and stops where another computer takes it."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop
from installer.engine.journal import JournalError
from installer.operations import lease as leases
from installer.operations.lease import HeldElsewhereError, Keeper, own_holder
from installer.steps.lease import Held, Holder
from tests.patience import PATIENCE, eventually

ADA, BOB = Holder("1a-laptop", "ada@laptop"), Holder("2b-desk", "bob@desk")


class OneLease:
    """A lease in this process; `bare` keeps none yet, and `broken` can't be asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now: Held | None = None
        self.bare = self.broken = False

    def take(self, holder: Holder, *, seize: bool = False) -> Held | None:
        with self._lock:
            self._check()
            if self.bare:
                return None
            if self.now is None or self.now.holder == holder or seize:
                self.now = Held(holder, time.time(), time.time())
            return self.now

    def held(self) -> Held | None:
        return self.now

    def drop(self, holder: Holder) -> None:
        with self._lock:
            self._check()
            if self.now and self.now.holder == holder:
                self.now = None

    def _check(self) -> None:
        if self.broken:
            raise InstallerError("connect", "no route to host")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> OneLease:
    for pause in ("_RENEW", "_NOT_YET", "_UNREACHABLE"):
        monkeypatch.setattr(leases, pause, 0.01)
    return OneLease()


def keeper(shared: OneLease, holder: Holder) -> tuple[Keeper, Stop]:
    stop = Stop()
    return Keeper("demo", shared, holder, stop), stop


def test_the_second_computer_is_refused_with_user_host_and_time(shared: OneLease) -> None:
    first, _ = keeper(shared, ADA)
    first.start(seize=False)
    second, _ = keeper(shared, BOB)
    with pytest.raises(HeldElsewhereError, match="ada@laptop has been working on the cluster since 2") as raised:
        second.start(seize=False)
    assert raised.value.exit_code is ExitCode.LOCKED
    assert "--take-over" in raised.value.hint
    first.close()
    again, _ = keeper(shared, BOB)
    again.start(seize=False)
    again.check()
    again.close()
    assert shared.now is None


def test_the_first_computer_stops_and_changes_nothing_more_once_it_is_taken_over(shared: OneLease) -> None:
    first, stop = keeper(shared, ADA)
    first.start(seize=False)
    first.check()
    second, _ = keeper(shared, BOB)
    second.start(seize=True)
    assert stop.wait(PATIENCE)
    with pytest.raises(JournalError, match="bob@desk"):
        first.check()
    first.close()
    assert shared.now is not None
    assert shared.now.holder == BOB
    second.close()


def test_a_bare_machine_keeps_the_lease_as_soon_as_it_can(shared: OneLease) -> None:
    shared.bare = True
    first, _ = keeper(shared, ADA)
    first.start(seize=False)
    assert shared.now is None
    shared.bare = False
    eventually(lambda: shared.now is not None, "the lease")
    first.close()
    assert shared.now is None


def test_of_two_that_begin_together_on_a_bare_machine_one_goes_on(shared: OneLease) -> None:
    shared.bare = True
    both = [keeper(shared, holder) for holder in (ADA, BOB)]
    for each, _ in both:
        each.start(seize=False)
        each.check()
    shared.bare = False
    eventually(lambda: any(stop.requested for _, stop in both), "one to stop")
    assert shared.now is not None
    for (each, stop), holder in zip(both, (ADA, BOB), strict=True):
        assert stop.requested is (shared.now.holder != holder)
        if stop.requested:
            with pytest.raises(JournalError, match=shared.now.holder.owner):
                each.check()
    for each, _ in both:
        each.close()
    assert shared.now is None


def test_a_machine_that_does_not_answer_stops_no_run(shared: OneLease) -> None:
    shared.broken = True
    first, stop = keeper(shared, ADA)
    first.start(seize=False)
    first.check()
    shared.broken = False
    eventually(lambda: shared.now is not None, "the lease")
    shared.broken = True
    first.close()
    assert not stop.requested


def test_the_end_of_a_run_does_not_wait_for_a_machine_that_hangs(
    shared: OneLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_ENDING", 0.01)
    answers, asked, take = threading.Event(), threading.Event(), shared.take

    def hang(holder: Holder, *, seize: bool = False) -> Held | None:
        asked.set()
        answers.wait()
        return take(holder, seize=seize)

    def drop(_holder: Holder) -> None:
        raise AssertionError("a machine that hangs is not asked once more")

    first, _ = keeper(shared, ADA)
    first.start(seize=False)
    monkeypatch.setattr(shared, "take", hang)
    monkeypatch.setattr(shared, "drop", drop)
    assert asked.wait(PATIENCE)
    first.close()
    answers.set()


def test_a_copied_state_directory_is_another_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    directory.path.mkdir()
    mine = own_holder(directory)
    assert own_holder(directory) == mine
    monkeypatch.setattr(socket, "gethostname", lambda: "another host\n")
    assert own_holder(directory).id != mine.id
    assert own_holder(directory).owner.endswith("@another_host_")
    (directory.path / "holder").write_bytes(b"\xff\xfe")
    assert own_holder(directory).id.split("-")[0].isalnum()
