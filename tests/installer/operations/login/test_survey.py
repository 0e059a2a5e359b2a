"""The look at all machines before a run, at real sshd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from installer.operations.login import survey as surveying
from installer.operations.login.survey import Survey, accept, survey
from installer.ssh.diagnose import STAGES
from installer.ssh.diagnosis import Diagnosis
from installer.ssh.host_keys import pinned_keys, verify
from tests.doubles.fleet import INFRA, MASTER, WORKER, Fleet, running_fleet
from tests.patience import PATIENCE


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


def test_every_machine_is_tried_and_those_known_are_fine(fleet: Fleet) -> None:
    heard: list[Diagnosis] = []
    fleet.know(MASTER)
    fleet.know(INFRA, fleet.servers[WORKER].host_key)
    found = survey(fleet.plan, fleet.cluster, on_change=heard.append)
    assert sorted(diagnosis.machine for diagnosis in heard) == sorted(fleet.servers)
    assert list(found.diagnoses) == [MASTER, INFRA, WORKER]
    assert found.fine == (MASTER,)
    assert found.failed == ()
    unknown, changed = found.unknown[0], found.changed[0]
    assert (unknown.name, unknown.machines, unknown.address) == (WORKER, (WORKER,), fleet.address(WORKER))
    assert (unknown.type, unknown.fingerprint) == ("ssh-ed25519", fleet.fingerprint(WORKER))
    assert unknown.expected is None
    assert (changed.name, changed.expected) == (INFRA, fleet.servers[WORKER].host_key)
    assert changed.key == fleet.servers[INFRA].host_key
    assert changed.where == "~/.ssh/known_hosts line 2"
    assert not fleet.cluster.known_hosts.exists()


def test_accepted_keys_are_pinned_and_win_over_the_users_files(fleet: Fleet) -> None:
    fleet.know(INFRA, fleet.servers[WORKER].host_key)
    found = survey(fleet.plan, fleet.cluster)
    accept(fleet.cluster, found, [MASTER, INFRA])
    assert pinned_keys.pinned(fleet.cluster, MASTER) == fleet.servers[MASTER].host_key
    assert pinned_keys.pinned(fleet.cluster, INFRA) == fleet.servers[INFRA].host_key
    assert pinned_keys.pinned(fleet.cluster, WORKER) is None
    found = survey(fleet.plan, fleet.cluster)
    assert found.fine == (MASTER, INFRA)
    assert [key.name for key in found.unknown] == [WORKER]


def test_other_failures_are_told_apart_from_host_keys(fleet: Fleet) -> None:
    fleet.know(MASTER)
    fleet.know(INFRA)
    fleet.servers[INFRA].authorize()
    fleet.servers[WORKER].process.terminate()
    fleet.servers[WORKER].process.wait(PATIENCE)
    found = survey(fleet.plan, fleet.cluster)
    assert (found.fine, found.failed) == ((MASTER,), (INFRA, WORKER))
    failed = {name: found.diagnoses[name].failed for name in found.failed}
    assert {name: stage and stage.id for name, stage in failed.items()} == {INFRA: "log in", WORKER: "connect"}


def test_a_locked_key_is_named_with_the_machines_that_would_take_it(fleet: Fleet) -> None:
    for machine in fleet.servers:
        fleet.know(machine)
    key = fleet.lock()
    fleet.servers[WORKER].authorize()
    found = survey(fleet.plan, fleet.cluster)
    assert dict(found.locked) == {key: (MASTER, INFRA)}
    assert found.failed == (MASTER, INFRA, WORKER)


def test_some_machines_can_be_looked_at_again(fleet: Fleet) -> None:
    before = survey(fleet.plan, fleet.cluster)
    fleet.know(WORKER)
    again = survey(fleet.plan, fleet.cluster, machines={WORKER})
    assert list(again.diagnoses) == [WORKER]
    both = before.renewed(again)
    assert both.fine == (WORKER,)
    assert [key.name for key in both.unknown] == [MASTER, INFRA]


def test_a_machine_that_cannot_even_be_looked_for_fails_alone(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.know(MASTER)
    (fleet.ssh / "config").write_text(
        f'Match exec "test %p = {fleet.servers[INFRA].port}"\n  ProxyCommand nc %h %p\nMatch all\n'
        + (fleet.ssh / "config").read_text()
    )
    found = survey(fleet.plan, fleet.cluster)
    assert found.fine == (MASTER,)
    assert found.failed == (INFRA,)
    first, *rest = found.diagnoses[INFRA].stages
    assert (first.verdict, [stage.verdict for stage in rest]) == ("failed", ["not reached"] * (len(STAGES) - 1))
    assert "ProxyCommand" in first.seen


def test_a_jump_host_is_asked_about_once_for_all_behind_it(home: Path) -> None:
    with running_fleet(home, jump=True) as fleet:
        found = survey(fleet.plan, fleet.cluster)
        assert [key.title for key in found.unknown] == [MASTER, INFRA, "jump host"]
        jump = found.unknown[-1]
        assert jump.machines == (WORKER,)
        assert jump.name == f"jump:[127.0.0.1]:{fleet.servers[MASTER].port}"
        assert jump.fingerprint == fleet.fingerprint(MASTER)
        accept(fleet.cluster, found, [jump.name])
        found = survey(fleet.plan, fleet.cluster)
        assert [key.name for key in found.unknown] == [MASTER, INFRA, WORKER]
        accept(fleet.cluster, found, [WORKER])
        assert survey(fleet.plan, fleet.cluster).fine == (WORKER,)


def test_one_jump_host_before_several_machines_is_one_key() -> None:
    def diagnosis(machine: str) -> Diagnosis:
        error = verify.UnknownHostKey(
            "it is not known", "", machine=machine, name="jump:[bastion]:22", address="bastion:22", shown="ssh-rsa AAAA"
        )
        return Diagnosis(machine, (replace(STAGES[0], verdict="failed"), *STAGES[1:]), error)

    found = Survey({name: diagnosis(name) for name in ("a", "b")})
    assert [(key.name, key.machines) for key in found.unknown] == [("jump:[bastion]:22", ("a", "b"))]


def test_many_machines_are_looked_at_side_by_side(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    barrier = threading.Barrier(3, timeout=PATIENCE)

    def diagnose(machine: str, *_: object, **__: object) -> Diagnosis:
        barrier.wait()
        return Diagnosis(machine, STAGES)

    monkeypatch.setattr(surveying, "diagnose", diagnose)
    assert survey(fleet.plan, fleet.cluster).fine == (MASTER, INFRA, WORKER)
