"""What a remote command says: split into sanitised lines, and kept within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from installer.common.sanitise import MAX_LINE, clean, visible

KEPT = 4 * 1024 * 1024
"""Characters kept of one stream; of more than that the newest are kept. Each line counts for at least `_HELD`."""
_HELD = 64
"""Characters that a line takes in memory, be it empty."""
_LONGEST = 64 * 1024
"""Bytes after which a line that does not end is taken as one."""
_WORD = 4 * 1024
"""Bytes before that in which a blank is looked for, so that no word ends up in two lines."""
_LOOKED_AT = 4 * MAX_LINE
"""Bytes of a line that are read: as many as the characters that are kept of it can have."""
_LINE = 16
"""Bytes that a line counts for at least: short ones cost more to take in than their bytes say."""


class Output:
    """One stream of a command. `feed` bytes as they come, `finish` at the end; `text` is what was kept.

    Lines are cut for those who read them. `whole` ones are for programs: kubectl's JSON has a Secret in one line.
    """

    def __init__(self, on_line: Callable[[str], None] | None = None, kept: int = KEPT, *, whole: bool = False) -> None:
        self._on_line = on_line
        self._kept = kept
        self._whole = whole
        self._longest = kept if whole else _LONGEST
        self._partial = bytearray()
        self._lines: deque[str] = deque()
        self._size = 0
        self._cut = 0
        self.last = ""
        """The newest line that is not blank."""
        self.taken = 0
        """Bytes that came; short lines count for more than they have."""

    def feed(self, data: bytes) -> None:
        ended, newline, rest = data.rpartition(b"\n")
        if newline:
            self._add_all(bytes(self._partial) + ended)
            self._partial = bytearray(rest)
        else:
            self._partial += data
        if len(self._partial) > self._longest:
            blank = self._partial.rfind(b" ", len(self._partial) - _WORD)
            end = len(self._partial) if blank < 0 else blank
            self._add(bytes(self._partial[:end]), "\n")
            del self._partial[:end]

    def finish(self) -> None:
        """Take what came after the last newline as a line."""
        if self._partial:
            self._add(bytes(self._partial), "")
        self._partial = bytearray()

    @property
    def text(self) -> str:
        cut = [f"[{self._cut} earlier lines were not kept]\n"] if self._cut else []
        return "".join([*cut, *self._lines])

    def _add_all(self, raw: bytes) -> None:
        """Take lines in, of which the last has lost its end. Most come together, and have nothing to be cleaned of."""
        text = raw.decode("ascii") if raw.isascii() else ""
        if not text.replace("\n", "").isprintable() or (raw and not text):
            for line in raw.split(b"\n"):
                self._add(line, "\n")
            return
        lines = text.split("\n")
        if not self._whole and len(raw) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
            for seen in lines:
                self._add(seen.encode(), "\n")
            return
        self._keep(lines, "\n", sum([max(len(seen), _LINE) for seen in lines]))

    def _add(self, raw: bytes, end: str) -> None:
        line = raw.decode("ascii") if (self._whole or len(raw) <= MAX_LINE) and raw.isascii() else None
        if line is None or not line.isprintable():  # as few lines are not
            seen = raw.rstrip(b"\r").rpartition(b"\r")[2]
            seen, shown = (seen, visible) if self._whole else (seen[:_LOOKED_AT], clean)
            line = shown(seen.decode("utf-8", errors="replace"))
        self._keep([line], end, max(len(raw), _LINE))

    def _keep(self, lines: Sequence[str], end: str, size: int) -> None:
        """Keep lines that are safe to show, and count for `size` bytes."""
        self.taken += size
        kept = [line + end for line in lines]
        self._lines.extend(kept)
        self._size += sum([max(len(line), _HELD) for line in kept])
        while self._size > self._kept:
            self._size -= max(len(self._lines.popleft()), _HELD)
            self._cut += 1
        if not self._on_line:
            self.last = next((line for line in reversed(lines) if line and not line.isspace()), self.last)
            return
        for line in lines:
            if line and not line.isspace():
                self.last = line
            self._on_line(line)
