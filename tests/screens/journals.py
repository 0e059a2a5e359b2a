"""Journals of runs of any shape and size, written through the engine's own Journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.journal import Journal
from installer.health.check import Finding, Verdict
from installer.health.reach.pairs import Pair, Reached
from installer.health.report.model import Report, RuleStatus
from installer.plan.decisions import State
from installer.plan.model import InstallPlan
from installer.plan.planfile import save
from installer.plan.rules import Level, Role
from installer.plan.sections import Ingress
from installer.plan.topology import topology
from installer.steps.step import Context, Observation, Permanent, Phase, Step

PER_MACHINE = (
    (Phase.MACHINES, "machines/create", "create {}", 3.0),
    (Phase.CONNECT, "connect", "log in to {} and pin its host key", 1.0),
    (Phase.PREPARE, "prepare", "prepare {} for Kubernetes v1.36.2", 12.0),
    (Phase.JOIN, "join", "join {} to the cluster", 6.0),
    (Phase.VERIFY, "verify", "check {}", 2.0),
)
STAGES = ("kernel modules", "sysctl", "containerd", "runc", "cni plugins", "kubeadm", "kubelet", "kubectl", "images")
DIFFERS = InstallerError(
    "install kubelet",
    "sha256 differs: expected 3f9a1c04, got 71c0ee52",
    hint="Usually a proxy that rewrites downloads, or a mirror that was updated after the review.",
)


class Idle(Permanent):
    """An action that does nothing: these steps stand in journals and never run."""

    def observe(self, ctx: Context) -> Observation:
        return Observation(True, "")

    def apply(self, ctx: Context) -> None:
        """Nothing to do."""


def plan(name: str = "demo", *, masters: int = 3, infra: int = 1, workers: int = 2) -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": name,
            "subdomain": "example.test",
            "masters": masters,
            "workers": workers,
            "ingress": Ingress(kind="infra", infra=infra),
            "networks": {"pods": "10.128.0.0/10"},
        }
    )


def steps_of(plan: InstallPlan) -> tuple[Step, ...]:
    """Steps shaped like an install's, in an order in which needs come first."""
    machines = [machine.name for machine in topology(plan).machines]
    found = [
        _step("check/tools", "see that this computer has what an install needs", Phase.CHECK),
        _step("network/create", "make the network", Phase.NETWORK, needs=("check/tools",)),
    ]
    before = dict.fromkeys(machines, "network/create")
    for phase, id, title, weight in PER_MACHINE:
        if phase is Phase.JOIN:
            first = before[machines[0]]
            found.append(
                _step("control-plane/init", "start the first master", Phase.CONTROL_PLANE, machines[0], (first,), 9.0)
            )
        for name in machines:
            needs = (before[name], "control-plane/init") if phase is Phase.JOIN else (before[name],)
            found.append(_step(f"{id}/{name}", title.format(name), phase, name, needs, weight))
            before[name] = f"{id}/{name}"
        if phase is Phase.JOIN:
            found.append(
                _step(
                    "ingress/controller", "deploy the ingress controller", Phase.INGRESS, None, tuple(before.values())
                )
            )
            found.append(_step("dns/records", "write the A records", Phase.DNS, None, ("ingress/controller",)))
    return tuple(found)


def _step(
    id: str, title: str, phase: Phase, machine: str | None = None, needs: tuple[str, ...] = (), weight: float = 1.0
) -> Step:
    return Step(id=id, title=title, phase=phase, action=Idle(), machine=machine, needs=needs, weight=weight)


class Run:
    """A run that a test writes event by event. Steps are given by id."""

    def __init__(self, directory: ClusterDirectory, plan: InstallPlan) -> None:
        self.directory = directory
        self.plan = plan
        self.steps = {step.id: step for step in steps_of(plan)}
        self.machines = [machine.name for machine in topology(plan).machines]
        self.journal = Journal(directory.journal)

    def begin(self, kind: RunKind = RunKind.INSTALL, options: dict[str, Any] | None = None) -> None:
        self.journal.begin(kind, tuple(self.steps.values()), options or {"speed": 20.0, "seed": 7, "faults": ["x:y:z"]})

    def start(self, *ids: str, state: StepState = StepState.APPLYING) -> None:
        for id in ids:
            self.journal.transition(self.steps[id], state, durable=False)

    def done(self, *ids: str, how: str = "applied", state: StepState = StepState.DONE) -> None:
        active = StepState.UNDOING if state is StepState.UNDONE else StepState.APPLYING
        for id in ids:
            self.journal.transition(self.steps[id], active, durable=False)
            self.journal.transition(self.steps[id], state, durable=False, how=how)

    def fail(self, id: str, error: InstallerError = DIFFERS) -> None:
        step = self.steps[id]
        described = {**error.as_dict(), "machine": step.machine}
        self.journal.transition(step, StepState.APPLYING, durable=False)
        self.journal.transition(step, StepState.FAILED, error=described).result()

    def block(self, *ids: str, because: str) -> None:
        for id in ids:
            self.journal.transition(self.steps[id], StepState.BLOCKED, durable=False, because=because)

    def stage(self, id: str, number: int) -> None:
        title = STAGES[number - 1]
        self.journal.record(EventType.STAGE, self.steps[id], number=number, of=len(STAGES), title=title)

    def wait(self, id: str, what: str, seen: str, until: float) -> None:
        self.journal.record(EventType.WAIT, self.steps[id], what=what, seen=seen, until=until)

    def log(self, id: str, text: str) -> None:
        self.journal.log(self.steps[id], text)

    def phase(self, phase: Phase) -> list[str]:
        """Ids of the steps of a phase."""
        return [step.id for step in self.steps.values() if step.phase is phase]

    def publish(self, report: Report) -> None:
        self.journal.record(EventType.RESULT, self.steps["check/tools"], topic="health", report=report.as_dict())

    def end(self, outcome: Outcome, code: ExitCode) -> None:
        self.journal.end(outcome, code)

    def flush(self) -> None:
        """Wait until everything is in the file."""
        self.journal.transition(self.steps["check/tools"], StepState.DONE, how="applied").result()


