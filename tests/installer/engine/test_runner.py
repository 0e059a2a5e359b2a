"""What the engine does with steps: order, adoption, write-ahead, failures, retries, deadlines, undoing."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.engine import context, stepping
from installer.engine.context import Timing
from installer.engine.events import EventType, Outcome, RunKind
from installer.engine.journal import Journal, JournalError, Reader
from installer.engine.runner import ranks, run
from installer.steps.platform import Limit
from installer.steps.step import Context, Observation, Phase, Stopped
from tests.doubles.actions import Body, Effects, failing, fake_step, nothing
from tests.installer.engine.conftest import QUICK, Engine
from tests.patience import PATIENCE

BROKEN = InstallerError("install packages", "no space left on device", hint="Make space.")


@pytest.fixture
def effects() -> Effects:
    return Effects()


def failing_at_first(times: int, error: Exception) -> Body:
    """A body that raises `error` so many times and then succeeds."""
    left = [error] * times

    def body(_ctx: Context) -> None:
        if left:
            raise left.pop()

    return body


def meeting(others: threading.Barrier) -> Body:
    """A body that waits until as many others are in it as `others` says."""

    def body(_ctx: Context) -> None:
        others.wait()

    return body


def test_steps_run_each_after_those_that_it_needs(engine: Engine, effects: Effects) -> None:
    steps = [fake_step(effects, "c", "b"), fake_step(effects, "b", "a"), fake_step(effects, "a")]
    assert engine.run(steps) is ExitCode.DONE
    assert effects.called("apply") == ["a", "b", "c"]
    assert engine.states("b") == ["observing", "applying", "done"]
    assert engine.progress().outcome is Outcome.DONE


def test_a_step_whose_effect_holds_is_observed_and_not_applied(engine: Engine, effects: Effects) -> None:
    effects.present.add("a")
    engine.run([fake_step(effects, "a")])
    assert effects.called("apply") == []
    assert engine.states("a") == ["observing", "done"]
    done = engine.events(EventType.STEP, "a")[-1].data
    assert (done["how"], done["seen"]) == ("observed", "it is there")


def test_a_second_run_applies_nothing(engine: Engine, effects: Effects) -> None:
    steps = [fake_step(effects, "a"), fake_step(effects, "b", "a")]
    engine.run(steps)
    assert engine.run(steps) is ExitCode.DONE
    assert effects.called("apply") == ["a", "b"]


def test_the_intent_is_in_the_journal_before_a_step_is_applied_or_undone(engine: Engine, effects: Effects) -> None:
    recorded: list[str] = []

    def look(_ctx: Context) -> None:
        with Reader(engine.path) as reader:
            recorded.append(reader.steps()[0].state)

    step = fake_step(effects, "a", applying=look, undoing=look)
    engine.run([step])
    engine.destroy([step])
    assert recorded == ["applying", "undoing"]


def test_independent_steps_run_at_once(engine: Engine, effects: Effects) -> None:
    together = threading.Barrier(3, timeout=PATIENCE)
    steps = [fake_step(effects, id, applying=meeting(together)) for id in "abc"]
    assert engine.run(steps) is ExitCode.DONE


def test_no_more_steps_of_a_kind_run_at_once_than_its_limit(engine: Engine, effects: Effects) -> None:
    pairs = {kind: threading.Barrier(2, timeout=PATIENCE) for kind in ("ssh", "aws")}
    steps = [
        fake_step(effects, f"{kind}-{n}", limit=kind, applying=meeting(pair))
        for kind, pair in pairs.items()
        for n in range(6)
    ]
    assert engine.run(steps, limits={"ssh": Limit(2), "aws": Limit(2)}) is ExitCode.DONE
    assert effects.most_at_once == {"ssh": 2, "aws": 2}


def test_the_control_plane_goes_on_before_all_that_waits_and_else_what_has_come_furthest(
    engine: Engine, effects: Effects
) -> None:
    first = fake_step(effects, "init", phase=Phase.CONTROL_PLANE)
    waiting = [(Phase.PREPARE, "p"), (Phase.JOIN, "j1"), (Phase.JOIN, "j2"), (Phase.CONTROL_PLANE, "m2")]
    steps = [first, *(fake_step(effects, id, "init", phase=phase) for phase, id in waiting)]
    steps.append(fake_step(effects, "m3", "m2", phase=Phase.CONTROL_PLANE))
    assert engine.run(steps, limits={"local": Limit(1)}) is ExitCode.DONE
    did = effects.called("apply")
    # The step that asks first has the free place. What m2 makes ready asks once m2's own place is given away.
    assert did.index("m2") <= 2
    assert did.index("m3") == did.index("m2") + 2
    assert "p" in (did[1], did[-1])


def test_what_has_come_furthest_in_a_phase_goes_on_before_what_begins_there(engine: Engine, effects: Effects) -> None:
    first = fake_step(effects, "init", phase=Phase.CONTROL_PLANE)
    joins = [fake_step(effects, f"join-{n}", "init", phase=Phase.JOIN) for n in range(4)]
    labels = [fake_step(effects, f"label-{n}", f"join-{n}", phase=Phase.JOIN) for n in range(4)]
    assert engine.run([first, *joins, *labels], limits={"local": Limit(1)}) is ExitCode.DONE
    did = effects.called("apply")
    # What a join makes ready asks once the join's own place is given away: to one other join at most.
    assert all(did.index(f"label-{n}") <= did.index(f"join-{n}") + 3 for n in range(4))


def test_of_what_has_come_as_far_the_first_in_the_plan_goes_on_first(effects: Effects) -> None:
    logins = [fake_step(effects, f"log-in-{n}", phase=Phase.CONNECT) for n in range(3)]
    prepared = [fake_step(effects, f"prepare-{n}", f"log-in-{n}", phase=Phase.PREPARE) for n in range(3)]
    found = ranks([*logins, *prepared], RunKind.INSTALL)
    assert sorted(found, key=lambda id: found[id]) == [step.id for step in (*prepared, *logins)]


def test_a_failed_step_stops_what_needs_it_and_nothing_else(engine: Engine, effects: Effects) -> None:
    steps = [
        fake_step(effects, "a", applying=failing(BROKEN), machine="demo-worker-1"),
        fake_step(effects, "b", "a"),
        fake_step(effects, "c", "b", "x"),
        fake_step(effects, "x"),
        fake_step(effects, "y", "x"),
    ]
    assert engine.run(steps) is ExitCode.MACHINES
    assert effects.present == {"x", "y"}
    progress = engine.progress()
    assert {id: view.state for id, view in progress.steps.items()} == {
        "a": "failed", "b": "blocked", "c": "blocked", "x": "done", "y": "done",
    }  # fmt: skip
    assert progress.steps["c"].because == "demo-worker-1: Make a failed"
    assert progress.steps["a"].error == {**BROKEN.as_dict(), "machine": "demo-worker-1"}


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([(Phase.CHECK, None)], ExitCode.PREFLIGHT),
        ([(Phase.NETWORK, None)], ExitCode.MACHINES),
        ([(Phase.JOIN, None)], ExitCode.CLUSTER),
        ([(Phase.VERIFY, None)], ExitCode.VERIFICATION),
        ([(Phase.CONNECT, ExitCode.PREFLIGHT)], ExitCode.PREFLIGHT),
        ([(Phase.VERIFY, None), (Phase.JOIN, None), (Phase.DNS, ExitCode.PLAN)], ExitCode.CLUSTER),
    ],
)
def test_the_exit_code_is_that_of_the_failure_in_the_earliest_phase(
    engine: Engine, effects: Effects, failures: list[tuple[Phase, ExitCode | None]], code: ExitCode
) -> None:
    steps = [
        fake_step(effects, f"step-{n}", phase=phase, applying=failing(InstallerError("do it", "no", exit_code=given)))
        for n, (phase, given) in enumerate(failures)
    ]
    assert engine.run(steps) is code
    with Reader(engine.path) as reader:
        assert (reader.runs()[0].outcome, reader.runs()[0].exit_code) == (Outcome.FAILED, code)


@pytest.mark.parametrize("error", [ValueError("odd"), StopIteration(), SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["observing", "applying"])
def test_an_unexpected_exception_fails_the_step_and_not_the_engine(
    engine: Engine, effects: Effects, where: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    bodies: dict[str, Any] = {where: failing(error)}
    assert engine.run([fake_step(effects, "a", **bodies), fake_step(effects, "b")]) is ExitCode.MACHINES
    shown = engine.progress().steps["a"].error
    assert shown is not None
    assert shown["observed"].startswith("internal error: ")
    assert "engine.log" in shown["hint"]
    assert type(error).__name__ in caplog.text
    assert effects.present == {"b"}


@pytest.mark.parametrize(("taken", "told"), [((9.0, 1.0), "dropped"), ((1.0, 9.0), "master-1")])
def test_an_attempt_that_the_deadline_cuts_short_is_not_what_failed(
    engine: Engine, effects: Effects, monkeypatch: pytest.MonkeyPatch, taken: tuple[float, float], told: str
) -> None:
    """It may ask others first: what they did not answer in no time is not what is wrong."""
    now, left = [0.0], [*taken]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr(context, "time", clock)
    monkeypatch.setattr(stepping, "time", clock)

    def body(_ctx: Context) -> None:
        now[0] += left.pop(0)
        if left:
            raise InstallerError("run command", "the connection dropped", machine="master-3", retryable=True)
        raise InstallerError("run command", "did not end within 0 s", machine="master-1")

    engine.run([fake_step(effects, "a", applying=body, deadline=10.0)])
    [failure] = engine.progress().failures
    assert failure.error is not None
    assert told in str(failure.error), failure.error


def test_a_retryable_error_is_retried_from_the_observation_on(engine: Engine, effects: Effects) -> None:
    lost = InstallerError("connect", "connection reset", retryable=True)
    assert engine.run([fake_step(effects, "a", applying=failing_at_first(2, lost))]) is ExitCode.DONE
    assert [function for function, _ in effects.calls] == ["observe", "apply"] * 3
    retries = [event.data for event in engine.events(EventType.RETRY, "a")]
    assert [retry["attempt"] for retry in retries] == [2, 3]
    assert retries[0]["error"]["observed"] == "connection reset"


def test_a_retry_does_not_apply_again_what_took_effect_before_it_failed(engine: Engine, effects: Effects) -> None:
    def take_effect_and_fail(_ctx: Context) -> None:
        effects.present.add("a")
        raise InstallerError("create machine", "the answer was lost", retryable=True)

    assert engine.run([fake_step(effects, "a", applying=take_effect_and_fail)]) is ExitCode.DONE
    assert effects.called("apply") == ["a"]
    assert engine.progress().steps["a"].how == "observed"


def test_permanent_errors_are_not_tried_again(engine: Engine, effects: Effects) -> None:
    error = InstallerError("connect", "refused")
    assert engine.run([fake_step(effects, "a", observing=failing(error))]) is ExitCode.MACHINES
    assert effects.called("observe") == ["a"]
    assert engine.states("a")[-1] == "failed"


def test_what_may_pass_is_tried_until_the_deadline_at_growing_intervals(engine: Engine, effects: Effects) -> None:
    left: list[float] = []

    def refused(ctx: Context) -> None:
        left.append(ctx.remaining())
        raise InstallerError("connect", "refused", retryable=True)

    timing = Timing(min_deadline=0, first_wait=0.05, longest_wait=0.4)
    code = engine.run([fake_step(effects, "a", observing=refused, deadline=3)], timing=timing)
    assert code is ExitCode.MACHINES
    assert left[-1] < 1.0, "it was tried to the end"
    waits = [event.data["in"] for event in engine.events(EventType.RETRY, "a")]
    assert len(waits) == len(left) - 1
    assert waits[0] <= 0.05
    assert all(0.3 <= wait <= 0.4 for wait in waits[3:5])
    assert all(until > 0 for until in (event.data["until"] for event in engine.events(EventType.RETRY)))


def test_there_is_no_retry_after_the_deadline(engine: Engine, effects: Effects) -> None:
    error = InstallerError("connect", "refused", retryable=True)
    timing = Timing(min_deadline=0, first_wait=0.001)
    engine.run([fake_step(effects, "a", observing=failing(error), deadline=0)], timing=timing)
    assert effects.called("observe") == ["a"]


def test_a_wait_that_does_not_end_says_what_was_awaited_how_long_and_what_was_seen(
    engine: Engine, effects: Effects
) -> None:
    def wait(ctx: Context) -> None:
        ctx.wait_until("SSH to answer", lambda: (None, "connection refused"), every=0.01)

    step = fake_step(effects, "a", applying=wait, deadline=0.1, machine="demo-worker-1")
    engine.run([step], timing=Timing(min_deadline=0))
    error = engine.progress().steps["a"].error
    assert error is not None
    assert error["operation"] == "wait for SSH to answer"
    assert error["observed"] == "not within 0 s; last seen: connection refused"
    assert error["machine"] == "demo-worker-1"


def test_a_last_look_that_its_deadline_cuts_short_hides_nothing_of_what_was_seen(
    engine: Engine, effects: Effects
) -> None:
    def wait(ctx: Context) -> None:
        def look() -> tuple[None, str]:
            if ctx.remaining():
                return None, "0 of 2 pods are ready"
            raise InstallerError("run command", "did not end within 0 s")

        ctx.wait_until("the pods", look, every=10)

    engine.run([fake_step(effects, "a", applying=wait, deadline=0.1)], timing=Timing(min_deadline=0))
    error = engine.progress().steps["a"].error
    assert error is not None
    assert error["operation"] == "wait for the pods"
    assert error["observed"] == "not within 0 s; last seen: 0 of 2 pods are ready"


def test_a_wait_is_recorded_when_what_is_seen_changes(engine: Engine, effects: Effects) -> None:
    answers = [(None, "booting"), (None, "booting"), (None, "no route"), (None, "no route"), ("up", "")]
    got: list[str] = []

    def wait(ctx: Context) -> None:
        got.append(ctx.wait_until("the machine", lambda: answers.pop(0), every=0.001))

    engine.run([fake_step(effects, "a", applying=wait)])
    waits = engine.events(EventType.WAIT, "a")
    assert got == ["up"]
    assert [(wait.data["what"], wait.data["seen"]) for wait in waits] == [
        ("the machine", "booting"),
        ("the machine", "no route"),
    ]
    assert all(wait.at < wait.data["until"] <= wait.at + 60 for wait in waits)


@pytest.mark.parametrize(
    ("deadline", "pace", "expected"), [(60.0, 1.0, 60.0), (60.0, 4.0, 15.0), (60.0, 100.0, 10.0), (5.0, 1.0, 10.0)]
)
def test_the_pace_divides_deadlines_down_to_a_minimum(
    engine: Engine, effects: Effects, deadline: float, pace: float, expected: float
) -> None:
    remaining: list[float] = []
    step = fake_step(effects, "a", applying=lambda ctx: remaining.append(ctx.remaining()), deadline=deadline)
    engine.run([step], pace=pace)
    assert expected - 5 < remaining[0] <= expected


def test_an_action_that_ignores_its_deadline_is_abandoned_and_heard_no_more(engine: Engine, effects: Effects) -> None:
    blocked, spoken = threading.Event(), threading.Event()
    stopped: list[bool] = []

    def hang(ctx: Context) -> None:
        blocked.wait(PATIENCE)
        ctx.log("too late")
        ctx.stage(1, 2, "too late")
        with pytest.raises(Stopped):
            ctx.check_stop()
        stopped.append(True)
        spoken.set()

    def release(_ctx: Context) -> None:
        blocked.set()
        spoken.wait(PATIENCE)

    steps = [
        fake_step(effects, "a", applying=hang, deadline=0.05),
        fake_step(effects, "b", "a"),
        fake_step(effects, "c", applying=nothing),
    ]
    timing = Timing(min_deadline=0.05, grace=0.05)
    assert engine.run(steps, timing=timing) is ExitCode.MACHINES
    engine.run([fake_step(effects, "d", applying=release)])
    error = engine.events(EventType.STEP, "a")[-1].data["error"]
    assert "did not come back 0 s after its deadline of 0 s" in error["observed"]
    assert engine.states("b") == ["blocked"]
    assert engine.states("c")[-1] == "done"
    assert stopped == [True]
    assert engine.events(EventType.STAGE) == []
    with Reader(engine.path) as reader:
        assert not [line for line in reader.logs() if "too late" in line.text]


def test_what_a_step_logs_stages_and_publishes_is_in_the_journal(engine: Engine, effects: Effects) -> None:
    def speak(ctx: Context) -> None:
        ctx.log("first\nsecond")
        ctx.stage(2, 5, "Unpack")
        ctx.publish("health", {"report": {"verdict": "pass"}})

    engine.run([fake_step(effects, "a", applying=speak, machine="demo-worker-1")])
    with Reader(engine.path) as reader:
        assert [(line.machine, line.step, line.text) for line in reader.logs()] == [
            ("demo-worker-1", "a", "first"),
            ("demo-worker-1", "a", "second"),
        ]
        assert reader.result("health") == {"topic": "health", "report": {"verdict": "pass"}}
    assert engine.events(EventType.STAGE, "a")[0].data == {"number": 2, "of": 5, "title": "Unpack"}


def test_a_machines_log_has_the_error_that_its_step_failed_with(engine: Engine, effects: Effects) -> None:
    engine.run([fake_step(effects, "a", applying=failing(BROKEN), machine="demo-worker-1")])
    with Reader(engine.path) as reader:
        assert [(line.machine, line.step, line.text) for line in reader.logs()] == [
            ("demo-worker-1", "a", "failed: install packages: no space left on device")
        ]


def test_destroy_undoes_each_step_after_all_that_need_it(engine: Engine, effects: Effects) -> None:
    steps = [fake_step(effects, "a"), fake_step(effects, "b", "a"), fake_step(effects, "c", "b")]
    engine.run(steps)
    assert engine.destroy(steps) is ExitCode.DONE
    assert effects.called("undo") == ["c", "b", "a"]
    assert effects.present == set()
    assert engine.states("a")[-3:] == ["observing", "undoing", "undone"]
    assert (engine.progress().kind, engine.progress().steps["a"].how) == (RunKind.DESTROY, "applied")


def test_destroy_leaves_alone_what_is_gone_already(engine: Engine, effects: Effects) -> None:
    effects.present.add("b")
    engine.destroy([fake_step(effects, "a"), fake_step(effects, "b", "a")])
    assert effects.called("undo") == ["b"]
    assert engine.states("a") == ["observing", "undone"]
    assert engine.progress().steps["a"].how == "observed"


def test_destroy_undoes_what_can_not_be_observed(engine: Engine, effects: Effects) -> None:
    unseen = InstallerError("connect", "refused", retryable=True)
    assert engine.destroy([fake_step(effects, "a", observing=failing(unseen))]) is ExitCode.DONE
    assert effects.calls == [("observe", "a"), ("undo", "a")]


def test_destroy_undoes_what_hangs_when_it_is_looked_at(engine: Engine, effects: Effects) -> None:
    blocked, left = threading.Event(), list[float]()
    steps = [
        fake_step(
            effects, "a", observing=lambda _ctx: blocked.wait(PATIENCE) and None,
            undoing=lambda ctx: left.append(ctx.remaining()), deadline=2,
        ),
        fake_step(effects, "b"),
    ]  # fmt: skip
    effects.present = {"a", "b"}
    try:
        assert engine.destroy(steps, timing=Timing(min_deadline=0, grace=0.05)) is ExitCode.DONE
    finally:
        blocked.set()
    assert effects.present == set()
    assert left[0] > 0.1, "undoing has time of its own"
    undoing = next(event.data for event in engine.events(EventType.STEP, "a") if event.data["state"] == "undoing")
    assert "did not come back" in undoing["seen"]


def test_a_destroy_in_which_undoing_hangs_names_the_step(engine: Engine, effects: Effects) -> None:
    blocked = threading.Event()
    effects.present = {"a"}
    step = fake_step(effects, "a", undoing=lambda _ctx: blocked.wait(PATIENCE) and None, deadline=0.05)
    try:
        assert engine.destroy([step], timing=Timing(min_deadline=0, grace=0.05)) is ExitCode.LEFTOVERS
    finally:
        blocked.set()
    [failed] = engine.progress().failures
    assert failed.error is not None
    assert "did not come back" in failed.error["observed"]


def test_a_step_that_stops_although_nobody_asked_for_it_has_failed(engine: Engine, effects: Effects) -> None:
    assert engine.run([fake_step(effects, "a", applying=failing(Stopped()))]) is ExitCode.MACHINES
    assert engine.states("a")[-1] == "failed"


def test_nothing_is_applied_once_another_engine_may_be_at_work(engine: Engine, effects: Effects) -> None:
    def guard() -> None:
        raise JournalError("go on", "the cluster's directory was replaced")

    with pytest.raises(JournalError, match="replaced"):
        engine.run([fake_step(effects, "a"), fake_step(effects, "b", "a")], guard=guard)
    assert effects.called("apply") == []


def test_destroy_undoes_what_is_half_made(engine: Engine, effects: Effects) -> None:
    seen = Observation(holds=False, seen="half of it", remains=True)
    effects.present = {"a"}
    step = fake_step(effects, "a")
    with patch.object(type(step.action), "observe", lambda *_: seen):
        assert engine.destroy([step]) is ExitCode.DONE
    assert effects.called("undo") == ["a"]
    assert effects.present == set()


def test_a_destroy_that_fails_keeps_what_the_failed_step_needs(engine: Engine, effects: Effects) -> None:
    effects.present |= {"network", "machine", "record"}
    coded = InstallerError("delete machine", "denied", exit_code=ExitCode.PREFLIGHT)
    steps = [
        fake_step(effects, "network"),
        fake_step(effects, "machine", "network", undoing=failing(coded)),
        fake_step(effects, "record"),
    ]
    assert engine.destroy(steps) is ExitCode.LEFTOVERS
    assert effects.present == {"network", "machine"}
    assert engine.states("network") == ["blocked"]


@pytest.mark.parametrize("steps", [[("a", "b"), ("b", "a")], [("a", "missing")], [("a",), ("a",)]])
def test_steps_without_an_order_are_refused_before_the_run_begins(
    engine: Engine, effects: Effects, steps: list[tuple[str, ...]]
) -> None:
    with pytest.raises(InstallerError, match="order steps"):
        engine.run([fake_step(effects, *step) for step in steps])
    with Reader(engine.path) as reader:
        assert reader.runs() == []


def test_an_install_of_nothing_is_done(engine: Engine) -> None:
    assert engine.run([]) is ExitCode.DONE


def test_begun_is_called_once_the_run_is_recorded(engine: Engine, effects: Effects) -> None:
    runs: list[int] = []

    def begun() -> None:
        with Reader(engine.path) as reader:
            runs.append(len(reader.runs()))

    engine.run([fake_step(effects, "a")], begun=begun)
    assert runs == [1]


def breaking(path: Path) -> Body:
    """A body that takes a table away from the journal."""

    def body(_ctx: Context) -> None:
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE steps")
        connection.close()

    return body


def test_nothing_is_applied_once_the_journal_can_not_be_written(engine: Engine, effects: Effects) -> None:
    steps = [fake_step(effects, "a", observing=breaking(engine.path)), fake_step(effects, "b", "a")]
    with pytest.raises(JournalError, match="no such table"):
        engine.run(steps)
    assert effects.called("apply") == []


async def test_the_engine_runs_in_a_loop_that_others_use_too(journal: Journal, effects: Effects) -> None:
    world: Any = object()
    seen: list[object] = []
    step = fake_step(effects, "a", applying=lambda ctx: seen.append(ctx.world))
    assert await run([step], world, journal, timing=QUICK) is ExitCode.DONE
    assert seen == [world]
