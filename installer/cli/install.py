"""Commands that install and follow an install: apply, rehearse, resume, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from installer.cli.common import (
    AnyCluster,
    Json,
    Mode,
    Plain,
    PlanOrCluster,
    Yes,
    follower_of,
    mode_of,
    pick,
    plan_path,
)
from installer.cli.groups import STARTED
from installer.cli.run_options import Run, starts_a_run
from installer.cli.sign_in import ask_for_secrets
from installer.common.console import notify

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(rich_help_panel=STARTED)
@starts_a_run(faults=True)
def apply(plan: Annotated[Path, typer.Argument(help="The plan file.")], run: Run) -> None:
    """Install a plan. Safe to run again at any time: Craton looks first and does only what is missing."""
    from installer.operations import pipeline, review, runs
    from installer.operations.outlook import outlook
    from installer.plan import planfile

    loaded = planfile.load(plan)
    if not run.yes:
        run.explain(review.overview(loaded, outlook(loaded, pipeline.install_steps(loaded))))
    run.confirm(f"Install {loaded.name} on the {loaded.platform} platform?")
    if not run.yes:
        ask_for_secrets(loaded)
    run.settle_access(loaded)
    run.show(lambda: runs.start_install(plan, run.options, run.notify))


@app.command(rich_help_panel=STARTED)
@starts_a_run(faults=True)
def rehearse(target: PlanOrCluster, run: Run) -> None:
    """Rehearse a plan of any platform on simulated machines, as a cluster of its own named NAME-rehearsal."""
    from installer.operations import runs
    from installer.plan import planfile
    from installer.plan.rehearse import LIMITS, rehearsal_of

    plan = planfile.load(plan_path(target))
    rehearsal = rehearsal_of(plan)
    if not run.yes:
        run.explain("\n".join(LIMITS))
    run.confirm(f"Rehearse {plan.name} as {rehearsal.name}?")
    run.show(lambda: runs.start_rehearsal(plan, run.options, run.notify))


@app.command(rich_help_panel=STARTED)
@starts_a_run(faults=True)
def resume(run: Run, cluster: AnyCluster = None) -> None:
    """Continue an install that was interrupted or failed."""
    from installer.operations import lookup, runs

    name = pick(cluster, run.mode, asks=not run.yes)
    run.settle_access(lookup.load(name))
    run.show(lambda: runs.start_resume(name, run.options, run.notify))


@app.command(rich_help_panel=STARTED)
def watch(
    cluster: AnyCluster = None,
    replay: Annotated[bool, typer.Option("--replay", help="Play back the last run.")] = False,
    as_json: Json = False,
    plain: Plain = False,
    yes: Yes = False,
) -> None:
    """Watch a running install or destroy: the only one, or the one you pick. Leaving never stops it."""
    from installer.engine.journal import Reader
    from installer.operations import follow, lookup

    mode = mode_of(as_json=as_json, plain=plain)
    directory = lookup.existing(pick(cluster, mode, running=not replay, asks=not yes))
    if mode is Mode.SCREEN:
        from screens.app import run_progress

        raise typer.Exit(run_progress(directory, replay=replay))
    follower = follower_of(mode)
    with Reader(directory.journal) as reader:
        code = follow.replay(reader, follower) if replay else follow.follow(directory, reader, follower, notify)
    raise typer.Exit(code)
