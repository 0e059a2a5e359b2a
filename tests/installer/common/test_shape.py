"""Documents whose fields have the types that they should."""

from __future__ import annotations

from typing import Any

import pytest

from installer.common.shape import NUMBER, shaped

_SHAPE = {"name": str, "size": NUMBER, "labels": {}, "items": [{"id": (str, int)}]}


def test_what_is_missing_null_or_unknown_is_no_mistake() -> None:
    assert shaped({}, _SHAPE) == {}
    assert shaped({"name": None, "items": [{"id": 1, "more": [None]}], "other": None}, _SHAPE) == {
        "items": [{"id": 1, "more": [None]}], "other": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "the document is list, not dict"),
        ({"name": 1}, "name is int, not str"),
        ({"size": "1"}, "size is str, not int or float"),
        ({"labels": []}, "labels is list, not dict"),
        ({"items": {}}, "items is dict, not list"),
        ({"items": [None]}, "items[] is NoneType, not dict"),
        ({"items": [{"id": 1.5}]}, "items[].id is float, not str or int"),
    ],
)
def test_a_wrong_type_is_named_with_its_place(value: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match="^" + complaint.replace("[", r"\[").replace("]", r"\]") + "$"):
        shaped(value, _SHAPE)
