"""Where a run stands, as folded from its events."""

from __future__ import annotations

from typing import Any

import pytest

from installer.engine.events import Event, EventType, Outcome, RunKind, StepRecord, StepState
from installer.engine.progress import Progress, StepView, summary
from installer.steps.step import Phase

W, S, A, D, F, B, U, G = (StepState(state) for state in (
    "waiting", "observing", "applying", "done", "failed", "blocked", "undoing", "undone"))  # fmt: skip


def record(
    id: str, *needs: str, weight: float = 10.0, phase: str = "prepare", machine: str | None = None
) -> StepRecord:
    return StepRecord(id, f"Make {id}", phase, machine, needs, weight, 60.0)


RECORDS = (
    record("check", phase="check", weight=5),
    record("one", "check", machine="demo-1"),
    record("two", "check", machine="demo-2"),
    record("join", "one", "two", phase="join", weight=20, machine="demo-2"),
)
IDS = [step.id for step in RECORDS]


class Story:
    """Tells events one after another, at the times given, and folds them."""

    def __init__(self, *records: StepRecord) -> None:
        self.progress = Progress.of(records or RECORDS)
        self.seq = 0
        self.run = 0

    def notify(self, type: EventType, at: float, step: str | None = None, **data: Any) -> Story:
        self.seq += 1
        self.progress.extend([Event(self.seq, at, self.run, type, step, None, data)])
        return self

    def begin(self, at: float = 0.0, steps: list[str] = IDS, kind: RunKind = RunKind.INSTALL) -> Story:
        self.run += 1
        return self.notify(EventType.RUN_STARTED, at, kind=kind, pid=42, steps=steps)

    def step(self, at: float, id: str, state: StepState, **data: Any) -> Story:
        return self.notify(EventType.STEP, at, id, state=state, **data)

    def applied(self, id: str, start: float, end: float) -> Story:
        return self.step(start, id, S).step(start, id, A).step(end, id, D, how="applied", seen="")


def test_a_run_is_running_from_its_start_to_its_end() -> None:
    story = Story()
    assert not story.progress.running
    story.begin(at=100.0)
    assert (story.progress.running, story.progress.pid, story.progress.started) == (True, 42, 100.0)
    story.notify(EventType.STOPPING, 110.0)
    assert story.progress.stopping
    story.notify(EventType.RUN_ENDED, 120.0, outcome="stopped", exit_code=8)
    assert not story.progress.running
    assert (story.progress.outcome, story.progress.exit_code) == (Outcome.STOPPED, 8)


def test_a_step_has_the_times_at_which_it_began_and_ended() -> None:
    view = Story().begin().applied("check", 3, 8).progress.steps["check"]
    assert (view.state, view.how, view.started, view.ended) == (D, "applied", 3, 8)
    assert view.duration(now=100) == 5


def test_a_step_that_runs_has_taken_the_time_until_now() -> None:
    view = Story().begin().step(3, "check", S).progress.steps["check"]
    assert view.duration(now=10) == 7
    assert view.ended is None


def test_the_fraction_is_by_weight_and_by_stages() -> None:
    story = Story().begin().applied("check", 0, 5)
    assert story.progress.fraction == pytest.approx(5 / 45)
    story.step(5, "join", A).notify(EventType.STAGE, 6, "join", number=3, of=4, title="Wait")
    assert story.progress.steps["join"].fraction == 0.5
    assert story.progress.fraction == pytest.approx(15 / 45)


def test_each_event_looks_at_its_own_step_alone_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    fraction: property = vars(StepView)["fraction"]

    def look(view: StepView) -> object:
        looks.append(view.record.id)
        return fraction.__get__(view)

    monkeypatch.setattr(StepView, "fraction", property(look))
    names = [f"step-{number}" for number in range(500)]
    story = Story(*(record(name, weight=0.3) for name in names)).begin(steps=names)
    looks.clear()
    for at, name in enumerate(names):
        story.step(at, name, A).step(at, name, D)
        assert story.progress.fraction == pytest.approx((at + 1) / len(names))
    assert story.progress.fraction == 1.0
    assert len(looks) <= 4 * len(names)


def test_a_step_that_is_tried_again_begins_at_its_first_stage() -> None:
    story = Story().begin().step(0, "one", S).step(0, "one", A)
    story.notify(EventType.STAGE, 1, "one", number=2, of=2, title="End")
    story.notify(EventType.RETRY, 2, "one", attempt=2, of=4, error={}, **{"in": 1.0}).step(3, "one", S)
    view = story.progress.steps["one"]
    assert (view.stage, view.fraction, view.started) == (None, 0.0, 0)
    assert view.retry is not None
    assert view.retry["attempt"] == 2


def test_a_wait_is_shown_while_its_step_waits() -> None:
    story = Story().begin().step(0, "one", A)
    story.notify(EventType.WAIT, 1, "one", what="SSH to answer", seen="refused", until=60.0)
    story.notify(EventType.WAIT, 2, "one", what="SSH to answer", seen="no route", until=60.0)
    assert [(view.record.id, view.wait.seen) for view in story.progress.waits if view.wait] == [("one", "no route")]
    assert story.step(3, "one", D, how="applied").progress.waits == []


