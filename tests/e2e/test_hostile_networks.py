"""Machines that let one log in and yet cannot become nodes, in a network of their own: what a run says of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer.engine.events import StepState
from installer.engine.progress import Progress
from tests.doubles.fleet import INFRA, MASTER, WORKER
from tests.doubles.lan import ADDRESSES, Lan, running_lan
from tests.patience import eventually

pytestmark = pytest.mark.waits

REFUSED = 4
UNCLAIMED = 5
"""The run goes on to the claim, and there these machines take no part."""

Make = Callable[[Lan], object]


def _run(script: str) -> Make:
    """Root runs it on the worker."""
    return lambda lan: lan.machines.run(WORKER, "sh", "-euc", script)


def _program(name: str, script: str) -> Make:
    """The worker has a program of that name before all others."""
    write = f"cat >/usr/local/bin/{name} && chmod 755 /usr/local/bin/{name}"
    return lambda lan: lan.machines.run(WORKER, "sh", "-c", write, stdin=f"#!/bin/sh\n{script}\n")


def _answer_for_infra(lan: Lan) -> None:
    """The worker has the infra node's address as well, and that is switched off."""
    lan.machines.set_link(INFRA, up=False)
    lan.machines.run(WORKER, "ip", "addr", "add", f"{ADDRESSES[INFRA]}/24", "dev", "eth0")


def _duplicate(lan: Lan) -> None:
    """The master's packets for the worker's address go to another machine, which has it too."""
    stranger = lan.machines.run(INFRA, "cat", "/sys/class/net/eth0/address").stdout.strip()[:-2] + "fe"
    lan.machines.run(
        MASTER, "ip", "neigh", "replace", ADDRESSES[WORKER], "lladdr", stranger, "dev", "eth0", "nud", "permanent"
    )


_END_SESSION = r"""
process=$$
while read -r name <"/proc/$process/comm" && [ "${name#sshd}" = "$name" ]; do
    process=$(awk '$1 == "PPid:" { print $2 }' "/proc/$process/status")
done
kill -KILL "$process"
"""
"""Ends the sshd that serves whoever runs it."""


_ESCAPES = r"ot\033[2J\033]0;owned\007her\377"


@dataclass(frozen=True)
class Hostile:
    """`step` fails, on the worker: `told` is what it says, and `mends` what the user is to do."""

    make: Make
    step: str
    told: str
    mends: str
    flags: tuple[str, ...] = ()


HOSTILE = {
    "key refused": Hostile(
        lambda lan: (lan.machines.machines[WORKER].directory / "authorized_keys").write_text(""),
        f"check/ssh/{WORKER}", "the server refused SHA256:", "authorized_keys",
    ),
    "connection dropped in the middle of a command": Hostile(
        _program("nproc", _END_SESSION), f"check/facts/{WORKER}", "the connection dropped", "resume",
        ("--speed", "4"),  # it is tried again for three minutes
    ),
    "full disk": Hostile(
        _run("mount -o remount,size=16m /var/lib"),
        f"check/facts/{WORKER}", "/var/lib has 16 MiB free of 16 MiB; 4 GiB are needed", "make room",
    ),
    "read-only root": Hostile(
        _run("mount -o remount,ro,bind /"), f"check/facts/{WORKER}", "the root file system is read-only", "dmesg"
    ),
    "non-UTF-8 and escape sequences in output": Hostile(
        _run(rf"mkdir /var/lib/craton; printf '{_ESCAPES}/m\n' >/var/lib/craton/claim"),
        f"check/facts/{WORKER}", "it belongs to the Craton cluster other", "destroy",
    ),
    "clock a day off": Hostile(
        _program("date", 'exec /usr/bin/date -d "1 day" "$@"'),
        "check/fleet", "ahead of the median of 3 machines", "timedatectl set-ntp true",
    ),
    "an IP that another machine has as well": Hostile(
        _duplicate, "check/fleet", f"{MASTER} sees {ADDRESSES[WORKER]} at", "arping"
    ),
    "a port that its own firewall drops": Hostile(
        lambda lan: lan.machines.nft(WORKER, "tcp dport 10250 drop"),
        "check/reach", "tcp 10250", "open tcp 10250",
    ),
    "a port that the network drops": Hostile(
        lambda lan: lan.machines.nft_between(f"ip daddr {ADDRESSES[WORKER]} udp dport 4789 drop"),
        "check/reach", "udp 4789", "open udp 4789",
    ),
}  # fmt: skip

