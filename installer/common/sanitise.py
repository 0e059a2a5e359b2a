"""Text from outside becomes text that may be shown: nothing in it moves a cursor, reorders, or can't be seen."""

from __future__ import annotations

import re
from functools import cache

_ESCAPES = re.compile(
    r"""
    \x1b\] [^\x07\x1b\n]* (?: \x07 | \x1b\\ )    # OSC: titles, hyperlinks, clipboard
  | \x1b[PX^_] [^\x1b\n]* \x1b\\                 # DCS, SOS, PM, APC
  | (?: \x1b\[ | \x9b ) [0-?]* [ -/]* [@-~]?     # CSI: cursor, colours
  | \x1b [ -/]* [0-~]?                           # every other escape, and those that never end
    """,
    re.VERBOSE,
)
_SURROGATES = re.compile("[\ud800-\udfff]+")
# Every code point of the Unicode categories Cc, Cf, Cs, Co, Zl and Zp but for tab and newline, every one that Unicode
# calls default-ignorable or a noncharacter, and three that are drawn blank (U+2800, U+16FE4, U+1D159).
# Emoji lose their selectors and joiners too: a family is shown as its members, and nothing can hide in between.
_HIDDEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160"
    "\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\uf8ff\ufdd0-\ufdef"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe-\uffff]"
)
_HIDDEN_ASTRAL = (
    "[\U000110bd\U000110cd\U00013430-\U00013440\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    "\U0001fffe-\U0001ffff\U0002fffe-\U0002ffff\U0003fffe-\U0003ffff\U0004fffe-\U0004ffff\U0005fffe-\U0005ffff"
    "\U0006fffe-\U0006ffff\U0007fffe-\U0007ffff\U0008fffe-\U0008ffff\U0009fffe-\U0009ffff\U000afffe-\U000affff"
    "\U000bfffe-\U000bffff\U000cfffe-\U000cffff\U000dfffe-\U000e0fff\U000efffe-\U0010ffff]"
)
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")

MAX_LINE = 4000
"""Characters kept of one line."""
_WORD = 512
"""Characters before a cut in which a blank is looked for: a line ends with a whole word, or none of it."""


def clean(text: str) -> str:
    """`text` with only what can be seen, its long lines cut.

    Tabs become spaces, a carriage return that rewrites a line keeps what came last, and bytes that are no UTF-8 become
    one U+FFFD. Secrets are still there: `scrub.safe` is for what is shown or stored.
    """
    return text if _is_plain(text) and len(text) <= MAX_LINE else cut(visible(text))


def visible(text: str) -> str:
    """As `clean`, with its long lines whole."""
    if _is_plain(text):
        return text  # as nearly every line of a machine's is
    without_escapes = _SURROGATES.sub("\ufffd", _ESCAPES.sub("", text)).replace("\r\n", "\n")
    return "\n".join(_visible_line(line) for line in without_escapes.split("\n"))


def cut(text: str, longest: int = MAX_LINE) -> str:
    """`text` with no line longer than `longest`. No word is cut in two, where half of a secret could be left."""
    return text if len(text) <= longest else "\n".join(_cut_line(line, longest) for line in text.split("\n"))


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _visible_line(line: str) -> str:
    if _is_plain(line):
        return line
    kept = line.rstrip("\r").rpartition("\r")[2].expandtabs(8)
    kept = _compiled(_HIDDEN).sub("", kept)
    return _compiled(_HIDDEN_ASTRAL).sub("", kept) if _ASTRAL.search(kept) else kept


@cache
def _compiled(letters: str) -> re.Pattern[str]:
    """Compiled when it is first needed: it takes longer than a command should to say its version."""
    return re.compile(letters)


def _cut_line(line: str, longest: int) -> str:
    if len(line) <= longest:
        return line
    kept = line[: longest - 1]
    blank = -1 if line[longest - 1].isspace() else kept.rfind(" ", len(kept) - _WORD)
    return (kept if blank < 0 else kept[:blank]) + "…"
