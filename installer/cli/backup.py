"""`craton etcd`, `craton kubeconfig`: what keeps a cluster, and the way into it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import (
    AlwaysPlain,
    AnyCluster,
    Cluster,
    Json,
    Yes,
    confirm,
    mode_of,
    notifier,
    own_program,
    pick,
    unlock_keys,
)
from installer.cli.groups import RUNNING
from installer.common.console import notify, result, result_json, shell_word
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.operations.kubeconfig import Changed
    from installer.plan.model import InstallPlan

app = typer.Typer(pretty_exceptions_enable=False)
etcd = typer.Typer(
    name="etcd",
    help="Back up etcd, and restore it after you lost masters or data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(etcd, rich_help_panel=RUNNING)


@etcd.command()
def backup(
    cluster: AnyCluster = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The archive; default NAME-etcd-DATE-TIME.tar")
    ] = None,
    as_json: Json = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
    yes: Yes = False,
) -> None:
    """Save a verified snapshot of etcd on this computer, in one archive with the cluster's plan.

    Use it to continue after losing most masters, or to go back after losing data. It can't bring back a cluster that
    lost every master: its certificates, and the key that encrypts Secrets, exist only there. Keep the archive
    private: only Secrets are encrypted in it.
    """
    from installer.operations import backup as backing_up
    from installer.operations import lookup, session

    mode = mode_of(as_json=as_json, plain=True)
    name = pick(cluster, mode, asks=not yes)
    plan = lookup.load(name)
    _refuse_without_etcd(plan)
    unlock_keys(plan, mode, asks=not yes)
    path = output or Path(f"{name}-etcd-{time.strftime('%Y%m%d-%H%M%S')}.tar")
    with _clusters_fault(), session.open_world(plan, lookup.existing(name)) as world:
        archive = backing_up.take(world, path, notifier(mode))
    of = archive.backup
    if as_json:
        result_json({"file": str(path), "size": archive.size, "sha256": archive.sha256, "backup": asdict(of)})
    else:
        result(
            f"{path}\n  size      {archive.size / 1e6:.1f} MB\n  revision  {of.revision}\n  SHA-256   {archive.sha256}"
        )


@etcd.command()
def restore(
    cluster: Cluster,
    file: Annotated[Path, typer.Argument(help="An archive that `craton etcd backup` wrote.", dir_okay=False)],
    machine: Annotated[
        str | None, typer.Option("--machine", metavar="NAME", help="The master to restore on, such as master-2.")
    ] = None,
    yes: Yes = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
) -> None:
    """Rebuild a cluster's etcd from a backup, after you lost most masters or need to go back in time.

    It runs on one master that still has its certificates. The others leave the cluster, and rejoin with
    `craton resume`. If it's interrupted, run the same command again to finish.
    """
    from installer.operations import lookup, session
    from installer.operations import restore as restoring

    plan, mode = lookup.load(cluster), mode_of(as_json=False, plain=True)
    _refuse_without_etcd(plan)
    unlock_keys(plan, mode, asks=not yes)
    with _clusters_fault(), session.open_world(plan, lookup.existing(cluster)) as world:
        notify(f"looking at the masters of {cluster} ...")
        intent = restoring.intend(world, file, machine and lookup.machine_name(plan, machine))
        notify("\n".join(intent.sentences))
        if not yes:
            confirm(f"Type {cluster} to restore it:", mode, expected=cluster)
        restoring.restore(world, intent, notify)
    result(f"{cluster} is at {intent.backup.clock} again, with one master: {intent.master}")
    if intent.others:
        result(f"  next      craton resume {cluster}  (the other masters join again)")


@contextmanager
def _clusters_fault() -> Iterator[None]:
    """An error that says nothing about the exit status ends as one of the cluster."""
    try:
        yield
    except InstallerError as error:
        if error.exit_code is None:
            error.exit_code = ExitCode.CLUSTER
        raise


def _refuse_without_etcd(plan: InstallPlan) -> None:
    if plan.traits.stand_ins:
        raise InstallerError(
            "reach etcd",
            f"{plan.name} is a rehearsal: its simulated machines have no etcd to back up or restore",
            hint="the platform local makes clusters on this computer that have one",
            exit_code=ExitCode.USAGE,
        )


@app.command(rich_help_panel=RUNNING)
def kubeconfig(
    cluster: AnyCluster = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it to this file, with mode 0600.")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge it into the first file of $KUBECONFIG, or ~/.kube/config.")
    ] = False,
    use: Annotated[bool, typer.Option("--use", help="With --merge: make it the current context.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what --merge added.")] = False,
    oidc: Annotated[
        bool, typer.Option("--oidc", help="Make one without secrets, for people who sign in with `craton login`.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace what is already there.")] = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
    yes: Yes = False,
) -> None:
    """Use a cluster with kubectl: show where its kubeconfig is, copy it, or merge it into yours.

    Merged, the cluster's context has the cluster's name: `kubectl --context NAME get nodes`.
    """
    if sum((output is not None, merge, remove)) > 1 or (use and not merge):
        raise InstallerError(
            "understand the options",
            "of --output, --merge and --remove there can be but one, and --use goes with --merge",
            exit_code=ExitCode.USAGE,
        )
    if oidc and (merge or remove):
        raise InstallerError("understand the options", "--oidc works only with --output", exit_code=ExitCode.USAGE)
    if oidc:
        _write_oidc(pick(cluster, asks=not yes), output, force=force)
    elif remove:
        _remove(cluster or pick(cluster, asks=not yes))
    elif merge:
        _merge(pick(cluster, asks=not yes), use=use, force=force)
    else:
        _write(pick(cluster, asks=not yes), output, force=force)


def _write(cluster: str, output: Path | None, *, force: bool) -> None:
    from installer.operations import kubeconfig, lookup

    directory, plan = lookup.existing(cluster), lookup.load(cluster)
    access = kubeconfig.kept_access(directory, plan)
    path = directory.kubeconfig
    if output is not None:
        _refuse_stand_ins(plan, force=force)
        changed = kubeconfig.save(output, access.kubeconfig(), force=force)
        notify(f"{output}: {'written' if changed else 'it was there already'}")
        path = output.absolute()
    else:
        notify(str(path))
        if plan.traits.stand_ins:
            notify("It belongs to a simulated machine and opens nothing.")
    result(f"export KUBECONFIG={shell_word(str(path))}")


def _write_oidc(cluster: str, output: Path | None, *, force: bool) -> None:
    from installer.operations import kubeconfig, lookup
    from installer.operations.sign_in import session

    path = (output or lookup.existing(cluster).path / "kubeconfig-oidc").absolute()
    text = session.kubeconfig(cluster, own_program())
    changed = kubeconfig.save(path, text, force=force or output is None)
    notify(f"{path}: {'written' if changed else 'it was there already'}")
    notify(f"sign in once: craton login {cluster}")
    result(f"export KUBECONFIG={shell_word(str(path))}")


def _merge(cluster: str, *, use: bool, force: bool) -> None:
    from installer.operations import kubeconfig, kubeconfig_entries, lookup

    directory, plan = lookup.existing(cluster), lookup.load(cluster)
    access = kubeconfig.kept_access(directory, plan)
    _refuse_stand_ins(plan, force=force)
    target = kubeconfig.user_file()

    def edit(before: str) -> str:
        return kubeconfig_entries.merged(before, access, target, use=use, force=force)

    changed = kubeconfig.change(target, edit)
    notify(f"{target}: {_done('the context ' + cluster + ' is merged', changed)}")
    if changed.readable:
        notify(
            f"warning: others can read {target}, and the key of {cluster} in it: chmod 600 {shell_word(str(target))}"
        )
    result(f"kubectl --context {cluster} get nodes")


def _remove(name: str) -> None:
    """By its name alone, since this is wanted after a destroy as well."""
    from installer.cluster.admin_access import server_of
    from installer.common.paths import ClusterDirectory
    from installer.operations import kubeconfig, kubeconfig_entries, lookup

    server = None
    if ClusterDirectory.of(name).plan.exists():
        server = server_of(lookup.load(name))
    target, stayed = kubeconfig.user_file(), list[str]()

    def edit(before: str) -> str:
        after, kept = kubeconfig_entries.without(before, name, target, server)
        stayed.extend(kept)
        return after

    changed = kubeconfig.change(target, edit)
    notify(f"{target}: {_done(f'the entries of {name} are out', changed)}")
    for entry in stayed:
        notify(f"left: {entry}, which another context needs")


def _done(what: str, became: Changed) -> str:
    if not became.changed:
        return f"{what} already; nothing changed"
    return f"{what}; what was there before: {became.backup}" if became.backup else what


def _refuse_stand_ins(plan: InstallPlan, *, force: bool) -> None:
    if not force and plan.traits.stand_ins:
        raise InstallerError(
            "hand out the kubeconfig",
            f"{plan.name} is a rehearsal: a stand-in's kubeconfig opens nothing",
            hint="pass --force to try what happens to your file all the same",
            exit_code=ExitCode.USAGE,
        )
