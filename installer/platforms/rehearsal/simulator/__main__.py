"""The rehearsal site's process: a cluster's stand-in machines live in it, apart from any installer.

    python -m installer.platforms.rehearsal.simulator DIRECTORY

returns once the site answers, and leaves it running in a session of its own. A lock keeps a second one away.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import secrets
import signal
import sys
from collections.abc import Awaitable
from pathlib import Path

import asyncssh

from installer.common.console import notify
from installer.common.errors import InstallerError
from installer.platforms.rehearsal.client import ADDRESS, LOCK
from installer.platforms.rehearsal.records import Store
from installer.platforms.rehearsal.simulator.control import Control
from installer.platforms.rehearsal.simulator.site import Site

_WATCH = 2.0
"""Seconds between looks at whether the site's directory is still there."""


async def _live(directory: Path, ready: int) -> None:
    """Serve until asked to stop, or until the directory is gone: nothing may be left of a site that nobody can find."""
    site = Site(Store(directory / "state.json"))
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    site.start()
    await site.store.save()
    control = Control(site, stopped.set, secrets.token_hex(32))
    await control.open(directory / ADDRESS)
    os.write(ready, b"ready")
    os.close(ready)
    while not stopped.is_set() and control.is_current():
        await _at_most(stopped.wait(), _WATCH)
    site.stop()
    await control.close()


async def _at_most(waiting: Awaitable[object], seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiting, seconds)


def _detach() -> int | None:
    """Fork into a session of its own. In the child: the descriptor to say "ready" on; in the parent None, once it did.

    The parent leaves with exit status 1 if the child ends without having said so.
    """
    listening, ready = os.pipe()
    if os.fork():
        os.close(ready)
        output = os.read(listening, 16)
        if output != b"ready":
            raise SystemExit(1)
        return None
    os.close(listening)
    os.setsid()
    os.chdir("/")
    return ready


def main() -> None:
    directory = Path(sys.argv[1])
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another one is starting or running, and answers soon
    ready = _detach()
    if ready is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard != resource.RLIM_INFINITY else max(soft, 65536), hard))
    asyncssh.set_log_level("ERROR")
    try:
        asyncio.run(_live(directory, ready))
    except InstallerError as error:
        notify(f"{error}\n{error.hint}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
