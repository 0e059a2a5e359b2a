"""What probes of machines returned, as values that any check can judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from installer.plan.rules import Role

if TYPE_CHECKING:
    from installer.plan.topology import Machine, Topology


EVERY_ROLE = tuple(Role)


class Unreadable(Exception):  # noqa: N818 (not a failure of the program: evidence that says nothing)
    """Evidence from which nothing follows; the words say why. The check's verdict is then UNKNOWN."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to a machine: `command` gives POSIX shell, asked of machines of `roles`, for at most `seconds`.

    `quick` vouches that it needs no watching: it waits for nothing but the kernel and local disks, prints no more than
    memory holds, and bounds by itself whatever may do else.
    """

    id: str
    command: Callable[[Machine, Topology], str]
    roles: tuple[Role, ...] = EVERY_ROLE
    seconds: int = 10
    quick: bool = False
    healthy: str = ""
    """What a healthy machine prints. A rehearsal's stand-ins say it where they have no state to answer from."""


@dataclass(frozen=True, slots=True)
class Probed:
    """The output of one probe on one machine: exit status, and stdout with stderr."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one round trip to one machine brought back.

    `probes` is by probe id; `host_key` is the key the server showed (`TYPE BASE64`); `asked_at` and `answered_at`
    are Unix seconds of this computer's clock around the round trip, `clock_at` when the machine's clock was heard.
    """

    machine: str
    probes: Mapping[str, Probed]
    host_key: str
    asked_at: float
    answered_at: float
    clock_at: float | None = None

    def output(self, probe: str) -> str:
        """What `probe` printed, whatever its exit status. Raises Unreadable if it did not run or did not end."""
        probed = self.probes.get(probe)
        if probed is None:
            raise Unreadable(f"the machine gave no answer to the probe {probe}")
        if probed.status in (124, 137):
            raise Unreadable(f"the probe {probe} did not end in time")
        if probed.status in (126, 127):
            raise Unreadable(f"the probe {probe} cannot run: {last_line(probed.output) or 'command not found'}")
        return probed.output


def last_line(text: str) -> str:
    """The last line of `text` that says something, or nothing."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
