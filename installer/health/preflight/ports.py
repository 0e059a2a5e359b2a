"""Preflight check of ports: those of the contract and of kubeadm are free, or taken by whom they should be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.health.check import Judgement, Subject, Verdict
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import at_work
from installer.health.preflight.needed import RIGHT, needed
from installer.health.preflight.records import listed
from installer.plan.rules import Level
from installer.steps.evidence import Evidence, Unreadable


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket that waits for others; `process` and `pid` are empty where the machine didn't say."""

    protocol: str
    port: int
    process: str = ""
    pid: str = ""

    def __str__(self) -> str:
        by = f"{brief(self.process)} (process {self.pid})" if self.process else "a process that has no name"
        if self.protocol == "udp" and not self.process:
            by = "the kernel, for a tunnel"
        return f"{self.protocol} {self.port} by {by}"


def listeners(evidence: Evidence) -> set[Listener]:
    """Raises Unreadable."""
    lines = evidence.output(probes.SOCKETS.id).splitlines()
    return {found for line in lines if (found := _from_ss(line) or _from_proc(line))}


def _from_ss(line: str) -> Listener | None:
    words = line.split(maxsplit=6)
    if len(words) < 6 or words[0] not in ("tcp", "udp"):
        return None
    port = words[4].rpartition(":")[2]
    if not re.fullmatch(r"[0-9]{1,5}", port):
        return None
    owner = re.search(r'\("([^"]{1,64})",pid=([0-9]{1,10})', words[6] if len(words) > 6 else "")
    return Listener(words[0], int(port), *(owner.groups() if owner else ()))


def _from_proc(line: str) -> Listener | None:
    found = re.fullmatch(r"hex (tcp|udp) [0-9A-F]{8,32}:([0-9A-F]{4}) (0A|07)", line.strip())
    if not found or (found[1], found[3]) not in (("tcp", "0A"), ("udp", "07")):
        return None
    return Listener(found[1], int(found[2], 16))


def _right(one: Listener) -> bool:
    names = RIGHT.get(one.port, ())
    return names is None or any(one.process.startswith(name) for name in names)


def _ports(subject: Subject) -> Judgement:
    if not subject.evidence.output(probes.SOCKETS.id).strip():
        raise Unreadable("the machine says that nothing listens, yet the port answered")
    taken: dict[Listener, Verdict] = {}
    wants = tuple(needed(subject.machine, subject.topology))
    for one in sorted(listeners(subject.evidence), key=str):
        for want in wants:
            if want.protocol == one.protocol and want.first <= one.port <= want.last and not _right(one):
                firm = want.single and want.level in (Level.MUST, Level.NEEDED)
                taken[one] = Verdict.FAIL if firm or taken.get(one) is Verdict.FAIL else Verdict.WARN
    if not taken:
        return holds("all ports that the node needs are free")
    if at_work(subject.plan, subject.machine, subject.evidence):
        return holds("in use by this cluster")
    failed = [one for one, verdict in taken.items() if verdict is Verdict.FAIL]
    shown = failed or list(taken)
    processes = list(dict.fromkeys(brief(one.process) for one in shown if one.process))
    remedy = (
        f"stop {listed(processes)}: systemctl disable --now UNIT (systemctl status PROCESS names it)"
        if processes
        else ""
    )
    seen = f"taken: {listed([str(one) for one in shown])}"
    return fails(seen, remedy) if failed else warns(seen, remedy)


CHECKS = (
    PreflightCheck("ports", "ports", Level.MUST, _ports, (probes.SOCKETS, probes.LEFTOVERS),
        what="the ports of the contract's rules and of kubeadm's components are free; 22 is SSH's",
        remedy="find out who listens (ss -ltunp), and stop it"),
)  # fmt: skip
