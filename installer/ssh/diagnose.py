"""The ladder from a machine's name to a machine that can be worked on: climbed rung by rung, told rung by rung."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.ssh.client import SSHConnection
from installer.ssh.diagnosis import RUNGS, Climbed, Ladder, Rung, unheard
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys.verify import HostKeys
from installer.ssh.host_probe import examine
from installer.ssh.keys.identities import Keyring
from installer.ssh.transport.dial import Jumps, dial

__all__ = ["RUNGS", "Ladder", "Rung", "climb"]


def climb(
    machine: str,
    endpoint: Endpoint,
    trust: HostKeys,
    keyring: Keyring,
    deadline: float,
    climbed: Climbed = unheard,
    jumps: Jumps | None = None,
) -> Ladder:
    """Try every rung within `deadline` seconds. Raises nothing that a user can act on: it is in the ladder.

    `climbed` hears of every rung that holds as soon as it does. `jumps` shares jump hosts between ladders.
    """

    def open(until: Deadline, hear: Climbed) -> SSHConnection:
        return SSHConnection(machine, dial(machine, endpoint, trust, keyring, until, hear, jumps))

    ladder, connection = climb_open(machine, open, deadline, climbed)
    if connection is not None:
        connection.close()
    return ladder


def climb_open(
    machine: str,
    open: Callable[[Deadline, Climbed], SSHConnection],
    deadline: float,
    climbed: Climbed = unheard,
) -> tuple[Ladder, SSHConnection | None]:
    """As `climb`, and leave the connection to whoever gave `open`, which tells of the rungs up to the login."""
    held: list[Rung] = []
    until = Deadline(deadline)

    def hear(rung: Rung) -> None:
        held.append(rung)
        climbed(rung)

    connection: SSHConnection | None = None
    error: InstallerError | None = None
    try:
        connection = open(until, hear)
        examine(machine, connection, connection.user, until, hear)
    except InstallerError as failure:
        error = failure
    return Ladder(machine, _told(held, error), error, connection.host_key if connection else None), connection


def _told(held: list[Rung], error: InstallerError | None) -> tuple[Rung, ...]:
    rest = RUNGS[len(held) :]
    if error is None or not rest:
        return tuple(held)
    return (*held, replace(rest[0], verdict="failed", seen=error.observed, remedy=error.hint), *rest[1:])
