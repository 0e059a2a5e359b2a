"""`craton gather`: what somebody else needs to see to help."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import AlwaysPlain, AnyCluster, Yes, can_ask, confirm, mode_of, pick, unlock_keys
from installer.cli.groups import WRONG
from installer.common.console import notify, result
from installer.common.errors import InstallerError

if TYPE_CHECKING:
    from installer.operations.support_bundle import BundledFile

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(rich_help_panel=WRONG)
def gather(
    cluster: AnyCluster = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; default NAME-support.tar.gz")
    ] = None,
    machines: Annotated[
        bool, typer.Option("--machines/--no-machines", help="Whether to ask the machines as well.")
    ] = True,
    yes: Yes = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
) -> None:
    """Collect the plan, journal, checks and machine logs in one archive without secrets, for whoever helps you.

    What it holds is listed before it is saved.
    """
    from installer.operations import lookup, support_bundle
    from installer.operations import support_bundle as support

    name, mode = pick(cluster, asks=not yes), mode_of(as_json=False, plain=True)
    path = output or Path(f"{name}-support.tar.gz")
    if machines:
        with suppress(InstallerError):  # a plan that cannot be read is told in what is gathered
            unlock_keys(lookup.load(name), mode, asks=not yes)
        notify(f"asking the machines of {name} ...")

    def agree(entries: Sequence[BundledFile]) -> None:
        notify("\n".join(support.listing(entries)))
        if can_ask(mode) and not yes:
            confirm(f"Save this as {path}?", mode)

    result(str(support_bundle.gather(name, path, machines=machines, agree=agree)))
