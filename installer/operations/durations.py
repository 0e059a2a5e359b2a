"""How long installs took on this computer, by platform: kept when clusters are gone, to estimate the next one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.common import json_reader, paths
from installer.common.errors import InstallerError
from installer.common.shape import NUMBER, shaped
from installer.steps.step import Step

_KEPT = 50
_LOOKED_AT = 5
"""Installs of a platform that an estimate is made of, the newest."""
_SHAPE = [{"platform": str, "expected": NUMBER, "seconds": NUMBER}]


@dataclass(frozen=True, slots=True)
class Took:
    """One install: the seconds that its steps were expected to take one after the other, and those that it took."""

    platform: str
    expected: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Expected:
    """How long an install will take, in seconds, and how many earlier ones on the platform say so."""

    seconds: float
    earlier: int = 0


def expected(platform: str, steps: Iterable[Step]) -> Expected:
    """From earlier installs on the platform, else from the steps' weights, which are seconds."""
    longest = longest_chain(steps)
    known = [took for took in _read(_file()) if took.platform == platform][-_LOOKED_AT:]
    if not known:
        return Expected(longest)
    pace = sum(took.seconds for took in known) / sum(took.expected for took in known)
    return Expected(longest * pace, len(known))


def keep(platform: str, steps: Iterable[Step], seconds: float, speed: float = 1.0) -> None:
    """Remember an install that was done from start to end. One that can't be written is no loss worth an error.

    A rehearsal at another speed says nothing: the time that the engine itself takes doesn't shrink or grow with it.
    """
    if speed != 1.0:
        return
    took = Took(platform, longest_chain(steps), seconds)
    if took.expected <= 0 or seconds <= 0:
        return
    import json

    try:
        kept = [*_read(_file()), took][-_KEPT:]
        paths.write_private(_file(), json.dumps([asdict(one) for one in kept]))
    except InstallerError:
        return


def longest_chain(steps: Iterable[Step]) -> float:
    """Seconds from the first step to the last, each as long as its weight; `steps` come after what they need."""
    ends: dict[str, float] = {}
    for step in steps:
        ends[step.id] = step.weight + max((ends.get(need, 0.0) for need in step.needs), default=0.0)
    return max(ends.values(), default=0.0)


def _file() -> Path:
    return paths.home() / "durations.json"


def _read(path: Path) -> list[Took]:
    """What is kept; nothing if the file isn't there or makes no sense."""
    try:
        found = shaped(json_reader.parse(path.read_bytes()), _SHAPE)
        return [took for one in found if (took := _took(one))]
    except (OSError, ValueError):
        return []


def _took(one: Mapping[str, object]) -> Took | None:
    try:
        took = Took(str(one["platform"]), float(str(one["expected"])), float(str(one["seconds"])))
    except KeyError:
        return None
    return took if took.expected > 0 and took.seconds > 0 else None
