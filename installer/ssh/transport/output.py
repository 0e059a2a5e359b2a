"""What a remote command says: split into sanitised lines, and kept within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from installer.common.sanitise import clean

KEPT = 4 * 1024 * 1024
"""Characters kept of one stream; of more than that the newest are kept."""
_LONGEST = 64 * 1024
"""Bytes after which a line that does not end is taken as one."""


class Output:
    """One stream of a command. `feed` bytes as they come, `finish` at the end; `text` is what was kept."""

    def __init__(self, on_line: Callable[[str], None] | None = None, kept: int = KEPT) -> None:
        self._on_line = on_line
        self._kept = kept
        self._partial = b""
        self._lines: deque[str] = deque()
        self._size = 0
        self._cut = 0
        self.last = ""
        """The newest line that is not blank."""

    def feed(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._add(line, "\n")
        if len(self._partial) > _LONGEST:
            self._add(self._partial, "\n")
            self._partial = b""

    def finish(self) -> None:
        """Take what came after the last newline as a line."""
        if self._partial:
            self._add(self._partial, "")
        self._partial = b""

    @property
    def text(self) -> str:
        cut = [f"[{self._cut} earlier lines were not kept]\n"] if self._cut else []
        return "".join([*cut, *self._lines])

    def _add(self, raw: bytes, end: str) -> None:
        line = clean(raw.decode("utf-8", errors="replace"))
        self._lines.append(line + end)
        self._size += len(line) + len(end)
        while self._size > self._kept:
            self._size -= len(self._lines.popleft())
            self._cut += 1
        if line.strip():
            self.last = line
        if self._on_line:
            self._on_line(line)
