"""From a plan's data to the plan, or to words about each mistake in it: what was found, and what is allowed."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from pydantic_core import ErrorDetails

from installer.common.text import shown
from installer.common.yaml_reader import BROKEN
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS

MISSING = "missing"
UNKNOWN_KEY = "unknown key"

_MODE: JsonSchemaMode = "validation"
_REPORTED = 100
"""Mistakes put into words; a file with more is no plan."""

_PLACEHOLDERS = {"name": "a", "subdomain": "a.b"}
"""Values of the required fields that break no rule between fields."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong at `field`, a path of keys and list positions; `allowed` or `hint` may be empty."""

    field: tuple[str | int, ...]
    found: str
    allowed: str = ""
    hint: str = ""
    message: str = ""
    """What the field itself says about the value; takes the place of the other three."""

    @property
    def text(self) -> str:
        return self.message or sentence(self.found, self.allowed, self.hint)


def sentence(found: str, allowed: str, hint: str = "") -> str:
    """`Enter 1, 3 or 5 instead of 2.`, and the like."""
    text = found
    if allowed:
        text = f"Missing: enter {allowed}." if found == MISSING else f"Enter {allowed} instead of {found}."
    return f"{text}; {hint}" if hint else text


def validate(
    data: Mapping[str, Any], unanswered: Collection[tuple[str, ...]] = ()
) -> InstallPlan | tuple[Mistake, ...]:
    """The plan that `data` describes, or every mistake in it, those in the rules between sound fields included.

    Rules that read a field of `unanswered`, which is to be filled in yet, are left out.
    """
    filled = {**dict.fromkeys(_PLACEHOLDERS), **data}
    plan, errors = _attempt(filled, unanswered)
    if plan:
        return plan
    # While any field is wrong by itself, pydantic has not looked at the rules between fields.
    paths = {tuple(error["loc"]) for error in errors}
    sound = _without(filled, paths)
    unknown = frozenset((*unanswered, *(tuple(str(key) for key in path) for path in paths)))
    _, further = _attempt({**_PLACEHOLDERS, **sound}, unknown)
    found = [error for error in (*errors, *further) if error["input"] is not BROKEN]
    mistakes = [_mistake(error, data) for error in found[:_REPORTED]]
    if len(found) > _REPORTED:
        mistakes.append(Mistake((), f"{len(found) - _REPORTED} more mistakes"))
    return tuple(dict.fromkeys(mistakes))


def field_mistake(field: str, value: object) -> Mistake | None:
    """What is wrong with the value of one field, given as a dotted path, whatever the others hold."""
    path = field.split(".")
    data: Any = value
    for key in reversed(path):
        data = {key: data}
    named = {"platform": path[0]} if path[0] in PLATFORMS else {}
    everything = {()}
    _, errors = _attempt({**_PLACEHOLDERS, **named, **data}, everything)
    return _mistake(errors[0], data) if errors else None


def allowed(field: str) -> str:
    """What the schema allows at a field, given as a dotted path, in words; empty if it says nothing."""
    return _allowed(field.split("."))


def _attempt(
    data: Mapping[str, Any], unknown: Collection[tuple[str, ...]] = ()
) -> tuple[InstallPlan | None, list[ErrorDetails]]:
    try:
        return InstallPlan.model_validate(data, context={"unknown": unknown}), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _without(data: Mapping[str, Any], paths: set[tuple[str | int, ...]]) -> dict[str, Any]:
    """A copy of `data` without what is at `paths`; a list goes entirely."""
    kept = copy.deepcopy({key: value for key, value in data.items() if (key,) not in paths})
    for path in paths:
        inner: Any = kept
        for key in path[:-1]:
            if isinstance(inner, dict) and isinstance(inner.get(key), dict):
                inner = inner[key]
        for key in path:
            if isinstance(inner, dict):
                inner.pop(key, None)
    return kept


def _mistake(error: ErrorDetails, data: Mapping[str, Any]) -> Mistake:
    path = tuple(error["loc"])
    names = [str(key) for key in path]
    if error["type"] == "extra_forbidden":
        return Mistake(path, UNKNOWN_KEY, hint=_nearest(names))
    context = error.get("ctx", {})
    if error["type"] == "plan":
        worded = context["found"] != repr(error["input"])
        found = shown(context["found"]) if worded else _words(error["input"])
        missing = path[0] in _PLACEHOLDERS and path[0] not in data
        return Mistake(path, MISSING if missing else found, message=context["message"])
    if error["type"] == "missing":
        return Mistake(path, MISSING, _allowed(names))
    return Mistake(path, _words(error["input"]), _allowed(names) or error["msg"].lower())


