"""`craton nodes`, `craton upgrade`: an installed cluster changes while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import Cluster
from installer.cli.groups import RUNNING
from installer.cli.run_options import Run, starts_a_run
from installer.common.console import notify
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.plan.host import Host
    from installer.plan.model import InstallPlan

app = typer.Typer(pretty_exceptions_enable=False)
nodes = typer.Typer(
    name="nodes",
    help="Add machines to a running cluster, or remove them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(nodes, rich_help_panel=RUNNING)


@nodes.command()
@starts_a_run()
def add(
    cluster: Cluster,
    run: Run,
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="How many workers to add.")] = 0,
    infra: Annotated[int, typer.Option(min=0, metavar="N", help="How many infra nodes to add.")] = 0,
    masters: Annotated[
        int | None, typer.Option(metavar="3|5", help="How many masters to have in all.", show_default=False)
    ] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[USER@]ADDRESS[:PORT][,role=ROLE]",
            help="A machine of your own to add; a worker unless you give a role. Repeatable.",
        ),
    ] = None,
) -> None:
    """Add machines: the plan grows, and an install runs for what is new."""
    from installer.operations import lookup, runs
    from installer.plan import resize

    plan = lookup.load(cluster)
    if machine and (workers or infra or masters is not None):
        raise _usage("count machines and name them", "--machine already says how many join; leave out the counts")
    if machine:
        changed = resize.with_hosts(plan, _hosts(machine))
    else:
        changed = resize.grown(plan, masters=masters, infra=infra, workers=workers)
    run.explain("\n".join(_joining_lines(plan, changed)))
    run.confirm(f"Let them join {cluster}?")
    run.settle_access(changed)
    run.show(lambda: runs.start_changed(changed, run.options, run.notify))


@nodes.command()
@starts_a_run()
def remove(
    cluster: Cluster,
    machines: Annotated[list[str], typer.Argument(metavar="MACHINE...", help="Full or short names, such as worker-3.")],
    run: Run,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also remove machines that don't answer, and pods that nothing would restart elsewhere.",
        ),
    ] = False,
) -> None:
    """Remove machines: drain them, remove them from etcd, reset them and undo what was installed."""
    from dataclasses import replace

    from installer.operations import lookup, runs
    from installer.plan import resize

    plan = lookup.load(cluster)
    names = [lookup.machine_name(plan, given) for given in machines]
    smaller = resize.shrunk(plan, names)
    run.explain("\n".join(_leaving_lines(plan, smaller)))
    run.confirm(f"Take them out of {cluster}?")
    run.settle_access(plan, required=not force)
    run.show(lambda: runs.start_removal(cluster, names, replace(run.options, force=force)))


@nodes.command()
@starts_a_run()
def scale(
    cluster: Cluster,
    run: Run,
    workers: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many machines the worker pool is to have.", show_default=False)
    ],
) -> None:
    """Scale the worker pool: machines join by themselves, or are drained and deleted."""
    from installer.operations import lookup, runs
    from installer.plan import resize

    plan = lookup.load(cluster)
    changed = resize.scaled(plan, workers)
    run.explain("\n".join(_changing_lines(f"{plan.name}: the pool would be scaled", plan, changed)))
    run.confirm(f"Scale the worker pool of {cluster}?")
    run.settle_access(changed)
    run.show(lambda: runs.start_changed(changed, run.options, run.notify))


@app.command(rich_help_panel=RUNNING)
@starts_a_run()
def upgrade(
    cluster: Cluster,
    to: Annotated[str, typer.Option(metavar="vX.Y.Z", help="The Kubernetes release to move to.", show_default=False)],
    run: Run,
) -> None:
    """Upgrade Kubernetes to a patch release or the next minor, one machine at a time."""
    from installer.operations import lookup, pending, runs

    directory, plan = lookup.existing(cluster), lookup.load(cluster)
    begun = pending.pending(directory)
    if not (begun and begun.touched) and not pending.upgrade_is_lost(directory, plan, to):
        pending.upgraded(plan, to)
    run.explain("\n".join(_upgrade_lines(plan, to)))
    run.confirm(f"Upgrade {cluster} to {to}?")
    run.settle_access(plan)
    run.show(lambda: runs.start_upgrade(cluster, to, run.options, run.notify))


def _hosts(given: Sequence[str]) -> list[Host]:
    """The machines of `--machine`. Raises InstallerError (usage) with every mistake in them."""
    from installer.plan import inventory

    found = inventory.parse("\n".join(given))
    if found.errors:
        raise _usage("read --machine", "; ".join(found.errors))
    if found.note:
        notify(found.note)
    return list(found.hosts)


def _joining_lines(plan: InstallPlan, changed: InstallPlan) -> list[str]:
    from installer.common.text import count
    from installer.plan.resize import joining
    from installer.plan.topology import GIVEN_LATER, hosts

    new, own = joining(plan, changed), hosts(changed)
    more = changed.machine_count - plan.machine_count
    lines = [f"{plan.name}: {count(more, 'machine')} would join"]
    for machine in new:
        at = own[machine.name].address if machine.name in own else ""
        elsewhere = at if at != str(machine.address) else ""
        lines.append(f"  {machine.name:<24} {machine.address or GIVEN_LATER}  {elsewhere}".rstrip())
    return _changing_lines("\n".join(lines), plan, changed)


def _changing_lines(first: str, plan: InstallPlan, changed: InstallPlan) -> list[str]:
    from installer.plan.changes import changes

    lines = [f"  {one.field}: {one.old} -> {one.new}: {one.why}" for one in changes(plan, changed)]
    return [first, *lines, *_saved_line(plan)]


def _leaving_lines(plan: InstallPlan, smaller: InstallPlan) -> list[str]:
    from installer.cluster.etcd import survives
    from installer.common.text import count
    from installer.plan.resize import joining
    from installer.plan.topology import GIVEN_LATER

    gone = joining(smaller, plan)
    lines = [f"{plan.name}: {count(len(gone), 'machine')} would leave"]
    lines += [f"  {machine.name:<24} {machine.address or GIVEN_LATER}" for machine in gone]
    if plan.masters != smaller.masters:
        lines.append(f"  the control plane would survive {survives(smaller.masters)}")
    if not plan.traits.inventory:
        lines.append("  they are deleted with everything on them")
    return [*lines, *_saved_line(plan)]


def _upgrade_lines(plan: InstallPlan, release: str) -> list[str]:
    from installer.plan.topology import topology

    pool = topology(plan).pool
    order = " then ".join(
        noun
        for number, noun in ((plan.masters, "masters"), (plan.infra, "infra nodes"), (plan.workers, "workers"))
        if number and (noun != "workers" or pool is None)
    )
    last = [f"  then the pool's machines are drained and replaced, at most {pool.away} at a time"] if pool else []
    return [
        f"{plan.name}: from Kubernetes {plan.kubernetes} to {release}, one machine after the other: {order}",
        *last,
        *_saved_line(plan),
    ]


def _saved_line(plan: InstallPlan) -> list[str]:
    from installer.common.paths import ClusterDirectory

    return [f"  the changed plan is saved as {ClusterDirectory.of(plan.name).plan}; your own file isn't changed"]


def _usage(operation: str, observed: str) -> InstallerError:
    return InstallerError(operation, observed, hint="`craton nodes add --help` says how", exit_code=ExitCode.USAGE)
