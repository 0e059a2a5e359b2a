"""Text from outside cannot move a cursor, retitle a terminal, reorder, hide, or carry a secret."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.sanitise import MAX_LINE, clean
from tests.strategies import repeatable

HIDING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")

HOSTILE = [
    ("colour", "\x1b[31mred\x1b[0m", "red"),
    ("cursor up and erase", "done\x1b[1A\x1b[2K\x1b[1Gforged", "doneforged"),
    ("title", "\x1b]0;rm -rf /\x07after", "after"),
    ("title that ends in ST", "\x1b]2;title\x1b\\after", "after"),
    ("title that never ends hides nothing after it", "before\x1b]0;all\nthe rest", "before0;all\nthe rest"),
    ("clipboard", "\x1b]52;c;cm0gLXJm\x07x", "x"),
    ("hyperlink", "\x1b]8;;http://evil\x07click\x1b]8;;\x07", "click"),
    ("device control that never ends", "\x1bPq#0\nx", "q#0\nx"),
    ("device control", "\x1bPq#0;2;0;0;0\x1b\\x", "x"),
    ("8-bit CSI", "\x9b31mred", "red"),
    ("alternate screen", "\x1b[?1049hx", "x"),
    ("reset", "\x1bcx", "x"),
    ("character set", "\x1b(0x", "x"),
    ("bell and backspace", "ab\x07c\x08d", "abcd"),
    ("a line written over", "10 %\r50 %\r100 %", "100 %"),
    ("windows lines", "one\r\ntwo\r\n", "one\ntwo\n"),
    ("right-to-left override", "evil\u202egpj.exe", "evilgpj.exe"),
    ("invisible", "ad\u200bmin", "admin"),
    ("bytes that are no text", b"caf\xe9\xff.yaml".decode("utf-8", "surrogateescape"), "caf\ufffd.yaml"),
    ("an emoji's selector and joiner", "❤\ufe0f 👩\u200d🚀", "❤ 👩🚀"),
    ("tab", "a\tb", "a       b"),
    ("plain text", "größer → 日本 ●", "größer → 日本 ●"),
]


@pytest.mark.parametrize(("text", "left"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_what_controls_a_terminal_is_taken_out(text: str, left: str) -> None:
    assert clean(text) == left


HIDDEN = {
    "Arabic letter mark": "\u061c",
    "soft hyphen": "\xad",
    "Mongolian vowel separator": "\u180e",
    "Mongolian selectors": "\u180b\u180c\u180d\u180f",
    "deprecated format characters": "\u206a\u206b\u206c\u206d\u206e\u206f",
    "isolates": "\u2066\u2067\u2068\u2069",
    "invisible operators": "\u2061\u2062\u2063\u2064\u2065",
    "braille blank": "\u2800",
    "Hangul fillers": "\u115f\u1160\u3164\uffa0",
    "grapheme joiner": "\u034f",
    "Khmer vowels that are not drawn": "\u17b4\u17b5",
    "variation selectors": "\ufe00\ufe0f\U000e0100\U000e01ef",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "musical format characters": "\U0001d159\U0001d173\U0001d17a",
    "shorthand format characters": "\U0001bca0\U0001bca3",
    "annotations": "\ufff9\ufffa\ufffb",
    "line and paragraph separators": "\u2028\u2029",
    "private use": "\ue000\uf8ff\U000f0000\U0010fffd",
    "noncharacters": "\ufdd0\uffff\U0001fffe",
    "C1 controls": "".join(chr(code) for code in range(0x80, 0xA0) if code != 0x9B),
}


@pytest.mark.parametrize("letters", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_seen_is_taken_out(letters: str) -> None:
    for letter in letters:
        assert clean(f"ad{letter}min") == "admin", f"U+{ord(letter):04X}"


def test_no_control_format_surrogate_or_private_code_point_of_unicode_is_left() -> None:
    """As this Python's Unicode has them: one that a newer Unicode adds is found when Python learns of it."""
    text = "".join(map(chr, range(0x110000)))
    left = {letter for letter in clean(text.replace("\x1b", "").replace("\x9b", "")) if letter != "\n"}
    assert not {f"U+{ord(letter):04X}" for letter in left if unicodedata.category(letter) in HIDING}


def test_a_long_line_is_cut_and_says_so() -> None:
    assert clean("x" * 10_000) == "x" * (MAX_LINE - 1) + "…"


def test_a_long_line_ends_with_a_whole_word() -> None:
    assert clean("x" * (MAX_LINE - 10) + " " + "y" * 20) == "x" * (MAX_LINE - 10) + "…"


@repeatable
@given(st.text())
def test_nothing_but_text_and_newlines_is_ever_left_and_cleaning_again_changes_nothing(text: str) -> None:
    left = clean(text)
    assert all(letter == "\n" or unicodedata.category(letter) not in HIDING for letter in left)
    assert clean(left) == left
