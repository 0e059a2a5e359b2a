"""`craton local`: faults for real on the machines of this computer, and the image cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from installer.common.console import result
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.platforms.local.engine import Engine

app = typer.Typer(
    name="local",
    help="Machines on this computer: stop, pause or cut one off to practise failures, and clear the image cache.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Cluster = Annotated[str, typer.Argument(help="Name of the cluster.")]
Machine = Annotated[str, typer.Argument(help="Full or short name, such as worker-1.")]


def _make(fault: str, cluster: str, machine: str) -> None:
    from installer.platforms.local.faults import FAULTS

    FAULTS[fault](_engine(cluster), cluster, machine)


def _engine(cluster: str) -> Engine:
    from installer.operations import lookup
    from installer.plan.platforms.local.settings import Local
    from installer.platforms.local.engine import open_engine

    plan = lookup.load(cluster)
    if not isinstance(plan.settings, Local):
        raise InstallerError(
            "find the machine",
            f"{cluster} is on the platform {plan.platform}: its machines are not on this computer",
            exit_code=ExitCode.USAGE,
        )
    return open_engine(plan.settings.engine)


@app.command()
def stop(cluster: Cluster, machine: Machine) -> None:
    """Shut a machine down, as its power button would."""
    _make("stop", cluster, machine)


@app.command()
def start(cluster: Cluster, machine: Machine) -> None:
    """End every fault of a machine: start it, resume it, put it back on the network."""
    _make("start", cluster, machine)


@app.command()
def pause(cluster: Cluster, machine: Machine) -> None:
    """Freeze a machine: it neither answers nor closes connections."""
    _make("pause", cluster, machine)


@app.command()
def partition(cluster: Cluster, machine: Machine) -> None:
    """Cut a machine off the network: it keeps running, but nothing reaches it."""
    _make("partition", cluster, machine)


@app.command()
def prune() -> None:
    """Delete the image cache and every Craton image that no machine uses."""
    from installer.platforms.local import image
    from installer.platforms.local.engine import open_engine

    removed: list[str] = []
    try:
        engine = open_engine("auto")
    except InstallerError:
        engine = None  # the cache can go without it
    removed = image.prune(engine)
    result("\n".join(f"removed {what}" for what in removed) or "nothing to remove")
