"""A cluster's life, from plan to receipt: what the commands and the screens call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from installer import changing, state
from installer.engine import process, requests
from installer.engine.events import RunKind
from installer.engine.journal import Reader
from installer.errors import ExitCode, InstallerError
from installer.platforms.base import Resource, RunOptions
from installer.state import ClusterDirectory, write_private

if TYPE_CHECKING:
    from installer.health.report import Report
    from installer.plan import InstallPlan
    from installer.support import Agree
    from installer.world import World


Tell = Callable[[str], None]
"""Takes a sentence about what goes on before a run begins."""


def _tell_nobody(_sentence: str) -> None: ...


def start_install(plan_path: Path, options: RunOptions, tell: Tell = _tell_nobody) -> ClusterDirectory:
    """Start the engine on a plan file and return once its run has begun; sums that the plan lacks are recorded in it.

    Raises InstallerError: the plan is invalid, sums cannot be read, artifacts are missing, another engine runs, the
    plan changes what cannot be changed.
    """
    from installer import planfile

    directory = ClusterDirectory.of(planfile.load(plan_path).name)
    _launch(RunKind.INSTALL, plan_path.absolute(), directory, options, tell)
    return directory


def start_resume(cluster: str, options: RunOptions, tell: Tell = _tell_nobody) -> ClusterDirectory:
    """Start the engine again on the saved plan of `cluster`; it observes what is done and does the rest.

    An upgrade or a removal that has not come to its end goes on.
    """
    directory = existing(cluster)
    found = changing.pending(directory)
    if found is None:
        _launch(RunKind.INSTALL, directory.plan, directory, options, tell)
        return directory
    return _go_on(directory, found, options, tell)


def start_changed(plan: InstallPlan, options: RunOptions, tell: Tell = _tell_nobody) -> ClusterDirectory:
    """Install `plan`, which a command made of the saved plan of its cluster; comments of the saved one stay.

    Raises InstallerError as `start_install` does.
    """
    directory = existing(plan.name)
    _launch_changed(RunKind.INSTALL, plan, directory, options, tell)
    return directory


def start_upgrade(cluster: str, release: str, options: RunOptions, tell: Tell = _tell_nobody) -> ClusterDirectory:
    """Start the engine that brings a Kubernetes release to every machine, or goes on with that.

    Raises InstallerError: the cluster cannot go to `release` from what it runs, or another change has not come to its
    end; the sums of the release cannot be read, artifacts are missing, another engine runs.
    """
    directory = existing(cluster)
    found = changing.pending(directory)
    if found and found.kind is RunKind.UPGRADE and found.touched and found.options.upgrade_to == release:
        return _go_on(directory, found, options, tell)
    changing.refuse_pending(directory, found)
    plan = load(cluster)
    upgraded = changing.upgraded(plan, release)
    options = replace(options, upgrade_from=plan.kubernetes, upgrade_to=release)
    _launch_changed(RunKind.UPGRADE, upgraded, directory, options, tell)
    return directory


def start_removal(cluster: str, machines: Collection[str], options: RunOptions) -> ClusterDirectory:
    """Start the engine that takes `machines` (full names) out of `cluster`, and installs it without them.

    An upgrade that has not come to its end goes on without them. Raises InstallerError if they cannot go.
    """
    from installer.resize import shrunk

    directory = existing(cluster)
    found = changing.pending(directory)
    if found and found.touched:
        told = found.options
        machines = dict.fromkeys((*told.machines, *machines))
        options = replace(options, upgrade_from=told.upgrade_from, upgrade_to=told.upgrade_to)
    shrunk(load(cluster), machines)
    _launch(RunKind.REMOVE, directory.plan, directory, replace(options, machines=tuple(machines)))
    return directory


def _launch_changed(
    kind: RunKind, plan: InstallPlan, directory: ClusterDirectory, options: RunOptions, tell: Tell
) -> None:
    """Launch with a file of its own for `plan`: the saved one is replaced once the run has begun."""
    import tempfile

    from installer import planfile

    with tempfile.TemporaryDirectory(prefix="craton-") as scratch:
        path = Path(scratch) / f"{plan.name}.yaml"
        write_private(path, directory.plan.read_bytes())
        planfile.save(path, plan)
        _launch(kind, path, directory, options, tell)


def _go_on(
    directory: ClusterDirectory, found: changing.Pending, options: RunOptions, tell: Tell = _tell_nobody
) -> ClusterDirectory:
    """Launch what was begun once more, with what it was told; `options` say how."""
    told = replace(
        found.options,
        speed=options.speed,
        seed=options.seed,
        faults=options.faults,
        artifacts=options.artifacts or found.options.artifacts,
    )
    if not found.touched and told.upgrade_to:  # the saved plan is that of the old release yet
        return start_upgrade(directory.cluster, told.upgrade_to, told, tell)
    _launch(found.kind, directory.plan, directory, told, tell)
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
        found = changing.pending(directory)
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
    return runs[-1].kind, changing.recorded(runs[-1].options)


def _launch(
    kind: RunKind, plan_path: Path, directory: ClusterDirectory, options: RunOptions, tell: Tell = _tell_nobody
) -> None:
    from installer import planfile, sums
    from installer.background import Assignment
    from installer.node import identity
    from installer.platforms import open_platform

    open_platform(planfile.load(plan_path), options)  # refuses options that make no sense, before a process starts
    if kind is RunKind.INSTALL:
        changing.refuse_upgrading(directory)
    if kind in (RunKind.INSTALL, RunKind.UPGRADE):
        sums.settle(plan_path, _artifacts(options), tell)
    assignment = Assignment(kind, directory.cluster, str(plan_path), options)
    argv = [sys.executable, "-m", "installer.background", assignment.to_json()]
    process.launch(argv, directory, secrets=identity.passphrases)


def _artifacts(options: RunOptions | None) -> Path | None:
    return Path(options.artifacts) if options and options.artifacts else None


def stop(cluster: str) -> None:
    """Ask the running engine to stop at the next safe point; no error if none runs."""
    process.request_stop(existing(cluster))


def existing(cluster: str) -> ClusterDirectory:
    """The directory of a cluster that Craton knows. Raises InstallerError naming those it does know."""
    directory = ClusterDirectory.of(cluster)
    if not directory.plan.exists():
        known = ", ".join(found.cluster for found in state.clusters()) or "none"
        raise InstallerError(
            "find the cluster",
            f"there is no cluster {cluster!r} under {state.home()}",
            hint=f"known clusters: {known}; CRATON_HOME says where to look",
            exit_code=ExitCode.USAGE,
        )
    return directory


def adopt(plan_path: Path) -> str:
    """The name of the cluster that a plan file describes, made known here if its directory was lost.

    A destroy needs no more than that: what exists is found by name.
    """
    from installer import planfile

    directory = ClusterDirectory.of(planfile.load(plan_path).name)
    if not directory.plan.exists():
        write_private(directory.plan, plan_path.read_bytes())
    return directory.cluster


def load(cluster: str) -> InstallPlan:
    """The saved plan of a cluster."""
    from installer import planfile

    return planfile.load(existing(cluster).plan)


@contextmanager
def open_world(plan: InstallPlan, directory: ClusterDirectory, options: RunOptions | None = None) -> Iterator[World]:
    """The cluster's outside for one piece of work; without `options` nothing about the platform is changed."""
    from installer.node.ssh import SSHConnections
    from installer.platforms import open_platform
    from installer.topology import topology
    from installer.world import World

    platform = open_platform(plan, options)
    connections = SSHConnections(platform.endpoint, directory)
    world = World(plan, topology(plan), directory, platform, connections, artifacts=_artifacts(options))
    try:
        yield world
    finally:
        world.close()


