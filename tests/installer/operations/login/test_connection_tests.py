"""Trying own machines while their list is typed: a few at a time, each once, and nobody waits for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from installer.operations.login.connection_tests import (
    AT_ONCE,
    MOST_THREADS,
    ConnectionTester,
    Notify,
    State,
    Trial,
    Trials,
)
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh.diagnosis import STAGES, passed
from installer.ssh.host_keys.pinned_keys import fingerprint
from tests.doubles.connection_tester import REFUSED, UNKNOWN, FakeConnectionTester
from tests.doubles.sshd import running_sshd
from tests.patience import PATIENCE, eventually


class Held:
    """Tries that end when they are let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []

    def __call__(self, host: Host, ssh: SSH, notify: Notify) -> Trial:
        self.begun.append(host.address)
        notify(Trial(State.CONNECTING, (passed("resolve", host.address), *STAGES[1:])))
        self.go.wait(PATIENCE)
        return Trial(State.READY)


@pytest.fixture
def held() -> Held:
    return Held()


def hosts(*numbers: int) -> list[Host]:
    return [Host(address=f"10.0.0.{number}") for number in numbers]


def ends(trials: Trials, host: Host) -> Trial:
    """How a machine's trial ends."""

    def ended() -> Trial | None:
        found = trials.of(host)
        return found if found and found.state not in (State.WAITING, State.CONNECTING) else None

    found: Trial = eventually(ended, f"the end of {host.address}")
    return found


def test_a_machine_is_tried_as_soon_as_it_is_wanted_and_only_once() -> None:
    tester = FakeConnectionTester()
    trials = Trials(tester)
    (host,) = hosts(1)
    assert trials.of(host) is None
    for _ in range(3):
        trials.want([host, host.model_copy(update={"role": "master"})], SSH())
        assert ends(trials, host).state is State.READY
    assert tester.tried == ["10.0.0.1"]
    assert trials.of(host.model_copy(update={"role": "infra"})) == trials.of(host)


def test_another_way_to_a_machine_is_another_trial() -> None:
    tester = FakeConnectionTester()
    trials = Trials(tester)
    (host,) = hosts(1)
    for ssh in (SSH(), SSH(port=2222), SSH()):
        trials.want([host], ssh)
        assert ends(trials, host).port == ssh.port
    assert len(tester.tried) == 2


def test_only_some_are_tried_side_by_side_and_in_their_order(held: Held) -> None:
    trials = Trials(held)
    many = hosts(*range(1, 21))
    trials.want(many, SSH())
    eventually(lambda: len(held.begun) == AT_ONCE, "the first machines")
    assert [trial.state for host in many[AT_ONCE:] if (trial := trials.of(host))] == [State.WAITING] * (20 - AT_ONCE)
    assert set(held.begun) == {host.address for host in many[:AT_ONCE]}
    held.go.set()
    for host in many:
        assert ends(trials, host).state is State.READY


def test_a_machine_that_is_not_wanted_any_more_gives_its_place_away(held: Held) -> None:
    trials = Trials(held)
    trials.want(hosts(*range(1, 21)), SSH())
    eventually(lambda: len(held.begun) == AT_ONCE, "the first machines")
    other = hosts(99)
    trials.want(other, SSH())
    eventually(lambda: "10.0.0.99" in held.begun, "the other machine")
    assert len(held.begun) == AT_ONCE + 1
    held.go.set()
    assert ends(trials, other[0]).state is State.READY
    assert len(held.begun) == AT_ONCE + 1


def test_there_is_an_end_to_the_threads_of_machines_that_nobody_wants(held: Held) -> None:
    trials = Trials(held)
    for start in range(1, 200, AT_ONCE):
        trials.want(hosts(*range(start, start + AT_ONCE)), SSH())
    eventually(lambda: len(held.begun) == MOST_THREADS, "all threads")
    trials.close()
    held.go.set()


