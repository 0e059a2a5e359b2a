"""JSON documents whose fields have the types that they should, however damaged or hostile who wrote them was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NUMBER = (int, float)
LATEST = 253402300800.0
"""Unix seconds of the year 10,000, which no clock can show."""


def shaped(value: Any, shape: Any, where: str = "") -> Any:
    """`value` without those of the shape's fields that are null. Raises ValueError naming what has another type.

    A shape is a type, several of them, a mapping of shapes by field, or a list of the shape of its items. Fields may
    be missing, and others than the shape's stay as they are.
    """
    if isinstance(shape, Mapping):
        fields = _typed(value, dict, where)
        looked_at = {key: fields[key] for key in shape if fields.get(key) is not None}
        others = {key: inner for key, inner in fields.items() if key not in shape}
        return others | {key: shaped(inner, shape[key], f"{where}.{key}") for key, inner in looked_at.items()}
    if isinstance(shape, list):
        return [shaped(item, shape[0], f"{where}[]") for item in _typed(value, list, where)]
    return _typed(value, shape, where)


def _typed(value: Any, kind: type | tuple[type, ...], where: str) -> Any:
    if not isinstance(value, kind):
        wanted = " or ".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
        raise ValueError(f"{where.removeprefix('.') or 'the document'} is {type(value).__name__}, not {wanted}")
    return value
