"""One command on a stand-in machine: what it reads and says, how long it takes, and the fault that strikes it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from installer.platforms.rehearsal.faults import SLOWNESS, Fault
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator.site_view import SiteView

if TYPE_CHECKING:
    import asyncssh


class Exit(Exception):  # noqa: N818 (how a command ends, not an error of the site's)
    """The command ends with `status`, its last words on stderr."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Stage(NamedTuple):
    """Part of a verb: `seconds` is its mean duration, `lines` what it says meanwhile."""

    title: str
    seconds: float
    lines: tuple[str, ...] = ()
    learning: bool = False
    """Whether the machine's etcd is a learner meanwhile. Of those etcd has one at a time (its flag max-learners)."""


class Command:
    """`site` and `machine` are where it runs."""

    def __init__(self, site: SiteView, machine: MachineRecord, process: asyncssh.SSHServerProcess[str]) -> None:
        self.site = site
        self.machine = machine
        self._process = process
        self._fault: Fault | None = None
        self._said: list[str] = []
        self._complaints: list[str] = []

    async def read(self) -> str:
        """All of stdin."""
        return await self._process.stdin.read()

    def say(self, text: str) -> None:
        """A line of stdout. What is said without a pause goes out together, as sshd sends what a program prints."""
        self._said.append(f"{text}\n")

    def complain(self, text: str) -> None:
        """A line of stderr."""
        self._complaints.append(f"{text}\n")

    def flush(self) -> None:
        """Send what was said until now."""
        for stream, lines in ((self._process.stdout, self._said), (self._process.stderr, self._complaints)):
            if lines:
                stream.write("".join(lines))
                lines.clear()

    def enter(self, phase: str) -> None:
        """The command belongs to `phase` of the install: its faults count from here on."""
        self._fault = self.site.fault(self.machine.name, phase)
        if self._fault and self._fault.kind in ("refuse", "hostkey"):
            self.site.impair(self.machine.name, self._fault.kind)
            raise Exit(255)

    @property
    def expiring(self) -> bool:
        """Whether the certificates that it makes are to end soon."""
        return self._fault is not None and self._fault.kind == "expiring"

    async def pause(self, mean: float, *what: str) -> None:
        """Let `mean` seconds pass, more or less, as the run's pace and a fault `slow` have it."""
        self.flush()
        slow = SLOWNESS if self._fault and self._fault.kind == "slow" else 1
        await self.site.sleep(mean * slow, self.machine.name, *what)

    async def strike(self) -> None:
        """The middle of the command, where a fault of its phase strikes."""
        kind = self._fault.kind if self._fault else ""
        self.flush()
        if kind == "drop":
            self._process.channel.get_connection().abort()
            raise Exit(255)
        if kind == "hang":
            await self._process.wait_closed()
            raise Exit(255)
        if kind == "disk-full":
            raise Exit(28, "write /var/lib/craton: No space left on device")
        if kind == "exit":
            raise Exit(1, "a fault of this rehearsal ended the program (exit)")

    async def stages(self, verb: str, stages: Iterable[Stage]) -> None:
        """Run the stages of `verb` that are not done yet; each is on record as soon as it is done."""
        todo = tuple(stages)
        for number, stage in enumerate(todo, 1):
            self.say(f"stage {number} {len(todo)} {stage.title}")
            key = f"{verb}/{stage.title}"
            if key in self.machine.done:
                self.say("already done")
                continue
            if number == (len(todo) + 1) // 2:
                await self.strike()
            async with self.site.learner if stage.learning else nullcontext():
                await self._stage(verb, stage)
            self.machine.done.append(key)
            await self.site.store.save()

    async def _stage(self, verb: str, stage: Stage) -> None:
        for index, line in enumerate(stage.lines):
            await self.pause(stage.seconds / (len(stage.lines) + 1), verb, stage.title, str(index))
            self.say(line)
        await self.pause(stage.seconds / (len(stage.lines) + 1), verb, stage.title)
