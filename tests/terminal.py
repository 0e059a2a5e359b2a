"""A real pseudo-terminal with a person at it: keys go in, a screen comes out."""

from __future__ import annotations

import contextlib
import re
import time
from types import TracebackType

import pexpect
import pyte

from tests.patience import PATIENCE

KEYS = {
    "ctrl+down": "\x1b[1;5B",
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "backspace": "\x7f",
    "space": " ",
    "f2": "\x1bOQ",
} | {f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"}


class Terminal:
    """One program in a pseudo-terminal of its own."""

    def __init__(
        self, argv: list[str], environment: dict[str, str], directory: str, columns: int = 120, rows: int = 40
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self._screen)
        self.child = pexpect.spawn(
            argv[0],
            argv[1:],
            env=environment,
            cwd=directory,
            dimensions=(rows, columns),
            timeout=PATIENCE,
            encoding="utf-8",
            codec_errors="replace",
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.child.close(force=True)

    def press(self, *keys: str) -> None:
        """Press keys by name ("enter", "ctrl+q"), or type text."""
        for key in keys:
            self.child.send(KEYS.get(key, key))

    def read(self, seconds: float = 0.05) -> str:
        """Take in what the program wrote and return the screen's text."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._stream.feed(self.child.read_nonblocking(65536, timeout=seconds))
        return "\n".join(line.rstrip() for line in self._screen.display)

    def expect(self, pattern: str, deadline: float = PATIENCE) -> str:
        """Wait until the screen shows `pattern` (a regular expression) and return the screen."""
        until = time.monotonic() + deadline
        while not re.search(pattern, text := self.read()):
            assert time.monotonic() < until, f"{pattern!r} did not appear within {deadline} s on this screen:\n{text}"
            assert self.child.isalive() or re.search(pattern, self.read()), f"ended without {pattern!r}:\n{text}"
        return text

    def wait(self, deadline: float = PATIENCE) -> int:
        """Wait until the program ends and return its exit code."""
        until = time.monotonic() + deadline
        while self.child.isalive():
            self.read()
            assert time.monotonic() < until, f"still running after {deadline} s:\n{self.read()}"
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -(self.child.signalstatus or 0))

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        self.child.close(force=False)
