"""A connection to one machine: the protocol that steps and checks use, and the pool that a run shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Result:
    """What a remote command left: its exit status and its sanitised output."""

    status: int
    stdout: str
    stderr: str


class Connection(Protocol):
    @property
    def host_key(self) -> str:
        """The key that the server showed when the connection was opened, as `TYPE BASE64`."""

    def run(
        self,
        command: str,
        *,
        stdin: str = "",
        deadline: float,
        on_line: Callable[[str], None] | None = None,
    ) -> Result:
        """Run `command` in the login shell of the machine's user; whatever its exit status, return it.

        `deadline` is in seconds. `on_line` gets each sanitised line of stdout and stderr as it comes.
        Raises InstallerError (retryable) if the connection breaks, and (not retryable) at the deadline.
        """

    def close(self) -> None: ...


class Connections(Protocol):
    """One shared connection per machine, opened on first use, opened again after it broke."""

    def get(self, machine: str, deadline: float) -> Connection:
        """Raises InstallerError: refused, dropped, host key changed, key not accepted, deadline."""

    def close(self) -> None: ...
