"""One line without its secrets, as far as one line tells."""

from __future__ import annotations

import re

from installer.common.redaction import commands, names, shapes
from installer.common.redaction.rules import MASK, apply

_SECRET_OBJECT = re.compile(r"kind\\*[\"']\s*:\s*\\*[\"']Secret\\*[\"']")
_DATA = re.compile(r"(?<=[dD]ata)\\*[\"']\s*:\s*\{[^{}]*\}")
_VALUE = re.compile(r"(?P<before>:\s*(?P<quote>\\*[\"']))[^\"'\\]*(?=(?P=quote))")


def redact(line: str) -> str:
    """`line` with the mask in place of secrets."""
    line = names.redact(apply(commands.rules(), apply(shapes.rules(), line)))
    return _DATA.sub(_without_values, line) if _SECRET_OBJECT.search(line) else line


def _without_values(data: re.Match[str]) -> str:
    """The `data` of a Secret of Kubernetes in JSON, whatever its keys are called."""
    return _VALUE.sub(rf"\g<before>{MASK}", data[0])
