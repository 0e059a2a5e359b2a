"""Tries every stage between a machine's name and a machine that can be worked on, and reports each as it passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.ssh.client import SSHConnection
from installer.ssh.diagnosis import STAGES, Diagnosis, Errand, OnStage, Stage, unheard
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys.verify import HostKeys
from installer.ssh.host_probe import examine
from installer.ssh.keys.identities import Keyring
from installer.ssh.transport.dial import Jumps, dial

__all__ = ["STAGES", "Diagnosis", "Stage", "diagnose"]


def diagnose(
    machine: str,
    endpoint: Endpoint,
    trust: HostKeys,
    keyring: Keyring,
    deadline: float,
    on_stage: OnStage = unheard,
    jumps: Jumps | None = None,
) -> Diagnosis:
    """Try every stage within `deadline` seconds. Raises nothing that a user can act on: it is in the diagnosis.

    `on_stage` hears of every stage that holds as soon as it does. `jumps` shares jump hosts between diagnoses.
    """

    def open(until: Deadline, hear: OnStage) -> SSHConnection:
        return SSHConnection(machine, dial(machine, endpoint, trust, keyring, until, hear, jumps))

    diagnosis, connection = diagnose_open(machine, open, deadline, on_stage)
    if connection is not None:
        connection.close()
    return diagnosis


def diagnose_open(
    machine: str,
    open: Callable[[Deadline, OnStage], SSHConnection],
    deadline: float,
    on_stage: OnStage = unheard,
    errand: Errand | None = None,
) -> tuple[Diagnosis, SSHConnection | None]:
    """As `diagnose`, and leave the connection to whoever gave `open`, which tells of the stages up to the login.

    `errand` is run in the round trip of the stages after it.
    """
    held: list[Stage] = []
    until = Deadline(deadline)

    def hear(stage: Stage) -> None:
        held.append(stage)
        on_stage(stage)

    connection: SSHConnection | None = None
    error: InstallerError | None = None
    try:
        connection = open(until, hear)
        examine(machine, connection, connection.user, until, hear, errand)
    except InstallerError as failure:
        error = failure
    return Diagnosis(machine, _told(held, error), error, connection.host_key if connection else None), connection


def _told(held: list[Stage], error: InstallerError | None) -> tuple[Stage, ...]:
    rest = STAGES[len(held) :]
    if error is None or not rest:
        return tuple(held)
    return (*held, replace(rest[0], verdict="failed", seen=error.observed, remedy=error.hint), *rest[1:])
