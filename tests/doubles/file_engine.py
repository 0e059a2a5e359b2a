"""An engine whose steps make files: run as `python -m tests.doubles.file_engine DIRECTORY [ORDER]`.

ORDER is one of: `kill POINT NUMBER` (SIGKILL itself when POINT is reached for that time), `hold` (the last step waits
until a file `release` is there), `refuse` (an InstallerError before the run begins), `crash` (another exception then),
`mute` (never begins).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop
from installer.engine.journal import Journal
from installer.engine.process import serve
from installer.engine.runner import run
from installer.steps.step import Context, Observation, Phase, Step
from tests.patience import PATIENCE

POINTS = ("observe", "apply", "applied")
COUNT = 8
HELD = f"file-{COUNT - 1}"


class Killer:
    """Ends this process, as `kill -9` does, when a point is reached for the given time."""

    def __init__(self, point: str, number: int) -> None:
        self._point = point
        self._left = number
        self._lock = threading.Lock()

    def reach(self, point: str) -> None:
        with self._lock:
            self._left -= point == self._point
            if point == self._point and not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class MakeFile:
    """Makes a file that must not be there: a second apply fails."""

    path: Path
    killer: Killer
    release: Path | None = None

    def observe(self, ctx: Context) -> Observation:
        self.killer.reach("observe")
        return Observation(self.path.exists(), str(self.path))

    def apply(self, ctx: Context) -> None:
        self.killer.reach("apply")
        if self.release:
            release = self.release
            ctx.wait_until("the release", lambda: (release.exists() or None, "no file"), every=0.01)
        self.path.open("x").close()
        self.killer.reach("applied")

    def undo(self, ctx: Context) -> None:
        self.path.unlink(missing_ok=True)


def file_steps(directory: Path, killer: Killer, *, hold: bool) -> list[Step]:
    """Steps in pairs: two at once, each pair after the one before."""
    steps = []
    for number in range(COUNT):
        name = f"file-{number}"
        release = directory / "release" if hold and name == HELD else None
        needs = tuple(f"file-{before}" for before in (number - 2, number - 3) if before >= 0)
        steps.append(Step(name, name, Phase.PREPARE, MakeFile(directory / name, killer, release), needs=needs))
    return steps


def work(
    directory: ClusterDirectory, order: list[str], stop: Stop, begun: Callable[[], None], guard: Callable[[], None]
) -> ExitCode:
    if order[0] == "refuse":
        token = "abcdef.0123456789abcdef"
        raise InstallerError("open the world", f"no \x1b[31mworld {token}", hint="Get one.", exit_code=ExitCode.PLAN)
    if order[0] == "crash":
        raise ValueError("no such thing")
    if order[0] == "mute":
        stop.wait(PATIENCE)
        return ExitCode.INTERRUPTED
    killer = Killer(order[1], int(order[2])) if order[0] == "kill" else Killer("", 0)
    world: Any = None
    with Journal(directory.journal) as journal:
        steps = file_steps(directory.path, killer, hold=order[0] == "hold")
        return asyncio.run(run(steps, world, journal, stop=stop, begun=begun, guard=guard))


def main() -> int:
    directory, order = ClusterDirectory(Path(sys.argv[1])), sys.argv[2:] or ["all"]
    try:
        return serve(directory, partial(work, directory, order))
    except InstallerError as error:
        return error.exit_code or 1


if __name__ == "__main__":
    sys.exit(main())
