"""A run that goes on while somebody asks for its failed steps once more."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.engine import runner
from installer.engine.context import Stop, Timing
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.engine.requests import request_retry
from installer.steps.step import Context, Phase
from tests.doubles.actions import Body, Effects, failing, fake_step
from tests.installer.engine.conftest import Engine
from tests.patience import PATIENCE

BROKEN = InstallerError("install packages", "no space left on device", hint="Make space.")


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "REQUEST_SECONDS", 0.01)


def once() -> Body:
    """A body that fails the first time and no other."""
    left = [BROKEN]

    def body(_ctx: Context) -> None:
        if left:
            raise left.pop()

    return body


def person(engine: Engine, *doings: Callable[[Engine], bool]) -> Body:
    """The body of a step that lasts as long as somebody watches: each doing is tried until it says that it is done."""

    def attempt(doing: Callable[[Engine], bool]) -> tuple[bool | None, str]:
        return doing(engine) or None, "not yet"

    def body(ctx: Context) -> None:
        for number, doing in enumerate(doings):
            ctx.wait_until(f"doing {number}", partial(attempt, doing), every=0.005)

    return body


def sees(step: str, *states: str) -> Callable[[Engine], bool]:
    """Wait until `step` has been through exactly these states."""
    return lambda engine: engine.states(step) == list(states)


def asks(*steps: str) -> Callable[[Engine], bool]:
    """Ask for steps once more."""

    def doing(engine: Engine) -> bool:
        request_retry(engine.path, steps)
        return True

    return doing


FAILED_ONCE = ("observing", "applying", "failed")
DONE_THEN = ("waiting", "observing", "applying", "done")


def test_a_failed_step_that_is_asked_for_runs_again_and_so_does_what_it_blocked(
    engine: Engine, effects: Effects
) -> None:
    watching = person(
        engine, sees("a", *FAILED_ONCE), sees("c", "blocked"), asks("a"), sees("c", "blocked", *DONE_THEN)
    )
    steps = [
        fake_step(effects, "a", applying=once()),
        fake_step(effects, "b", "a"),
        fake_step(effects, "c", "b"),
        fake_step(effects, "person", applying=watching),
    ]
    assert engine.run(steps) is ExitCode.DONE
    assert engine.states("a") == [*FAILED_ONCE, *DONE_THEN]
    assert engine.states("b") == ["blocked", *DONE_THEN]
    progress = engine.progress()
    assert (progress.outcome, progress.fraction, progress.failures) == (Outcome.DONE, 1.0, [])
    assert progress.run == 1, "it is the same run"


def test_a_step_whose_effect_holds_by_then_is_observed_and_not_applied_again(engine: Engine, effects: Effects) -> None:
    def mend(_engine: Engine) -> bool:
        effects.present.add("a")
        return True

    watching = person(engine, sees("a", *FAILED_ONCE), mend, asks("a"), lambda engine: "done" in engine.states("a"))
    steps = [fake_step(effects, "a", applying=failing(BROKEN)), fake_step(effects, "person", applying=watching)]
    assert engine.run(steps) is ExitCode.DONE
    assert engine.states("a") == [*FAILED_ONCE, "waiting", "observing", "done"]


def test_of_two_failures_the_one_not_asked_for_blocks_still_and_decides_the_exit_code(
    engine: Engine, effects: Effects
) -> None:
    watching = person(
        engine, sees("a", *FAILED_ONCE), sees("b", *FAILED_ONCE), asks("a"), sees("of-a", "blocked", *DONE_THEN)
    )
    steps = [
        fake_step(effects, "a", title="Make a", applying=once(), phase=Phase.CHECK),
        fake_step(effects, "b", title="Make b", applying=failing(BROKEN), phase=Phase.JOIN),
        fake_step(effects, "of-a", "a"),
        fake_step(effects, "of-both", "a", "b"),
        fake_step(effects, "of-of-both", "of-both"),
        fake_step(effects, "person", applying=watching),
    ]
    assert engine.run(steps) is ExitCode.CLUSTER
    progress = engine.progress()
    assert [view.record.id for view in progress.failures] == ["b"]
    for blocked in ("of-both", "of-of-both"):
        assert set(engine.states(blocked)) == {"blocked"}
        assert progress.steps[blocked].because == "Make b failed"


def test_what_two_failures_block_by_ways_that_meet_stays_blocked_until_both_are_mended(
    engine: Engine, effects: Effects
) -> None:
    """`last` needs `b`, and through `middle` also `a`; `middle` stays blocked while `b` alone is tried again."""
    watching = person(
        engine,
        sees("a", *FAILED_ONCE),
        sees("middle", "blocked"),  # the engine has taken in that `a` failed
        sees("b", *FAILED_ONCE),
        asks("b"),
        sees("b", *FAILED_ONCE, *DONE_THEN),
        asks("a"),
        sees("a", *FAILED_ONCE, *DONE_THEN),
    )
    steps = [
        fake_step(effects, "a", applying=once()),
        fake_step(effects, "middle", "a"),
        fake_step(effects, "b", applying=once()),
        fake_step(effects, "last", "middle", "b"),
        fake_step(effects, "person", applying=watching),
    ]
    assert engine.run(steps) is ExitCode.DONE
    assert set(engine.states("last")[:-4]) == {"blocked"}
    assert engine.states("last")[-1] == "done"


def test_a_step_that_fails_again_may_be_asked_for_again(engine: Engine, effects: Effects) -> None:
    left = [BROKEN, BROKEN]

    def twice(_ctx: Context) -> None:
        if left:
            raise left.pop()

    again = (*FAILED_ONCE, "waiting", *FAILED_ONCE)
    watching = person(
        engine, sees("a", *FAILED_ONCE), asks("a"), sees("a", *again), asks("a"), sees("a", *again, *DONE_THEN)
    )
    steps = [fake_step(effects, "a", applying=twice), fake_step(effects, "person", applying=watching)]
    assert engine.run(steps) is ExitCode.DONE


def test_a_step_that_fails_again_fails_the_run(engine: Engine, effects: Effects) -> None:
    watching = person(engine, sees("a", *FAILED_ONCE), asks("a"), sees("a", *FAILED_ONCE, "waiting", *FAILED_ONCE))
    steps = [fake_step(effects, "a", applying=failing(BROKEN)), fake_step(effects, "person", applying=watching)]
    assert engine.run(steps) is ExitCode.MACHINES
    assert engine.progress().steps["a"].error == BROKEN.as_dict()


def test_a_request_for_a_step_that_has_not_failed_is_ignored_also_when_it_fails_later(
    engine: Engine, effects: Effects
) -> None:
    watching = person(
        engine, sees("broken", *FAILED_ONCE), asks("person", "later", "nobody"), lambda e: requests(e.path) == []
    )
    steps = [
        fake_step(effects, "broken", applying=failing(BROKEN)),
        fake_step(effects, "person", applying=watching),
        fake_step(effects, "later", "person", applying=failing(BROKEN)),
        fake_step(effects, "last", "person", applying=person(engine, sees("later", *FAILED_ONCE))),
    ]
    assert engine.run(steps) is ExitCode.MACHINES
    assert engine.states("later") == [*FAILED_ONCE]


def test_a_destroy_takes_requests_likewise(engine: Engine, effects: Effects) -> None:
    failed = ("observing", "undoing", "failed")
    effects.present |= {"a", "b", "person"}
    watching = person(engine, sees("b", *failed), asks("b"), lambda engine: engine.states("a")[-1:] == ["undone"])
    steps = [
        fake_step(effects, "a"),
        fake_step(effects, "b", "a", undoing=once()),
        fake_step(effects, "person", undoing=watching),
    ]
    assert engine.destroy(steps) is ExitCode.DONE
    assert engine.states("b") == [*failed, "waiting", "observing", "undoing", "undone"]
    assert effects.present == set()


def test_a_run_that_is_to_stop_begins_nothing_more_on_request(engine: Engine, effects: Effects) -> None:
    stop = Stop()

    def stops_and_asks(engine: Engine) -> bool:
        stop.request()
        return asks("a")(engine)

    steps = [
        fake_step(effects, "a", applying=failing(BROKEN)),
        fake_step(effects, "person", applying=person(engine, sees("a", *FAILED_ONCE), stops_and_asks)),
        fake_step(effects, "later", "person"),
    ]
    assert engine.run(steps, stop=stop) is ExitCode.INTERRUPTED
    assert engine.states("a") == [*FAILED_ONCE]


def hangs_once(release: threading.Event, at_once: list[int]) -> Body:
    """A body that hangs the first time, and counts how many are in it whenever one comes in."""
    inside: list[int] = []

    def body(_ctx: Context) -> None:
        inside.append(1)
        at_once.append(len(inside))
        if len(at_once) == 1:
            release.wait(PATIENCE)
        inside.pop()

    return body


def test_a_step_that_outlived_its_deadline_is_not_run_beside_what_is_left_of_it(
    engine: Engine, effects: Effects
) -> None:
    release, at_once = threading.Event(), list[int]()

    def waits(engine: Engine) -> bool:
        return bool(engine.events(EventType.WAIT, "a"))

    def releases(_engine: Engine) -> bool:
        release.set()
        return True

    watching = person(engine, sees("a", *FAILED_ONCE), asks("a"), waits, releases, lambda e: "done" in e.states("a"))
    steps = [
        fake_step(effects, "a", applying=hangs_once(release, at_once), deadline=1.0),
        fake_step(effects, "person", applying=watching, deadline=1000),
    ]
    assert engine.run(steps, timing=Timing(min_deadline=0.0, grace=0.05)) is ExitCode.DONE
    assert set(at_once) == {1}


def test_a_retry_beside_what_does_not_end_fails_and_says_why(engine: Engine, effects: Effects) -> None:
    release, at_once = threading.Event(), list[int]()
    again = (*FAILED_ONCE, "waiting", "failed")
    watching = person(engine, sees("a", *FAILED_ONCE), asks("a"), sees("a", *again))
    steps = [
        fake_step(effects, "a", applying=hangs_once(release, at_once), deadline=0.2),
        fake_step(effects, "person", applying=watching, deadline=1000),
    ]
    try:
        assert engine.run(steps, timing=Timing(min_deadline=0.0, grace=0.05)) is ExitCode.MACHINES
    finally:
        release.set()
    assert at_once == [1]
    error = engine.progress().steps["a"].error
    assert error is not None
    assert "still running" in error["observed"]


def requests(path: Path) -> list[str]:
    with Reader(path) as reader:
        return reader.requests()


@pytest.fixture
def failed(journal: Journal, effects: Effects) -> Journal:
    """The journal of a run of `a`, which failed, and `b`, which has not begun."""
    a, b = fake_step(effects, "a"), fake_step(effects, "b", "a")
    journal.begin(RunKind.INSTALL, [a, b], {})
    journal.transition(a, StepState.FAILED, error=BROKEN.as_dict()).result()
    return journal


def test_a_request_stands_until_the_next_transition_of_its_step(
    failed: Journal, journal_path: Path, effects: Effects
) -> None:
    for _ in range(2):
        request_retry(journal_path, ["a", "b", "nobody"])
        assert failed.requested() == ["a"]
    failed.transition(fake_step(effects, "a"), StepState.WAITING).result()
    assert failed.requested() == []
    request_retry(journal_path, ["a"])
    assert failed.requested() == [], "it waits already"


def test_a_request_after_the_end_of_the_run_is_passed_over(failed: Journal, journal_path: Path) -> None:
    failed.end(Outcome.FAILED, ExitCode.MACHINES)
    request_retry(journal_path, ["a"])
    assert failed.requested() == []


def test_a_request_made_before_a_crash_is_not_taken_up_by_the_next_run(
    failed: Journal, journal_path: Path, engine: Engine, effects: Effects
) -> None:
    request_retry(journal_path, ["a"])
    failed.close()
    assert requests(journal_path) == ["a"], "it is durable"
    steps = [
        fake_step(effects, "a", applying=failing(BROKEN)),
        fake_step(effects, "person", applying=person(engine, lambda engine: engine.states("a")[-1:] == ["failed"])),
    ]
    assert engine.run(steps) is ExitCode.MACHINES
    assert effects.called("apply").count("a") == 1
    assert requests(journal_path) == []


def test_a_journal_older_than_requests_takes_them_once_an_engine_opened_it(
    journal_path: Path, engine: Engine, effects: Effects
) -> None:
    Journal(journal_path).close()
    with closing(sqlite3.connect(journal_path)) as connection:
        connection.execute("DROP TABLE requests")
    assert engine.run([fake_step(effects, "a")]) is ExitCode.DONE
    assert requests(journal_path) == []


def test_a_request_that_cannot_be_recorded_says_so(failed: Journal, journal_path: Path) -> None:
    with closing(sqlite3.connect(journal_path)) as connection:
        connection.execute("DROP TABLE requests")
    with pytest.raises(InstallerError, match="ask for another try"):
        request_retry(journal_path, ["a"])
    with pytest.raises(InstallerError, match="open the journal"):
        request_retry(journal_path.with_name("none.db"), ["a"])


def test_the_engine_goes_on_where_requests_cannot_be_read(
    engine: Engine, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_journal: Journal) -> list[str]:
        raise InstallerError("read the journal", "disk I/O error", retryable=True)

    monkeypatch.setattr(Journal, "requested", unreadable)
    steps = [fake_step(effects, "a", applying=failing(BROKEN)), fake_step(effects, "b"), fake_step(effects, "c", "b")]
    assert engine.run(steps) is ExitCode.MACHINES
    assert effects.present == {"b", "c"}
