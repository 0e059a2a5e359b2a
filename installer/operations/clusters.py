"""The clusters that Craton knows, and where each of them stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from installer.common import paths as state
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine import process
from installer.engine.events import Outcome
from installer.engine.journal import Reader
from installer.engine.progress import FINISHED, Progress
from installer.steps.step import Phase

if TYPE_CHECKING:
    from installer.health.report.model import Report


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """One line of the list of clusters. Times are Unix seconds; `fraction` is of the last run, 0 to 1."""

    name: str
    platform: str
    state: str
    """installing, upgrading, removing, installed, failed, interrupted, destroying, partly destroyed, unknown (its
    journal is lost), or unreadable"""
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
    trouble: str = ""
    """What is wrong with its files, and what to do about it; empty if nothing is."""


def summaries() -> list[ClusterSummary]:
    """Every cluster that Craton knows, by name; one whose files are damaged hides no other."""
    return [_summary(directory) for directory in state.clusters()]


def progress(directory: ClusterDirectory) -> Progress:
    """Where the cluster's last run stands. Raises InstallerError if the journal cannot be read."""
    reader = Reader(directory.journal)
    try:
        folded = Progress.of(reader.steps())
        folded.extend(reader.events())
        return folded
    finally:
        reader.close()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a list shows of a run: how much of its steps is done, by weight, and the first phase that is not done."""

    last_run: Progress
    """Without its steps."""
    fraction: float = 0.0
    unfinished: Phase | None = None


def _standing(directory: ClusterDirectory) -> Standing:
    """Where the last run stands, from the newest states of its steps. Its events, of which there may be thousands, are
    not read. Raises InstallerError if the journal can't be read.
    """
    with Reader(directory.journal) as reader:
        runs, tally = reader.runs(), reader.tally()
    if not runs:
        return Standing(Progress({}))
    last = runs[-1]
    run = Progress({}, last.id, last.kind, last.pid, last.started, last.ended, last.outcome, last.exit_code)
    done = sum(weight for _, state, weight in tally if state in FINISHED)
    open_phases = {phase for phase, state, _ in tally if state not in FINISHED}
    unfinished = next((phase for phase in Phase if phase in open_phases), None)
    return Standing(run, done / (sum(weight for *_, weight in tally) or 1.0), unfinished)


def _summary(directory: ClusterDirectory) -> ClusterSummary:
    """What is known of a cluster. What can't be read leaves its own fields empty and is named."""
    from installer.plan import planfile

    troubles: list[InstallerError] = []
    standing, plan = Standing(Progress({})), None
    try:
        plan = planfile.load(directory.plan)
    except InstallerError as error:
        troubles.append(error)
    try:
        standing = _standing(directory)
    except InstallerError as error:
        troubles.append(error)
    pid, report = process.running_pid(directory), _last_report(directory, troubles)
    last_run = standing.last_run
    created = next((path.stat().st_mtime for path in (directory.plan, directory.path) if path.exists()), 0.0)
    return ClusterSummary(
        name=directory.cluster,
        platform=plan.platform if plan else "?",
        state="unreadable" if troubles else cluster_state(last_run, running=pid is not None),
        phase=str(standing.unfinished or ""),
        fraction=standing.fraction,
        pid=pid,
        created=created,
        updated=last_run.ended or last_run.started or created,
        kubernetes=plan.kubernetes if plan else "",
        machines=plan.machine_count if plan else 0,
        last_check=str(report.verdict) if report else "",
        last_check_at=report.checked_at if report else None,
        notice=plan.traits.notice if plan else "",
        trouble=" ".join(f"{error}. {error.hint}".strip() for error in troubles) or _lost(directory, last_run, pid),
    )


def _last_report(directory: ClusterDirectory, troubles: list[InstallerError]) -> Report | None:
    from installer.health.report.model import last_report

    try:
        return last_report(directory)
    except InstallerError as error:
        troubles.append(error)
        return None


def _lost(directory: ClusterDirectory, last_run: Progress, pid: int | None) -> str:
    if last_run.started is not None or pid is not None:
        return ""
    return f"Its journal is lost: `craton resume {directory.cluster}` looks at what is there and goes on."


def cluster_state(last_run: Progress, *, running: bool) -> str:
    """One word for a cluster, from its last run and whether an engine runs now."""
    if running:
        return last_run.kind.at_work
    if last_run.started is None:
        return "unknown"
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
