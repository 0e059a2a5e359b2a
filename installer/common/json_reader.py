"""JSON from outside: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """The document in `text` (bytes are UTF-8). Raises ValueError: it is no JSON, or nobody could mean it.

    That is so of a document that is nested too deep, of a number with thousands of digits, and of NaN and Infinity,
    which RFC 8259 does not have.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
