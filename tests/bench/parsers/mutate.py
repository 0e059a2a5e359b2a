"""Inputs that nobody meant: mutations of realistic ones, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

LONG = 32 * 1024
"""Bytes of the longest inputs, in which a pattern that costs the square of its length is seen."""
_RARELY = 0.005
"""How often an input is as long as it may be: those take most of the time, and differ least."""
_WORDS = (
    b"", b"\0", b"\n", b"\r\n", b"\x1b[2J", b"\x1b]0;x\x07", b"\xff\xfe", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85",
    "\u202e\u200b\u2028".encode(), "²٣".encode(), b"-1", b"0", b"1e999", b"NaN", b"9" * 25,
    b"9" * 5000, b"0x10", b"1_0",
    b"true", b"null", b"~", b"''", b'""', b"%", b"%s", b"{}", b"[]", b"[" * 3000,
    b"{\"a\":" * 3000, b"(" * 200, b"*", b"&a",
    b"*a", b"!!python/object:os.system", b"<<: *a", b"- ", b": ", b"#", b"|", b">", b"\t", b"@",
    b"//", b"../../../etc/passwd",
    b"http://[", b"http://a:b@c:99999999/", b"fe80::1%eth0", b"::ffff:1.2.3.4", b"1.2.3.4/33",
    b"999.1.1.1", b"a" * 300,
    b"\n" * 2000, b"password=hunter2-Zq8", b"abcdef.0123456789abcdef",
    b"[bold]x[/bold]", b"\\", b"\"", b"'", b"=", b",",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, float("inf"), float("nan"), 10**30, "", "x", "\0",
    "\x1b[2J\u202e", "1", "a" * 5000,
    [], [None], [[]], [0], ["x"], {}, {"": None}, {"a": {"b": []}},
)  # fmt: skip


def inputs(corpus: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """The corpus itself, then mutations of it, `count` in all."""
    chance = random.Random(seed)
    for number in range(count):
        data = corpus[number] if number < len(corpus) else chance.choice(corpus)
        if number >= len(corpus):
            for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
                data = chance.choice(_MUTATIONS)(data, corpus, chance)
        yield data[: 2 * LONG]


def _place(data: bytes, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flipped(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    if not data:
        return bytes([chance.randrange(256)])
    at = chance.randrange(len(data))
    return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]


def _cut(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    a, b = sorted((_place(data, chance), _place(data, chance)))
    return data[:a] + data[b:] if chance.random() < 0.5 else data[:a]


def _repeated(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    a, b = sorted((_place(data, chance), _place(data, chance)))
    piece = data[a : min(b, a + 200)]
    times = LONG // max(1, len(piece)) if chance.random() < _RARELY else chance.choice((2, 2, 3, 20))
    return data[:a] + piece * times + data[a:]


def _inserted(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    at = _place(data, chance)
    word = chance.choice((b"a", b" ", b"[", b"-")) * LONG if chance.random() < _RARELY else chance.choice(_WORDS)
    return data[:at] + word + data[at:]


def _spliced(data: bytes, corpus: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(corpus)
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _word_replaced(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """One word, number or value becomes another thing: lines keep their shape, which is what gets furthest."""
    separator = chance.choice((b" ", b"\n", b":", b"=", b",", b"/", b".", b'"'))
    words = data.split(separator)
    words[chance.randrange(len(words))] = chance.choice(_WORDS)
    return separator.join(words)


def _lines_moved(data: bytes, _corpus: Sequence[bytes], chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
    what = chance.randrange(3)
    if what == 0:
        lines[a], lines[b] = lines[b], lines[a]
    elif what == 1:
        lines.insert(b, lines[a])
    else:
        del lines[a]
    return b"\n".join(lines)


def _json_changed(data: bytes, corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """One value of a JSON document becomes one of another type, or goes; other inputs have a word replaced."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return _word_replaced(data, corpus, chance)
    places = list(_places(document))
    if not places:
        return json.dumps(chance.choice(_VALUES)).encode()
    holder, key = chance.choice(places)
    if chance.random() < 0.2:
        del holder[key]
    elif chance.random() < 0.1 and isinstance(holder, dict):
        holder[chance.choice(("", "x", "__class__", "\0", "name"))] = holder.pop(key)
    else:
        holder[key] = chance.choice(_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


_MUTATIONS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flipped, _cut, _repeated, _inserted, _inserted, _spliced, _word_replaced, _word_replaced, _lines_moved,
    _json_changed, _json_changed,
)  # fmt: skip
