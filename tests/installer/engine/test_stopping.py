"""A run that is asked to stop: what runs comes to a safe point, the rest waits, and a resume does just that rest."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.engine.context import Stop, Timing
from installer.engine.events import EventType, Outcome
from installer.engine.journal import Journal, Reader
from installer.engine.runner import run
from installer.steps.platform import Limit
from installer.steps.step import Context
from tests.doubles.actions import Effects, failing, fake_step
from tests.installer.engine.conftest import Engine
from tests.patience import PATIENCE, eventually


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def stop() -> Stop:
    return Stop()


def stop_when_recorded(engine: Engine, stop: Stop, type: EventType) -> Callable[[Context], None]:
    """A body that waits until an event of `type` is in the journal, and asks the run to stop."""

    def body(ctx: Context) -> None:
        with Reader(engine.path) as reader:
            ctx.wait_until("event", lambda: (any(e.type is type for e in reader.events()) or None, "no event"), 0.01)
        stop.request()

    return body


def test_a_step_that_runs_is_finished_and_no_other_begins(engine: Engine, effects: Effects, stop: Stop) -> None:
    steps = [fake_step(effects, "a", applying=lambda ctx: stop.request()), fake_step(effects, "b", "a")]
    assert engine.run(steps, stop=stop) is ExitCode.INTERRUPTED
    assert effects.present == {"a"}
    assert engine.states("a")[-1] == "done"
    assert engine.states("b") == []
    assert engine.progress().outcome is Outcome.STOPPED
    assert len(engine.events(EventType.STOPPING)) == 1


def test_a_stopped_run_is_resumed_where_it_stopped(engine: Engine, effects: Effects, stop: Stop) -> None:
    steps = [fake_step(effects, "a", applying=lambda ctx: stop.request()), fake_step(effects, "b", "a")]
    engine.run(steps, stop=stop)
    assert engine.run(steps) is ExitCode.DONE
    assert effects.called("apply") == ["a", "b"]


def test_a_step_observed_but_not_begun_is_not_applied(engine: Engine, effects: Effects, stop: Stop) -> None:
    steps = [fake_step(effects, "a", observing=lambda ctx: stop.request())]
    assert engine.run(steps, stop=stop) is ExitCode.INTERRUPTED
    assert effects.called("apply") == []
    assert engine.states("a") == ["observing", "waiting"]


@pytest.mark.parametrize("abandons", ["wait_until", "check_stop"])
def test_a_step_at_a_safe_point_is_abandoned(engine: Engine, effects: Effects, stop: Stop, abandons: str) -> None:
    def wait(ctx: Context) -> None:
        if abandons == "check_stop":
            stop.wait(PATIENCE)
            ctx.check_stop()
        else:
            ctx.wait_until("the end of time", lambda: (None, "not yet"), every=60)

    steps = [
        fake_step(effects, "a", applying=wait),
        fake_step(effects, "b", applying=stop_when_recorded(engine, stop, EventType.STEP)),
    ]
    assert engine.run(steps, stop=stop) is ExitCode.INTERRUPTED
    assert engine.states("a")[-1] == "waiting"
    assert effects.present == {"b"}


def test_a_step_that_waits_to_be_retried_is_abandoned_at_once(engine: Engine, effects: Effects, stop: Stop) -> None:
    lost = InstallerError("connect", "refused", retryable=True)
    steps = [
        fake_step(effects, "a", observing=failing(lost), deadline=1000),
        fake_step(effects, "b", applying=stop_when_recorded(engine, stop, EventType.RETRY)),
    ]
    patient = Timing(first_wait=500, longest_wait=500)
    assert engine.run(steps, stop=stop, timing=patient) is ExitCode.INTERRUPTED
    assert engine.states("a")[-1] == "waiting"
    assert effects.called("observe").count("a") == 1


def test_what_does_not_come_to_a_safe_point_is_left_behind_and_the_next_run_finds_it(
    engine: Engine, effects: Effects, stop: Stop
) -> None:
    blocked = threading.Event()

    def work_on(_ctx: Context) -> None:
        stop.request()
        blocked.wait(PATIENCE)

    steps = [fake_step(effects, "a", applying=work_on, deadline=1000), fake_step(effects, "b", "a")]
    assert engine.run(steps, stop=stop, timing=Timing(stopping=0.05)) is ExitCode.INTERRUPTED
    assert engine.states("a") == ["observing", "applying", "waiting"]
    blocked.set()
    eventually(lambda: "a" in effects.present, "the end of what was left behind")
    assert engine.run(steps) is ExitCode.DONE
    assert effects.called("apply") == ["a", "b"]


def test_a_retryable_failure_while_stopping_is_not_retried(engine: Engine, effects: Effects, stop: Stop) -> None:
    def stop_and_fail(_ctx: Context) -> None:
        stop.request()
        raise InstallerError("connect", "refused", retryable=True)

    assert engine.run([fake_step(effects, "a", observing=stop_and_fail)], stop=stop) is ExitCode.INTERRUPTED
    assert engine.states("a")[-1] == "waiting"
    assert engine.events(EventType.RETRY) == []


def test_steps_that_wait_for_a_free_slot_do_not_begin(engine: Engine, effects: Effects, stop: Stop) -> None:
    steps = [fake_step(effects, id, applying=lambda ctx: stop.request()) for id in "abcdef"]
    assert engine.run(steps, stop=stop, limits={"local": Limit(1)}) is ExitCode.INTERRUPTED
    assert effects.called("observe") == ["a"]
    assert len(effects.present) == 1


def test_a_stop_asked_for_before_the_run_begins_lets_nothing_begin(
    engine: Engine, effects: Effects, stop: Stop
) -> None:
    stop.request()
    assert engine.run([fake_step(effects, "a")], stop=stop) is ExitCode.INTERRUPTED
    assert effects.calls == []


def test_a_stop_that_comes_when_all_is_done_changes_nothing(engine: Engine, effects: Effects, stop: Stop) -> None:
    assert engine.run([fake_step(effects, "a", applying=lambda ctx: stop.request())], stop=stop) is ExitCode.DONE
    stop.request()


def test_a_destroy_stops_and_resumes_likewise(engine: Engine, effects: Effects, stop: Stop) -> None:
    effects.present |= {"a", "b"}
    steps = [fake_step(effects, "a"), fake_step(effects, "b", "a", undoing=lambda ctx: stop.request())]
    assert engine.destroy(steps, stop=stop) is ExitCode.INTERRUPTED
    assert effects.present == {"a"}
    assert engine.destroy(steps) is ExitCode.DONE
    assert effects.called("undo") == ["b", "a"]


def test_whoever_listens_hears_of_a_stop_once_and_also_afterwards() -> None:
    stop, heard = Stop(), list[str]()
    stop.listen(lambda: heard.append("early"))
    stop.request()
    stop.request()
    stop.listen(lambda: heard.append("late"))
    assert heard == ["early", "late"]


async def test_a_run_that_is_cancelled_from_outside_ends(engine: Engine, effects: Effects) -> None:
    world: Any = None
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(ctx: Context) -> None:
        loop.call_soon_threadsafe(began.set)
        ctx.wait_until("nothing", lambda: (None, "nothing"), every=0.01)

    with Journal(engine.path) as journal:
        stop = Stop()
        task = asyncio.create_task(run([fake_step(effects, "a", applying=wait)], world, journal, stop=stop))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        stop.request()
