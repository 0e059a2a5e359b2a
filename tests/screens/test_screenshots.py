"""The pictures in the README and the tutorial are of the screens as they are now, and need nothing but themselves."""

from __future__ import annotations

import re

import pytest

from tests.screenshots import FOLDER, PICTURES, picture


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_current(name: str) -> None:
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert picture(name) == kept, f"{name}.svg is out of date: run python -m tests.screenshots"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_refers_to_nothing_outside_of_it(name: str) -> None:
    kept = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"(?:href|src|url\(|@import)[^>;]*?(\w+://[^\"')\s]+)", kept)) == set()
    assert "@font-face" not in kept
