"""A cluster's life, from plan to receipt: what the commands and the screens call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine import process, requests
from installer.engine.events import RunKind
from installer.engine.journal import Reader
from installer.operations import pending
from installer.operations.lookup import existing, load, refuse_other_name, refuse_renamed
from installer.operations.session import _artifacts
from installer.steps.platform import RunOptions

if TYPE_CHECKING:
    from installer.artifacts.checksums import Recorded
    from installer.operations.assignment import Assignment
    from installer.plan.model import InstallPlan


Notify = Callable[[str], None]
"""Takes a sentence about what goes on before a run begins."""


def _notify_nobody(_sentence: str) -> None: ...


def start_install(plan_path: Path, options: RunOptions, notify: Notify = _notify_nobody) -> ClusterDirectory:
    """Start the engine on a plan file and return once its run has begun; sums that the plan lacks are recorded in it
    then, and only then.

    Raises InstallerError: the plan is invalid, sums cannot be read, artifacts are missing, another engine runs, the
    plan changes what cannot be changed.
    """
    from installer.plan import planfile

    plan = planfile.load(plan_path)
    refuse_other_name(plan_path.absolute(), plan)
    directory = ClusterDirectory.of(plan.name)
    _launch(RunKind.INSTALL, plan_path.absolute(), directory, options, notify)
    return directory


def start_resume(cluster: str, options: RunOptions, notify: Notify = _notify_nobody) -> ClusterDirectory:
    """Start the engine again on the saved plan of `cluster`; it observes what is done and does the rest.

    An upgrade or a removal that hasn't finished goes on.
    """
    directory = existing(cluster)
    found = pending.pending(directory)
    if found is None:
        _launch(RunKind.INSTALL, directory.plan, directory, options, notify)
        return directory
    return _go_on(directory, found, options, notify)


def start_rehearsal(plan: InstallPlan, options: RunOptions, notify: Notify = _notify_nobody) -> ClusterDirectory:
    """Install the rehearsal of `plan` (`installer.plan.rehearse`) as a cluster of its own; `plan` needs no file.

    Raises InstallerError as `start_install` does, and if `plan` is a rehearsal already.
    """
    from installer.plan import planfile
    from installer.plan.rehearse import rehearsal_of

    rehearsal = rehearsal_of(plan)
    with _file_for(rehearsal) as path:
        planfile.save(path, rehearsal)
        return start_install(path, options, notify)


def start_changed(plan: InstallPlan, options: RunOptions, notify: Notify = _notify_nobody) -> ClusterDirectory:
    """Install `plan`, which a command made of the saved plan of its cluster; comments of the saved one stay.

    Raises InstallerError as `start_install` does.
    """
    directory = existing(plan.name)
    _launch_changed(RunKind.INSTALL, plan, directory, options, notify)
    return directory


def start_upgrade(cluster: str, release: str, options: RunOptions, notify: Notify = _notify_nobody) -> ClusterDirectory:
    """Start the engine that brings a Kubernetes release to every machine, or goes on with that.

    Raises InstallerError: the cluster cannot go to `release` from what it runs, or another change has not come to its
    end; the sums of the release cannot be read, artifacts are missing, another engine runs.
    """
    directory = existing(cluster)
    found = pending.pending(directory)
    if found and found.kind is RunKind.UPGRADE and found.touched and found.options.upgrade_to == release:
        return _go_on(directory, found, options, notify)
    pending.refuse_pending(directory, found)
    plan = load(cluster)
    if pending.upgrade_is_lost(directory, plan, release):  # every machine is asked where it is
        told = replace(options, upgrade_from="", upgrade_to=release)
        _launch(RunKind.UPGRADE, directory.plan, directory, told, notify)
        return directory
    upgraded = pending.upgraded(plan, release)
    options = replace(options, upgrade_from=plan.kubernetes, upgrade_to=release)
    _launch_changed(RunKind.UPGRADE, upgraded, directory, options, notify)
    return directory


def start_removal(cluster: str, machines: Collection[str], options: RunOptions) -> ClusterDirectory:
    """Start the engine that takes `machines` (full names) out of `cluster`, and installs it without them.

    An upgrade that hasn't finished goes on without them. Raises InstallerError if they cannot go.
    """
    from installer.plan.resize import shrunk

    directory = existing(cluster)
    found = pending.pending(directory)
    if found and found.touched:
        told = found.options
        machines = dict.fromkeys((*told.machines, *machines))
        options = replace(options, upgrade_from=told.upgrade_from, upgrade_to=told.upgrade_to)
    shrunk(load(cluster), machines)
    _launch(RunKind.REMOVE, directory.plan, directory, replace(options, machines=tuple(machines)))
    return directory


def start_renewal(cluster: str, options: RunOptions) -> ClusterDirectory:
    """Start the engine that renews the certificates of `cluster`, or goes on with that.

    Raises InstallerError if another change hasn't finished.
    """
    directory = existing(cluster)
    pending.refuse_pending(directory, pending.pending(directory))
    _launch(RunKind.RENEW, directory.plan, directory, options)
    return directory


def _launch_changed(
    kind: RunKind, plan: InstallPlan, directory: ClusterDirectory, options: RunOptions, notify: Notify
) -> None:
    """Launch with a file of its own for `plan`: the saved one is replaced once the run has begun."""
    from installer.plan import planfile

    with _file_for(plan) as path:
        write_private(path, directory.plan.read_bytes())
        planfile.save(path, plan)
        _launch(kind, path, directory, options, notify, plan.name)


@contextmanager
def _file_for(plan: InstallPlan) -> Iterator[Path]:
    """A place for the file of a plan that needs none once its run has begun."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="craton-") as scratch:
        yield Path(scratch) / f"{plan.name}.yaml"


