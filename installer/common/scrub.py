"""How text and data become safe to show and to store: only what can be seen is left of them, and no secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from installer.common.redaction import names
from installer.common.redaction.rules import MASK
from installer.common.redaction.stream import Stream, redact
from installer.common.sanitise import MAX_LINE, cut, visible

_LOOKED_AT = 2 * MAX_LINE
"""Characters of a line in which secrets are looked for: more than are kept, so that none is cut before it is seen."""


_LONGEST_WORD = 16
_SHORT = 160
"""Characters of a text of which it is remembered what is safe in it."""


def safe(text: str) -> str:
    """`text` without escape sequences, hidden characters and secrets; long lines are cut."""
    if _is_word(text):
        return text
    alone = _by_itself(text) if len(text) <= _SHORT else None
    return "\n".join(_lines(Stream(), text) if alone is None else alone)


def _is_word(text: str) -> bool:
    """Whether it is one short word, as keys and states of events are: by itself it shows nothing of a secret."""
    return len(text) <= _LONGEST_WORD and text.isascii() and text.isalpha() and text.islower()


def holds_secret(text: str) -> bool:
    """Whether anything in `text` would be masked."""
    seen = visible(text)
    return redact(seen) != seen


def safe_data(data: Any) -> Any:
    """A JSON value with every string in it made safe, keys included. What a secret's key leads to is masked."""
    if isinstance(data, str):
        return safe(data)
    if isinstance(data, Mapping):
        return {safe(str(key)): _masked(str(key), value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [safe_data(value) for value in data]
    return data


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, str) and names.announces(key) and not names.harmless(value):
        return MASK
    return safe_data(value)


class LineScrubber:
    """Makes log lines safe. Remembers, by step, what its lines before have announced: a key's body, a password."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._idle = Stream()

    def lines(self, step: str, text: str) -> Iterable[str]:
        """The safe lines of `text`; what lies between the first and last line of a private key is left out."""
        alone = None if step in self._streams or len(text) > _SHORT else _by_itself(text)
        return self._lines(step, text) if alone is None else alone

    def _lines(self, step: str, text: str) -> Iterator[str]:
        stream = self._streams.get(step, self._idle)
        yield from _lines(stream, text)
        if stream.idle:
            self._streams.pop(step, None)
        elif stream is self._idle:
            self._streams[step], self._idle = stream, Stream()


@lru_cache(maxsize=2048)
def _by_itself(text: str) -> tuple[str, ...] | None:
    """The safe lines of a text before which nothing was announced; None if it announces something itself.

    A thousand machines say much the same.
    """
    stream = Stream()
    found = tuple(_lines(stream, text))
    return found if stream.idle else None


def _lines(stream: Stream, text: str) -> Iterator[str]:
    for line in visible(text).split("\n"):
        for left in stream.take(cut(line, _LOOKED_AT)):
            yield cut(left)
