"""Own machines tried out while their list is still being typed: each as far as it can be reached, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh.diagnosis import STAGES, Stage

if TYPE_CHECKING:
    from installer.ssh.diagnosis import Diagnosis
    from installer.ssh.endpoint import Endpoint

AT_ONCE = 8
"""Machines that are tried side by side."""
MOST_THREADS = 32
"""Threads there are at most, those included whose machine is not wanted any more and that wait for their deadline."""
SECONDS = 15.0
"""The deadline for each machine."""


class State(StrEnum):
    WAITING = "waiting"
    CONNECTING = "connecting"
    READY = "ready"
    ASKS = "asks"
    """Something is to be asked before an install, and is not asked here: a new host key, a passphrase."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """How far a machine was reached: every stage, and what is known of the way to it."""

    state: State = State.WAITING
    stages: tuple[Stage, ...] = STAGES
    asks: str = ""
    """What is to be asked, such as `new host key SHA256:...`."""
    user: str = ""
    port: int | None = None

    @property
    def at(self) -> Stage | None:
        """The first stage that does not hold."""
        return next((stage for stage in self.stages if stage.verdict != "passed"), None)

    @property
    def address(self) -> IPv4Address | None:
        """The IPv4 address of the machine's name, where it was resolved here."""
        reached = (stage.seen for stage in self.stages if stage.id == "resolve" and stage.verdict == "passed")
        resolved = next(reached, "")
        for word in resolved.split(", "):
            try:
                found = IPv4Address(word)
            except ValueError:
                continue
            if not found.is_loopback:
                return found
        return None


Notify = Callable[[Trial], None]
ConnectionTest = Callable[[Host, SSH, Notify], Trial]
"""Tries one machine and returns how it ended; tells on the way. Raises nothing."""


class ConnectionTester:
    """Tests as an install will: by ~/.ssh/config, the user's keys and known hosts. Pins nothing, asks nothing."""

    def __init__(self) -> None:
        from installer.ssh.transport.dial import Jumps

        self._jumps = Jumps()

    def __call__(self, host: Host, ssh: SSH, notify: Notify) -> Trial:
        from installer.common.errors import InstallerError
        from installer.ssh import config
        from installer.ssh.diagnose import diagnose
        from installer.ssh.host_keys import verify
        from installer.ssh.keys.identities import keyring

        trial = Trial(State.CONNECTING)
        try:
            endpoint = config.endpoint(host, ssh)
        except InstallerError as error:
            return grounded(error.observed, error.hint)
        trial = _towards(endpoint, trial)
        held: list[Stage] = []

        def heard(stage: Stage) -> None:
            held.append(stage)
            notify(replace(trial, stages=(*held, *STAGES[len(held) :])))

        notify(trial)
        # The keys are looked for each time: one may have been added to the agent since.
        known, keys = verify.host_keys(endpoint), keyring(endpoint)
        return _ended(trial, diagnose(host.address, endpoint, known, keys, SECONDS, heard, self._jumps))

    def close(self) -> None:
        self._jumps.close()


def grounded(seen: str, remedy: str = "") -> Trial:
    """The trial of a machine without a known address."""
    failed = replace(STAGES[0], verdict="failed", seen=seen, remedy=remedy)
    return Trial(State.FAILED, (failed, *STAGES[1:]))


def _towards(endpoint: Endpoint, trial: Trial) -> Trial:
    return replace(trial, user=endpoint.user, port=endpoint.port)


def _ended(trial: Trial, diagnosis: Diagnosis) -> Trial:
    from installer.ssh.host_keys.pinned_keys import fingerprint
    from installer.ssh.host_keys.verify import UnknownHostKey
    from installer.ssh.transport.login import KeyLocked

    asks = ""
    if isinstance(diagnosis.error, UnknownHostKey):
        asks = f"new host key {fingerprint(diagnosis.error.shown)}"
    elif isinstance(diagnosis.error, KeyLocked):
        asks = f"passphrase of {', '.join(path.name for path in diagnosis.error.paths)}"
    state = State.ASKS if asks else State.FAILED if diagnosis.error else State.READY
    return replace(trial, state=state, stages=diagnosis.stages, asks=asks)


_Key = tuple[Host, SSH]


class Trials:
    """Machines that are tried on threads of their own, and what came of it. Its methods wait for nothing.

    A machine is tried once for each way to reach it; one that is not wanted any more gives its place away at once.
    """

    def __init__(self, diagnose: ConnectionTest) -> None:
        self._diagnose = diagnose
        self._lock = threading.Lock()
        self._queue: dict[_Key, None] = {}
        self._wanted: frozenset[_Key] = frozenset()
        self._running: set[_Key] = set()
        self._found: dict[_Key, Trial] = {}
        self._ssh = SSH()
        self.version = 0
        """Grows with everything that has to be drawn again."""

    def want(self, machines: Iterable[Host], ssh: SSH) -> None:
        """Try these machines, in this order, and no others; `ssh` is the plan's."""
        keys = dict.fromkeys((_untold(host), ssh) for host in machines)
        with self._lock:
            self._ssh, self._wanted = ssh, frozenset(keys)
            self._queue = {key: None for key in keys if key not in self._found and key not in self._running}
            self.version += 1
            self._fill()

    def of(self, host: Host) -> Trial | None:
        """How far a machine was reached; None if it was never wanted."""
        key = _untold(host), self._ssh
        with self._lock:
            return self._found.get(key) or (Trial() if key in self._wanted else None)

    def again(self, host: Host) -> None:
        """Try a machine again."""
        key = _untold(host), self._ssh
        with self._lock:
            if key in self._wanted and key not in self._running:
                self._found.pop(key, None)
                self._queue[key] = None
                self.version += 1
                self._fill()

    def close(self) -> None:
        """Try nothing more; what is under way ends by itself."""
        with self._lock:
            self._queue, self._wanted = {}, frozenset()

    def _fill(self) -> None:
        """Start machines while there is room. The lock is held."""
        while self._queue and len(self._running & self._wanted) < AT_ONCE and len(self._running) < MOST_THREADS:
            key = next(iter(self._queue))
            del self._queue[key]
            self._running.add(key)
            # Nobody waits for it: a thread of the interpreter's own pool would hold up its end.
            threading.Thread(target=self._try, args=(key,), name="trial", daemon=True).start()

    def _try(self, key: _Key) -> None:
        def notify(trial: Trial) -> None:
            with self._lock:
                self._found[key] = trial
                self.version += 1

        try:
            trial = self._diagnose(*key, notify)
        except Exception as error:  # the interpreter would print it across the screen
            trial = grounded(f"{type(error).__name__}: {error}", "this is a bug in Craton: please report it")
        notify(trial)
        with self._lock:
            self._running.discard(key)
            self._fill()


def _untold(host: Host) -> Host:
    """The host without what makes no difference to the way there."""
    return host.model_copy(update={"role": None, "internal": None})
