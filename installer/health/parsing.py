"""Reading what probes printed: numbers and documents, or Unreadable. Nothing else is ever raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from installer.common import json_reader
from installer.steps.evidence import Unreadable

_WORDS = 80


def number(text: str, what: str) -> float:
    """A decimal number at the start of `text`."""
    found = re.match(r"[0-9]{1,18}(\.[0-9]{1,18})?", text.strip())
    if not found:
        raise Unreadable(f"{what} is no number: {brief(text)}")
    return float(found[0])


def document(text: str, what: str) -> Mapping[str, Any]:
    """A JSON object."""
    try:
        value = json_reader.parse(text)
    except ValueError:
        raise Unreadable(f"{what} gave no JSON: {brief(text)}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{what} gave no JSON object: {brief(text)}")
    return value


def pairs(text: str, separator: str) -> dict[str, str]:
    """Lines `KEY<separator>VALUE`, both stripped; other lines are passed over."""
    lines = (line.partition(separator) for line in text.splitlines())
    return {key.strip(): value.strip() for key, found, value in lines if found}


def brief(text: str) -> str:
    """`text` on one line and short enough for a sentence."""
    line = " ".join(text.split())
    if not line:
        return "nothing"
    return line if len(line) <= _WORDS else line[: _WORDS - 1] + "…"
