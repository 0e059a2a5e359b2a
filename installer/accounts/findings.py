"""What was seen in an account before anything is made there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from installer.common.errors import ExitCode, InstallerError


@dataclass(frozen=True, slots=True)
class Problem:
    """What was seen in the account, and what to do about it."""

    seen: str
    remedy: str
    stops: bool = True
    """Whether an install can't work like this; otherwise it is a warning."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know, with which nothing is wrong."""

    seen: str


Found: TypeAlias = Problem | Note


def judge(operation: str, found: Iterable[Found], log: Callable[[str], None]) -> list[Found]:
    """Log what was found, each in a line. Raises InstallerError, with all that stops an install, if something does."""
    found = list(found)
    for one in found:
        log(_told(one))
    if stopping := [one for one in found if isinstance(one, Problem) and one.stops]:
        raise InstallerError(
            operation,
            "; ".join(one.seen for one in stopping),
            hint=" ".join(dict.fromkeys(one.remedy for one in stopping)),
            exit_code=ExitCode.PREFLIGHT,
        )
    return found


def _told(found: Found) -> str:
    if isinstance(found, Note):
        return found.seen
    return f"{'missing' if found.stops else 'warning'}: {found.seen}. {found.remedy}"
