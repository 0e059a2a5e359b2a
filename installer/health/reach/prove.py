"""Proof, before anything is installed, that the machines reach each other as the contract says.

Every target listens for a moment on the ports that the contract's rules open there, every source tries them, and the
answers carry a secret. The programs go over stdin and end with the connection: nothing is left on a machine.
"""

from __future__ import annotations

import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from installer.common.errors import InstallerError
from installer.health.check import Finding
from installer.health.reach import pairs as reach
from installer.health.reach.findings import judge
from installer.health.reach.flows import Flow, Outcome, PathMTU, Tried, flows
from installer.health.reach.pairs import Pair, Reached
from installer.health.reach.scripts import (
    NO_PERL,
    Lacking,
    Secret,
    command,
    listen_script,
    probe_script,
    read_probe,
    read_ready,
)
from installer.plan.topology import Topology
from installer.ssh.connection import Connection, Running

TARGETS_AT_ONCE = 50
MACHINES_AT_ONCE = 32

_LISTENING = 150
"""Seconds after which a listener ends by itself, whatever became of us."""
_PROBING = 60
"""The same of a probe; it takes 4 for what is blocked, and up to 15 where an MTU has to be searched."""
_STARTING = 30
_ALIVE = 5

_ALIVE_LINE = re.compile(r"[0-9a-f]+ alive ([0-9]{1,6})")

Connect = Callable[[str, float], Connection]
"""(machine, seconds): an open connection. Raises InstallerError."""


