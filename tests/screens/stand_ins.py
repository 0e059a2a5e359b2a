"""Screens that stand in for those of other modules, and summaries to list."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from installer.operations.clusters import ClusterSummary
from installer.plan.model import InstallPlan


class StandIn(Screen[None]):
    """A screen that only says what it was opened with."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__()
        self.given, self.named = given, named

    def compose(self) -> ComposeResult:
        yield Static("stand-in")


class ProgressScreen(StandIn): ...


class HealthScreen(StandIn): ...


class DestroyScreen(StandIn): ...


class WizardScreen(StandIn):
    @classmethod
    def editing(cls, *given: Any) -> WizardScreen:
        return cls(*given)


def replace(monkeypatch: pytest.MonkeyPatch, *screens: type[StandIn]) -> None:
    """Have `screens.pages.progress.ProgressScreen` and the like be stand-ins."""
    for screen in screens:
        module = f"screens.pages.{screen.__name__.removesuffix('Screen').lower()}"
        monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{screen.__name__: screen}))


def summary(name: str, state: str, **fields: Any) -> ClusterSummary:
    """A cluster of six machines, two hours old."""
    now = time.time()
    given: dict[str, Any] = {
        "name": name,
        "platform": "rehearsal",
        "state": state,
        "phase": "",
        "fraction": 1.0,
        "pid": None,
        "created": now - 7200,
        "updated": now,
        "kubernetes": "v1.36.2",
        "machines": 6,
        "last_check": "",
        "last_check_at": None,
        "notice": "rehearsal · nothing leaves this computer",
    }
    return ClusterSummary(**{**given, **fields})


def plan(**fields: Any) -> InstallPlan:
    """A plan of six machines."""
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **fields})


def footer(pilot: Pilot[Any]) -> set[str]:
    """What the keys in the footer do."""
    active = pilot.app.screen.active_bindings.values()
    return {each.binding.description for each in active if each.binding.show and each.enabled}


def visible(pilot: Pilot[Any]) -> str:
    """The text on the screen, line by line."""
    screen = pilot.app.screen
    width, height = screen.size
    return "\n".join(
        "".join(segment.text for segment in strip).rstrip()
        for strip in screen._compositor.render_strips()
        if width and height
    )


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until the screen's workers are done and their results are drawn."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