HARMLESS: dict[str, Make] = {
    "nothing": lambda _lan: None,
    "slow link": lambda lan: lan.machines.set_rate(WORKER, 128),
    "lossy link": lambda lan: lan.machines.set_loss(WORKER, every=20),
    "connection dropped once": _program(
        "nproc", f"mkdir /var/lib/once 2>/dev/null || exec /usr/bin/nproc\n{_END_SESSION}"
    ),
}


def _checked(lan: Lan, expect: int, *flags: str) -> Progress:
    """What became of a run."""
    done = lan.apply(expect, *flags)
    assert "\033" not in done.stdout + done.stderr
    eventually(lambda: not lan.user.engines(), "the end of the engine, which takes files of its journal with it")
    assert not [path for path in lan.user.home.rglob("journal*") if b"\033[2J" in path.read_bytes()]
    return lan.last_run()


@pytest.mark.parametrize("trait", HOSTILE)
def test_a_hostile_machine_ends_the_checks_in_its_own_finding(tmp_path: Path, trait: str) -> None:
    hostile = HOSTILE[trait]
    with running_lan(tmp_path) as lan:
        hostile.make(lan)
        run = _checked(lan, REFUSED, *hostile.flags)
    assert [view.record.id for view in run.failures] == [hostile.step]
    error = run.failures[0].error
    assert error
    assert error["machine"] == WORKER
    assert hostile.told in error["observed"]
    assert hostile.mends in error["hint"]
    assert (error["observed"] + error["hint"]).isprintable()
    assert {run.steps[f"check/{kind}/{name}"].state for kind in ("ssh", "facts") for name in (MASTER, INFRA)} == {
        StepState.DONE
    }


@pytest.mark.parametrize("trait", HARMLESS)
def test_what_is_only_tedious_is_borne_with(tmp_path: Path, trait: str) -> None:
    with running_lan(tmp_path) as lan:
        HARMLESS[trait](lan)
        run = _checked(lan, UNCLAIMED)
    assert {view.state for id, view in run.steps.items() if id.startswith("check/")} == {StepState.DONE}
    assert {view.record.phase for view in run.failures} == {"machines"}


def test_two_hosts_that_are_one_are_told_of_both(tmp_path: Path) -> None:
    with running_lan(tmp_path) as lan:
        _answer_for_infra(lan)
        run = _checked(lan, REFUSED)
    assert [view.record.id for view in run.failures] == ["check/fleet"]
    error = run.failures[0].error
    assert error
    assert f"{INFRA}: this is the same machine as {WORKER}" in error["observed"]
    assert f"{WORKER}: this is the same machine as {INFRA}" in error["observed"]
    assert MASTER not in error["observed"]


def test_an_ip_that_another_machine_got_since_is_told_before_the_run_begins(tmp_path: Path) -> None:
    with running_lan(tmp_path, "stranger") as lan:
        lan.apply(UNCLAIMED)
        runs = lan.last_run().run
        lan.machines.set_link(WORKER, up=False)
        lan.machines.run("stranger", "ip", "addr", "add", f"{ADDRESSES[WORKER]}/24", "dev", "eth0")
        lan.machines.run("stranger", "ping", "-c", "1", "-W", "2", "-I", ADDRESSES[WORKER], "10.99.0.1")
        done = lan.apply(REFUSED)
        assert lan.last_run().run == runs
    assert f"the host key of {WORKER} ({ADDRESSES[WORKER]}:22) changed" in done.stderr
    assert "another machine answers in its place" in done.stderr
    assert MASTER not in done.stderr
