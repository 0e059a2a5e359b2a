"""What the proof makes of machines that answer badly, late or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from installer.common.errors import InstallerError
from installer.health.check import Finding, Verdict
from installer.health.reach.flows import Outcome, flows
from installer.health.reach.prove import Reachability, prove
from installer.health.reach.scripts import Secret, read_probe, read_ready
from installer.ssh.connection import Connection
from tests.installer.health.reach.proving import INFRA, MASTER, TOPOLOGY, WORKER
from tests.strategies import examples

Script = Callable[[str, str], list[str]]
"""(machine, what it gets on stdin): the lines that it says before it ends."""


def _listens(script: str) -> bool:
    return "\nlisten " in script


def _honest(machine: str, script: str) -> list[str]:
    """What the programs say where all ports are open."""
    found = re.search(r"^secret (\w+)", script, re.MULTILINE)
    assert found
    secret = Secret(found[1])
    if _listens(script):
        return [f"{secret.ask} ready", f"{secret.ask} alive 100"]
    names = {str(other.address): other.name for other in TOPOLOGY.machines}
    tries = re.findall(r"^try ([0-9]+) \w+ (\S+)", script, re.MULTILINE)
    return [*(f"{secret.ask} {id} answered {secret.answer(names[to])}" for id, to in tries), f"{secret.ask} done"]


@dataclass
class Scripted:
    """A machine that says given lines; `open` counts the commands that have not ended."""

    machine: str
    script: Script
    open: list[str]
    host_key: str = ""
    lines: list[str] = field(default_factory=list)

    @contextmanager
    def start(self, command: str, *, stdin: str = "") -> Iterator[Scripted]:
        self.open.append(self.machine)
        try:
            yield Scripted(self.machine, self.script, self.open, lines=self.script(self.machine, stdin))
        finally:
            self.open.remove(self.machine)

    def wait_for(self, holds: Callable[[str], bool], deadline: float) -> str:
        while self.lines:
            line = self.lines.pop(0)
            if holds(line):
                return line
        raise InstallerError("run command", "the command ended", machine=self.machine)

    def run(self, *_args: object, **_options: object) -> None:
        raise AssertionError("only start is used")

    def close(self) -> None:
        """Nothing is open."""


def _prove(scripts: Mapping[str, Script], connect: Callable[[str], None] = lambda _machine: None) -> Reachability:
    """The proof where the machines of `scripts` say what those say, and the others are honest."""
    still_open: list[str] = []

    def get(machine: str, _deadline: float) -> Connection:
        connect(machine)
        found: Connection = Scripted(machine, scripts.get(machine, _honest), still_open)  # type: ignore[assignment]
        return found

    found = prove(get, TOPOLOGY, 10)
    assert still_open == []
    return found


def _finding(found: Reachability, machine: str) -> Finding:
    return next(one for one in found.findings if (one.check, one.machine) == ("reach", machine))


def _outcomes(found: Reachability, source: str) -> set[Outcome]:
    return {one.outcome for one in found.tried if one.flow.source == source}


def test_honest_machines_pass() -> None:
    found = _prove({})
    assert {one.verdict for one in found.findings if one.check == "reach"} == {Verdict.PASS}


def test_a_machine_without_perl_is_named_with_what_mends_it() -> None:
    found = _prove({WORKER: lambda _machine, _script: ["no perl"]})
    finding = _finding(found, WORKER)
    assert finding.verdict is Verdict.UNKNOWN
    assert "demo-worker-1 could not listen: it has no perl" in finding.seen
    assert "perl-base" in finding.remedy
    assert _finding(found, MASTER).verdict is Verdict.UNKNOWN
    assert _outcomes(found, WORKER) == {Outcome.UNTRIED}


def test_what_a_login_shell_prints_is_passed_over() -> None:
    noise = ["Welcome!", "", "no perl here, only poetry", "ready"]
    found = _prove({WORKER: lambda machine, script: [*noise, *_honest(machine, script)]})
    assert {one.outcome for one in found.tried} == {Outcome.ANSWERED}


def test_a_machine_that_cannot_be_connected_to_is_unknown_and_so_is_what_it_would_try() -> None:
    def connect(machine: str) -> None:
        if machine == INFRA:
            raise InstallerError("connect", "connection refused by 10.0.0.7:22", machine=machine)

    found = _prove({}, connect)
    assert "connection refused by 10.0.0.7:22" in _finding(found, INFRA).seen
    assert _outcomes(found, INFRA) == {Outcome.UNTRIED}
    assert (found.covered, found.total) == (2, 6)


def test_silence_proves_nothing_once_the_listener_has_ended() -> None:
    def silent(_machine: str, script: str) -> list[str]:
        lines = _honest(MASTER, script)
        return lines if _listens(script) else [re.sub(r"answered \w+", "silent", line) for line in lines]

    def ended(machine: str, script: str) -> list[str]:
        return _honest(machine, script)[:1] if _listens(script) else _honest(machine, script)

    found = _prove({MASTER: silent, WORKER: ended})
    to_worker = {one.outcome for one in found.tried if (one.flow.source, one.flow.target) == (MASTER, WORKER)}
    assert to_worker == {Outcome.UNTRIED}
    assert "demo-worker-1 stopped listening" in _finding(found, WORKER).seen
    to_infra = {one.outcome for one in found.tried if (one.flow.source, one.flow.target) == (MASTER, INFRA)}
    assert to_infra == {Outcome.SILENT}


def test_a_probe_that_is_cut_off_keeps_what_it_found() -> None:
    found = _prove({MASTER: lambda machine, script: _honest(machine, script)[:4]})
    outcomes = [one.outcome for one in found.tried if one.flow.source == MASTER]
    assert outcomes.count(Outcome.ANSWERED) == 4
    assert set(outcomes) == {Outcome.ANSWERED, Outcome.UNTRIED}


def test_another_machines_answer_is_told_from_the_targets() -> None:
    def mixed_up(_machine: str, script: str) -> list[str]:
        lines = _honest(MASTER, script)
        if _listens(script):
            return lines
        ask = lines[0].split()[0]
        return [re.sub(r"answered \w+", f"answered {Secret(ask).answer(INFRA)}", line) for line in lines]

    found = _prove({MASTER: mixed_up})
    to = {one.flow.target: one.outcome for one in found.tried if one.flow.source == MASTER}
    assert to == {INFRA: Outcome.ANSWERED, WORKER: Outcome.STRANGER}
    assert "a second machine with this address" in _finding(found, WORKER).remedy


def test_a_machine_that_says_no_end_of_lines_is_stopped() -> None:
    def chatter(_machine: str, script: str) -> list[str]:
        lines = _honest(MASTER, script)
        return lines if _listens(script) else lines[:1] * 100_000

    assert Outcome.UNTRIED in _outcomes(_prove({MASTER: chatter}), MASTER)


def test_no_time_at_all_is_no_crash() -> None:
    def late(machine: str, _deadline: float) -> Connection:
        raise InstallerError("connect", "no answer within 0 s", machine=machine)

    found = prove(late, TOPOLOGY, 0)
    assert {one.outcome for one in found.tried} == {Outcome.UNTRIED}


_LINES = st.lists(
    st.text(max_size=30)
    | st.sampled_from(["a 0 path 99999 99999", "a 0 path ² 1", "a ٣ silent", "a 999999 silent", "a 0", "a 0 untried x"])
    | st.from_regex(r"a [0-9]{1,7} [a-z]{1,12}( .*)?", fullmatch=True),
    max_size=8,
)


@examples(50)
@given(_LINES)
def test_no_output_keeps_a_probe_from_being_read(lines: list[str]) -> None:
    attempts = [(flow, False) for flow in flows(TOPOLOGY)[:3]]
    tried, measured = read_probe(Secret("a"), lines, attempts)
    assert set(tried) <= {0, 1, 2}
    assert all(one.source == MASTER for one in measured)
    for line in lines:
        assert all(0 <= port <= 99999 for _, port in read_ready(line))