def test_every_stage_is_told_as_it_holds(held: Held) -> None:
    trials = Trials(held)
    (host,) = hosts(1)
    trials.want([host], SSH())

    def at() -> str:
        trial = trials.of(host)
        return trial.at.id if trial and trial.state is State.CONNECTING and trial.at else ""

    eventually(lambda: at() == "connect", "the second stage")
    held.go.set()


def test_a_machine_can_be_tried_again() -> None:
    trials = Trials(FakeConnectionTester({"10.0.0.1": ("log in", *REFUSED)}))
    (host,) = hosts(1)
    trials.want([host], SSH())
    assert ends(trials, host).state is State.FAILED
    eventually(lambda: not trials._running, "the end of the thread")
    trials.again(host)
    eventually(lambda: ends(trials, host).state is State.READY, "another end")


def test_a_new_host_key_is_no_failure() -> None:
    trials = Trials(FakeConnectionTester({"10.0.0.1": ("host key", *UNKNOWN)}))
    (host,) = hosts(1)
    trials.want([host], SSH())
    trial = ends(trials, host)
    assert (trial.state, trial.asks) == (State.ASKS, "new host key SHA256:Vt8mH1sYc3k9")


def test_a_mistake_of_our_own_ends_in_the_row_of_its_machine() -> None:
    def broken(host: Host, ssh: SSH, notify: Notify) -> Trial:
        raise ValueError("oh")

    trials = Trials(broken)
    (host,) = hosts(1)
    trials.want([host], SSH())
    trial = ends(trials, host)
    assert trial.state is State.FAILED
    assert trial.at
    assert trial.at.seen == "ValueError: oh"


@pytest.mark.parametrize(
    ("seen", "address"),
    [("10.0.0.4", "10.0.0.4"), ("fd00::1, 10.0.0.4", "10.0.0.4"), ("127.0.0.1, fd00::1", None), ("left to", None)],
)
def test_the_address_that_a_name_stands_for_is_offered(seen: str, address: str | None) -> None:
    trial = Trial(stages=(passed("resolve", seen), *STAGES[1:]))
    assert str(trial.address) == str(address)


@pytest.fixture
def tester(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConnectionTester:
    """What tests for real, in a home directory without keys and configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return ConnectionTester()


def _diagnose(tester: ConnectionTester, host: Host, notify: Callable[[Trial], None] = lambda _: None) -> Trial:
    try:
        return tester(host, SSH(user="ada"), notify)
    finally:
        tester.close()


@pytest.mark.needs("ssh")
def test_a_port_where_nobody_listens_is_told_with_what_led_there(tester: ConnectionTester) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told: list[Trial] = []
        trial = _diagnose(tester, Host(address="127.0.0.1", port=free.getsockname()[1]), told.append)
    assert trial.state is State.FAILED
    assert trial.at
    assert (trial.at.id, trial.user) == ("connect", "ada")
    assert "refused" in trial.at.seen
    assert trial.at.remedy
    assert [one.at.id for one in told if one.at] == ["resolve", "connect"]


@pytest.mark.needs("ssh")
def test_a_configuration_that_openssh_refuses_is_told_in_its_machines_row(
    tester: ConnectionTester, tmp_path: Path
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("NoSuchWord yes\n")
    trial = _diagnose(tester, Host(address="127.0.0.1"))
    assert trial.at
    assert (trial.state, trial.at.id) == (State.FAILED, "resolve")
    assert "ssh -G" in trial.at.seen


def test_a_real_server_is_tried_up_to_what_is_to_be_asked(tester: ConnectionTester, tmp_path: Path) -> None:
    with running_sshd(tmp_path / "sshd") as server:
        host = Host(address="127.0.0.1", port=server.port)
        trial = _diagnose(tester, host)
        assert (trial.state, trial.asks) == (State.ASKS, f"new host key {fingerprint(server.host_key)}")
        (tmp_path / ".ssh").mkdir()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
        (tmp_path / ".ssh/config").write_text(f"UserKnownHostsFile {tmp_path}/known\n")
        trial = _diagnose(ConnectionTester(), host)
        assert trial.at
        assert (trial.state, trial.at.id) == (State.FAILED, "log in")
