"""Changes of a cluster that take a run of their own, such as an upgrade: which of them hasn't finished."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome, RunKind
from installer.engine.journal import Reader
from installer.steps.platform import RunOptions

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

_KEPT = ("speed", "seed", "artifacts", "force", "upgrade_from", "upgrade_to")


@dataclass(frozen=True, slots=True)
class Pending:
    """A change that a run began and has not ended."""

    kind: RunKind
    options: RunOptions
    touched: bool = True
    """Whether it has to come to its end before anything else: machines were changed, and the saved plan with them."""

    @property
    def words(self) -> str:
        """What it does, in the words of a sentence."""
        if self.kind is RunKind.RENEW:
            return "the renewal of its certificates"
        if self.kind is RunKind.REMOVE:
            return f"the removal of {', '.join(self.options.machines)}"
        before = f" from {self.options.upgrade_from}" if self.options.upgrade_from else ""
        return f"the upgrade{before} to {self.options.upgrade_to}"


def recorded(options: Mapping[str, Any]) -> RunOptions:
    """A run's options as the journal has them, without its faults: what was rehearsed once has been rehearsed."""
    kept = {name: options[name] for name in _KEPT if name in options}
    return RunOptions(**kept, machines=tuple(options.get("machines", ())))


def pending(directory: ClusterDirectory) -> Pending | None:
    """The change that the last run of a cluster began and has not ended; None if there is nothing left of it to do.

    Machines that the saved plan does not name any more have left.
    """
    from installer.plan import planfile
    from installer.plan.topology import topology

    if not (directory.journal.exists() and directory.plan.exists()):
        return None
    with Reader(directory.journal) as reader:
        runs = reader.runs()
    kinds = (RunKind.REMOVE, RunKind.UPGRADE, RunKind.RENEW)
    if not runs or runs[-1].outcome is Outcome.DONE or runs[-1].kind not in kinds:
        return None
    if runs[-1].kind is RunKind.RENEW:
        return Pending(RunKind.RENEW, recorded(runs[-1].options), touched=False)
    plan, options = planfile.load(directory.plan), recorded(runs[-1].options)
    names = {machine.name for machine in topology(plan).machines}
    leaving = tuple(name for name in options.machines if name in names)
    if not leaving and options.upgrade_from is None:
        return None
    kind = RunKind.REMOVE if leaving else RunKind.UPGRADE
    touched = bool(leaving) or plan.kubernetes == options.upgrade_to
    return Pending(kind, replace(options, machines=leaving), touched)


def upgrade_is_lost(directory: ClusterDirectory, plan: InstallPlan, release: str) -> bool:
    """Whether an upgrade to the release of the saved plan may have been begun of which the journal knows no more."""
    if plan.kubernetes != release:
        return False
    with Reader(directory.journal) as reader:
        runs = reader.runs()
    return not any(run.outcome is Outcome.DONE for run in runs)


def refuse_pending(directory: ClusterDirectory, found: Pending | None) -> None:
    """Raises InstallerError if a change is `found` that hasn't finished: it goes first."""
    if found is not None and found.touched:
        name = directory.cluster
        raise InstallerError(
            "change the cluster",
            f"{found.words} hasn't finished",
            hint=f"`craton resume {name}` goes on with it; then run this again",
            exit_code=ExitCode.USAGE,
        )


def refuse_upgrading(directory: ClusterDirectory) -> None:
    """Raises InstallerError if an upgrade hasn't finished: an install would bring half of the release.

    A removal is no obstacle: an install brings back what has left already.
    """
    found = pending(directory)
    if found is not None and found.options.upgrade_from is not None:
        refuse_pending(directory, found)


def upgraded(plan: InstallPlan, release: str) -> InstallPlan:
    """`plan` with another release of Kubernetes. Raises InstallerError (plan) if its cluster cannot go there.

    Archives of images go by names that say no release: their sums are those of the old one.
    """
    from installer.artifacts.catalogue import image_archives
    from installer.plan import releases, validation

    mistake = validation.field_mistake("kubernetes", release)
    reason = mistake.text if mistake else releases.refusal(plan.kubernetes, release)
    if reason:
        near = " or ".join(releases.reachable(plan.kubernetes))
        raise InstallerError(
            "upgrade the cluster",
            f"from {plan.kubernetes} to {release}: {reason}",
            hint=f"{plan.name} can go to a newer release of {near}" if near else "",
            exit_code=ExitCode.PLAN,
        )
    archives = image_archives(plan)
    sums = {path: found for path, found in plan.artifacts.sums.items() if path not in archives}
    artifacts = plan.artifacts.model_copy(update={"sums": sums, "versions": {}})
    return plan.model_copy(update={"kubernetes": release, "artifacts": artifacts})
