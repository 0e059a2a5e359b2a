"""Every machine's ladder as plain text or JSON: which rungs hold, what was seen, what mends the one that fails."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from installer.common.text import count
from installer.operations.login.survey import Survey
from installer.ssh.diagnose import Rung
from installer.ssh.diagnosis import Ladder

_SHAPES = {"passed": "●", "failed": "✕", "not reached": "○"}
_LETTERS = {"passed": "ok", "failed": "!!", "not reached": "--"}
"""For terminals without Unicode."""


def text(found: Survey, *, width: int = 100, ascii_only: bool = False) -> str:
    """The ladders in lines of at most `width` characters where words allow; at the end, how many were reached."""
    shapes = _LETTERS if ascii_only else _SHAPES
    blocks = ["\n".join(_ladder(ladder, shapes, width)) for ladder in found.ladders.values()]
    reached = f"{len(found.fine)} of {count(len(found.ladders), 'machine')} reached"
    return "\n\n".join([*blocks, reached])


def document(found: Survey) -> dict[str, Any]:
    """The JSON document of `craton diagnose --json`."""
    return {
        "reached": list(found.fine),
        "machines": [
            {
                "machine": name,
                "host_key": ladder.host_key,
                "error": ladder.error.as_dict() if ladder.error else None,
                "rungs": [_rung(rung) for rung in ladder.rungs],
            }
            for name, ladder in found.ladders.items()
        ],
    }


def _rung(rung: Rung) -> dict[str, str]:
    return {
        "id": rung.id,
        "title": rung.title,
        "verdict": rung.verdict,
        "seen": rung.seen,
        "remedy": rung.remedy,
    }


def _ladder(ladder: Ladder, shapes: dict[str, str], width: int) -> Iterator[str]:
    yield f"{shapes['failed' if ladder.error else 'passed']} {ladder.machine}"
    longest = max(len(rung.title) for rung in ladder.rungs)
    for rung in ladder.rungs:
        head = f"    {shapes[rung.verdict]} {rung.title:{longest}}  "
        yield from _wrapped(head, rung.seen, width)
        if rung.remedy:
            yield from _wrapped(f"{' ' * (len(head) - 2)}{'>' if shapes is _LETTERS else '→'} ", rung.remedy, width)


def _wrapped(head: str, words: str, width: int) -> list[str]:
    room = max(30, width - len(head))
    lines = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{head}{lines[0]}".rstrip(), *(f"{' ' * len(head)}{line}" for line in lines[1:])]
