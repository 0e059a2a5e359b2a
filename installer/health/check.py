"""A health check as a value: what it runs, and a pure function from what it saw to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from installer.contract import Level, Role

if TYPE_CHECKING:
    from installer.plan import InstallPlan
    from installer.topology import Machine, Topology

T = TypeVar("T")
EVERY_ROLE = tuple(Role)


class Verdict(StrEnum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


SEVERITY = (Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)
"""Verdicts from the least to the most severe."""


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


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's verdict on one machine: `seen` is the evidence in a sentence, `remedy` what mends it."""

    check: str
    machine: str
    verdict: Verdict
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check judges: one machine's evidence, with that of all others beside it."""

    machine: Machine
    plan: InstallPlan
    topology: Topology
    evidence: Evidence
    others: Mapping[str, Evidence]
    """Evidence of every machine that answered, by name, this one included."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Host keys as pinned (`TYPE BASE64`), by machine."""
    facts: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What `across` worked out; shared by the subjects of one evaluation."""

    def across(self, derive: Callable[[Topology, Mapping[str, Evidence]], T]) -> T:
        """What `derive` makes of all machines' evidence, worked out once for all subjects that share `facts`."""
        if derive not in self.facts:
            self.facts[derive] = derive(self.topology, self.others)
        result: T = self.facts[derive]
        return result


Judgement = tuple[Verdict, str, str]
"""(verdict, what was seen, remedy)"""


@dataclass(frozen=True, slots=True)
class Check:
    """`judge` reads what `probes` printed; machines of roles not listed are not judged."""

    id: str
    title: str
    level: Level
    judge: Callable[[Subject], Judgement]
    """Pure. Raises Unreadable where the evidence makes no sense, and nothing else whatever the output."""
    probes: tuple[Probe, ...] = ()
    roles: tuple[Role, ...] = EVERY_ROLE
    alone: bool = True
    """Whether the machine's own evidence is enough to judge it."""

    def examine(self, subject: Subject) -> Finding:
        """The finding on one machine; never raises."""
        name = subject.machine.name
        if subject.machine.role not in self.roles:
            return Finding(self.id, name, Verdict.NOT_APPLICABLE, f"not for {subject.machine.role} machines")
        try:
            return Finding(self.id, name, *self.judge(subject))
        except Unreadable as why:
            return Finding(self.id, name, Verdict.UNKNOWN, str(why))


def worst(verdicts: list[Verdict]) -> Verdict:
    """The most severe of `verdicts`; NOT_APPLICABLE if there are none."""
    return max(verdicts, key=SEVERITY.index, default=Verdict.NOT_APPLICABLE)


def last_line(text: str) -> str:
    """The last line of `text` that says something, or nothing."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
