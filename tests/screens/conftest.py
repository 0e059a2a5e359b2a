from __future__ import annotations

from types import SimpleNamespace

import pytest

from screens.pages import run


@pytest.fixture(autouse=True)
def collector_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Screens of runs leave Python's garbage collector alone.

    They set it for a process with one application, to its end. Here hundreds of applications and other tests follow:
    what was frozen is never freed, and garbage is looked for thirty times as often as `tests/conftest.py` wants.
    """
    nothing = SimpleNamespace(collect=lambda: 0, freeze=lambda: None, set_threshold=lambda *_: None)
    monkeypatch.setattr(run, "gc", nothing)
