"""A cluster's life, from plan to receipt: what the commands and the screens call."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from installer import state
from installer.engine import process, requests
from installer.engine.events import Outcome, RunKind
from installer.engine.journal import Reader
from installer.engine.progress import Progress
from installer.errors import ExitCode, InstallerError
from installer.platforms.base import Resource, RunOptions
from installer.state import ClusterDirectory, write_private
from installer.step import Context, Observation, Permanent, Phase, Step, ordered

if TYPE_CHECKING:
    from installer.health.report import Report
    from installer.plan import InstallPlan
    from installer.world import World


@dataclass(frozen=True, slots=True)
class ClusterSummary:
    """One line of the list of clusters. Times are Unix seconds; `fraction` is of the last run, 0 to 1."""

    name: str
    platform: str
    state: str
    """installing, installed, failed, interrupted, destroying, partly destroyed, or unreadable"""
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


def install_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """Exactly the steps that installing `plan` runs, each after all that it needs. Pure."""
    from installer.cluster import steps as cluster
    from installer.health import steps as health
    from installer.node import steps as node
    from installer.platforms import open_platform
    from installer.topology import topology

    derived = topology(plan)
    platform = open_platform(plan)
    steps = ordered(
        (
            *(_after_ingress(step) for step in platform.steps(plan, derived)),
            *node.steps(plan, derived),
            *cluster.steps(plan, derived),
            *health.steps(plan, derived),
        )
    )
    phases = list(Phase)
    return tuple(sorted(steps, key=lambda step: phases.index(step.phase)))  # no step needs one of a later phase


def _after_ingress(step: Step) -> Step:
    """Names come last: what they lead to should answer by then."""
    return replace(step, needs=(*step.needs, "ingress/controller")) if step.phase is Phase.DNS else step


def destroy_steps(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps of an install that leave something of their own to undo; needs lead past those that do not."""
    kept: list[Step] = []
    needs: dict[str, tuple[str, ...]] = {}
    for step in install_steps(plan):
        own = tuple(dict.fromkeys(base for need in step.needs for base in needs[need]))
        if isinstance(step.action, Permanent):
            needs[step.id] = own
        else:
            needs[step.id] = (step.id,)
            kept.append(replace(step, needs=own, title=f"undo: {step.title}"))
    scan = Step("destroy/nothing-left", "look again: nothing is left", Phase.CHECK, NothingLeft())
    return (scan, *(replace(step, needs=step.needs or (scan.id,)) for step in kept))


@dataclass(frozen=True)
class NothingLeft:
    """The end of a destroy: look again, and fail if anything still exists."""

    def observe(self, ctx: Context) -> Observation:
        return Observation(True, f"{len(ctx.world.platform.find())} things exist")

    def apply(self, ctx: Context) -> None:
        """Nothing to make: this step is part of destroys alone."""

    def undo(self, ctx: Context) -> None:
        left = ctx.world.platform.find()
        ctx.publish("receipt", {"left": [asdict(resource) for resource in left]})
        if left:
            raise InstallerError(
                "look for what is left",
                ", ".join(f"{resource.kind} {resource.name}" for resource in left),
                hint="remove what is named here, then destroy again",
                exit_code=ExitCode.LEFTOVERS,
            )


def start_install(plan_path: Path, options: RunOptions) -> ClusterDirectory:
    """Start the engine on a plan file and return once its run has begun.

    Raises InstallerError: the plan is invalid, another engine runs, the plan changes what cannot be changed.
    """
    from installer import planfile

    directory = ClusterDirectory.of(planfile.load(plan_path).name)
    _launch(RunKind.INSTALL, plan_path.absolute(), directory, options)
    return directory


def start_resume(cluster: str, options: RunOptions) -> ClusterDirectory:
    """Start the engine again on the saved plan of `cluster`; it observes what is done and does the rest."""
    directory = existing(cluster)
    _launch(RunKind.INSTALL, directory.plan, directory, options)
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
        kind, options = last_run(directory)
        _launch(kind, directory.plan, directory, options)
    return directory


def last_run(directory: ClusterDirectory) -> tuple[RunKind, RunOptions]:
    """What the last run was, and its options without its faults: what was rehearsed once has been rehearsed."""
    with Reader(directory.journal) as reader:
        runs = reader.runs()
    if not runs:
        return RunKind.INSTALL, RunOptions()
    options = runs[-1].options
    return runs[-1].kind, RunOptions(speed=options.get("speed", 1.0), seed=options.get("seed", 0))


def _launch(kind: RunKind, plan_path: Path, directory: ClusterDirectory, options: RunOptions) -> None:
    from installer import planfile
    from installer.background import Assignment
    from installer.platforms import open_platform

    open_platform(planfile.load(plan_path), options)  # refuses options that make no sense, before a process starts
    assignment = Assignment(kind, directory.cluster, str(plan_path), options)
    argv = [sys.executable, "-m", "installer.background", assignment.to_json()]
    process.launch(argv, directory)


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
    world = World(plan, topology(plan), directory, platform, SSHConnections(platform.endpoint, directory))
    try:
        yield world
    finally:
        world.close()


def resources(cluster: str) -> list[Resource]:
    """Everything that exists for a cluster, as its platform says."""
    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        return world.platform.find()


def ssh_command(cluster: str, machine: str) -> list[str]:
    """The command line of OpenSSH's `ssh` for one machine, given by its full or short name (worker-1)."""
    directory = existing(cluster)
    with open_world(load(cluster), directory) as world:
        name = _machine_name(world, machine)
        endpoint = world.platform.endpoint(name)
    options = {
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(directory.known_hosts),
        "HostKeyAlias": name,
        "StrictHostKeyChecking": "yes",
    }
    flags = [flag for key, value in options.items() for flag in ("-o", f"{key}={value}")]
    return ["ssh", "-i", str(directory.key), *flags, "-p", str(endpoint.port), f"{endpoint.user}@{endpoint.address}"]


def _machine_name(world: World, given: str) -> str:
    """The full name of a machine given by its full or short name. Raises InstallerError naming those that there are."""
    names, cluster = [machine.name for machine in world.topology.machines], world.plan.name
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
        names = [_machine_name(world, machine) for machine in machines or ()]
        report = examine(world, recheck(last_report(directory), world.topology, names, checks))
    save_report(directory, report)
    return report


def gather(cluster: str, output: Path) -> Path:
    """Write a support bundle (.tar.gz) to `output`: plan, journal, logs, report; no secret. Returns its path."""
    from installer.support import bundle

    return bundle(existing(cluster), output)


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
    from installer import planfile
    from installer.health.report import last_report

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
    if last_run.kind is RunKind.DESTROY:
        return "destroying" if running else "partly destroyed"
    if running:
        return "installing"
    if last_run.outcome is Outcome.DONE:
        return "installed"
    return "failed" if last_run.outcome is Outcome.FAILED else "interrupted"


def summary_document(summary: ClusterSummary) -> dict[str, Any]:
    """The JSON shape of one cluster in `craton list --json`."""
    document = asdict(summary)
    document["progress"] = document.pop("fraction")
    return document