@contextmanager
def run(home: Path, plan: InstallPlan) -> Iterator[Run]:
    """A cluster's directory under `home` with its plan saved and a journal open for writing."""
    directory = ClusterDirectory(home / "clusters" / plan.name)
    save(directory.plan, plan)
    written = Run(directory, plan)
    try:
        yield written
    finally:
        written.journal.close()


def halfway(run: Run, *, fail: bool = False) -> None:
    """Machines exist, all are prepared but the workers and the infra node, one of which may have failed."""
    run.begin()
    run.done("check/tools", "network/create")
    run.done(*run.phase(Phase.MACHINES), *run.phase(Phase.CONNECT))
    masters = [name for name in run.machines if "-master-" in name]
    others = [name for name in run.machines if name not in masters]
    run.done(*(f"prepare/{name}" for name in masters))
    for number, name in enumerate(others):
        run.start(f"prepare/{name}")
        run.stage(f"prepare/{name}", 3 + number % 6)
        run.log(f"prepare/{name}", f"installing {STAGES[2 + number % 6]} on {name}")
    if fail:
        victim = "demo-worker-1" if "demo-worker-1" in run.machines else others[-1]
        run.fail(f"prepare/{victim}")
        run.block(f"join/{victim}", f"verify/{victim}", because=f"{victim}: prepare {victim} failed")
    run.flush()


def finish(run: Run) -> None:
    """Do whatever is left, publish a report and end well."""
    for step in run.steps.values():
        run.done(step.id)
    run.publish(report(run.plan))
    run.end(Outcome.DONE, ExitCode.DONE)


def spread(directory: ClusterDirectory, seconds: float) -> None:
    """Rewrite the times of a closed journal so that its events and lines fill `seconds` evenly."""
    with sqlite3.connect(directory.journal) as connection:
        count = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        start = connection.execute("SELECT min(at) FROM events").fetchone()[0] - seconds
        place = "(SELECT count(*) FROM events AS earlier WHERE earlier.seq < events.seq)"
        connection.execute(f"UPDATE events SET at = ? + {place} * ?", (start, seconds / max(1, count - 1)))
        connection.execute("UPDATE runs SET started = ?, ended = ended - 0", (start,))
    connection.close()


CHECKS = ("ssh", "host-key", "clock", "disk", "containerd", "kubelet", "etcd", "api", "labels", "ports", "names")


def report(
    plan: InstallPlan,
    *,
    at: float = 1_800_000_000.0,
    failing: Sequence[tuple[str, str]] = (),
    warn: bool = True,
    reach: bool = True,
) -> Report:
    """A report with one warning, about a master's clock, and with the (machine, check) pairs given as failures."""
    machines = topology(plan).machines
    findings = []
    for machine in machines:
        for check in CHECKS:
            findings.append(_finding(machine.name, machine.role, check, failing, warn))
    pairs = tuple(
        Pair(one.name, other.name, "M2" if other.role is Role.MASTER else "W3", "udp", 4789, Reached.OPEN)
        for one in (machines if reach else ())
        for other in machines
        if one.name != other.name
    )
    rules = (
        _rule("M2", Level.MUST, "in udp 4789 from masters, workers", "flannel VXLAN", State.ON, "12 of 12 pairs"),
        _rule("M3", Level.MUST, "in tcp 32000-32002 from all", "Tectonic ingress", State.NOT_APPLICABLE, "see I1"),
        _rule("W6", Level.SHOULD, "in tcp 4194 from masters", "cAdvisor", State.OBSOLETE, "the port is gone"),
    )
    return Report(plan.name, at, 3.1, tuple(findings), pairs, rules, len(pairs), len(pairs))


def _rule(id: str, level: Level, subject: str, text: str, planned: State, detail: str) -> RuleStatus:
    verdict = Verdict.PASS if planned is State.ON else Verdict.NOT_APPLICABLE
    return RuleStatus(id, level, subject, text, planned, verdict, verdict, detail)


def _finding(machine: str, role: Role, check: str, failing: Sequence[tuple[str, str]], warn: bool) -> Finding:
    if (machine, check) in failing:
        return Finding(check, machine, Verdict.FAIL, f"{check} does not answer", f"systemctl restart {check}")
    if check == "etcd" and role is not Role.MASTER:
        return Finding(check, machine, Verdict.NOT_APPLICABLE, f"not for {role} machines")
    if warn and check == "clock" and machine.endswith("master-2"):
        seen = "2.4 s ahead of the median of 6 machines (warns over 1 s, fails over 30 s)"
        return Finding(check, machine, Verdict.WARN, seen, "timedatectl set-ntp true, or check udp 123 (N9)")
    return Finding(check, machine, Verdict.PASS, "as it should be")
