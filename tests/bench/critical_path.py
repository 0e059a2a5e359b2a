"""Which steps a run waited for: from the step that ended last, each time the one that it needed and that ended last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from installer.common.paths import ClusterDirectory
from installer.engine.journal import Reader
from installer.engine.progress import Progress, StepView


def critical_path(steps: Mapping[str, StepView]) -> list[StepView]:
    """The steps that decided when the run ended, in the order in which they ran. What never ran is left out."""
    ran = {id: view for id, view in steps.items() if view.started is not None and view.ended is not None}
    path: list[StepView] = []
    latest = list(ran)
    while latest:
        path.append(max((ran[id] for id in latest), key=lambda view: view.ended or 0.0))
        latest = [need for need in path[-1].record.needs if need in ran]
    return path[::-1]


def lines(progress: Progress) -> Iterator[str]:
    """For each step of the path when it began in the run, how long it took, and how long it waited for a place."""
    before = began = progress.started or 0.0
    for view in critical_path(progress.steps):
        assert view.started is not None
        waited = view.started - before
        place = f", after {waited:.1f} s for a free place" if waited >= 0.1 else ""
        yield f"  at {view.started - began:5.1f} s: {view.duration(0.0):5.1f} s {view.record.title}{place}"
        before = view.ended or view.started


def of_cluster(directory: ClusterDirectory) -> list[str]:
    """The lines for the newest run of a cluster."""
    with Reader(directory.journal) as reader:
        progress = Progress.of(reader.steps())
        progress.extend(reader.events())
    return list(lines(progress))
