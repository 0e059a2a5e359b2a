"""Faults for real, to practise and to test: a machine that is stopped, paused, or cut off the network."""

from __future__ import annotations

from collections.abc import Callable

from installer.common.errors import ExitCode, InstallerError
from installer.platforms.local import machine as machines
from installer.platforms.local.engine import Engine
from installer.platforms.local.machine import Found

_TABLE = "inet craton_partition"
# Before everything else that looks at packets, and only on the way to the network: what a pulled cable does.
_CUT = f"""\
table {_TABLE}
delete table {_TABLE}
table {_TABLE} {{
    chain in {{ type filter hook prerouting priority -500; policy accept; iifname "eth0" drop; }}
    chain out {{ type filter hook postrouting priority 500; policy accept; oifname "eth0" drop; }}
}}
"""
_HEAL = f"table {_TABLE}\ndelete table {_TABLE}\n"


def stop(engine: Engine, cluster: str, machine: str) -> None:
    """Shut the machine down, as its power button would."""
    found = _existing(engine, cluster, machine)
    if found.state == "paused":
        engine.call("unpause", found.name, machine=found.name)
    if found.state != "exited":
        engine.call("stop", "-t", "20", found.name, machine=found.name, deadline=60.0)


def start(engine: Engine, cluster: str, machine: str) -> None:
    """End every fault of the machine: it runs again, goes on, is back on the network."""
    found = _existing(engine, cluster, machine)
    if found.state == "paused":
        engine.call("unpause", found.name, machine=found.name)
    elif not found.running:
        machines.start(engine, found.name)
        return
    _nft(engine, found.name, _HEAL)


def pause(engine: Engine, cluster: str, machine: str) -> None:
    """Freeze every process of the machine: it neither answers nor closes a connection."""
    found = _running(engine, cluster, machine)
    engine.call("pause", found.name, machine=found.name)


def partition(engine: Engine, cluster: str, machine: str) -> None:
    """Cut the machine off the network: its processes go on, no packet comes or leaves, SSH from here neither."""
    _nft(engine, _running(engine, cluster, machine).name, _CUT)


FAULTS: dict[str, Callable[[Engine, str, str], None]] = {
    "stop": stop,
    "start": start,
    "pause": pause,
    "partition": partition,
}


def _existing(engine: Engine, cluster: str, machine: str) -> Found:
    """The machine given by its full or short name. Raises InstallerError naming those that there are."""
    there = {found.name: found for found in machines.find_all(engine, cluster)}
    for name in (machine, f"{cluster}-{machine}"):
        if name in there:
            return there[name]
    raise InstallerError(
        "find the machine",
        f"{cluster} has no machine {machine!r} on this computer",
        hint=f"its machines: {', '.join(sorted(there)) or 'none'}",
        exit_code=ExitCode.USAGE,
    )


def _running(engine: Engine, cluster: str, machine: str) -> Found:
    found = _existing(engine, cluster, machine)
    if not found.running:
        hint = f"`craton local start {cluster} {machine}` first"
        raise InstallerError("make a fault", f"the machine is {found.state}", machine=found.name, hint=hint)
    return found


def _nft(engine: Engine, name: str, ruleset: str) -> None:
    done = engine.attempt("exec", "--interactive", name, "nft", "-f", "-", stdin=ruleset.encode())
    if done.status != 0:
        raise InstallerError("change the machine's network", done.reason, machine=name)
