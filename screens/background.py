"""Whether the terminal's background is light: asked of the terminal (OSC 11) before the first screen is drawn.

The question about the background is followed by one that every terminal answers (DA1), in the order asked. So a
terminal that doesn't know its background costs one round trip, and only one that answers nothing costs the deadline.
"""

from __future__ import annotations

import os
import re
import select
import sys
import termios
import time
from collections.abc import Iterable, Mapping

from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.message import Message

DEADLINE = 0.2
"""Seconds to wait for answers."""

_QUESTIONS = b"\x1b]11;?\x1b\\\x1b[c"
_BACKGROUND = r"\x1b\]11;([^\x07\x1b]*)(?:\x07|\x1b\\)"
_DEVICE = r"\x1b\[\?[0-9;]*c"
_ANSWERS = re.compile(f"{_BACKGROUND}|{_DEVICE}")
_BEGUN = re.compile(r"\x1b\](?:1(?:1(?:;[^\x07\x1b]{0,64}\x1b?)?)?)?\Z|\x1b\[(?:\?[0-9;]{0,32})?\Z")
_RGB = re.compile(r"rgba?:([0-9a-f]{1,4})/([0-9a-f]{1,4})/([0-9a-f]{1,4})(?:/[0-9a-f]{1,4})?", re.IGNORECASE)
_PARSER = "XTermParser"
_UNABLE = ("", "dumb", "linux")
"""Values of TERM whose terminals would show the question."""


def ask(environ: Mapping[str, str]) -> bool | None:
    """Whether the terminal of this process has a light background; None where it doesn't say, or mustn't be asked."""
    decided = environ.get("NO_COLOR") or environ.get("CRATON_THEME") in ("dark", "light")
    if decided or environ.get("TERM", "") in _UNABLE:
        return None
    if sys.__stdin__ is None or sys.__stderr__ is None or not (sys.__stdin__.isatty() and sys.__stderr__.isatty()):
        return None  # Textual reads the one and draws on the other
    try:
        return asked(sys.__stdin__.fileno(), sys.__stderr__.fileno())
    except (OSError, termios.error):
        return None


def asked(source: int, target: int, deadline: float = DEADLINE) -> bool | None:
    """`ask`, of the terminal that is read at one descriptor and written at the other. Raises OSError, termios.error."""
    before = termios.tcgetattr(source)
    quiet = termios.tcgetattr(source)
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(source, termios.TCSANOW, quiet)
    try:
        os.write(target, _QUESTIONS)
        answers = _read(source, time.monotonic() + deadline)
    finally:
        termios.tcsetattr(source, termios.TCSANOW, before)
    if not re.search(_DEVICE, answers):
        setattr(linux_driver, _PARSER, _LateAnswersLeftOut)  # Textual has no place to filter what it reads
    said = re.search(_BACKGROUND, answers)
    return is_light(said[1]) if said else None


def is_light(colour: str) -> bool | None:
    """Whether a colour as terminals write it (`rgb:ffff/ffff/ffff`) is light; None if it can't be read."""
    found = _RGB.fullmatch(colour)
    if not found:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    brightness: float = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return brightness > 0.5


def _read(source: int, until: float) -> str:
    """What comes before `until`, or up to the answer that every terminal gives."""
    read = ""
    while (left := until - time.monotonic()) > 0 and not re.search(_DEVICE, read):
        if not select.select([source], [], [], left)[0]:
            break
        some = os.read(source, 1024)
        if not some:
            break
        read += some.decode("ascii", "replace")
    return read


class LateAnswers:
    """Leaves answers that come after the deadline out of what is typed, also where they come in pieces."""

    def __init__(self) -> None:
        self._begun = ""

    def without(self, text: str) -> str:
        """`text` without answers. What may be the beginning of one is held back until it is known to be none."""
        text = _ANSWERS.sub("", self._begun + text)
        begun = _BEGUN.search(text)
        self._begun = begun[0] if begun else ""
        return text[: begun.start()] if begun else text


class _LateAnswersLeftOut(XTermParser):
    """Textual's parser of the terminal's input, which would take a late answer for typed keys."""

    def __init__(self, debug: bool = False) -> None:
        self._answers = LateAnswers()
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        kept = self._answers.without(data)
        return super().feed(kept) if kept or not data else ()  # empty text is the end of input
