"""Commands about installed clusters: list, check, diagnose, ssh."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from installer.cli.common import (
    AlwaysPlain,
    AnyCluster,
    Cluster,
    Json,
    Mode,
    Plain,
    PlanOrCluster,
    Yes,
    mode_of,
    pick,
    plan_path,
    unlock_keys,
    warn_about_home,
)
from installer.cli.groups import RUNNING, WRONG
from installer.common.console import notify, result, result_json
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import takes_unicode

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(name="list", rich_help_panel=RUNNING)
def list_clusters(as_json: Json = False, plain: AlwaysPlain = False) -> None:  # noqa: ARG001
    """List your clusters with state, phase, progress and the pid of a running engine."""
    from installer.operations import clusters

    found = clusters.summaries()
    if as_json:
        result_json([clusters.summary_document(summary) for summary in found], indent=2)
    else:
        result(clusters.clusters_table(found))


@app.command(rich_help_panel=RUNNING)
def check(
    cluster: AnyCluster = None,
    as_json: Json = False,
    plain: Plain = False,
    html: Annotated[Path | None, typer.Option(help="Also write the report as a self-contained HTML page.")] = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Check only this machine, such as worker-1. Repeatable."),
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Run only this check, such as disk. Repeatable.")
    ] = None,
    benchmark: Annotated[
        bool, typer.Option("--benchmark", help="Judge the CIS Kubernetes Benchmark instead, item by item.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Check over SSH that the cluster is healthy and keeps the contract. Parts left out keep their last result."""
    from installer.health.check import Verdict
    from installer.health.report import text
    from installer.health.report.html import page
    from installer.operations import health, lookup

    mode = mode_of(as_json=as_json, plain=plain)
    name = pick(cluster, mode, asks=not yes)
    if benchmark:
        if html or machine or check:
            raise typer.BadParameter("It covers the whole cluster and writes no page.", param_hint="--benchmark")
        _benchmark(name, mode, asks=not yes)
    if mode is Mode.SCREEN and not (html or machine or check):
        from screens.app import run_health

        raise typer.Exit(run_health(name))
    unlock_keys(lookup.load(name), mode, asks=not yes)
    report = health.check(name, machine, check, notify)
    if html:
        html.write_text(page(report), encoding="utf-8")
    if mode is Mode.JSON:
        result_json(report.as_dict(), indent=2)
    else:
        result(text.render(report))
    raise typer.Exit(ExitCode.VERIFICATION if report.verdict is Verdict.FAIL else ExitCode.DONE)


def _benchmark(cluster: str, mode: Mode, *, asks: bool) -> None:
    from installer.health.benchmark.report import render
    from installer.operations import health, lookup

    unlock_keys(lookup.load(cluster), mode, asks=asks)
    found = health.benchmark(cluster)
    if mode is Mode.JSON:
        result_json(found.as_dict(), indent=2)
    else:
        result(render(found))
    raise typer.Exit(ExitCode.DONE if found.holds else ExitCode.VERIFICATION)


@app.command(rich_help_panel=WRONG)
def diagnose(
    target: PlanOrCluster,
    as_json: Json = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
    yes: Yes = False,
) -> None:
    """Try the SSH connection to each of your machines, stage by stage, and say how to fix what fails."""
    from installer.cli import connectivity
    from installer.common.paths import ClusterDirectory
    from installer.operations.login.survey import survey
    from installer.plan import planfile

    loaded, mode = planfile.load(plan_path(target)), mode_of(as_json=as_json, plain=True)
    unlock_keys(loaded, mode, asks=not yes)
    found = survey(loaded, ClusterDirectory.of(loaded.name))
    ascii_only = not takes_unicode(sys.stdout)
    if mode is Mode.JSON:
        result_json(connectivity.document(found), indent=2)
    else:
        result(connectivity.text(found, ascii_only=ascii_only))
    raise typer.Exit(ExitCode.DONE if len(found.fine) == len(found.diagnoses) else ExitCode.PREFLIGHT)


app.command(name="ladder", hidden=True)(diagnose)  # the command's old name


@app.command(context_settings={"ignore_unknown_options": True}, rich_help_panel=RUNNING)
def ssh(
    cluster: Cluster,
    machine: Annotated[str, typer.Argument(help="Full or short name, such as worker-1.")],
    command: Annotated[list[str] | None, typer.Argument(help="Run this instead of a shell.")] = None,
) -> None:
    """Open a shell on a machine, using OpenSSH with the cluster's key and pinned host keys."""
    from installer.operations import lookup, shell

    if lookup.load(cluster).traits.inventory:
        warn_about_home()
    argv = [*shell.ssh_command(cluster, machine), *(command or [])]
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (the user's own ssh, without a shell)
    except FileNotFoundError:
        raise InstallerError(
            "open a shell", "there is no `ssh` on this computer", machine=machine, hint="install the OpenSSH client"
        ) from None
