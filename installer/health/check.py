"""A health check as a value: what it runs, and a pure function from what it saw to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from installer.common.scrub import safe
from installer.plan.rules import Level, Role
from installer.steps.evidence import EVERY_ROLE, Evidence, Probe, Unreadable

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.plan.topology import Machine, Topology

T = TypeVar("T")


class Verdict(StrEnum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


_safe = lru_cache(4096)(safe)  # most machines of a cluster say the same

SEVERITY = (Verdict.NOT_APPLICABLE, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)
"""Verdicts from the least to the most severe."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's verdict on one machine: `seen` is the evidence in a sentence, `remedy` how to fix what is wrong.

    Machines' words are in both. They are made safe here, for terminals, pages, JSON and files alike.
    """

    check: str
    machine: str
    verdict: Verdict
    seen: str
    remedy: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "seen", _safe(self.seen))
        object.__setattr__(self, "remedy", _safe(self.remedy))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a check judges: one machine's evidence, along with that of all others."""

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


LATER = "`craton check` looks, once it has had time to start"
"""What a check has seen that an install leaves to `craton check`."""


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
    later: bool = False
    """Whether it is about what still starts while an install is verified, and so is made by `craton check` alone."""

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
