"""The clusters that Craton knows, and where each of them stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from installer.common import paths as state
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine import process
from installer.engine.events import Outcome
from installer.engine.journal import Reader
from installer.engine.progress import Progress


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """One line of the list of clusters. Times are Unix seconds; `fraction` is of the last run, 0 to 1."""

    name: str
    platform: str
    state: str
    """installing, upgrading, removing, installed, failed, interrupted, destroying, partly destroyed, or unreadable"""
    phase: str
    fraction: float
    pid: int | None
    created: float
    updated: float
    kubernetes: str
    machines: int
    last_check: str
    """pass, warn, fail, or empty if there was none"""
    last_check_at: float | None
    notice: str


def summaries() -> list[ClusterSummary]:
    """Every cluster that Craton knows, by name; one whose files are damaged hides no other."""
    return [_summary_or_damage(directory) for directory in state.clusters() if directory.plan.exists()]


def _summary_or_damage(directory: ClusterDirectory) -> ClusterSummary:
    try:
        return _summary(directory)
    except InstallerError:
        modified = directory.plan.stat().st_mtime
        pid = process.running_pid(directory)
        return ClusterSummary(
            directory.cluster, "?", "unreadable", "", 0.0, pid, modified, modified, "", 0, "", None, ""
        )


def progress(directory: ClusterDirectory) -> Progress:
    """Where the cluster's last run stands. Raises InstallerError if the journal cannot be read."""
    reader = Reader(directory.journal)
    try:
        folded = Progress.of(reader.steps())
        folded.extend(reader.events())
        return folded
    finally:
        reader.close()


def _summary(directory: ClusterDirectory) -> ClusterSummary:
    from installer.health.report.model import last_report
    from installer.plan import planfile

    plan = planfile.load(directory.plan)
    folded, pid, report = progress(directory), process.running_pid(directory), last_report(directory)
    states = dict(folded.phases())
    unfinished = [phase for phase, phase_state in states.items() if phase_state != "done"]
    return ClusterSummary(
        name=plan.name,
        platform=plan.platform,
        state=cluster_state(folded, running=pid is not None),
        phase=str(unfinished[0]) if unfinished else "",
        fraction=folded.fraction,
        pid=pid,
        created=directory.plan.stat().st_mtime,
        updated=folded.ended or folded.started or 0.0,
        kubernetes=plan.kubernetes,
        machines=plan.machine_count,
        last_check=str(report.verdict) if report else "",
        last_check_at=report.checked_at if report else None,
        notice=plan.traits.notice,
    )


def cluster_state(last_run: Progress, *, running: bool) -> str:
    """One word for a cluster, from its last run and whether an engine runs now."""
    if running:
        return last_run.kind.at_work
    if last_run.kind.undoes:
        return "partly destroyed"
    if last_run.outcome is Outcome.DONE:
        return "installed"
    return "failed" if last_run.outcome is Outcome.FAILED else "interrupted"


def summary_document(summary: ClusterSummary) -> dict[str, Any]:
    """The JSON shape of one cluster in `craton list --json`."""
    document = asdict(summary)
    document["progress"] = document.pop("fraction")
    return document
