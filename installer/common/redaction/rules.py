"""A rule of redaction: a pattern, and words without which it need not be tried."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

MASK = "***"


@dataclass(frozen=True)
class Rule:
    """What `pattern` matches is a secret, or only its group `secret` where it has one."""

    hints: tuple[str, ...]
    """In lower case. One of them is in every line that the pattern matches; the empty one is in all."""
    source: str
    flags: re.RegexFlag

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when a line first has a hint of it: a command that says one sentence needs few of them."""
        return re.compile(self.source, re.VERBOSE | self.flags)


def rule(pattern: str, *hints: str, flags: re.RegexFlag = re.NOFLAG) -> Rule:
    """A rule whose pattern is written with blanks and remarks."""
    return Rule(hints or ("",), pattern, flags)


def apply(rules: Iterable[Rule], line: str) -> str:
    """`line` with the mask instead of secrets. The hints are looked for in the line as it came: masks add none."""
    lower = line.lower()
    for one in rules:
        # Written out: every line that a machine logs comes by here, and most have no hint of a secret.
        for hint in one.hints:
            if hint in lower:
                line = one.pattern.sub(_masked, line)
                break
    return line


def _masked(match: re.Match[str]) -> str:
    if "secret" not in match.re.groupindex:
        return MASK
    start, end = match.start("secret") - match.start(), match.end("secret") - match.start()
    return match[0][:start] + MASK + match[0][end:]
