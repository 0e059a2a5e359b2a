"""The lines of one source without their secrets, however the lines come."""

from __future__ import annotations

from installer.common.redaction import lines
from installer.common.redaction.blocks import Announced, ChangePasswords, PrivateKey, SecretObject, Watcher


class Stream:
    """Remembers what the lines before have announced. One of it belongs to one source: a step, a file, a text."""

    def __init__(self) -> None:
        self._watchers: tuple[Watcher, ...] = (PrivateKey(), Announced(), ChangePasswords(), SecretObject())

    @property
    def idle(self) -> bool:
        """Whether nothing is remembered."""
        return all(watcher.idle for watcher in self._watchers)

    def take(self, line: str) -> list[str]:
        """What is left of the next line: mostly one line, none inside of a private key."""
        for watcher in self._watchers:
            left = watcher.take(line)
            if left is not None:
                return left
        return [lines.redact(line)]


def redact(text: str) -> str:
    """`text` with the mask instead of secrets, and without the lines of private keys."""
    stream = Stream()
    return "\n".join(left for line in text.split("\n") for left in stream.take(line))
