"""The engine's own process: one assignment, from the lock to the end of its run."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from installer.common import processors
from installer.common.console import notify
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine import process, runner, store
from installer.engine.context import Stop
from installer.engine.events import Outcome, RunKind, RunRecord
from installer.engine.journal import Journal, Reader
from installer.operations import durations, lease, pipeline, plan_row, session
from installer.operations.assignment import Assignment
from installer.plan import planfile
from installer.plan.changes import Risk, changes
from installer.ssh.keys import identities
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.platform import Limit

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.steps.step import Step
    from installer.steps.world import World

_PROCESSORS = max(2, os.cpu_count() or 1)
_LIMITS = {"ssh": Limit(32), "local": Limit(8), "processors": Limit(_PROCESSORS)}
"""By kind of work that every platform has. Steps bound by this computer's processors take turns: better the first
machine, which all others wait for, is ready soon than all of them late.
"""


_COLLECTED = 40_000
"""Objects that are made between two looks for garbage (700 by default)."""
_TURN = 0.02
"""Seconds that a thread runs before others make it wait (0.005 by default): each change costs, and most wait anyway."""


def work(
    assignment: Assignment,
    directory: ClusterDirectory,
    passphrases: Mapping[str, str],
    stop: Stop,
    begun: Callable[[], None],
    guard: Callable[[], None],
) -> ExitCode:
    """Carry out the assignment while the lock is held. Raises InstallerError if its run cannot begin.

    `passphrases` unlock the user's key files, by their paths, for as long as this process lives.
    """
    for path, passphrase in passphrases.items():
        identities.remember(path, passphrase)
    plan_path = Path(assignment.plan_path)
    plan = planfile.load(assignment.source)
    _refuse_changes(assignment.kind, plan_path, plan, directory)
    ensure_key(directory)

    def recorded() -> None:
        """The run is in the journal: from now on its plan is the cluster's. A new upgrade has a step for that."""
        new_upgrade = assignment.kind is RunKind.UPGRADE and plan_path != directory.plan
        if assignment.source != directory.plan and not new_upgrade:
            write_private(directory.plan, assignment.source.read_bytes())
        begun()

    with (
        nullcontext() if plan.traits.here else processors.one(),
        session.open_world(plan, directory, assignment.options, stop) as world,
        _journal(assignment.kind, directory) as journal,
        lease.kept(world, stop, take_over=assignment.options.take_over) as keeper,
    ):
        before, began = _last_run(directory), time.monotonic()
        fresh = assignment.kind is RunKind.INSTALL and before is None
        installed = before is not None and not before.kind.undoes and before.outcome is Outcome.DONE
        world.answers.expected = assignment.kind is RunKind.INSTALL and installed and plan_path == directory.plan
        run = _run(assignment, plan, world, journal, stop=stop, begun=recorded, guard=_alone(guard, keeper, world))
        code = asyncio.run(run)
        if fresh and code is ExitCode.DONE:
            took, speed = time.monotonic() - began, assignment.options.speed
            durations.keep(plan.platform, _steps(assignment, plan), took, speed)
    if assignment.kind is RunKind.DESTROY and code is ExitCode.DONE:
        forget(directory)
    return code


def _run(
    assignment: Assignment,
    plan: InstallPlan,
    world: World,
    journal: Journal,
    *,
    stop: Stop,
    begun: Callable[[], None],
    guard: Callable[[], None],
) -> Coroutine[Any, Any, ExitCode]:
    steps = _steps(assignment, plan)
    _settle_memory()
    sys.setswitchinterval(_TURN)
    return runner.run(
        steps,
        world,
        journal,
        kind=assignment.kind,
        options={
            **asdict(assignment.options),
            "plan": assignment.plan_path,
            plan_row.FIELD: plan_row.to_record(plan, assignment.source.read_bytes()),
        },
        pace=assignment.options.speed,
        limits={**_LIMITS, **world.platform.limits()},
        stop=stop,
        begun=begun,
        guard=guard,
    )


def _settle_memory() -> None:
    """Have garbage collected less often, and never looked for in what lives as long as the run: plan, steps, modules.

    With a thousand machines a tenth of the processor's time went there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED)


def _last_run(directory: ClusterDirectory) -> RunRecord | None:
    with Reader(directory.journal) as reader:
        runs = reader.runs()
    return runs[-1] if runs else None


def _alone(guard: Callable[[], None], keeper: lease.Keeper | None, world: World) -> Callable[[], None]:
    """What is called before each side effect: raises JournalError once another engine may be at work anywhere.

    From then on, nothing counts any more that was seen before a change.
    """

    def check() -> None:
        guard()
        if keeper:
            keeper.check()
        world.answers.touched = True

    return check


def _journal(kind: RunKind, directory: ClusterDirectory) -> Journal:
    """The cluster's journal. A destroy needs none: one that can't be used is moved aside."""
    try:
        return Journal(directory.journal)
    except InstallerError as error:
        if kind is not RunKind.DESTROY:
            raise
        aside = store.set_aside(directory.journal)
        if aside is None:
            raise
        notify(f"{error}; it is {aside.name} now")
        return Journal(directory.journal)


def _steps(assignment: Assignment, plan: InstallPlan) -> tuple[Step, ...]:
    options = assignment.options
    if assignment.kind is RunKind.DESTROY:
        return pipeline.destroy_steps(plan)
    if assignment.kind is RunKind.REMOVE:
        return pipeline.removal_steps(plan, options.machines, force=options.force, before=options.upgrade_from)
    if assignment.kind is RunKind.UPGRADE:
        return pipeline.upgrade_steps(plan, options.upgrade_from)
    if assignment.kind is RunKind.RENEW:
        return pipeline.renewal_steps(plan)
    return pipeline.install_steps(plan)


def _refuse_changes(kind: RunKind, path: Path, plan: InstallPlan, directory: ClusterDirectory) -> None:
    """Raises InstallerError if the plan at `path` changes what a run of this kind cannot change."""
    if path == directory.plan or not directory.plan.exists():
        return
    refused = [
        change
        for change in changes(planfile.load(directory.plan), plan)
        if change.risk is Risk.REFUSED and not (kind is RunKind.UPGRADE and change.field == "kubernetes")
    ]
    if refused:
        raise InstallerError(
            "change the cluster",
            "; ".join(f"{change.field}: {change.old} -> {change.new}: {change.why}" for change in refused),
            hint=f"`craton review {path}` shows every change. If it names no command for one, "
            f"destroy {plan.name} first, or choose another name.",
            exit_code=ExitCode.PLAN,
        )


def forget(directory: ClusterDirectory) -> None:
    """Remove the cluster's directory: renamed first, so that it is whole or gone for whoever looks."""
    from installer.operations.sign_in import tokens

    with suppress(InstallerError):  # tokens of a cluster that is gone open nothing
        tokens.forget(directory)
    aside = directory.path.with_name(f".{directory.cluster}.destroyed")
    shutil.rmtree(aside, ignore_errors=True)
    directory.path.rename(aside)
    shutil.rmtree(aside)


def main(argv: list[str]) -> ExitCode:
    """`python -m installer.operations.worker ASSIGNMENT`; started by the commands, never by hand."""
    assignment = Assignment.from_json(argv[0])
    directory = ClusterDirectory.of(assignment.cluster)
    passphrases = process.handed_secrets()
    try:
        return process.serve(directory, partial(work, assignment, directory, passphrases))
    except InstallerError as error:
        notify(str(error))
        return error.exit_code or ExitCode.USAGE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
