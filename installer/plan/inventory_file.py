"""Text of lists of machines, as editors and clipboards leave it: in files, with marks that nobody sees."""

from __future__ import annotations

import codecs
import stat
from pathlib import Path

_MAX_FILE = 1 << 19
"""Bytes; a line for each of all machines that a plan can have."""
_UNSEEN = dict.fromkeys((0xFEFF, 0x200B, 0x2060), " ")
"""A byte order mark, and spaces without a width."""


def seen(text: str) -> str:
    """`text` with blanks for what is pasted along unseen; nothing changes its place."""
    return text.translate(_UNSEEN)


def read(path: Path) -> str:
    """The text of a file of ordinary size. Raises OSError, ValueError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("not a file")
    with path.open("rb") as file:
        content = file.read(_MAX_FILE + 1)
    if len(content) > _MAX_FILE:
        raise ValueError(f"more than {_MAX_FILE >> 10} KiB")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return seen(content.decode("utf-16" if wide else "utf-8").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8 text") from None
