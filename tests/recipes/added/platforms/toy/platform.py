"""The toy platform: machines are a rehearsal's, and the box is a file."""

from __future__ import annotations

from collections.abc import Sequence

from installer.plan.model import InstallPlan
from installer.platforms.rehearsal.platform import RehearsalPlatform
from installer.ssh.connection import Connections
from installer.steps.platform import Resource, RunOptions
from installer.steps.work import Work
from tests.recipes.toys import box


class ToyPlatform(RehearsalPlatform):
    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        super().__init__(plan, options)
        self._box = box(plan.name)

    def find(self, connections: Connections) -> list[Resource]:
        found = super().find(connections)
        return [*found, Resource("toy box", self._box.name)] if self._box.exists() else found

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:
        super().remove([one for one in found if one.kind != "toy box"], connections, work)
        if any(one.kind == "toy box" for one in found):
            self._box.unlink(missing_ok=True)


def open_platform(plan: InstallPlan, options: RunOptions | None) -> ToyPlatform:
    return ToyPlatform(plan, options)
