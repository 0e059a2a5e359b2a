"""Connections to machines over SSH: shared by a run's steps, pinned host keys, a deadline on everything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.client import SSHConnection
from installer.ssh.diagnosis import Errand, OnStage, unheard
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import verify
from installer.ssh.keys.identities import Keyrings
from installer.ssh.transport.dial import Dialled, Jumps, dial
from installer.ssh.transport.pool import Pool

if TYPE_CHECKING:
    from installer.ssh.diagnosis import Diagnosis


MOST_OPEN = 36
"""Connections that are kept open while nobody uses them: each costs a thread, and some memory."""


class SSHConnections:
    """One connection per machine that is at work. `endpoints` says where a machine is; the files are the cluster's."""

    def __init__(self, endpoints: Callable[[str], Endpoint], directory: ClusterDirectory) -> None:
        self._endpoints = endpoints
        self._directory = directory
        self._keyrings = Keyrings(directory)
        self._machines: Pool[str, SSHConnection] = Pool(MOST_OPEN)
        self._jumps = Jumps()

    def get(self, machine: str, deadline: float) -> SSHConnection:
        """The open connection to `machine`, opened now if there is none or it broke. `deadline` is in seconds."""
        until = Deadline(deadline)
        return self._machines.get(machine, machine, until, lambda: self._shared(machine, until))

    def diagnose(
        self, machine: str, deadline: float, on_stage: OnStage = unheard, errand: Errand | None = None
    ) -> Diagnosis:
        """Try every stage; the connection at the top of the diagnosis is kept, as if it had been asked for by `get`."""
        from installer.ssh.diagnose import diagnose_open

        def open(until: Deadline, hear: OnStage) -> SSHConnection:
            return self._machines.renew(machine, machine, until, lambda: self._shared(machine, until, hear))

        return diagnose_open(machine, open, deadline, on_stage, errand)[0]

    def fresh(self, machine: str, deadline: float) -> SSHConnection:
        """A connection in addition to the shared one, opened now; whoever asks for it closes it."""
        return SSHConnection(machine, self._dialled(machine, Deadline(deadline), unheard))

    def end_commands(self) -> None:
        """End what runs on the machines, on all at once; returns at once, and it is over some seconds later."""
        for connection in self._machines.opened():
            threading.Thread(target=connection.end_commands, name="end commands", daemon=True).start()

    def close(self) -> None:
        self._machines.close()
        self._jumps.close()

    def _shared(self, machine: str, deadline: Deadline, on_stage: OnStage = unheard) -> SSHConnection:
        return SSHConnection(
            machine, self._dialled(machine, deadline, on_stage), lambda seconds: self.get(machine, seconds)
        )

    def _dialled(self, machine: str, deadline: Deadline, on_stage: OnStage) -> Dialled:
        endpoint = self._endpoints(machine)
        known = verify.known(self._directory, machine, endpoint)
        keyring = self._keyrings.of(endpoint)
        try:
            return dial(machine, endpoint, known, keyring, deadline, on_stage, self._jumps)
        except InstallerError:
            self._keyrings.forget()
            raise
