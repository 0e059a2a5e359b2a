"""Every machine's diagnosis as plain text or JSON: which stages pass, what was seen, how to fix the one that fails."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from installer.common.text import count
from installer.operations.login.survey import Survey
from installer.ssh.diagnose import Stage
from installer.ssh.diagnosis import Diagnosis

_SHAPES = {"passed": "●", "failed": "✕", "not reached": "○"}
_LETTERS = {"passed": "ok", "failed": "!!", "not reached": "--"}
"""For terminals without Unicode."""


def text(found: Survey, *, width: int = 100, ascii_only: bool = False) -> str:
    """The diagnoses in lines of at most `width` characters where words allow; at the end, how many were reached."""
    shapes = _LETTERS if ascii_only else _SHAPES
    blocks = ["\n".join(_diagnosis(diagnosis, shapes, width)) for diagnosis in found.diagnoses.values()]
    reached = f"{len(found.fine)} of {count(len(found.diagnoses), 'machine')} reached"
    return "\n\n".join([*blocks, reached])


def document(found: Survey) -> dict[str, Any]:
    """The JSON document of `craton diagnose --json`."""
    return {
        "reached": list(found.fine),
        "machines": [
            {
                "machine": name,
                "host_key": diagnosis.host_key,
                "error": diagnosis.error.as_dict() if diagnosis.error else None,
                "stages": [_stage(stage) for stage in diagnosis.stages],
            }
            for name, diagnosis in found.diagnoses.items()
        ],
    }


def _stage(stage: Stage) -> dict[str, str]:
    return {
        "id": stage.id,
        "title": stage.title,
        "verdict": stage.verdict,
        "seen": stage.seen,
        "remedy": stage.remedy,
    }


def _diagnosis(diagnosis: Diagnosis, shapes: dict[str, str], width: int) -> Iterator[str]:
    yield f"{shapes['failed' if diagnosis.error else 'passed']} {diagnosis.machine}"
    longest = max(len(stage.title) for stage in diagnosis.stages)
    for stage in diagnosis.stages:
        head = f"    {shapes[stage.verdict]} {stage.title:{longest}}  "
        yield from _wrapped(head, stage.seen, width)
        if stage.remedy:
            yield from _wrapped(f"{' ' * (len(head) - 2)}{'>' if shapes is _LETTERS else '→'} ", stage.remedy, width)


def _wrapped(head: str, words: str, width: int) -> list[str]:
    room = max(30, width - len(head))
    lines = textwrap.wrap(words, room, break_long_words=False, break_on_hyphens=False) or [""]
    return [f"{head}{lines[0]}".rstrip(), *(f"{' ' * len(head)}{line}" for line in lines[1:])]
