"""Faults of a rehearsal: how they are asked for, and that each is its own error through a real SSH client."""

from __future__ import annotations

import time

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.rehearsal.faults import PHASES, Fault, parse_fault, parse_faults
from installer.steps.platform import RunOptions
from tests.doubles.rehearsal import Rehearsal
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("quick_sites")

UP_TO_CONNECT = ("check/", "network/", "machines/", "connect/")
PREPARE = "prepare/demo-worker-1"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("worker-1", "MACHINE:PHASE:FAULT"),
        ("worker-1::drop", "MACHINE:PHASE:FAULT"),
        ("worker-1:prepare:drop:now", "MACHINE:PHASE:FAULT"),
        ("worker-1:dns:drop", "phases: machines, connect, prepare"),
        ("worker-1:connect:exit", "in connect: slow, hang, drop, refuse, hostkey"),
    ],
)
def test_a_fault_that_is_none_says_what_is_allowed(text: str, allowed: str) -> None:
    with pytest.raises(InstallerError) as caught:
        parse_fault(text)
    assert caught.value.exit_code is ExitCode.USAGE
    assert allowed in caught.value.hint


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("worker-9:prepare:drop", "machines: master-1, master-2, master-3, infra-1, worker-1, worker-2"),
        ("worker-1:control-plane:drop", "its phases: machines, connect, prepare, join, verify"),
        ("master-2:ingress:drop", "its phases: machines, connect, prepare, control-plane, verify"),
    ],
)
def test_a_fault_that_cannot_strike_is_refused_before_anything_runs(text: str, allowed: str) -> None:
    with pytest.raises(InstallerError) as caught:
        open_platform(InstallPlan(name="demo", subdomain="example.com"), RunOptions(faults=(text,)))
    assert caught.value.exit_code is ExitCode.USAGE
    assert allowed in caught.value.hint


def test_a_machine_is_named_in_full_or_in_short() -> None:
    derived = topology(InstallPlan(name="demo", subdomain="example.com"))
    texts = ("demo-worker-1:prepare:exit", "worker-1:prepare:exit")
    assert set(parse_faults(texts, "demo", derived)) == {Fault("demo-worker-1", "prepare", "exit")}


def test_every_phase_has_faults() -> None:
    for phase, kinds in PHASES.items():
        assert [str(parse_fault(f"x:{phase}:{kind}")) for kind in kinds] == [f"x:{phase}:{kind}" for kind in kinds]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("refuse", "the machine's creation was refused"),
        ("disk-full", "no space left on device"),
        ("exit", "it did not start"),
        ("hang", "demo-worker-1 to start: pending"),
        ("drop", "closed the connection without an answer"),
    ],
)
def test_a_machine_whose_creation_fails_is_made_by_a_later_run(rehearsal: Rehearsal, kind: str, message: str) -> None:
    rehearsal.open(f"worker-1:machines:{kind}")
    rehearsal.run("check/", "network/")
    with pytest.raises(InstallerError, match=message):
        rehearsal.run("machines/create/demo-worker-1", deadline=1)
    rehearsal.open()
    rehearsal.run(*UP_TO_CONNECT)
    assert rehearsal.connect("worker-1").run("hostname", deadline=PATIENCE).stdout == "demo-worker-1\n"


@pytest.mark.parametrize(
    ("kind", "message", "retryable"),
    [
        ("refuse", "connection refused by 127.0.0.1:", True),
        ("hang", "said nothing for 1 s", True),
        ("drop", "closed the connection during the key exchange", True),
        ("hostkey", "host key changed: expected SHA256:", False),
    ],
)
def test_a_connection_that_fails_says_how(rehearsal: Rehearsal, kind: str, message: str, retryable: bool) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    rehearsal.open(f"worker-1:connect:{kind}")
    rehearsal.run("network/site")
    rehearsal.platform.site()
    with pytest.raises(InstallerError) as caught:
        rehearsal.connect("worker-1", deadline=1)
    assert message in caught.value.observed
    assert caught.value.retryable is retryable
    rehearsal.connect("infra-1")
    rehearsal.open()
    rehearsal.platform.site()
    assert rehearsal.connect("worker-1").run("hostname", deadline=PATIENCE).status == 0


