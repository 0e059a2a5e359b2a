"""Whose a machine of the user's is: the claim of a cluster on it, and what was removed as it went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from installer.common.errors import InstallerError
from installer.node.program import ensure_program, run_program, status
from installer.steps.step import Context, Observation


@dataclass(frozen=True)
class Claim:
    """The user's machine belongs to `cluster`, and to no other that Craton makes."""

    machine: str
    cluster: str

    def observe(self, ctx: Context) -> Observation:
        fields = status(ctx, self.machine)
        claim = self._checked(fields)
        seen = f"claimed as {claim}" if claim else "free"
        return Observation(claim == f"{self.cluster}/{self.machine}", seen, remains=bool(fields))

    def apply(self, ctx: Context) -> None:
        ensure_program(ctx, self.machine)
        run_program(ctx, self.machine, "claim", self.cluster, self.machine)

    def undo(self, ctx: Context) -> None:
        fields = status(ctx, self.machine)
        if fields and (not fields.get("claim") or is_ours(fields, self.cluster)):  # the program comes before the claim
            publish_removed(ctx, self.machine, "release", run_program(ctx, self.machine, "release"))

    def _checked(self, fields: Mapping[str, str]) -> str:
        """The claim on the machine, if any. Raises InstallerError if the machine is another cluster's."""
        claim = fields.get("claim", "")
        if claim and claim.partition("/")[0] != self.cluster:
            raise InstallerError(
                "claim the machine",
                f"the machine belongs to the cluster {claim.partition('/')[0]}, as {claim.partition('/')[2]}",
                machine=self.machine,
                hint=f"destroy {claim.partition('/')[0]} first, or leave the machine out of the plan",
            )
        return claim


def is_ours(fields: Mapping[str, str], cluster: str) -> bool:
    """Whether `craton-node` is on the machine and works for `cluster`."""
    return fields.get("claim", "").partition("/")[0] == cluster


def publish_removed(ctx: Context, machine: str, verb: str, output: str) -> None:
    """Record what was removed, and what was found and left: lines of `undo` and `release`."""
    lines = output.splitlines()
    taken = [line.removeprefix("removed ") for line in lines if line.startswith("removed ")]
    left = [line.removeprefix("left ") for line in lines if line.startswith("left ")]
    ctx.publish(f"{verb}/{machine}", {"machine": machine, "removed": taken, "left": left})
    ctx.log(f"{len(taken)} things removed, {len(left)} left")
