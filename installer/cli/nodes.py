"""`craton nodes`, `craton upgrade`: an installed cluster changes while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import (
    AcceptNew,
    Artifacts,
    Close,
    Cluster,
    Json,
    Mode,
    Plain,
    Seed,
    Speed,
    Yes,
    confirm,
    mode_of,
    options_of,
    settle_access,
    show,
    teller,
)
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
    from installer.plan.platforms.machines import Host

app = typer.Typer(pretty_exceptions_enable=False)
nodes = typer.Typer(
    name="nodes",
    help="Machines join a cluster that runs, or leave it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(nodes)


@nodes.command()
def add(
    cluster: Cluster,
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="So many workers more.")] = 0,
    infra: Annotated[int, typer.Option(min=0, metavar="N", help="So many infra nodes more.")] = 0,
    masters: Annotated[
        int | None, typer.Option(metavar="3|5", help="So many masters in all.", show_default=False)
    ] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[USER@]ADDRESS[:PORT][,role=ROLE]",
            help="A machine of your own that joins, as a worker if no role is said. Repeatable.",
        ),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Let machines join a cluster: its plan changes, and is installed again."""
    from installer.operations import lookup, runs
    from installer.plan import resize

    mode, options = mode_of(as_json=as_json, plain=plain), options_of(speed, seed, None, artifacts)
    plan = lookup.load(cluster)
    if machine and (workers or infra or masters is not None):
        raise _usage("count machines and name them", "--machine says by itself how many join: leave the counts out")
    if machine:
        changed = resize.with_hosts(plan, _hosts(machine))
    else:
        changed = resize.grown(plan, masters=masters, infra=infra, workers=workers)
    if mode is not Mode.JSON:
        print("\n".join(_joining_lines(plan, changed)))
    if not yes:
        confirm(f"Let them join {cluster}?", mode)
    settle_access(changed, mode, asks=not yes, accept_new=accept_new_host_keys)
    show(lambda: runs.start_changed(changed, options, teller(mode)), mode, close=close)


@nodes.command()
def remove(
    cluster: Cluster,
    machines: Annotated[list[str], typer.Argument(metavar="MACHINE...", help="Full or short names, such as worker-3.")],
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Take machines out that do not answer, as they are; and pods that nothing would start elsewhere.",
        ),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Take machines out of a cluster: drained, out of etcd, reset, and what was installed on them undone."""
    from dataclasses import replace

    from installer.operations import lookup, runs
    from installer.plan import resize

    mode, options = mode_of(as_json=as_json, plain=plain), options_of(speed, seed, None, artifacts)
    plan = lookup.load(cluster)
    names = [lookup.machine_name(plan, given) for given in machines]
    smaller = resize.shrunk(plan, names)
    if mode is not Mode.JSON:
        print("\n".join(_leaving_lines(plan, smaller)))
    if not yes:
        confirm(f"Take them out of {cluster}?", mode)
    settle_access(plan, mode, asks=not yes, accept_new=accept_new_host_keys, required=not force)
    show(lambda: runs.start_removal(cluster, names, replace(options, force=force)), mode, close=close)


@app.command()
def upgrade(
    cluster: Cluster,
    to: Annotated[str, typer.Option(metavar="vX.Y.Z", help="The release of Kubernetes to go to.", show_default=False)],
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Bring a new release of Kubernetes to a cluster, machine by machine: a patch, or the next minor."""
    from installer.operations import lookup, pending, runs

    mode, options = mode_of(as_json=as_json, plain=plain), options_of(speed, seed, None, artifacts)
    plan = lookup.load(cluster)
    begun = pending.pending(lookup.existing(cluster))
    if begun is None or not begun.touched:
        pending.upgraded(plan, to)
    if mode is not Mode.JSON:
        print("\n".join(_upgrade_lines(plan, to)))
    if not yes:
        confirm(f"Upgrade {cluster} to {to}?", mode)
    settle_access(plan, mode, asks=not yes, accept_new=accept_new_host_keys)
    show(lambda: runs.start_upgrade(cluster, to, options, teller(mode)), mode, close=close)


def _hosts(given: Sequence[str]) -> list[Host]:
    """The machines of `--machine`. Raises InstallerError (usage) with every mistake in them."""
    from installer.plan import inventory

    found = inventory.parse("\n".join(given))
    if found.errors:
        raise _usage("read --machine", "; ".join(found.errors))
    return list(found.hosts)


def _joining_lines(plan: InstallPlan, changed: InstallPlan) -> list[str]:
    from installer.common.text import count
    from installer.plan.changes import changes
    from installer.plan.resize import joining
    from installer.plan.topology import GIVEN_LATER, hosts

    new, own = joining(plan, changed), hosts(changed)
    lines = [f"{plan.name}: {count(len(new), 'machine')} would join"]
    for machine in new:
        at = own[machine.name].address if machine.name in own else ""
        elsewhere = at if at != str(machine.address) else ""
        lines.append(f"  {machine.name:<24} {machine.address or GIVEN_LATER}  {elsewhere}".rstrip())
    lines += [f"  {one.field}: {one.old} -> {one.new}: {one.why}" for one in changes(plan, changed)]
    return [*lines, *_saved_line(plan)]


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
        lines.append("  they are deleted, with all that is on them")
    return [*lines, *_saved_line(plan)]


def _upgrade_lines(plan: InstallPlan, release: str) -> list[str]:
    order = " then ".join(
        noun
        for number, noun in ((plan.masters, "masters"), (plan.infra, "infra nodes"), (plan.workers, "workers"))
        if number
    )
    return [
        f"{plan.name}: from Kubernetes {plan.kubernetes} to {release}, one machine after the other: {order}",
        *_saved_line(plan),
    ]


def _saved_line(plan: InstallPlan) -> list[str]:
    from installer.common.paths import ClusterDirectory

    return [f"  the changed plan is kept as {ClusterDirectory.of(plan.name).plan}; a file of your own stays as it is"]


def _usage(operation: str, observed: str) -> InstallerError:
    return InstallerError(operation, observed, hint="`craton nodes add --help` says how", exit_code=ExitCode.USAGE)
