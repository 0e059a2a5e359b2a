"""Commands that install and follow an install: apply, resume, watch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from installer.cli.common import (
    AcceptNew,
    AnyCluster,
    Artifacts,
    Close,
    Json,
    Mode,
    Plain,
    Seed,
    Speed,
    Yes,
    confirm,
    follower_of,
    mode_of,
    options_of,
    pick,
    settle_access,
    show,
    tell,
    teller,
)

app = typer.Typer(pretty_exceptions_enable=False)


Fault = Annotated[
    list[str] | None,
    typer.Option(metavar="MACHINE:PHASE:FAULT", help="Rehearse a fault, such as worker-1:prepare:hang. Repeatable."),
]


@app.command()
def apply(
    plan: Annotated[Path, typer.Argument(help="The plan file.")],
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    fault: Fault = None,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Install what a plan says. Run again at any time: what is done is observed, not done twice."""
    from installer.operations import review, runs
    from installer.plan import planfile

    loaded = planfile.load(plan)
    mode = mode_of(as_json=as_json, plain=plain)
    options = options_of(speed, seed, fault, artifacts)
    if not yes:
        if mode is not Mode.JSON:
            print(review.overview(loaded))
        confirm(f"Install {loaded.name} on the {loaded.platform} platform?", mode)
    settle_access(loaded, mode, asks=not yes, accept_new=accept_new_host_keys)
    show(lambda: runs.start_install(plan, options, teller(mode)), mode, close=close)


@app.command()
def resume(
    cluster: AnyCluster = None,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    fault: Fault = None,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Go on with an install that was interrupted or failed."""
    from installer.operations import lookup, runs

    name, options = pick(cluster), options_of(speed, seed, fault, artifacts)
    mode = mode_of(as_json=as_json, plain=plain)
    settle_access(lookup.load(name), mode, accept_new=accept_new_host_keys)
    show(lambda: runs.start_resume(name, options, teller(mode)), mode, close=close)


@app.command()
def watch(
    cluster: AnyCluster = None,
    replay: Annotated[bool, typer.Option("--replay", help="Play the last run again.")] = False,
    as_json: Json = False,
    plain: Plain = False,
) -> None:
    """Show a running install or destroy; ending the watch never ends what is watched."""
    from installer.engine.journal import Reader
    from installer.operations import follow, lookup

    directory = lookup.existing(pick(cluster))
    mode = mode_of(as_json=as_json, plain=plain)
    if mode is Mode.SCREEN:
        from screens.app import run_progress

        raise typer.Exit(run_progress(directory, replay=replay))
    follower = follower_of(mode)
    with Reader(directory.journal) as reader:
        code = follow.replay(reader, follower) if replay else follow.follow(directory, reader, follower, tell)
    raise typer.Exit(code)
