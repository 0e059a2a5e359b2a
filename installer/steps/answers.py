"""What machines answered about themselves in one run, until something is done on them.

A machine is asked once, when a run comes to it, and not again by each of its steps: with a thousand machines that is
most of what a run costs that finds everything done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

SURVEY_SECONDS = 60.0
"""How long a survey's answers count as current."""
MOMENT = 2.0
"""How long what a step has just seen need not be asked again by the same step."""


class Answers:
    """Safe to use from several threads. Answers are a verb's fields, by key."""

    def __init__(self) -> None:
        self._surveyed: dict[str, tuple[float, Mapping[str, Mapping[str, str]]]] = {}
        self._latest: dict[tuple[str, str], tuple[float, Mapping[str, Any]]] = {}
        self._of_all: dict[str, tuple[float, Any]] = {}
        self._asking = threading.Lock()
        self.expected = False
        """Whether the run is expected to find everything done: the last one ended well, with the same plan."""
        self.touched = False
        """Whether a step of this run has begun to change something."""

    def survey(self, machine: str, answers: Mapping[str, Mapping[str, str]]) -> None:
        """Keep the answers of `machine` to several verbs."""
        self._surveyed[machine] = (time.monotonic(), answers)

    @property
    def settled(self) -> bool:
        """Whether everything has been found done so far, as expected: what was seen early in the run counts later."""
        return self.expected and not self.touched

    def of_all(self, what: str, ask: Callable[[], T], patience: float) -> T | None:
        """What `ask` says of all machines at once, which one thread asks for the others.

        None once something was done, and where that thread takes longer than `patience` seconds: ask about one then.
        """
        return self.lately(what, ask, SURVEY_SECONDS, patience) if self.settled else None

    def lately(self, what: str, ask: Callable[[], T], age: float, patience: float) -> T | None:
        """As `of_all`, whatever was done since, but no more than `age` seconds old."""
        if not self._asking.acquire(timeout=patience):
            return None
        try:
            at, known = self._of_all.get(what, (0.0, None))
            found: T = known
            if known is None or time.monotonic() - at >= age:
                at, found = time.monotonic(), ask()
                self._of_all[what] = (at, found)
            return found
        finally:
            self._asking.release()

    def keep(self, machine: str, verb: str, fields: Mapping[str, Any]) -> None:
        """Keep the answer of `machine` to a step."""
        self._latest[machine, verb] = (time.monotonic(), fields)

    def surveyed(self, machine: str, verb: str) -> dict[str, str] | None:
        """What the survey of `machine` has of `verb`, unless there was none, it is old, or something was done since."""
        at, answers = self._surveyed.get(machine, (0.0, {}))
        return dict(answers[verb]) if verb in answers and time.monotonic() - at < SURVEY_SECONDS else None

    def of_this_moment(self, machine: str, verb: str) -> dict[str, Any] | None:
        """The answer of `machine` to `verb`, if it is seconds old and nothing was done there since."""
        at, fields = self._latest.get((machine, verb), (0.0, None))
        if fields is not None and time.monotonic() - at < MOMENT:
            return dict(fields)
        return None

    def forget(self, machine: str) -> None:
        """Something is done on `machine`: its answers may be out of date."""
        self._surveyed.pop(machine, None)
        for key in [key for key in tuple(self._latest) if key[0] == machine]:
            self._latest.pop(key, None)
