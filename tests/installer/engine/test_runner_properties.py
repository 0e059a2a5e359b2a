"""What holds of the engine for any steps and any failures."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from installer.common.errors import ExitCode, InstallerError
from installer.engine import runner
from installer.engine.events import RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.engine.progress import Progress
from installer.engine.requests import request_retry
from installer.engine.runner import run
from installer.steps.platform import Limit
from installer.steps.step import Context, Step
from tests.doubles.actions import Body, Effects, fake_step
from tests.installer.engine.conftest import QUICK
from tests.strategies import examples

BROKEN = InstallerError("do it", "no")
LIMITS = {"ssh": Limit(2), "local": Limit(1)}
PERSON = "person"


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Step ids and what each needs, in an order of no meaning."""
    ids = [f"step-{number}" for number in range(draw(st.integers(1, 9)))]
    needs = {
        id: tuple(draw(st.lists(st.sampled_from(ids[:index]), unique=True, max_size=3))) if index else ()
        for index, id in enumerate(ids)
    }
    return {id: needs[id] for id in draw(st.permutations(ids))}


def reachable(id: str, edges: dict[str, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    for target in edges[id]:
        found |= {target} | reachable(target, edges)
    return found


class Harness:
    """Builds steps that fail as told, and notes every call made before its turn."""

    journal: Path
    """Of the run that goes on."""

    def __init__(self, graph: dict[str, tuple[str, ...]], failing: set[str], kind: RunKind) -> None:
        self.kind = kind
        self.failing = failing
        self.effects = Effects(present=set(graph) if kind.undoes else set())
        self.too_early: list[str] = []
        back = {id: tuple(later for later, needs in graph.items() if id in needs) for id in graph}
        self.before = back if kind.undoes else graph
        self.steps = [self._step(id, needs) for id, needs in graph.items()]

    def _step(self, id: str, needs: tuple[str, ...]) -> Step:
        body = self._body(id)
        limit = "ssh" if len(needs) % 2 else "local"
        return fake_step(self.effects, id, *needs, limit=limit, observing=self._look(id), applying=body, undoing=body)

    def _look(self, id: str) -> Body:
        def observing(_ctx: Context) -> None:
            held = {before in self.effects.present for before in self.before[id]}
            if self.kind.undoes in held:
                self.too_early.append(id)

        return observing

    def _body(self, id: str) -> Body:
        def body(_ctx: Context) -> None:
            if id in self.failing:
                raise BROKEN

        return body

    def run(self) -> tuple[ExitCode, Progress]:
        world: Any = None
        with tempfile.TemporaryDirectory() as directory:
            path = self.journal = Path(directory) / "journal.db"
            with Journal(path) as journal:
                code = asyncio.run(run(self.steps, world, journal, kind=self.kind, limits=LIMITS, timing=QUICK))
            with Reader(path) as reader:
                progress = Progress.of(reader.steps())
                progress.extend(reader.events())
        return code, progress


class Watched(Harness):
    """Steps fail but once, and a person asks for whatever failed for as long as not all is done."""

    def __init__(self, graph: dict[str, tuple[str, ...]], failing: set[str], kind: RunKind) -> None:
        super().__init__(graph, failing, kind)
        self.wanted = set() if kind.undoes else set(graph)
        self.steps.append(fake_step(self.effects, PERSON, limit=PERSON, applying=self._watch, undoing=self._watch))
        if kind.undoes:
            self.effects.present.add(PERSON)

    def _body(self, id: str) -> Body:
        def body(_ctx: Context) -> None:
            if id in self.failing:
                self.failing.remove(id)
                raise BROKEN

        return body

    def _watch(self, ctx: Context) -> None:
        def ask() -> tuple[bool | None, str]:
            with Reader(self.journal) as reader:
                request_retry(self.journal, [step.id for step in reader.steps() if step.state is StepState.FAILED])
            return self.effects.present - {PERSON} == self.wanted or None, "not all done"

        ctx.wait_until("the others", ask, every=0.005)


@given(graph=graphs(), kind=st.sampled_from(RunKind), data=st.data())
@examples(40)
def test_any_steps_with_any_failures(graph: dict[str, tuple[str, ...]], kind: RunKind, data: st.DataObject) -> None:
    failing = data.draw(st.sets(st.sampled_from(sorted(graph)), max_size=3))
    harness = Harness(graph, failing, kind)
    code, progress = harness.run()
    blocked = {id for id in graph if reachable(id, harness.before) & failing}
    failed = failing - blocked
    states = {id: view.state for id, view in progress.steps.items()}
    success = StepState.UNDONE if kind.undoes else StepState.DONE
    assert harness.too_early == []
    assert {id for id, state in states.items() if state is StepState.BLOCKED} == blocked
    assert {id for id, state in states.items() if state is StepState.FAILED} == failed
    assert all(states[id] is success for id in set(graph) - blocked - failed)
    assert not blocked & set(harness.effects.called("observe"))
    assert all(most <= LIMITS[limit].at_once for limit, most in harness.effects.most_at_once.items())
    assert (code is ExitCode.DONE) == (not failed)


@given(graph=graphs(), kind=st.sampled_from(RunKind), data=st.data())
@examples(15)
def test_failed_steps_that_are_asked_for_while_anything_runs_leave_nothing_undone(
    graph: dict[str, tuple[str, ...]], kind: RunKind, data: st.DataObject
) -> None:
    failing = data.draw(st.sets(st.sampled_from(sorted(graph)), max_size=4))
    harness = Watched(graph, set(failing), kind)
    with patch.object(runner, "REQUEST_SECONDS", 0.005):
        code, progress = harness.run()
    assert harness.too_early == []
    assert code is ExitCode.DONE
    assert progress.fraction == 1.0
    assert progress.run == 1
    called = harness.effects.called("undo" if kind.undoes else "apply")
    assert Counter(called) == Counter([*graph, *failing, PERSON])


@given(graph=graphs(), data=st.data())
@examples(15)
def test_running_again_after_failures_applies_just_what_is_missing(
    graph: dict[str, tuple[str, ...]], data: st.DataObject
) -> None:
    harness = Harness(graph, data.draw(st.sets(st.sampled_from(sorted(graph)), max_size=3)), RunKind.INSTALL)
    harness.run()
    missing = set(graph) - harness.effects.present
    harness.effects.calls.clear()
    harness.failing.clear()
    code, progress = harness.run()
    assert code is ExitCode.DONE
    assert sorted(harness.effects.called("apply")) == sorted(missing)
    assert progress.fraction == 1.0
