from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

from screens.pages import run


@pytest.fixture(autouse=True)
def collector_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Screens of runs leave Python's garbage collector alone.

    They set it for a process with one application, to its end. Here hundreds of applications and other tests follow:
    what was frozen is never freed, and garbage is looked for thirty times as often as `tests/conftest.py` wants.
    """
    nothing = SimpleNamespace(collect=lambda: 0, freeze=lambda: None, set_threshold=lambda *_: None)
    monkeypatch.setattr(run, "gc", nothing)


@pytest.fixture(scope="session", autouse=True)
def style_sheets_parsed_once() -> Iterator[None]:
    """What is parsed of a style sheet is kept for the applications of other tests, which have the same ones.

    Textual keeps it for one application, and parses everything again when its theme changes.
    """
    parse = Stylesheet._parse_rules
    kept: dict[tuple[object, ...], list[RuleSet]] = {}

    def parsed(sheet: Stylesheet, css: str, **given: Any) -> list[RuleSet]:
        key = (css, *given.items(), *sheet._variables.items())
        if key not in kept:
            kept[key] = parse(sheet, css, **given)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parsed)
        yield
