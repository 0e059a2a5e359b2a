"""What is under review: a plan, where it came from, and what an install of it has left to be seen. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome
from installer.operations import clusters, lookup, pipeline
from installer.operations.outlook import Outlook, outlook
from installer.plan.changes import Change, Risk, changes
from installer.plan.model import InstallPlan

if TYPE_CHECKING:
    from installer.engine.progress import StepView
    from installer.health.report.model import Report
    from installer.steps.step import Step


@dataclass(frozen=True)
class Subject:
    """A plan; `path` is its file, `cluster` names the cluster if it was opened from one.

    Where it is `offline`, sums that the plan lacks are not read.
    """

    plan: InstallPlan
    path: Path | None = None
    cluster: str | None = None
    offline: bool = False


@dataclass(frozen=True)
class Gathered:
    """What had to be computed or read. `ran` is by step id; `report` the last health report or None."""

    steps: tuple[Step, ...]
    outlook: Outlook
    installed: InstallPlan | None = None
    """The plan of the cluster that has the same name, if there is one."""
    differences: tuple[Change, ...] = ()
    finished: bool = False
    """Whether the last run of the cluster was an install, and ended well."""
    ran: dict[str, StepView] = field(default_factory=dict)
    report: Report | None = None

    @property
    def refused(self) -> bool:
        """Whether the installed cluster cannot follow the plan."""
        return any(change.risk is Risk.REFUSED for change in self.differences)


def gather(subject: Subject) -> Gathered:
    """Compute the steps, and read what there is of an installed cluster. Blocks. Raises InstallerError."""
    from installer.health.report.model import last_report

    steps = pipeline.install_steps(subject.plan)
    directory = ClusterDirectory.of(subject.plan.name)
    ahead = outlook(subject.plan, steps)
    if not (directory.plan.exists() and directory.journal.exists()):
        return Gathered(steps, ahead)
    installed, progress = lookup.load(subject.plan.name), clusters.progress(directory)
    return Gathered(
        steps,
        ahead,
        installed,
        changes(installed, subject.plan),
        progress.outcome is Outcome.DONE and not progress.kind.undoes,
        dict(progress.steps),
        last_report(directory),
    )