def _go_on(
    directory: ClusterDirectory, found: pending.Pending, options: RunOptions, notify: Notify = _notify_nobody
) -> ClusterDirectory:
    """Launch what was begun once more, with what it was told; `options` say how."""
    told = replace(
        found.options,
        speed=options.speed,
        seed=options.seed,
        faults=options.faults,
        artifacts=options.artifacts or found.options.artifacts,
        take_over=options.take_over,
    )
    if not found.touched and told.upgrade_to:  # the saved plan is that of the old release yet
        return start_upgrade(directory.cluster, told.upgrade_to, told, notify)
    _launch(found.kind, directory.plan, directory, told, notify)
    return directory


def start_destroy(cluster: str, options: RunOptions) -> ClusterDirectory:
    """Start an engine that undoes everything; at the very end it removes the cluster's directory."""
    directory = existing(cluster)
    _launch(RunKind.DESTROY, directory.plan, directory, options)
    return directory


def retry(cluster: str, steps: Collection[str] | None = None) -> ClusterDirectory:
    """Run failed steps (by id; None for all) once more: in the run that goes on, else in a new one of the same kind.

    A new run does all that is left, at the last one's speed and seed and without its faults. Returns once the run has
    taken the steps up, or the new one has begun. Raises InstallerError if neither came to be.
    """
    directory = existing(cluster)
    if not requests.retry_live(directory, steps):
        found = pending.pending(directory)
        if found:
            return _go_on(directory, found, found.options)
        kind, options = last_run(directory)
        _launch(kind, directory.plan, directory, options)
    return directory


def last_run(directory: ClusterDirectory) -> tuple[RunKind, RunOptions]:
    """What the last run was, and its options without its faults: what was rehearsed once has been rehearsed."""
    with Reader(directory.journal) as reader:
        runs = reader.runs()
    if not runs:
        return RunKind.INSTALL, RunOptions()
    return runs[-1].kind, pending.recorded(runs[-1].options)


def _launch(
    kind: RunKind,
    plan_path: Path,
    directory: ClusterDirectory,
    options: RunOptions,
    notify: Notify = _notify_nobody,
    target: str = "",
) -> None:
    """`target` is the cluster where the plan is made from its saved one, in a file that goes away."""
    from installer.artifacts import checksums
    from installer.operations.assignment import Assignment
    from installer.plan import planfile
    from installer.platforms import open_platform

    plan = planfile.load(plan_path)
    refuse_renamed(plan, directory)
    open_platform(plan, options)  # refuses options that make no sense, before a process starts
    if kind is RunKind.INSTALL:
        pending.refuse_upgrading(directory)
    if kind in (RunKind.INSTALL, RunKind.UPGRADE):
        target = directory.cluster if plan_path == directory.plan else target
        settled = checksums.settle(plan_path, _artifacts(options), notify, target)
        if settled.plan != plan:
            _launch_settled(Assignment(kind, directory.cluster, str(plan_path), options), directory, settled, notify)
            return
    _hand_over(Assignment(kind, directory.cluster, str(plan_path), options), directory)


def _launch_settled(assignment: Assignment, directory: ClusterDirectory, settled: Recorded, notify: Notify) -> None:
    """Launch with the plan as it is with its sums; its own file gets them once the run has begun.

    An engine that refuses to begin has changed no plan.
    """
    from installer.plan import planfile

    plan_path = Path(assignment.plan_path)
    with _file_for(settled.plan) as path:
        write_private(path, plan_path.read_bytes())
        planfile.save(path, settled.plan)
        _hand_over(replace(assignment, settled=str(path)), directory)
    if plan_path != directory.plan:  # which the engine has written
        try:
            planfile.save(plan_path, settled.plan)
        except InstallerError as error:
            notify(f"warning: the install runs, but its sums are not in your plan: {error.observed}")
            return
    for sentence in settled.sentences:
        notify(sentence)


def _hand_over(assignment: Assignment, directory: ClusterDirectory) -> None:
    from installer.ssh.keys import identities

    argv = [sys.executable, "-P", "-m", "installer.operations.worker", assignment.to_json()]
    process.launch(argv, directory, secrets=identities.passphrases)


def stop(cluster: str) -> None:
    """Ask the running engine to stop at the next safe point; no error if none runs."""
    process.request_stop(existing(cluster))