def resources(cluster: str) -> list[Resource]:
    """Everything that exists for a cluster, as its platform says."""
    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        return world.platform.find(world.connections)


def ssh_command(cluster: str, machine: str) -> list[str]:
    """The command line of OpenSSH's `ssh` for one machine, given by its full or short name (worker-1).

    The user's own machines are reached by the user's own keys and jump hosts, all others by the cluster's key.
    """
    from installer.node import sshconfig
    from installer.topology import hosts

    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        name = machine_name(world.plan, machine)
        if host := hosts(world.plan).get(name):
            return sshconfig.command(host, world.plan.ssh, name, directory)
        endpoint = world.platform.endpoint(name)
    options = {
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(directory.known_hosts),
        "HostKeyAlias": name,
        "StrictHostKeyChecking": "yes",
    }
    flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
    return ["ssh", "-i", str(directory.key), *flags, "-p", str(endpoint.port), f"{endpoint.user}@{endpoint.address}"]


def machine_name(plan: InstallPlan, given: str) -> str:
    """The full name of a machine given by its full or short name. Raises InstallerError naming those that there are."""
    from installer.topology import topology

    names, cluster = [machine.name for machine in topology(plan).machines], plan.name
    for name in (given, f"{cluster}-{given}"):
        if name in names:
            return name
    raise InstallerError(
        "find the machine",
        f"{cluster} has no machine {given!r}",
        hint=f"its machines: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}",
        exit_code=ExitCode.USAGE,
    )


def check(cluster: str, machines: Collection[str] | None = None, checks: Collection[str] | None = None) -> Report:
    """Gather evidence over SSH, judge it, and keep the report: of every machine and check, or of those given.

    `machines` are full or short names, `checks` ids; the rest of the report is then as it was last. Where there is no
    last report on these machines, all is checked. Raises InstallerError (usage) for a name that is unknown.
    """
    from installer.health.examine import examine
    from installer.health.recheck import recheck
    from installer.health.report import last_report, save_report

    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        names = [machine_name(world.plan, machine) for machine in machines or ()]
        report = examine(world, recheck(last_report(directory), world.topology, names, checks))
    save_report(directory, report)
    return report


def gather(cluster: str, output: Path, *, machines: bool = True, agree: Agree | None = None) -> Path:
    """Write a support bundle (.tar.gz) to `output`: plan, journal, logs, report, and what the machines tell.

    No secret is in it. `agree` is told what it holds before it is saved, and may raise. Returns its path.
    """
    from installer import support

    directory = existing(cluster)
    more = _machine_logs(directory) if machines else ()
    return support.bundle(directory, output, more, agree or support.agreed)


def _machine_logs(directory: ClusterDirectory) -> Iterator[tuple[str, str]]:
    """(file name, text); of machines that cannot even be looked for, a file saying so."""
    from installer import machine_logs

    try:
        with open_world(load(directory.cluster), directory) as world:
            yield from machine_logs.gathered(world)
    except InstallerError as error:
        yield "machines/none.txt", f"{error}\n{error.hint}\n"
