"""Text from outside cannot move a cursor, retitle a terminal, reorder, hide, or carry a secret."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common.sanitise import MAX_LINE, clean, redact
from tests.strategies import repeatable

HOSTILE = [
    ("colour", "\x1b[31mred\x1b[0m", "red"),
    ("cursor up and erase", "done\x1b[1A\x1b[2K\x1b[1Gforged", "doneforged"),
    ("title", "\x1b]0;rm -rf /\x07after", "after"),
    ("title that ends in ST", "\x1b]2;title\x1b\\after", "after"),
    ("title that never ends", "before\x1b]0;all the rest", "before"),
    ("clipboard", "\x1b]52;c;cm0gLXJm\x07x", "x"),
    ("hyperlink", "\x1b]8;;http://evil\x07click\x1b]8;;\x07", "click"),
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
    ("tab", "a\tb", "a       b"),
    ("plain text", "größer → 日本 ●", "größer → 日本 ●"),
]


@pytest.mark.parametrize(("text", "left"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_what_controls_a_terminal_is_taken_out(text: str, left: str) -> None:
    assert clean(text) == left


def test_a_long_line_is_cut_and_says_so() -> None:
    assert clean("x" * 10_000) == "x" * (MAX_LINE - 1) + "…"


@repeatable
@given(st.text())
def test_nothing_but_text_and_newlines_is_ever_left_and_cleaning_again_changes_nothing(text: str) -> None:
    left = clean(text)
    assert all(letter == "\n" or unicodedata.category(letter) != "Cc" for letter in left)
    assert clean(left) == left


SECRETS = [
    "abcdef.0123456789abcdef",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJlLWhlcmU",
]


@pytest.mark.parametrize("secret", SECRETS, ids=["token", "key", "half a key", "access key", "web token"])
def test_secrets_are_replaced(secret: str) -> None:
    said = redact(f"before {secret} after")
    assert "***" in said
    assert said.startswith("before ")
    assert secret.split("\n")[-1] not in said


@pytest.mark.parametrize("field", ["certificate-key ", "--certificate-key=", "certificateKey: ", "client-key-data: "])
def test_fields_that_hold_secrets_lose_their_value(field: str) -> None:
    assert "0" * 64 not in redact(f"{field}{'0' * 64}")


def test_ordinary_words_stay() -> None:
    line = "kubeadm join demo-k8s.example.test:6443 sha256:3f9a1c04 v1.36.2 10.10.0.11"
    assert redact(line) == line
