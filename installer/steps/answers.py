"""What machines said of themselves in one run, for as long as nothing was done on them since.

A machine is asked once, when a run comes to it, and not again by each of its steps: with a thousand machines that is
most of what a run costs that finds everything done.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

SURVEY_SECONDS = 60.0
"""How long what a machine said when the run came to it counts as what is so."""
MOMENT = 2.0
"""How long what a step has just seen need not be asked again by the same step."""


class Answers:
    """Safe to use from several threads. Answers are a verb's fields, by key."""

    def __init__(self) -> None:
        self._surveyed: dict[str, tuple[float, Mapping[str, Mapping[str, str]]]] = {}
        self._latest: dict[tuple[str, str], tuple[float, Mapping[str, str]]] = {}

    def survey(self, machine: str, said: Mapping[str, Mapping[str, str]]) -> None:
        """Keep what `machine` said to several verbs in one go."""
        self._surveyed[machine] = (time.monotonic(), said)

    def keep(self, machine: str, verb: str, fields: Mapping[str, str]) -> None:
        """Keep what `machine` said to a step."""
        self._latest[machine, verb] = (time.monotonic(), fields)

    def surveyed(self, machine: str, verb: str) -> dict[str, str] | None:
        """What the survey of `machine` has of `verb`, unless there was none, it is old, or something was done since."""
        at, said = self._surveyed.get(machine, (0.0, {}))
        return dict(said[verb]) if verb in said and time.monotonic() - at < SURVEY_SECONDS else None

    def of_this_moment(self, machine: str, verb: str) -> dict[str, str] | None:
        """What `machine` has just said to `verb`, if it did and nothing was done there since."""
        at, fields = self._latest.get((machine, verb), (0.0, None))
        if fields is not None and time.monotonic() - at < MOMENT:
            return dict(fields)
        return None

    def forget(self, machine: str) -> None:
        """Something is done on `machine`: what it said may be so no more."""
        self._surveyed.pop(machine, None)
        for key in [key for key in tuple(self._latest) if key[0] == machine]:
            self._latest.pop(key, None)
