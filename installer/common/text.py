"""Small pieces of wording: counts, paths and foreign text as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.scrub import safe

if TYPE_CHECKING:
    pass


def tilde(path: Path) -> str:
    """A path for people."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


_SHOWN = 60


def shown(text: str) -> str:
    """`text` from outside as it may stand in an error: one line, short, printable, without secrets."""
    line = " ".join(safe(text).split())
    line = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in line)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def count(number: int, noun: str) -> str:
    """`1 master`, `3 masters`, `1,000 machines`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
