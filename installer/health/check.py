"""A health check as a value: what it runs, and a pure function from what it saw to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from installer.contract import Level, Role

if TYPE_CHECKING:
    from installer.topology import Machine, Topology


class Verdict(StrEnum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Probed:
    """The output of one probe on one machine: exit status, and stdout with stderr."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that one round trip to one machine brought back.

    `probes` is by probe id; `host_key` is the key the server showed (`TYPE BASE64`); `asked_at` and `answered_at`
    are Unix seconds of this computer's clock around the round trip.
    """

    machine: str
    probes: Mapping[str, Probed]
    host_key: str
    asked_at: float
    answered_at: float


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
    topology: Topology
    evidence: Evidence
    others: Mapping[str, Evidence]
    """Evidence of every machine that answered, by name, this one included."""


@dataclass(frozen=True, slots=True)
class Check:
    """`probes` maps a probe id to the shell command whose output `judge` reads. Roles not listed are not judged."""

    id: str
    title: str
    level: Level
    roles: tuple[Role, ...]
    probes: Mapping[str, Callable[[Machine, Topology], str]]
    judge: Callable[[Subject], tuple[Verdict, str, str]]
    """Returns (verdict, what was seen, remedy). Pure; never raises on odd output: that is UNKNOWN."""
    rule: str = ""
    """Id of the contract rule that is checked, if one is."""
