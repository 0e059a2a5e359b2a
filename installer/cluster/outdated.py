"""Masters whose etcd holds what a restore went back behind: no members, whatever they say, until they are reset.

Those that did not answer while another master's etcd was rebuilt from a backup come back with the old data, and two
of them would be a majority among themselves. A file of the cluster's directory remembers each.
"""

from __future__ import annotations

import threading
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.node.program import run_program
from installer.plan.rules import Role
from installer.steps.step import Context

_RESETTING = threading.Lock()


def mark(directory: ClusterDirectory, machine: str) -> None:
    write_private(_mark(directory, machine), "")


def is_marked(directory: ClusterDirectory, machine: str) -> bool:
    return _mark(directory, machine).exists()


def forget(directory: ClusterDirectory, machine: str) -> None:
    """The machine is no member any more, and so holds nothing old; one that was not marked is no error."""
    _mark(directory, machine).unlink(missing_ok=True)


def reset_all(ctx: Context) -> None:
    """Reset every one that can be reached, before any machine joins: by the cluster's name, requests reach them, too.

    Machines join at the same time: each is reset once, or a second reset would wait for its join, and undo it.
    Raises InstallerError if one that can be reached cannot be reset.
    """
    ctx.wait_until(
        "masters that a restore left behind to be reset",
        lambda: (_RESETTING.acquire(blocking=False) or None, "another step resets them"),
    )
    try:
        _reset_marked(ctx)
    finally:
        _RESETTING.release()


def _reset_marked(ctx: Context) -> None:
    directory = ctx.world.directory
    for machine in (machine.name for machine in ctx.world.topology.of_role(Role.MASTER)):
        if not is_marked(directory, machine):
            continue
        try:
            ctx.world.connect(machine, min(30.0, ctx.remaining()))
        except InstallerError as error:
            ctx.log(f"{machine} has the data from before the restore, and cannot be reached: {error.observed}")
            continue
        ctx.log(f"{machine} has the data from before the restore: it is reset")
        run_program(ctx, machine, "reset")
        forget(directory, machine)


def _mark(directory: ClusterDirectory, machine: str) -> Path:
    return directory.path / "outdated" / machine
