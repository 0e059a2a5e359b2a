"""An item of the benchmark as a value: what it asks, and a pure function from a machine's facts to an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from installer.health.benchmark.facts import Facts
from installer.plan.rules import Role
from installer.steps.evidence import Unreadable

BENCHMARK = "CIS Kubernetes Benchmark v1.12"
"""The newest that there is, for Kubernetes 1.32 and later."""
MASTERS = (Role.MASTER,)


class Kind(StrEnum):
    """Whether CIS holds that a program can judge the item."""

    AUTOMATED = "automated"
    MANUAL = "manual"


class Status(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    LEFT_OUT = "left out"
    """It does not hold, for a reason that is given."""
    UNKNOWN = "unknown"


SEVERITY = (Status.PASS, Status.LEFT_OUT, Status.UNKNOWN, Status.FAIL)
"""From the least to the most severe."""


class Answer(NamedTuple):
    """Whether a machine has what the item asks, and what was seen that says so."""

    holds: bool
    seen: str


Judge = Callable[[Facts], Answer]
"""Pure. Raises Unreadable where the facts say nothing."""
Reason = str | Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of an item on one machine."""

    machine: str
    status: Status
    seen: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """`id` is CIS's. An item that does not hold fails, unless there is a `reason` to leave it out.

    One without `judge` is about what the cluster's users decide: its reason is all that there is to say.
    """

    id: str
    kind: Kind
    title: str
    judge: Judge | None = None
    reason: Reason = ""
    roles: tuple[Role, ...] = MASTERS

    def examine(self, machine: str, facts: Facts) -> Seen:
        """Never raises."""
        if self.judge is None:
            return Seen(machine, Status.LEFT_OUT, "", self._reason(facts))
        try:
            answer = self.judge(facts)
            reason = "" if answer.holds else self._reason(facts)
        except Unreadable as why:
            return Seen(machine, Status.UNKNOWN, str(why))
        if answer.holds:
            return Seen(machine, Status.PASS, answer.seen)
        return Seen(machine, Status.LEFT_OUT if reason else Status.FAIL, answer.seen, reason)

    def _reason(self, facts: Facts) -> str:
        return self.reason if isinstance(self.reason, str) else self.reason(facts)
