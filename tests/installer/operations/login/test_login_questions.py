"""What is asked before a run, and what becomes of the answers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from installer.cli import login_prompts
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations.login import questions
from installer.operations.login.questions import Answer, NewHostKeys, Passphrase, Question, Rebuilt
from installer.plan.model import InstallPlan
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys import identities
from tests.doubles.fleet import INFRA, MASTER, PASSPHRASE, WORKER, Fleet, running_fleet


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture
def fleet(home: Path) -> Iterator[Fleet]:
    with running_fleet(home) as fleet:
        yield fleet


class Person:
    """Answers questions by their kind, in order, and keeps what was asked."""

    def __init__(self, *answers: Answer | Callable[[Question], Answer]) -> None:
        self._answers = list(answers)
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        answer = self._answers.pop(0)
        return answer(question) if callable(answer) else answer


def every(question: Question) -> set[str]:
    assert isinstance(question, NewHostKeys)
    return {key.name for key in question.keys}


def nobody(_question: Question) -> Answer:
    raise AssertionError("nothing was to be asked")


def pinned(fleet: Fleet) -> dict[str, str | None]:
    return {name: pinned_keys.pinned(fleet.cluster, name) for name in fleet.servers}


def test_new_keys_that_openssh_accepts_by_itself_are_not_asked_about(fleet: Fleet) -> None:
    with (fleet.ssh / "config").open("a") as file:
        file.write("StrictHostKeyChecking accept-new\n")
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), nobody)
    assert found is not None
    assert pinned(fleet) == {name: server.host_key for name, server in fleet.servers.items()}


def test_a_new_key_that_openssh_refuses_cannot_be_accepted(fleet: Fleet) -> None:
    with (fleet.ssh / "config").open("a") as file:
        file.write("StrictHostKeyChecking yes\n")
    fleet.know(MASTER)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster, accept_new=True), nobody)
    assert found is not None
    assert found.fine == (MASTER,)
    error = found.diagnoses[WORKER].error
    assert error is not None
    assert "StrictHostKeyChecking is yes" in error.observed
    assert pinned(fleet) == dict.fromkeys(fleet.servers)


def test_new_keys_are_asked_about_once_all_together(fleet: Fleet) -> None:
    person = Person(every)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), person)
    assert found is not None
    assert found.fine == (MASTER, INFRA, WORKER)
    assert pinned(fleet) == {name: server.host_key for name, server in fleet.servers.items()}
    [question] = person.asked
    assert isinstance(question, NewHostKeys)
    assert [(key.title, key.address, key.fingerprint) for key in question.keys] == [
        (name, fleet.address(name), fleet.fingerprint(name)) for name in fleet.servers
    ]
    login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), nobody)


def test_new_keys_that_are_accepted_beforehand_are_not_asked_about(fleet: Fleet) -> None:
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster, accept_new=True), nobody)
    assert found is not None
    assert found.fine == (MASTER, INFRA, WORKER)


@pytest.mark.parametrize(("answer", "left"), [(set(), 3), (None, 3), ({MASTER}, 2)])
def test_a_key_that_is_not_accepted_ends_it_and_what_was_accepted_stays(
    fleet: Fleet, answer: Answer, left: int
) -> None:
    with pytest.raises(InstallerError, match="not accepted") as caught:
        login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), Person(answer))
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert caught.value.observed.startswith(f"{left} host keys are new")
    assert sum(key is None for key in pinned(fleet).values()) == left


def test_without_anybody_to_ask_the_flag_is_named(fleet: Fleet) -> None:
    fleet.know(MASTER)
    fleet.know(INFRA)
    with pytest.raises(InstallerError) as caught:
        login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), questions.refuse)
    error = caught.value
    assert (error.exit_code, error.machine) == (ExitCode.PREFLIGHT, WORKER)
    assert "--accept-new-host-keys" in error.hint
    assert fleet.fingerprint(WORKER) in error.observed
    assert pinned(fleet)[WORKER] is None


def test_a_changed_key_is_pinned_if_the_machine_was_rebuilt(fleet: Fleet) -> None:
    for machine in (MASTER, INFRA, WORKER):
        fleet.know(machine)
    pinned_keys.pin(fleet.cluster, INFRA, fleet.servers[MASTER].host_key)
    person = Person(True)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), person)
    assert found is not None
    assert INFRA in found.fine
    [question] = person.asked
    assert isinstance(question, Rebuilt)
    assert question.key.where == f"{fleet.cluster.known_hosts} line 1"
    assert fleet.fingerprint(MASTER) in questions.known_before(question.key)
    assert pinned(fleet)[INFRA] == fleet.servers[INFRA].host_key


@pytest.mark.parametrize("answer", [questions.refuse, lambda _: False, lambda _: None], ids=["nobody", "no", "silence"])
@pytest.mark.parametrize("accept_new", [False, True])
def test_a_changed_key_stops_the_machine_also_where_new_ones_are_accepted(
    fleet: Fleet, answer: Callable[[Question], Answer], accept_new: bool
) -> None:
    fleet.know(MASTER)
    fleet.know(WORKER)
    fleet.know(INFRA, fleet.servers[MASTER].host_key)
    with pytest.raises(InstallerError) as caught:
        login_prompts.settle(questions.questions(fleet.plan, fleet.cluster, accept_new=accept_new), answer)
    error = caught.value
    assert (error.exit_code, error.machine) == (ExitCode.PREFLIGHT, INFRA)
    assert fleet.fingerprint(MASTER) in error.observed
    assert fleet.fingerprint(INFRA) in error.observed
    assert "~/.ssh/known_hosts line 3" in error.observed
    assert pinned(fleet)[INFRA] is None


def test_what_is_not_accepted_is_left_to_a_run_that_can_do_without(fleet: Fleet) -> None:
    fleet.know(MASTER)
    fleet.know(INFRA, fleet.servers[MASTER].host_key)
    person = Person(set(), False)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster, required=False), person)
    assert found is not None
    assert found.fine == (MASTER,)
    assert [type(question) for question in person.asked] == [NewHostKeys, Rebuilt]
    login_prompts.settle(questions.questions(fleet.plan, fleet.cluster, required=False), questions.leave)


def test_a_jump_host_is_asked_about_before_what_lies_behind_it(home: Path) -> None:
    with running_fleet(home, jump=True) as fleet:
        person = Person(every, every)
        found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), person)
        assert found is not None
        assert found.fine == (MASTER, INFRA, WORKER)
        first, second = person.asked
        assert isinstance(first, NewHostKeys)
        assert isinstance(second, NewHostKeys)
        assert [key.title for key in first.keys] == [MASTER, INFRA, "jump host"]
        assert [key.title for key in second.keys] == [WORKER]


def test_a_passphrase_is_asked_once_checked_and_remembered(fleet: Fleet) -> None:
    for machine in fleet.servers:
        fleet.know(machine)
    key = fleet.lock()
    person = Person("not this one", PASSPHRASE)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), person)
    assert found is not None
    assert found.fine == (MASTER, INFRA, WORKER)
    assert person.asked == [
        Passphrase(key, (MASTER, INFRA, WORKER), wrong=False),
        Passphrase(key, (MASTER, INFRA, WORKER), wrong=True),
    ]
    assert identities.passphrases[str(key)] == PASSPHRASE
    login_prompts.settle(questions.passphrases(fleet.plan, fleet.cluster), nobody)


@pytest.mark.parametrize("answers", [[None], [""], ["wrong"] * questions.TRIES])
def test_without_its_passphrase_a_key_is_done_without(fleet: Fleet, answers: list[str | None]) -> None:
    for machine in fleet.servers:
        fleet.know(machine)
    fleet.lock("another one")
    person = Person(*answers)
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), person)
    assert found is not None
    assert found.failed == (MASTER, INFRA, WORKER)
    assert len(person.asked) == len(answers)


def test_no_passphrase_is_asked_for_a_key_that_no_machine_takes(fleet: Fleet) -> None:
    for machine in fleet.servers:
        fleet.know(machine)
    other = fleet.ssh / "other"
    subprocess.run(["ssh-keygen", "-q", "-N", "locked away", "-t", "ed25519", "-f", str(other)], check=True)
    config = (fleet.ssh / "config").read_text()
    (fleet.ssh / "config").write_text(f"IdentityFile {other}\n{config}")
    found = login_prompts.settle(questions.questions(fleet.plan, fleet.cluster), nobody)
    assert found is not None
    assert found.fine == (MASTER, INFRA, WORKER)
    assert login_prompts.settle(questions.passphrases(fleet.plan, fleet.cluster), nobody) is not None


def test_where_every_key_is_at_hand_no_machine_is_looked_at_for_passphrases(fleet: Fleet) -> None:
    assert login_prompts.settle(questions.passphrases(fleet.plan, fleet.cluster), nobody) is None


def test_machines_that_craton_makes_itself_are_not_asked_about(home: Path) -> None:
    plan = InstallPlan(name="demo", subdomain="example.test")
    directory = ClusterDirectory.of("demo")
    assert login_prompts.settle(questions.questions(plan, directory), nobody) is None
    assert login_prompts.settle(questions.passphrases(plan, directory), nobody) is None