def test_a_failure_has_its_error_and_what_it_blocks_has_the_reason() -> None:
    error = {"operation": "install", "observed": "no space"}
    story = Story().begin().step(0, "one", S).step(1, "one", F, error=error)
    story.step(1, "join", B, because="Make one failed")
    assert [(view.record.id, view.error) for view in story.progress.failures] == [("one", error)]
    assert story.progress.steps["join"].because == "Make one failed"
    assert story.progress.steps["join"].started is None


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([W, W], W),
        ([D, W], A),
        ([D, D], D),
        ([G, D], D),
        ([D, A, W], A),
        ([S, A], S),
        ([U, W], U),
        ([D, B], B),
        ([B, A], A),
        ([A, F, D], F),
    ],
)
def test_several_states_are_summed_up_in_one(states: list[StepState], expected: StepState) -> None:
    assert summary(states) is expected


def test_phases_come_in_order_with_the_state_of_their_steps() -> None:
    story = Story().begin().applied("check", 0, 5).applied("one", 5, 9).step(6, "two", F, error={})
    assert story.progress.phases() == [(Phase.CHECK, D), (Phase.PREPARE, F), (Phase.JOIN, W)]


def test_nothing_is_known_of_the_time_left_until_a_step_was_applied() -> None:
    story = Story().begin().step(0, "check", S)
    assert story.progress.remaining(now=1) is None
    assert story.step(1, "check", D, how="observed", seen="").progress.remaining(now=1) is None


def test_the_time_left_is_the_longest_chain_at_the_pace_measured_so_far() -> None:
    story = Story().begin().applied("check", 0, 10)  # twice the time that its weight says
    assert story.progress.remaining(now=10) == pytest.approx(20 + 40)


def test_the_time_left_shrinks_while_a_step_runs() -> None:
    story = Story().begin().applied("check", 0, 5).applied("one", 5, 15).step(5, "two", A)
    assert story.progress.remaining(now=12) == pytest.approx(3 + 20)
    assert story.progress.remaining(now=100) == pytest.approx(20)


def test_failed_and_blocked_steps_take_no_more_time() -> None:
    story = Story().begin().applied("check", 0, 5).step(5, "one", F, error={}).step(5, "join", B, because="")
    assert story.progress.remaining(now=5) == pytest.approx(10)


def test_nothing_is_left_of_a_run_that_has_ended() -> None:
    story = Story().begin().applied("check", 0, 5).notify(EventType.RUN_ENDED, 6, outcome="done", exit_code=0)
    assert story.progress.remaining(now=6) is None


def test_a_new_run_starts_over_and_keeps_the_results() -> None:
    story = (
        Story().begin().applied("check", 0, 5).notify(EventType.RESULT, 6, topic="health", report={"verdict": "pass"})
    )
    story.notify(EventType.RUN_ENDED, 7, outcome="failed", exit_code=5).begin(at=10)
    assert story.progress.running
    assert {view.state for view in story.progress.steps.values()} == {W}
    assert (story.progress.exit_code, story.progress.fraction) == (None, 0.0)
    assert story.progress.results["health"]["report"] == {"verdict": "pass"}


def test_a_run_of_fewer_steps_does_not_hide_those_of_the_next() -> None:
    story = Story().begin(steps=["check"])
    assert list(story.progress.steps) == ["check"]
    assert list(story.begin().progress.steps) == IDS


def test_events_of_steps_that_nobody_knows_any_more_are_passed_over() -> None:
    story = Story().begin(steps=[*IDS, "gone"]).step(1, "gone", D, how="applied")
    assert list(story.progress.steps) == IDS
    assert story.progress.last_seq == 2


def test_a_stopped_step_waits_again() -> None:
    view = Story().begin().step(0, "one", S).step(4, "one", W).progress.steps["one"]
    assert (view.state, view.ended, view.fraction) == (W, 4, 0.0)


def test_a_failed_step_that_is_asked_for_starts_over_and_what_it_blocked_waits() -> None:
    story = (
        Story().begin().step(1, "one", S).step(1, "one", A).notify(EventType.STAGE, 2, "one", number=2, of=4, title="t")
    )
    story.notify(EventType.RETRY, 2, "one", attempt=2, of=4, error={})
    story.step(4, "one", F, error={"observed": "no"}).step(4, "join", B, because="Make one failed")
    story.step(9, "one", W).step(9, "join", W)
    one, join = story.progress.steps["one"], story.progress.steps["join"]
    assert (one.state, one.error, one.stage, one.retry, one.duration(10)) == (W, None, None, None, 0.0)
    assert (join.state, join.because) == (W, "")
    assert story.progress.failures == []
    story.step(10, "one", S).step(10, "one", A)
    assert (one.state, one.started, one.duration(12)) == (A, 10, 2.0)
    story.step(13, "one", D, how="applied")
    assert (one.duration(20), one.fraction) == (3.0, 1.0)


def test_undone_steps_count_as_work_done() -> None:
    story = Story().begin(kind=RunKind.DESTROY).step(0, "join", S).step(0, "join", U)
    story.step(20, "join", G, how="applied")
    assert story.progress.kind is RunKind.DESTROY
    assert story.progress.fraction == pytest.approx(20 / 45)
    assert dict(story.progress.phases())[Phase.JOIN] is D


def test_machines_come_in_the_order_of_their_steps() -> None:
    progress = Story().begin().progress
    assert progress.machines == ["demo-1", "demo-2"]
    assert [view.record.id for view in progress.of_machine("demo-2")] == ["two", "join"]
    assert [view.record.id for view in progress.of_machine(None)] == ["check"]
