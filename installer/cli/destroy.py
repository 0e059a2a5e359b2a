"""The command `craton destroy`."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from installer.cli.common import (
    AcceptNew,
    Json,
    Mode,
    Plain,
    PlanOrCluster,
    Speed,
    TakeOver,
    Yes,
    agree_to_take_over,
    confirm,
    is_path,
    mode_of,
    settle_access,
)
from installer.cli.groups import RUNNING
from installer.common.console import notify, result, result_json
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.engine.progress import Progress
    from installer.steps.platform import RunOptions


app = typer.Typer(pretty_exceptions_enable=False)


@app.command(rich_help_panel=RUNNING)
def destroy(
    target: PlanOrCluster,
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    speed: Speed = 1.0,
    accept_new_host_keys: AcceptNew = False,
    take_over: TakeOver = False,
) -> None:
    """Delete a cluster, then look again to prove that nothing is left.

    A cluster that this computer does not know is found by its tags or labels: aws://REGION/NAME, or
    gcp://PROJECT/REGION/NAME.
    """
    from installer.operations import destroy, lookup, outcome
    from installer.steps.platform import RunOptions

    with lookup.known_if_begun(partial(_known, target)) as cluster:
        mode = mode_of(as_json=as_json, plain=plain)
        if mode is Mode.SCREEN and not yes:
            from screens.app import run_destroy

            raise typer.Exit(run_destroy(cluster))
        settle_access(lookup.load(cluster), mode, asks=not yes, accept_new=accept_new_host_keys, required=False)
        if take_over:
            agree_to_take_over(lookup.load(cluster), mode, asks=not yes)
        if not yes:
            notify("\n".join(outcome.resource_lines(cluster, destroy.resources(cluster))))
            confirm(f"Type {cluster} to destroy it:", mode, expected=cluster)
        code, progress = _destroy(cluster, RunOptions(speed=speed, take_over=take_over), mode)
        if mode is Mode.JSON:
            result_json(outcome.receipt(cluster, progress), indent=2)
        else:
            result("\n" + "\n".join(outcome.destroyed_lines(cluster, progress)))
        raise typer.Exit(code)


def _known(target: str) -> str:
    """The cluster's name; one that this computer doesn't know is made known here."""
    from installer.operations import lookup

    if "://" in target:
        return lookup.adopt_remote(target)
    return lookup.adopt(Path(target)) if is_path(target) else lookup.existing(target).cluster


def _destroy(cluster: str, options: RunOptions, mode: Mode) -> tuple[ExitCode, Progress]:
    """Destroy, and follow the journal with a reader that opened it before: the engine removes it at the end."""
    from installer.engine.journal import Reader
    from installer.operations import follow, lookup, runs

    directory = lookup.existing(cluster)
    with Reader(directory.journal) as reader:
        with suppress(InstallerError):  # a journal that can't be read is moved aside by the engine
            reader.runs()
        runs.start_destroy(cluster, options)
        follower = follow.Fold(None if mode is Mode.JSON else follow.PlainLines())
        code = follow.follow(directory, reader, follower, notify)
    return code, follower.progress
