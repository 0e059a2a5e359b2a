"""Checks a cluster's health over SSH and keeps the report; and judges it by the CIS benchmark."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from installer.common.errors import FileError
from installer.operations import clusters
from installer.operations.lookup import existing, load, machine_name
from installer.operations.session import open_world

if TYPE_CHECKING:
    from installer.health.benchmark.report import Benchmark
    from installer.health.report.model import Report


def check(
    cluster: str,
    machines: Collection[str] | None = None,
    checks: Collection[str] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Gather evidence over SSH, judge it, and keep the report: of every machine and check, or of those given.

    `machines` are full or short names, `checks` ids; the rest of the report is then as it was last. Where there is no
    last report on these machines, all is checked. `say` is told if the report can't be kept.
    Raises InstallerError (usage) for a name that is unknown.
    """
    from installer.health.examine import examine
    from installer.health.report.model import last_report, save_report
    from installer.health.report.partial import recheck
    from installer.operations.outside import look

    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        names = [machine_name(world.plan, machine) for machine in machines or ()]
        seen = look(world, directory)
        report = examine(world, recheck(last_report(directory), world.topology, names, checks), seen)
    report = replace(report, unfinished=clusters.unfinished(directory))
    try:
        save_report(directory, report)
    except FileError as error:  # what was found counts all the same
        say(f"note: this report can't be kept: {error.observed}. {error.hint}")
    return report


def benchmark(cluster: str) -> Benchmark:
    """Judge the CIS Kubernetes Benchmark by what the machines say over SSH now. Nothing is kept."""
    from installer.health import examine

    with open_world(load(cluster), existing(cluster)) as world:
        return examine.benchmark(world)
