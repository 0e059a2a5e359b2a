"""The toy's steps: those of a rehearsal, and one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.platforms.rehearsal import steps as rehearsal
from installer.steps.step import Context, Observation, Phase, Step
from tests.recipes.toys import Toy, box


@dataclass(frozen=True)
class Paint:
    """The box has the colour."""

    cluster: str
    colour: str

    def observe(self, ctx: Context) -> Observation:
        path = box(self.cluster)
        seen = path.read_text() if path.exists() else "no box"
        return Observation(seen == self.colour, seen, remains=path.exists())

    def apply(self, ctx: Context) -> None:
        box(self.cluster).write_text(self.colour)
        ctx.log(f"painted it {self.colour}")

    def undo(self, ctx: Context) -> None:
        box(self.cluster).unlink(missing_ok=True)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield from rehearsal.steps(plan, topology)
    colour = plan.settings_of(Toy).colour
    yield Step("network/paint", f"paint the box {colour}", Phase.NETWORK, Paint(plan.name, colour))
