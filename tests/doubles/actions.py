"""Steps upon a world that is a set in memory, which remembers what was done to it and when."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from installer.steps.step import Context, Observation, Phase, Step

Body = Callable[[Context], None]


@dataclass
class Effects:
    """The world: ids of the steps whose effect holds. `calls` are (function, step id) in the order they began."""

    present: set[str] = field(default_factory=set)
    calls: list[tuple[str, str]] = field(default_factory=list)
    at_once: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def called(self, function: str) -> list[str]:
        """Ids of the steps on which `function` was called, in order."""
        return [id for name, id in self.calls if name == function]

    @contextmanager
    def during(self, function: str, step: str, limit: str) -> Iterator[None]:
        with self.lock:
            self.calls.append((function, step))
            self.at_once[limit] += 1
            self.most_at_once[limit] = max(self.most_at_once[limit], self.at_once[limit])
        try:
            yield
        finally:
            with self.lock:
                self.at_once[limit] -= 1


def nothing(_ctx: Context) -> None:
    """The body of an action that simply succeeds."""


def failing(error: BaseException) -> Body:
    """The body of an action that raises `error`."""

    def body(_ctx: Context) -> None:
        raise error

    return body


@dataclass
class Fake:
    """An action whose effect is its step's id in the world; each body runs before its function does its work."""

    id: str
    effects: Effects
    limit: str = "local"
    observing: Body = nothing
    applying: Body = nothing
    undoing: Body = nothing

    def observe(self, ctx: Context) -> Observation:
        with self.effects.during("observe", self.id, self.limit):
            self.observing(ctx)
            holds = self.id in self.effects.present
            return Observation(holds, "it is there" if holds else "it is not there")

    def apply(self, ctx: Context) -> None:
        with self.effects.during("apply", self.id, self.limit):
            self.applying(ctx)
            self.effects.present.add(self.id)

    def undo(self, ctx: Context) -> None:
        with self.effects.during("undo", self.id, self.limit):
            self.undoing(ctx)
            self.effects.present.discard(self.id)


def fake_step(effects: Effects, id: str, *needs: str, phase: Phase = Phase.PREPARE, **given: Any) -> Step:
    """A step with a `Fake` action; `given` goes to the action (its bodies) and to the step (all else)."""
    bodies = {name: given.pop(name) for name in ("observing", "applying", "undoing") if name in given}
    action = Fake(id, effects, given.get("limit", "local"), **bodies)
    return Step(id, given.pop("title", f"Make {id}"), phase, action, needs=needs, **given)
