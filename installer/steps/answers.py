"""What machines answered about themselves in one run, until something is done on them.

A machine is asked once, when a run comes to it, and not again by each of its steps: with a thousand machines that is
most of what a run costs that finds everything done.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

SURVEY_SECONDS = 60.0
"""How long a survey's answers count as current."""
MOMENT = 2.0
"""How long what a step has just seen need not be asked again by the same step."""


class Answers:
    """Safe to use from several threads. Answers are a verb's fields, by key."""

    def __init__(self) -> None:
        self._surveyed: dict[str, tuple[float, Mapping[str, Mapping[str, str]]]] = {}
        self._latest: dict[tuple[str, str], tuple[float, Mapping[str, str]]] = {}

    def survey(self, machine: str, answers: Mapping[str, Mapping[str, str]]) -> None:
        """Keep the answers of `machine` to several verbs."""
        self._surveyed[machine] = (time.monotonic(), answers)

    def keep(self, machine: str, verb: str, fields: Mapping[str, str]) -> None:
        """Keep the answer of `machine` to a step."""
        self._latest[machine, verb] = (time.monotonic(), fields)

    def surveyed(self, machine: str, verb: str) -> dict[str, str] | None:
        """What the survey of `machine` has of `verb`, unless there was none, it is old, or something was done since."""
        at, answers = self._surveyed.get(machine, (0.0, {}))
        return dict(answers[verb]) if verb in answers and time.monotonic() - at < SURVEY_SECONDS else None

    def of_this_moment(self, machine: str, verb: str) -> dict[str, str] | None:
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
