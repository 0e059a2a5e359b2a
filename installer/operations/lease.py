"""Keeps a cluster's lease while an engine works on it, so that no second computer does."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine.context import Stop
from installer.engine.journal import JournalError
from installer.plan.model import InstallPlan
from installer.steps.lease import Held, Holder, Lease
from installer.steps.world import World

_RENEW = 30.0
_NOT_YET = 2.0
"""Seconds until the next try, while the first master is bare or busy being made."""
_UNREACHABLE = 15.0
_ENDING = 3.0
"""Seconds that the end of a run waits for a machine that is asked to renew the lease."""
_OPERATION = "take the lease of the cluster"


class HeldElsewhereError(InstallerError):
    """Another computer works on the cluster."""

    def __init__(self, cluster: str, held: Held) -> None:
        super().__init__(
            _OPERATION,
            words(held),
            hint=f"Wait for it, or stop it there. If that computer is gone: craton resume {cluster} --take-over",
            exit_code=ExitCode.LOCKED,
        )
        self.held = held


def words(held: Held) -> str:
    """Who holds a lease, as a sentence without its full stop."""
    since, renewed = (time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) for at in (held.since, held.renewed))
    return f"{held.holder.owner} has been working on the cluster since {since} and last reported at {renewed}"


def own_holder(directory: ClusterDirectory) -> Holder:
    """This state directory as a holder. A copy of it on another computer is another holder."""
    path, host = directory.path / "holder", socket.gethostname()
    try:
        mark = path.read_text(encoding="ascii").strip()
    except (FileNotFoundError, UnicodeDecodeError):
        mark = ""
    if not mark.isalnum():
        mark = secrets.token_hex(8)
        write_private(path, f"{mark}\n".encode())
    return Holder(f"{mark}-{_printable(host)}", f"{_printable(_user())}@{_printable(host)}")


def elsewhere(plan: InstallPlan, directory: ClusterDirectory) -> Held | None:
    """Who else holds the lease of the plan's cluster; None for nobody, and where nobody can tell."""
    from installer.operations.session import open_world

    with open_world(plan, directory) as world:
        lease = world.platform.lease(world.connections)
        if lease is None:
            return None
        try:
            held = lease.held()
        except InstallerError:
            return None
    mine = own_holder(directory) if directory.path.exists() else None
    return held if held and held.holder.id != (mine and mine.id) else None


class Keeper:
    """Takes the lease as soon as there is something to keep it, renews it, and notices if it is lost."""

    def __init__(self, cluster: str, lease: Lease, holder: Holder, stop: Stop) -> None:
        self._cluster, self._lease, self._holder, self._stop = cluster, lease, holder, stop
        self._lost: Held | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, seize: bool) -> None:
        """Take it now if that can be told. Raises HeldElsewhereError."""
        pause = self._try(seize=seize)
        if self._lost:
            raise HeldElsewhereError(self._cluster, self._lost)
        self._thread = threading.Thread(target=self._keep, args=(pause,), name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises JournalError once another computer has taken the lease."""
        if self._lost:
            raise JournalError(_OPERATION, words(self._lost), exit_code=ExitCode.LOCKED)

    def close(self) -> None:
        """Give the lease back, unless it was lost. A machine that doesn't answer keeps it."""
        self._over.set()
        if self._thread:
            self._thread.join(timeout=_ENDING)
            if self._thread.is_alive():  # asking once more would take as long
                return
        if not self._lost:
            with suppress(InstallerError):
                self._lease.drop(self._holder)

    def _keep(self, pause: float) -> None:
        while not self._over.wait(pause):
            pause = self._try()
            if self._lost:
                self._stop.request()
                return

    def _try(self, *, seize: bool = False) -> float:
        """Take or renew it; return the seconds until the next try."""
        try:
            held = self._lease.take(self._holder, seize=seize)
        except InstallerError:
            return _UNREACHABLE
        if held and held.holder.id != self._holder.id:
            self._lost = held
        return _RENEW if held else _NOT_YET


@contextmanager
def kept(world: World, stop: Stop, *, take_over: bool = False) -> Iterator[Keeper | None]:
    """Keep the lease of the world's cluster meanwhile; None where its platform has none. Raises HeldElsewhereError."""
    lease = world.platform.lease(world.connections)
    if lease is None:
        yield None
        return
    keeper = Keeper(world.plan.name, lease, own_holder(world.directory), stop)
    keeper.start(seize=take_over)
    try:
        yield keeper
    finally:
        keeper.close()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _printable(text: str) -> str:
    """What may be one word in a machine's file."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", text) or "_"