def _words(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else shown(repr(value))


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of plan data, with the section of every platform."""
    sections = {name: (platform.settings(), _MODE) for name, platform in PLATFORMS.items()}
    found, shared = models_json_schema([(InstallPlan, _MODE), *sections.values()])
    definitions = dict(shared["$defs"])
    plan = definitions.pop(found[InstallPlan, _MODE]["$ref"].rpartition("/")[2])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
        **plan,
        "properties": plan["properties"] | {name: found[section] for name, section in sections.items()},
        "additionalProperties": False,
    }


def _allowed(names: list[str]) -> str:
    """What the schema allows at a field, in words; empty if it says nothing."""
    found = _schema_of(names)
    for part in (found, *found.get("anyOf", ())):
        if "enum" in part:
            *most, last = map(str, part["enum"])
            return f"{', '.join(most)} or {last}" if most else last
        if "const" in part:
            return str(part["const"])
        if part.get("type") == "integer":
            return f"{part['minimum']} to {part['maximum']}"
        if part.get("type") == "boolean":
            return "true or false"
        if part.get("type") == "array":
            return _allowed_items(names)
        if "properties" in part:
            return f"a mapping of {', '.join(part['properties'])}"
    return ""


def _allowed_items(names: list[str]) -> str:
    """What the schema allows in a list, in words."""
    item = _schema_of([*names, "0"])
    if "enum" in item:
        return f"a list such as [{', '.join(item['enum'][:2])}]"
    if "properties" not in item:
        return "a list of names"
    return f"a list of mappings of {', '.join(item['properties'])}"


def _schema_of(names: list[str]) -> dict[str, Any]:
    """The part of the schema about a field or a list's item, references resolved; empty if there is none."""
    part = schema()
    for name in names:
        part = part["items"] if "items" in part else part.get("properties", {}).get(name, {})
        if "$ref" in part:
            part = schema()["$defs"][part["$ref"].rpartition("/")[2]]
    return part


def fields(prefix: tuple[str, ...] = ()) -> Iterator[str]:
    """Every field of a plan that holds a value, as a dotted path, in the plan's order."""
    for name in _schema_of(list(prefix)).get("properties", {}):
        path = (*prefix, name)
        if "properties" in _schema_of(list(path)):
            yield from fields(path)
        else:
            yield ".".join(path)


def values(plan: InstallPlan) -> dict[str, Any]:
    """Every field's value in the plan, by dotted path, as a file holds it: lists as tuples, and no None in an item.

    Of platforms, only the one that the plan names has fields here.
    """
    return _by_field(plan.model_dump(mode="json"), plan.platform)


@cache
def defaults() -> Mapping[str, Any]:
    """The default of every field that has one, on every platform, by dotted path and as `values` gives it."""
    common = InstallPlan.model_validate(_PLACEHOLDERS).model_dump(mode="json")
    found: dict[str, Any] = {}
    for name, platform in PLATFORMS.items():
        section = platform.settings()().model_dump(mode="json")
        found |= _by_field({**common, name: section}, name)
    return found


def _by_field(dumped: Mapping[str, Any], platform: str) -> dict[str, Any]:
    others = PLATFORMS.keys() - {platform}
    found = {}
    for field in fields():
        if field.partition(".")[0] in others:
            continue
        value: Any = dumped
        for key in field.split("."):
            value = value[key]
        found[field] = tuple(map(_given, value)) if isinstance(value, list) else value
    return found


def _given(item: Any) -> Any:
    """A list's item; of a mapping, what is not None."""
    return {key: value for key, value in item.items() if value is not None} if isinstance(item, Mapping) else item


def _nearest(names: list[str]) -> str:
    """What may have been meant by an unknown key, as a hint; the keys that exist where nothing comes near."""
    *parents, key = names
    siblings = list(_schema_of(parents).get("properties", {}))
    close = difflib.get_close_matches(key, siblings, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    elsewhere = [field for field in fields() if key in (field, field.rpartition(".")[2])]
    if elsewhere:
        return f"did you mean '{elsewhere[0]}'?"
    return f"known here: {', '.join(siblings)}"
