"""The draft: answers given so far, kept across a closed terminal until the plan is saved or the draft discarded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.common import paths, yaml_editor, yaml_reader
from installer.common.scrub import holds_secret
from installer.plan.question import Answers, Kind
from installer.plan.questions.catalogue import QUESTIONS, UNASKED

_FORMAT = 1
_MAX_SIZE = 1 << 19
_FIELDS = {**{question.field: question.kind for question in QUESTIONS}, **dict.fromkeys(UNASKED)}


@dataclass(frozen=True, slots=True)
class Draft:
    """`answers` by field, each of a type that its question takes but maybe wrong; `page` is the title to go on at."""

    answers: dict[str, Any]
    page: str


def save_draft(answers: Answers, page: str) -> None:
    """Keep the answers. What looks like a secret, in a field where one was pasted by mistake, is left out."""
    known = [field for field in _FIELDS if field in answers]
    kept = {field: answers[field] for field in known if not holds_secret(str(answers[field]))}
    paths.write_private(_path(), yaml_editor.block({"craton": _FORMAT, "page": page, "answers": kept}))


def load_draft() -> Draft | None:
    """The draft, or None. A damaged one is put aside as `draft.yaml.damaged`."""
    path = _path()
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_SIZE + 1)
    except OSError:
        return None
    draft = _parse(content)
    if draft is None:
        with suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
    return draft


def discard_draft() -> None:
    """Forget the draft; no error if there is none."""
    with suppress(OSError):
        _path().unlink()


def _path() -> Path:
    return paths.home() / "draft.yaml"


def _parse(content: bytes) -> Draft | None:
    try:
        document = yaml_reader.read(content.decode())
    except UnicodeDecodeError:
        return None
    if len(content) > _MAX_SIZE or document.flaws or not isinstance(document.root, yaml_reader.Mapping):
        return None
    data = yaml_reader.data(document.root)
    answers, page = data.get("answers"), data.get("page")
    if data.get("craton") != _FORMAT or not isinstance(answers, Mapping) or not isinstance(page, str):
        return None
    return Draft({field: _value(value) for field, value in answers.items() if _fits(field, value)}, page)


def _fits(field: str, value: object) -> bool:
    """Whether a question about the field could have had this answer, right or wrong."""
    if field not in _FIELDS:
        return False
    items = value if isinstance(value, list) else [value]
    mappings = field in UNASKED or _FIELDS[field] is Kind.INVENTORY
    return all(_is_plain(item) or (mappings and isinstance(item, Mapping) and _has_plain(item)) for item in items)


def _has_plain(value: Mapping[str, object]) -> bool:
    return all(map(_is_plain, value.values()))


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | None)


def _value(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