@pytest.mark.parametrize(
    ("kind", "message", "retryable"),
    [
        ("drop", "the connection dropped; last seen: stage 7 13 swap off", True),
        ("hang", "did not end within 1 s; last seen: stage 7 13 swap off", False),
        ("disk-full", "exit status 28: write /var/lib/craton: No space left on device", False),
        ("exit", "exit status 1: a fault of this rehearsal", False),
        ("refuse", "the connection dropped", True),
        ("hostkey", "the connection dropped", True),
    ],
)
def test_a_preparation_that_fails_goes_on_where_it_was(
    rehearsal: Rehearsal, kind: str, message: str, retryable: bool
) -> None:
    rehearsal.open(f"worker-1:prepare:{kind}")
    rehearsal.run(*UP_TO_CONNECT)
    with pytest.raises(InstallerError) as caught:
        rehearsal.run(PREPARE, deadline=1)
    assert message in caught.value.observed
    assert caught.value.retryable is retryable
    rehearsal.open()
    context = rehearsal.context()
    step = next(step for step in rehearsal.steps() if step.id == PREPARE)
    step.action.apply(context)
    done_before = 0 if kind in ("refuse", "hostkey") else 6
    assert context.lines.count("already done") == done_before
    assert [number for number, _, _ in context.stages] == list(range(1, 14))
    assert step.action.observe(rehearsal.context()).holds


@pytest.mark.parametrize(
    ("kind", "message"), [("refuse", "connection refused by"), ("hostkey", "host key changed: expected SHA256:")]
)
def test_a_fault_of_the_connection_lasts_from_its_phase_to_the_end_of_the_run(
    rehearsal: Rehearsal, kind: str, message: str
) -> None:
    rehearsal.open(f"worker-1:prepare:{kind}")
    rehearsal.run(*UP_TO_CONNECT)
    with pytest.raises(InstallerError, match="the connection dropped"):
        rehearsal.run(PREPARE)
    with pytest.raises(InstallerError, match=message):
        rehearsal.run(PREPARE)
    rehearsal.open()
    rehearsal.run(PREPARE)


@pytest.mark.parametrize(
    ("fault", "step"),
    [
        ("master-1:control-plane:exit", "control-plane/init"),
        ("worker-1:join:exit", "join/demo-worker-1"),
        ("master-1:join:exit", "join/roles/demo-master-1"),
        ("master-1:ingress:exit", "ingress/controller"),
    ],
)
def test_every_phase_can_fail_and_be_resumed(rehearsal: Rehearsal, fault: str, step: str) -> None:
    rehearsal.open(fault)
    with pytest.raises(InstallerError, match="a fault of this rehearsal"):
        rehearsal.run()
    rehearsal.open()
    assert step in " ".join(rehearsal.run())


def test_a_slow_machine_takes_ten_times_as_long(rehearsal: Rehearsal) -> None:
    rehearsal.run(*UP_TO_CONNECT)
    rehearsal.open("worker-1:prepare:slow", speed=200)
    rehearsal.run("network/site")
    started = time.monotonic()
    rehearsal.run("prepare/demo-worker-1")
    assert time.monotonic() - started > 11 * 0.8 * 10 / 200


def test_evidence_that_never_comes_is_no_evidence(rehearsal: Rehearsal) -> None:
    rehearsal.open("worker-1:verify:hang")
    rehearsal.run(*UP_TO_CONNECT)
    script = "#: nonce n\n#: probe clock\n#: probe hostname\n"
    with pytest.raises(InstallerError, match=r"did not end within 1 s; last seen: === n clock exit 0"):
        rehearsal.connect("worker-1").run("sudo -n sh -s", stdin=script, deadline=1)
