"""The critical path that benchmarks print."""

from __future__ import annotations

from installer.engine.events import StepRecord, StepState
from installer.engine.progress import Progress, StepView
from tests.bench.critical_path import critical_path, lines


def step(id: str, started: float | None, ended: float | None, *needs: str) -> StepView:
    record = StepRecord(id, f"make {id}", "prepare", None, needs, 1.0, 60.0)
    return StepView(record, StepState.DONE, started=started, ended=ended)


STEPS = {
    view.record.id: view
    for view in (
        step("image", 100.0, 101.0),
        step("network", 100.0, 104.0),
        step("quick", 104.0, 105.0, "image", "network"),
        step("slow", 106.5, 120.0, "image", "network"),
        step("last", 120.0, 130.0, "quick", "slow"),
        step("beside", 104.0, 129.0, "network"),
        step("never", None, None, "last"),
    )
}


def test_the_critical_path_leads_back_from_what_ended_last_over_what_was_waited_for() -> None:
    assert [view.record.id for view in critical_path(STEPS)] == ["network", "slow", "last"]
    assert critical_path({}) == []


def test_it_is_printed_with_what_each_step_took_and_how_long_it_waited_for_a_place() -> None:
    assert list(lines(Progress(dict(STEPS), started=100.0))) == [
        "  at   0.0 s:   4.0 s make network",
        "  at   6.5 s:  13.5 s make slow, after 2.5 s for a free place",
        "  at  20.0 s:  10.0 s make last",
    ]
