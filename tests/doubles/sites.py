"""Sites of rehearsals by a fork of one process that has imported all that they need, which takes Python a second.

    python -m tests.doubles.sites

reads the directories of sites on stdin, and says what status each site's start ended with.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.patience import PATIENCE


@contextmanager
def forked_sites() -> Iterator[Callable[[Path, IO[bytes]], int]]:
    """What replaces `installer.platforms.rehearsal.client.launch` as long as the context."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin
        assert process.stdout
        asking, said = process.stdin, process.stdout

        def launch(directory: Path, output: IO[bytes]) -> int:
            asking.write(f"{output.name}\t{directory}\n")
            return int(said.readline())

        try:
            yield launch
        finally:
            asking.close()
            process.wait(PATIENCE)


def main() -> None:
    from installer.platforms.rehearsal.simulator import __main__ as simulator

    for line in sys.stdin:
        log, _, directory = line.rstrip("\n").partition("\t")
        child = os.fork()
        if child == 0:
            _become(simulator.main, log, directory)
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)


def _become(site: Callable[[], None], log: str, directory: str) -> None:
    """End as a process would that was started for the site alone."""
    random.seed()
    for descriptor, path, flags in ((0, os.devnull, os.O_RDONLY), (1, log, os.O_WRONLY | os.O_APPEND)):
        os.dup2(os.open(path, flags), descriptor)
    os.dup2(1, 2)
    sys.argv = [sys.argv[0], directory]
    status = 0
    try:
        site()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
