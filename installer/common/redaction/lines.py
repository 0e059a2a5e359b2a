"""One line without its secrets, as far as one line tells."""

from __future__ import annotations

import re
from functools import lru_cache

from installer.common.redaction import commands, names, shapes
from installer.common.redaction.rules import MASK, apply

_SECRET_OBJECT = re.compile(r"kind\\*[\"']\s*:\s*\\*[\"']Secret\\*[\"']")
_DATA = re.compile(r"(?<=[dD]ata)\\*[\"']\s*:\s*\{[^{}]*\}")
_VALUE = re.compile(r"(?P<before>:\s*(?P<quote>\\*[\"']))[^\"'\\]*(?=(?P=quote))")


_SHORT = 160
"""Characters of lines that may be looked up: a thousand machines say much the same."""


def redact(line: str) -> str:
    """`line` with the mask instead of secrets."""
    return _looked_up(line) if len(line) <= _SHORT else _redacted(line)


def _redacted(line: str) -> str:
    line = names.redact(apply(commands.rules(), apply(shapes.rules(), line)))
    return _DATA.sub(_without_values, line) if _SECRET_OBJECT.search(line) else line


_looked_up = lru_cache(maxsize=4096)(_redacted)


def _without_values(data: re.Match[str]) -> str:
    """The `data` of a Secret of Kubernetes in JSON, whatever its keys are called."""
    return _VALUE.sub(rf"\g<before>{MASK}", data[0])
