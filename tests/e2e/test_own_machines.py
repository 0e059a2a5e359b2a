"""The commands about own machines, as a user types them, at real sshd; nothing is installed: three are but one host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from installer.common.paths import ClusterDirectory
from installer.engine.events import StepState
from installer.engine.journal import Reader
from tests.craton import Craton
from tests.doubles.fleet import INFRA, MASTER, PASSPHRASE, WORKER, Fleet, running_fleet
from tests.patience import PATIENCE

REFUSED = 4


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Craton]:
    found = Craton(tmp_path)
    yield found
    found.end_everything()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with running_fleet(tmp_path) as fleet:
        yield fleet


def directory(user: Craton) -> ClusterDirectory:
    return ClusterDirectory(user.home / "clusters" / "demo")


def logged_in(user: Craton) -> set[str]:
    """The machines whose diagnosis the engine on_stage to the top."""
    with Reader(directory(user).journal) as reader:
        done = [step for step in reader.steps() if step.state is StepState.DONE]
    return {step.machine or "" for step in done if step.id.startswith("check/ssh/")}


def terminal(user: Craton, *arguments: str) -> pexpect.spawn[str]:
    program, *rest = user.argv(*arguments)
    return pexpect.spawn(program, rest, cwd=str(user.directory), env=user.environment, encoding="utf-8", timeout=60)


def test_new_host_keys_are_refused_where_nobody_can_be_asked(user: Craton, fleet: Fleet) -> None:
    done = user.run("apply", str(fleet.path), "--yes", expect=REFUSED)
    assert "3 host keys are new" in done.stderr
    assert "--accept-new-host-keys" in done.stderr
    for machine in fleet.servers:
        assert fleet.fingerprint(machine) in done.stderr
    assert not directory(user).journal.exists()
    document = user.json("apply", str(fleet.path), "--yes", expect=REFUSED)
    assert document["error"]["exit_code"] == REFUSED


def test_new_host_keys_are_accepted_if_a_flag_says_so(user: Craton, fleet: Fleet) -> None:
    user.run("apply", str(fleet.path), "--yes", "--accept-new-host-keys", expect=None)
    assert logged_in(user) == set(fleet.servers)
    pinned = dict(line.split(" ", 1) for line in directory(user).known_hosts.read_text().splitlines())
    assert pinned == {name: server.host_key for name, server in fleet.servers.items()}
    user.run("resume", "demo", expect=None)


def test_a_changed_key_stops_also_a_run_that_accepts_new_ones(user: Craton, fleet: Fleet) -> None:
    fleet.know(WORKER, fleet.servers[MASTER].host_key)
    done = user.run("apply", str(fleet.path), "--yes", "--accept-new-host-keys", expect=REFUSED)
    assert f"{WORKER}: check host keys: the host key of {WORKER}" in done.stderr
    assert fleet.fingerprint(WORKER) in done.stderr
    assert fleet.fingerprint(MASTER) in done.stderr
    assert not directory(user).journal.exists()


def test_a_person_accepts_keys_says_who_was_rebuilt_and_unlocks_a_key_once(user: Craton, fleet: Fleet) -> None:
    fleet.know(INFRA, fleet.servers[MASTER].host_key)
    fleet.lock()
    session = terminal(user, "apply", str(fleet.path), "--plain")
    session.expect("Install demo on the machines platform")
    session.send("y\r")
    session.expect("These 2 host keys are not known yet")
    session.expect(re.escape(fleet.fingerprint(MASTER)))
    session.expect(re.escape(fleet.fingerprint(WORKER)))
    session.expect("Are these the keys of your machines")
    session.sendline("yes")
    session.expect(f"The host key of {INFRA} at")
    session.expect(f"Was {INFRA} rebuilt")
    session.sendline("yes")
    for given in ("not this one", PASSPHRASE):
        session.expect("Passphrase of ~/.ssh/id_ed25519")
        session.waitnoecho()
        session.sendline(given)
    session.expect("the engine is pid")
    session.expect(pexpect.EOF)
    session.close()
    assert logged_in(user) == set(fleet.servers)
    kept = [path for path in user.directory.rglob("*") if path.is_file() and PASSPHRASE.encode() in path.read_bytes()]
    assert kept == []
    assert PASSPHRASE not in (session.before or "")


def test_a_person_who_says_no_starts_nothing(user: Craton, fleet: Fleet) -> None:
    session = terminal(user, "apply", str(fleet.path), "--plain")
    session.expect("Install demo on the machines platform")
    session.send("y\r")
    session.expect("Are these the keys of your machines")
    session.sendline("")
    session.expect("not accepted")
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == REFUSED
    assert not directory(user).journal.exists()


def test_the_diagnosis_tells_stage_by_stage_what_holds_and_what_mends_the_rest(user: Craton, fleet: Fleet) -> None:
    fleet.know(MASTER)
    fleet.know(INFRA)
    fleet.servers[INFRA].authorize()
    done = user.run("diagnose", str(fleet.path), expect=REFUSED)
    master, infra, worker, sum_ = done.stdout.strip().split("\n\n")
    assert master.startswith(f"● {MASTER}")
    assert master.count("●") == 9
    assert infra.startswith(f"✕ {INFRA}")
    assert "✕ it accepts one of your keys" in infra
    assert "○ sudo needs no password" in infra
    assert "→" in infra
    assert fleet.fingerprint(WORKER) in worker
    assert sum_ == "1 of 3 machines reached"


def test_the_diagnosis_as_json_is_for_programs(user: Craton, fleet: Fleet) -> None:
    for machine in fleet.servers:
        fleet.know(machine)
    found = json.loads(user.run("diagnose", str(fleet.path), "--json").stdout)
    assert found["reached"] == list(fleet.servers)
    machine = found["machines"][0]
    assert machine["machine"] == MASTER
    assert machine["host_key"] == fleet.servers[MASTER].host_key
    assert {stage["verdict"] for stage in machine["stages"]} == {"passed"}
    fleet.servers[WORKER].process.terminate()
    fleet.servers[WORKER].process.wait(PATIENCE)
    found = user.json("diagnose", str(fleet.path), expect=REFUSED)
    assert found["reached"] == [MASTER, INFRA]
    assert "connection refused" in found["machines"][2]["error"]["observed"]
