"""Small pieces of wording: counts, paths and foreign text as people read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from installer.common.errors import InstallerError
from installer.common.homes import user_home
from installer.common.scrub import safe


def tilde(path: Path) -> str:
    """A path as it is typed: with ~ for the user's home directory."""
    try:
        home = user_home()
    except InstallerError:
        return str(path)
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) and path != home else str(path)


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """A line for each row, its words padded to columns two blanks apart; nothing at the end of a line."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) for row in rows)
    return [f"{indent}{line}".rstrip() for line in padded]


def takes_unicode(out: TextIO) -> bool:
    """Whether shapes such as ● can be written to `out`; else the words of `without_unicode` can."""
    return (getattr(out, "encoding", None) or "ascii").lower().startswith("utf")


_ASCII = str.maketrans({"●": "o", "▲": "!", "✕": "X", "◐": "*", "○": "-", "–": "-", "·": "-", "→": ">", "…": "~"})
"""One letter each, so that columns stay aligned."""


def without_unicode(text: str) -> str:
    """`text` for terminals that show ASCII alone."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def whole_number(text: str) -> int | None:
    """The number that at most 18 ASCII digits say, or None: `int` takes other scripts' digits, and fails at 5,000."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


_SHOWN = 60


def shown(text: str) -> str:
    """`text` from outside as it may appear in an error: one line, short, printable, without secrets."""
    line = " ".join(safe(text).split())
    line = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def count(number: int, noun: str) -> str:
    """`1 master`, `3 masters`, `1,000 machines`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def about(seconds: float) -> str:
    """A duration as one says it: "a few seconds", "40 s", "2 min", "1 h 10 min"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 55:
        return f"{round(seconds / 5) * 5} s"
    minutes = max(1, round(seconds / 60))
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
