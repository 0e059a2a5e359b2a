"""How text and data become safe to store: cleaned of escapes, secrets replaced, before the journal sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from installer.common import sanitise

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_ENDS = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_KEY_BODY = re.compile(r"\s*([A-Za-z0-9+/=]*|(Proc-Type|DEK-Info): .*)\s*")


def safe(text: str) -> str:
    """`text` without escape sequences and secrets."""
    if len(text) > sanitise.MAX_LINE:
        # Cutting a long line might leave the recognisable half of a secret behind.
        text = sanitise.redact(text)
    return sanitise.redact(sanitise.clean(text))


def safe_data(data: Any) -> Any:
    """A JSON value with every string in it made safe, keys included."""
    if isinstance(data, str):
        return safe(data)
    if isinstance(data, Mapping):
        return {safe(str(key)): safe_data(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [safe_data(value) for value in data]
    return data


class LineScrubber:
    """Makes log lines safe. Remembers, by step, that the lines to come are the inside of a private key."""

    def __init__(self) -> None:
        self._inside: set[str] = set()

    def lines(self, step: str, text: str) -> Iterator[str]:
        """The safe lines of `text`; what lies between the first and last line of a private key is left out."""
        if len(text) > sanitise.MAX_LINE:
            text = sanitise.redact(text)
        for line in sanitise.clean(text).split("\n"):
            if not self._within_key(step, line):
                yield sanitise.redact(line)

    def _within_key(self, step: str, line: str) -> bool:
        if step in self._inside:
            if _KEY_BODY.fullmatch(line):
                return True
            self._inside.discard(step)
            return bool(_KEY_ENDS.search(line))
        if _KEY_BEGINS.search(line) and not _KEY_ENDS.search(line):
            self._inside.add(step)
        return False
