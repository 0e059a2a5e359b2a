"""The clusters that Craton knows, and the state of each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from installer.common import paths as state
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.text import columns
from installer.engine.events import Outcome
from installer.engine.lock import running_pid
from installer.engine.progress import FINISHED, Progress
from installer.engine.reader import Reader
from installer.health.report.glance import last_glance
from installer.operations.plan_row import PlanRow, recorded
from installer.steps.step import Phase


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """One line of the list of clusters. Times are Unix seconds; `fraction` is of the last run, 0 to 1."""

    name: str
    platform: str
    state: str
    """installing, upgrading, removing, renewing, installed, failed, interrupted, destroying, partly destroyed, unknown
    (its journal is lost), or unreadable"""
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
    expiry: str = ""
    """That a certificate ends soon, by the last report, and what renews it; empty while there is time."""
    trouble: str = ""
    """What is wrong with its files, and what to do about it; empty if nothing is."""


def summaries() -> list[ClusterSummary]:
    """Every cluster that Craton knows, by name; one whose files are damaged hides no other."""
    return [_summary(directory) for directory in state.clusters()]


def progress(directory: ClusterDirectory) -> Progress:
    """The state of the cluster's last run. Raises InstallerError if the journal cannot be read."""
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
    options: Mapping[str, Any] = field(default_factory=dict)
    """Those of the newest run."""


def _standing(directory: ClusterDirectory) -> Standing:
    """The state of the last run, from the newest states of its steps. Its events, of which there may be thousands, are
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
    return Standing(run, done / (sum(weight for *_, weight in tally) or 1.0), unfinished, last.options)


def installed(directory: ClusterDirectory) -> bool:
    """Whether an install of the cluster was ever done; also if nobody knows because its journal can't be read."""
    try:
        with Reader(directory.journal) as reader:
            runs = reader.runs()
    except InstallerError:
        return True
    return not runs or any(run.outcome is Outcome.DONE and not run.kind.undoes for run in runs)


def unfinished(directory: ClusterDirectory) -> str:
    """That a cluster isn't installed yet, or that its last change isn't finished, and how to go on.

    Empty if there is nothing to go on with, or nobody knows because the journal can't be read.
    """
    name, running = directory.cluster, running_pid(directory) is not None
    try:
        standing = _standing(directory)
    except InstallerError:
        return ""
    last = standing.last_run
    if last.started is None or last.outcome is Outcome.DONE:
        return ""
    if last.kind.undoes:
        return f"{name} is partly destroyed. `craton destroy {name}` goes on."
    where = f" in the phase {standing.unfinished}" if standing.unfinished else ""
    what = f"The {last.kind.noun} of {name} isn't finished" if installed(directory) else f"{name} isn't installed yet"
    if running:
        return f"{what}: it is{where or ' at work'} now. `craton watch {name}` shows it."
    return f"{what}: it stopped{where}. `craton resume {name}` goes on."


def _summary(directory: ClusterDirectory) -> ClusterSummary:
    """What is known of a cluster. What can't be read leaves its own fields empty and is named."""
    troubles: list[InstallerError] = []
    standing, plan = Standing(Progress({})), PlanRow()
    try:
        standing = _standing(directory)
    except InstallerError as error:
        troubles.append(error)
    try:
        plan = _plan_row(directory, standing.options)
    except InstallerError as error:
        troubles.insert(0, error)
    pid, seen = running_pid(directory), last_glance(directory)
    last_run = standing.last_run
    created = next((path.stat().st_mtime for path in (directory.plan, directory.path) if path.exists()), 0.0)
    return ClusterSummary(
        name=directory.cluster,
        platform=plan.platform,
        state="unreadable" if troubles else cluster_state(last_run, running=pid is not None),
        phase=str(standing.unfinished or ""),
        fraction=standing.fraction,
        pid=pid,
        created=created,
        updated=last_run.ended or last_run.started or created,
        kubernetes=plan.kubernetes,
        machines=plan.machines,
        last_check=seen.verdict if seen else "",
        last_check_at=seen.checked_at if seen else None,
        notice=plan.notice,
        expiry=seen.ending.warning(directory.cluster, time.time()) if seen and seen.ending else "",
        trouble=" ".join(f"{error}. {error.hint}".strip() for error in troubles) or _lost(directory, last_run, pid),
    )


def _plan_row(directory: ClusterDirectory, options: Mapping[str, Any]) -> PlanRow:
    """What the newest run recorded of the plan, if that is still the same file, else what the file says. Raises
    InstallerError if that can't be read.
    """
    try:
        file = directory.plan.read_bytes()
    except OSError:
        file = b""
    if found := recorded(options, file):
        return found
    from installer.plan import planfile

    return PlanRow.of(planfile.load(directory.plan))


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


def clusters_table(found: Sequence[ClusterSummary]) -> str:
    """One line a cluster, or what to do if there is none."""
    if not found:
        return "no clusters yet; `craton new` makes a plan, `craton apply` installs it"
    rows = [("name", "platform", "state", "done", "phase", "machines", "version", "last check", "engine")]
    for one in found:
        checked = time.strftime("%H:%M:%S", time.localtime(one.last_check_at)) if one.last_check_at else "never"
        rows.append(
            (
                one.name,
                one.platform,
                one.state,
                f"{one.fraction:.0%}",
                one.phase or "-",
                str(one.machines),
                one.kubernetes,
                f"{one.last_check} {checked}".strip(),
                f"pid {one.pid}" if one.pid else "-",
            )
        )
    notes = [f"  {one.name}: {words}" for one in found for words in (one.expiry, one.trouble) if words]
    return "\n".join((*columns(rows), *notes))
