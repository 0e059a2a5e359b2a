"""JSON from outside is read, or it is a ValueError."""

from __future__ import annotations

from itertools import count

import pytest

from installer.common.json_reader import parse


def test_documents_are_read() -> None:
    assert parse(b'{"a": [1, 2.5, null, "\xc3\xbc"]}') == {"a": [1, 2.5, None, "ü"]}


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"<html>", b"\xff\xfe\x00", b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000,
        b"9" * 10_000, b'{"a": -' + b"9" * 10_000 + b"}", b"NaN", b'{"a": Infinity}', b"[-Infinity]",
    ],
    ids=count(),
)  # fmt: skip
def test_whatever_is_wrong_is_one_kind_of_error(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (the words are the decoder's)
        parse(text)
