"""A restore of etcd that is interrupted before and after each command on a machine, and run again."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from installer.operations import backup
from installer.operations.restore import intend, restore
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.bench.crash_story import Outcome
from tests.doubles.masters import Master, Masters

PLAN = InstallPlan(name="demo", subdomain="example.test", masters=3, workers=1)


class Killed(BaseException):
    """The process would be gone: nothing catches it. The masters live in this process, so none is really killed."""


@contextmanager
def killed_at(point: int) -> Iterator[None]:
    """Before (even) or after (odd) a command on whichever master, counted from 0."""
    real, reached = Master.run, itertools.count()

    def run(self: Master, *given: Any, **named: Any) -> Result:
        if next(reached) == point:
            raise Killed
        result = real(self, *given, **named)
        if next(reached) == point:
            raise Killed
        return result

    with patch.object(Master, "run", run):
        yield


def outcome(masters: Masters) -> tuple[object, ...]:
    """What a restore leaves: each master's data, the nodes, and who serves."""
    data = {name: one.etcd.data if one.etcd else None for name, one in masters.machines.items()}
    return data, sorted(masters.nodes), [name for name, one in masters.machines.items() if one.api == "ok"]


def interrupted(point: int | None) -> tuple[bool, tuple[object, ...]]:
    """Restore with an interruption at a point, or none, and again; whether it was reached, and what came of it."""
    with tempfile.TemporaryDirectory() as room, patch.dict(os.environ, CRATON_HOME=f"{room}/home"):
        masters, archive, reached = Masters(PLAN), Path(room) / "demo.tar", False
        backup.take(masters.world, archive)
        etcd = masters.master(1).etcd
        assert etcd
        etcd.data = b"written since"
        if point is not None:
            reached = True
            with suppress(Killed), killed_at(point):
                restore(masters.world, intend(masters.world, archive))
                reached = False
        restore(masters.world, intend(masters.world, archive))
        return reached, outcome(masters)


def every_point() -> Outcome:
    """The points, and those after which another cluster came of it than without an interruption."""
    _, expected = interrupted(None)
    told = Outcome()
    for point in itertools.count():
        reached, found = interrupted(point)
        if not reached:
            told.points = told.kills = point
            return told
        if found != expected:
            told.lost.append(f"restore interrupted at {point}: {found}")
    raise AssertionError("the points never end")
