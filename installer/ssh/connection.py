"""A connection to one machine: the protocol that steps and checks use, and the pool that a run shares."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from installer.ssh.diagnosis import Diagnosis, Errand


@dataclass(frozen=True, slots=True)
class Result:
    """What a remote command left: its exit status and its sanitised output."""

    status: int
    stdout: str
    stderr: str


class Running(Protocol):
    """A remote command that goes on while others run. It ends, whatever it does, when it is closed."""

    def wait_for(self, holds: Callable[[str], bool], deadline: float) -> str:
        """The first sanitised line of stdout, from where the last call stopped, for which `holds`.

        Raises InstallerError if the command ends or `deadline` seconds pass before.
        """


class Connection(Protocol):
    @property
    def user(self) -> str:
        """Who logged in."""

    @property
    def host_key(self) -> str:
        """The key that the server showed when the connection was opened, as `TYPE BASE64`."""

    def run(
        self,
        command: str,
        *,
        stdin: str | BinaryIO = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
        secret: bool = False,
    ) -> Result:
        """Run `command` in sh, whatever the user's login shell is, and whatever its exit status, return it.

        `deadline` is in seconds. `on_line` gets each sanitised line of stdout and stderr as it comes.
        Raises InstallerError (retryable) if the connection breaks, and (not retryable) at the deadline and for output
        without end. Nothing that a `secret` command printed is in these errors. Its stdout is for programs alone, and
        has its lines whole.
        """

    def start(self, command: str, *, stdin: str = "") -> AbstractContextManager[Running]:
        """Start `command` and go on. Its stdin stays open after `stdin`, and ends with the context."""

    def close(self) -> None: ...


def as_root(connection: Connection, command: str) -> str:
    """`command` as it runs with root's rights: through sudo, which a machine need not have for root himself."""
    return command if connection.user == "root" else f"sudo -n {command}"


class Connections(Protocol):
    """One shared connection per machine, opened on first use, opened again after it broke."""

    def get(self, machine: str, deadline: float) -> Connection:
        """Raises InstallerError: refused, dropped, host key changed, key not accepted, deadline."""

    def diagnose(self, machine: str, deadline: float, *, errand: Errand | None = None) -> Diagnosis:
        """Try every stage of the diagnosis to `machine` again; never raises InstallerError. The connection is kept.

        `errand` is run in the round trip of the last stages.
        """

    def fresh(self, machine: str, deadline: float) -> Connection:
        """A new connection in addition to the shared one; whoever asks for it closes it. Raises as `get` does."""

    def close(self) -> None: ...
