"""What is sent to machines that listen and probe, and how their lines are read. The programs are in assets/reach."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Literal

from installer.health.reach.flows import Flow, Outcome, PathMTU, Tried
from installer.health.reach.pairs import OVERLAY, Protocol

NO_PERL = "no perl"
"""What a machine says that has no perl."""

# The alarm is set before the program arrives: a connection that breaks meanwhile leaves nothing behind either.
_LOADER = "alarm shift; $/ = chr(10).q(__END__).chr(10); eval <STDIN>; die $@ if $@"
_WORDS = re.compile(r"(?P<id>[0-9]{1,6}) (?P<word>[a-z]{1,20})(?: (?P<rest>.{1,200}))?")
_SIZES = re.compile(r"([0-9]{1,5}) ([0-9]{1,5})")


@dataclass(frozen=True)
class Secret:
    """What tells our listeners' answers from all others: a new `ask` each time, an answer of each machine's own."""

    ask: str

    @classmethod
    def new(cls) -> Secret:
        return cls(secrets.token_hex(8))

    def answer(self, machine: str) -> str:
        return sha256(f"{self.ask} {machine}".encode()).hexdigest()[:16]


def command(seconds: int, *, root: bool) -> str:
    """Shell that runs the program which follows on stdin, for at most so many seconds."""
    perl = f"exec perl -e {shlex.quote(_LOADER)} {seconds}"
    as_root = f'[ "$(id -u)" = 0 ] || exec sudo -n {perl.removeprefix("exec ")}; ' if root else ""
    return f"command -v perl >/dev/null 2>&1 || {{ echo {NO_PERL}; exit 127; }}; {as_root}{perl}"


def listen_script(secret: Secret, machine: str, flows: Iterable[Flow]) -> str:
    """The listener's program, and the ports of `machine` that `flows` lead to."""
    ports = dict.fromkeys((flow.protocol, flow.address, flow.port) for flow in flows)
    lines = [f"secret {secret.ask} {secret.answer(machine)}"]
    lines += [f"listen {protocol} {address} {port}" for protocol, address, port in ports]
    return _program("listen.pl", lines)


def probe_script(secret: Secret, attempts: Sequence[tuple[Flow, bool]]) -> str:
    """The probe's program, and one line per (flow, whether the target holds the port itself), by index."""
    lines = [f"secret {secret.ask}"]
    for number, (flow, taken) in enumerate(attempts):
        verb = "touch" if taken else "try"
        lines.append(f"{verb} {number} {flow.protocol} {flow.address} {flow.port}")
        if flow.service == OVERLAY:
            lines.append(f"path {number}")
    return _program("probe.pl", lines)


def _program(name: str, lines: Iterable[str]) -> str:
    program = files("assets").joinpath("reach", name).read_text(encoding="utf-8")
    return program + "".join(f"{line}\n" for line in (*lines, "go"))


Lacking = Mapping[tuple[Protocol, int], Literal["taken", "failed"]]
"""Ports that a listener could not have: another process holds them, or the system does not give them."""


def read_ready(line: str) -> Lacking:
    """What a listener says when it is ready, in words behind the secret. Words that make no sense are passed over."""
    found = re.findall(r"(?<= )(taken|failed):(tcp|udp):([0-9]{1,5})(?!\S)", line)
    return {(protocol, int(port)): why for why, protocol, port in found}


def read_probe(
    secret: Secret, lines: Iterable[str], attempts: Sequence[tuple[Flow, bool]]
) -> tuple[dict[int, Tried], list[PathMTU]]:
    """Outcomes by index of the attempt, and the ways that were measured. Lines that make no sense are passed over."""
    tried: dict[int, Tried] = {}
    measured: list[PathMTU] = []
    for line in lines:
        match = _WORDS.fullmatch(line.removeprefix(f"{secret.ask} "))
        if match is None or int(match["id"]) >= len(attempts):
            continue
        number, rest = int(match["id"]), match["rest"] or ""
        flow, taken = attempts[number]
        sizes = _SIZES.fullmatch(rest) if match["word"] == "path" else None
        if sizes:
            measured.append(PathMTU(flow.source, flow.target, int(sizes[1]), int(sizes[2])))
        elif match["word"] != "path":
            tried[number] = _tried(flow, taken, match["word"], rest, secret)
    return tried, measured


_OUTCOMES = {
    outcome.value: outcome
    for outcome in Outcome
    if outcome not in (Outcome.TAKEN, Outcome.STRANGER, Outcome.UNTRIED)  # these are our words, not the probe's
}


def _tried(flow: Flow, taken: bool, word: str, rest: str, secret: Secret) -> Tried:
    if word == "connected":
        return Tried(flow, Outcome.TAKEN if taken else Outcome.STRANGER)
    if word == "answered" and rest != secret.answer(flow.target):
        return Tried(flow, Outcome.STRANGER)
    if word in _OUTCOMES:
        return Tried(flow, _OUTCOMES[word])
    return Tried(flow, Outcome.UNTRIED, f"{flow.source} could not try: {rest or word}")
