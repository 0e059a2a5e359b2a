"""The list of clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.operations import clusters
from installer.steps.step import Phase, Step
from tests.doubles.actions import Effects, fake_step


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return ClusterDirectory(tmp_path / "clusters" / "demo")


def _record(directory: ClusterDirectory, states: dict[str, StepState], ended: Outcome | None = None) -> None:
    """The journal of a run whose steps, one of each phase, have come to these states."""
    phases = iter((Phase.CHECK, Phase.PREPARE, Phase.JOIN))
    steps: list[Step] = [fake_step(Effects(), id, phase=next(phases)) for id in states]
    with Journal(directory.journal) as journal:
        journal.begin(RunKind.INSTALL, steps, {})
        for step, state in zip(steps, states.values(), strict=True):
            journal.transition(step, StepState.OBSERVING, durable=False)
            journal.transition(step, state, durable=False)
        if ended:
            journal.end(ended, 0)


@pytest.mark.parametrize(
    ("states", "ended", "expected"),
    [
        ("done done done", Outcome.DONE, ("installed", 1.0, "")),
        ("done failed blocked", Outcome.FAILED, ("failed", 0.333333, "prepare")),
        ("done applying waiting", None, ("interrupted", 0.333333, "prepare")),
        ("done done waiting", Outcome.STOPPED, ("interrupted", 0.666667, "join")),
    ],
)
def test_a_list_says_where_each_run_stands_and_reads_no_events(
    states: str,
    ended: Outcome | None,
    expected: tuple[str, float, str],
    directory: ClusterDirectory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_events(*_: object) -> None:
        raise AssertionError("a list needs no events")

    _record(directory, dict(zip("abc", map(StepState, states.split()), strict=True)), ended)
    whole = clusters.progress(directory)
    monkeypatch.setattr(Reader, "events", read_events)
    standing = clusters._standing(directory)
    said = clusters.cluster_state(standing.last_run, running=False)
    assert (said, round(standing.fraction, 6), str(standing.unfinished or "")) == expected
    assert standing.fraction == pytest.approx(whole.fraction)
    assert (standing.last_run.started, standing.last_run.ended) == (whole.started, whole.ended)


def test_a_cluster_that_was_never_run_has_come_nowhere(directory: ClusterDirectory) -> None:
    standing = clusters._standing(directory)
    assert (standing.last_run.started, standing.fraction, standing.unfinished) == (None, 0.0, None)
