"""All that a machine says of itself, asked for in one go as a run logs in to it, for the steps that follow."""

from __future__ import annotations

from installer.node.program import is_missing, read_survey, run_survey
from installer.ssh.connection import Connection, Result
from installer.steps.step import Context


def survey(ctx: Context, machine: str, connection: Connection) -> bool:
    """Ask for all that a machine says of itself; whether it could say.

    It can't without the program, with one that doesn't know the verb, or without root's rights.
    """
    return _survey(ctx, machine, connection).status == 0


def runs_commands(ctx: Context, machine: str, connection: Connection) -> bool:
    """As `survey`, but True also for a machine whose shell has looked for the program, and found none."""
    result = _survey(ctx, machine, connection)
    return result.status == 0 or is_missing(result)


def keep_survey(ctx: Context, machine: str, result: Result) -> bool:
    """Keep what the verb `survey` has said for the steps that follow; False if it failed."""
    ctx.world.answers.forget(machine)
    said = read_survey(result)
    if said:
        ctx.world.answers.survey(machine, said)
    return bool(said)


def _survey(ctx: Context, machine: str, connection: Connection) -> Result:
    ctx.world.answers.forget(machine)
    result = run_survey(ctx, connection)
    keep_survey(ctx, machine, result)
    return result
