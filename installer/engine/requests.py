"""Asking a running engine for failed steps once more: all that anybody but the engine writes into its journal."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType
from installer.engine.lock import running_pid
from installer.engine.progress import Progress
from installer.engine.reader import Reader
from installer.engine.store import open_beside

DEADLINE = 5.0
"""Seconds in which an engine that runs takes up what it is asked for, or is gone once its run has ended."""

_PAUSE = 0.05
_REQUEST = """
INSERT OR IGNORE INTO requests (step, at) SELECT id, ? FROM steps
WHERE id = ? AND state = 'failed' AND (SELECT ended FROM runs ORDER BY id DESC LIMIT 1) IS NULL
"""


def request_retry(journal: Path, steps: Collection[str]) -> None:
    """Record durably that failed `steps` of the run that goes on are to run once more.

    A step that has not failed, and one of a run that has ended, is passed over. The engine takes up what it finds
    and drops it with the step's next transition; a new run drops all. Raises InstallerError if it can't be recorded.
    """
    now = time.time()
    try:
        with closing(open_beside(journal)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_REQUEST, [(now, step) for step in steps])
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        hint = f"Make space or repair {journal.parent}, then try again."
        raise InstallerError("ask for another try", f"{journal}: {error}", hint=hint) from error


def retry_live(directory: ClusterDirectory, steps: Collection[str] | None, deadline: float = DEADLINE) -> bool:
    """Have the running engine run failed `steps` once more, or all that failed; say whether it took all of them up.

    False if its run ended before it did, or if none runs: no engine is there then, and a new run is needed.
    Raises InstallerError if neither happens within `deadline` seconds, or if the journal can't be read or written.
    """
    until = time.monotonic() + deadline
    with Reader(directory.journal) as reader:
        progress = Progress.of(reader.steps())
        progress.extend(reader.events())
        asked = {view.record.id for view in progress.failures if steps is None or view.record.id in steps}
        live = progress.running
        if live and asked:
            request_retry(directory.journal, asked)
        while True:
            pid = running_pid(directory)  # before the journal: what an engine that is gone by now did last is in there
            new = reader.events(progress.last_seq)
            progress.extend(new)
            asked.difference_update(event.step for event in new if event.type is EventType.STEP and event.step)
            if live and not asked and (pid or progress.outcome):
                return True
            if pid is None:
                return False
            if time.monotonic() > until:
                raise _not_taken_up(directory, pid, deadline)
            time.sleep(_PAUSE)


def _not_taken_up(directory: ClusterDirectory, pid: int, deadline: float) -> InstallerError:
    return InstallerError(
        "try again",
        f"the engine (pid {pid}) didn't respond within {deadline:.0f} s and may be about to stop",
        hint=f"craton watch {directory.cluster} shows what it does. Try again once it has ended.",
        exit_code=ExitCode.LOCKED,
    )
