"""A command: one function, in a file of commands."""

from __future__ import annotations

from installer.cli.clusters import app
from installer.cli.groups import WRONG
from installer.common.console import result
from installer.common.errors import ExitCode, InstallerError


@app.command(rich_help_panel=WRONG)
def honk(cluster: str) -> None:
    """Sound the horn of a cluster."""
    if cluster == "mute":
        raise InstallerError("honk", "it has no horn", hint="fit one", exit_code=ExitCode.CLUSTER)
    result(f"{cluster} honks")