@dataclass(frozen=True, slots=True)
class Reachability:
    """What the machines found. `covered` of `total` pairs of machines were tried, each direction counted."""

    tried: tuple[Tried, ...]
    mtus: tuple[PathMTU, ...]
    covered: int
    total: int
    findings: tuple[Finding, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The outcomes by contract rule."""
        return tuple(pair for one in self.tried for pair in one.pairs)


def prove(
    connect: Connect,
    topology: Topology,
    deadline: float,
    log: Callable[[str], None] = lambda _line: None,
    firewalls: Mapping[str, str] | None = None,
) -> Reachability:
    """Try every flow between the machines of `topology`, in at most `deadline` seconds; never raises InstallerError.

    `firewalls` names the firewall in force on a machine ("ufw"), as far as it is known. What could not be tried in
    time, or on a machine that does not answer, is UNTRIED.
    """
    prover = _Prover(connect, time.monotonic() + deadline, log)
    tried, mtus = prover.prove(flows(topology))
    covered = len({(one.flow.source, one.flow.target) for one in tried if one.outcome is not Outcome.UNTRIED})
    total = reach.coverage(topology)[1]
    log(f"{covered} of {total} pairs of machines tried, {len(tried)} ports, {len(mtus)} paths measured")
    return Reachability(tried, mtus, covered, total, judge(topology, tried, mtus, firewalls or {}))


@dataclass
class _Listener:
    """A machine that listens. Closing `open` ends it."""

    running: Running
    lacking: Lacking
    ready_at: float
    open: ExitStack


@dataclass
class _Probed:
    tried: list[Tried] = field(default_factory=list)
    mtus: list[PathMTU] = field(default_factory=list)

    @property
    def doubtful(self) -> set[str]:
        """Targets of which a silence tells something of the way only if their listeners are still there."""
        narrow = {mtu.target for mtu in self.mtus if mtu.narrow}
        return narrow | {one.flow.target for one in self.tried if one.result is Reached.FILTERED}


class _Prover:
    def __init__(self, connect: Connect, until: float, log: Callable[[str], None]) -> None:
        self._connect = connect
        self._until = until
        self._log = log
        self._secret = Secret.new()

    def prove(self, wanted: Sequence[Flow]) -> tuple[tuple[Tried, ...], tuple[PathMTU, ...]]:
        """Outcomes in the order of `wanted`."""
        by_target = _grouped(wanted, lambda flow: flow.target)
        found = _Probed()
        with ThreadPoolExecutor(MACHINES_AT_ONCE, thread_name_prefix="reach") as pool:
            for batch in _chunks(list(by_target), TARGETS_AT_ONCE):
                self._prove_batch(pool, {target: by_target[target] for target in batch}, found)
        outcomes = {one.flow: one for one in found.tried}
        return tuple(outcomes[flow] for flow in wanted), tuple(found.mtus)

    def _prove_batch(self, pool: ThreadPoolExecutor, batch: Mapping[str, list[Flow]], found: _Probed) -> None:
        until = min(self._until, time.monotonic() + _LISTENING - _ALIVE)
        started = dict(zip(batch, pool.map(lambda target: self._listen(target, batch[target]), batch), strict=True))
        listeners = {target: one for target, one in started.items() if isinstance(one, _Listener)}
        try:
            probed = self._probe_all(pool, listeners, batch, until)
            doubtful = probed.doubtful
            ended = dict(zip(doubtful, pool.map(lambda target: _ended(listeners[target]), doubtful), strict=True))
        finally:
            list(pool.map(lambda listener: listener.open.close(), listeners.values()))
        for target, why in started.items():
            if isinstance(why, str):
                found.tried += [Tried(flow, Outcome.UNTRIED, why) for flow in batch[target]]
        found.tried += [_unless_ended(tried, ended.get(tried.flow.target, "")) for tried in probed.tried]
        found.mtus += [mtu for mtu in probed.mtus if not ended.get(mtu.target)]

    def _probe_all(
        self,
        pool: ThreadPoolExecutor,
        listeners: Mapping[str, _Listener],
        batch: Mapping[str, list[Flow]],
        until: float,
    ) -> _Probed:
        """Have every source try what leads to a machine that listens."""
        flows = [flow for target in listeners for flow in batch[target]]
        by_source = _grouped(flows, lambda flow: flow.source)
        self._log(f"{len(listeners)} machines listen, {len(by_source)} try {len(flows)} ports")
        found = _Probed()
        for one in pool.map(lambda source: self._probe(source, by_source[source], listeners, until), by_source):
            found.tried += one.tried
            found.mtus += one.mtus
        return found

    def _listen(self, machine: str, wanted: Iterable[Flow]) -> _Listener | str:
        """A listener that is ready, or why there is none."""
        try:
            return self._start_listener(machine, wanted)
        except InstallerError as error:
            return f"{machine} could not listen: {error.observed}"

    def _start_listener(self, machine: str, wanted: Iterable[Flow]) -> _Listener:
        script = listen_script(self._secret, machine, wanted)
        with ExitStack() as stack:
            connection = self._connect(machine, self._left(_STARTING))
            running = stack.enter_context(connection.start(command(_LISTENING, root=True), stdin=script))
            line = self._line(running, self._left(_STARTING))
            still_open = stack.pop_all()
        return _Listener(running, read_ready(line), time.monotonic(), still_open)

    def _probe(self, source: str, wanted: Sequence[Flow], listeners: Mapping[str, _Listener], until: float) -> _Probed:
        lacking = {flow: listeners[flow.target].lacking.get(flow.service) for flow in wanted}
        attempts = [(flow, why == "taken") for flow, why in lacking.items() if _can_be_tried(flow, why)]
        lines, why = self._collect(source, attempts, until)
        tried, mtus = read_probe(self._secret, lines, attempts)
        outcomes = {attempts[number][0]: one for number, one in tried.items()}
        missing = {flow: _untried(flow, lacking[flow], why) for flow in wanted if flow not in outcomes}
        return _Probed([(outcomes | missing)[flow] for flow in wanted], mtus)

    def _collect(self, source: str, attempts: Sequence[tuple[Flow, bool]], until: float) -> tuple[list[str], str]:
        """What a probe says, and why it did not come to its end, or nothing."""
        lines: list[str] = []
        if not attempts:
            return lines, ""
        script = probe_script(self._secret, attempts)
        try:
            connection = self._connect(source, self._left(_STARTING))
            end = min(until, time.monotonic() + _PROBING)
            with connection.start(command(_PROBING, root=False), stdin=script) as running:
                # A machine says two lines of each port at most; more than that is not our program.
                while len(lines) <= 2 * len(attempts):
                    line = self._line(running, end - time.monotonic())
                    if line == f"{self._secret.ask} done":
                        break
                    lines.append(line)
        except InstallerError as error:
            return lines, f"{source} could not try: {error.observed}"
        return lines, ""

    def _line(self, running: Running, seconds: float) -> str:
        """The next line that is the program's own: a login shell may say more."""
        start = f"{self._secret.ask} "
        line = running.wait_for(lambda line: line.startswith(start) or line == NO_PERL, max(0.1, seconds))
        if line == NO_PERL:
            raise InstallerError("run perl", "it has no perl")
        return line

    def _left(self, most: float) -> float:
        return min(most, max(0.1, self._until - time.monotonic()))


def _can_be_tried(flow: Flow, lacking: str | None) -> bool:
    # A process of the target's own accepts connections, but answers no datagram of ours.
    return lacking is None or (lacking == "taken" and flow.protocol == "tcp")


def _untried(flow: Flow, lacking: str | None, why: str) -> Tried:
    port = f"{flow.protocol} {flow.port}"
    words = {
        "taken": f"a process on {flow.target} already holds {port}",
        "failed": f"{flow.target} may not listen on {port}",
    }
    reason = words.get(lacking or "", "") if not _can_be_tried(flow, lacking) else ""
    return Tried(flow, Outcome.UNTRIED, reason or why or f"{flow.source} said nothing of {port}")


def _ended(listener: _Listener) -> str:
    """Why the listener is no longer there, or nothing."""
    age = math.floor(time.monotonic() - listener.ready_at) - 1
    try:
        listener.running.wait_for(lambda line: _seconds_alive(line) >= age, _ALIVE)
    except InstallerError as error:
        return error.observed
    return ""


def _seconds_alive(line: str) -> int:
    found = _ALIVE_LINE.fullmatch(line)
    return int(found[1]) if found else -1


def _unless_ended(tried: Tried, ended: str) -> Tried:
    if not ended or tried.result is not Reached.FILTERED:
        return tried
    return Tried(tried.flow, Outcome.UNTRIED, f"{tried.flow.target} stopped listening: {ended}")


def _grouped(wanted: Iterable[Flow], key: Callable[[Flow], str]) -> dict[str, list[Flow]]:
    groups: dict[str, list[Flow]] = defaultdict(list)
    for flow in wanted:
        groups[key(flow)].append(flow)
    return dict(groups)


def _chunks(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
