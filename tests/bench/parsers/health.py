"""What probes of machines print: os-release, /proc, ss, resolvers, clocks; and what probes of ports say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from installer.common import json_reader
from installer.health import gather as gathering
from installer.health.benchmark import report as benchmark
from installer.health.evaluate import evaluate
from installer.health.preflight import evaluate_preflight, facts, summary
from installer.health.reach import flows, scripts
from installer.health.report.html import page
from installer.health.report.model import Report
from installer.health.report.text import render
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology, topology
from installer.ssh.connection import Result
from installer.steps.evidence import Evidence
from tests.bench.parsers.parser import Parser, of_text
from tests.installer.health import healthy
from tests.installer.health.benchmark.test_benchmark import MASTER, Answers
from tests.installer.health.preflight import bare

_MARK = "=== NONCE "


def _printed(outputs: Mapping[str, str]) -> str:
    """All that a machine prints in a round trip, as `gather` reads it."""
    return "".join(f"{_MARK}{id}\n{text}\n{_MARK}{id} exit 0\n" for id, text in outputs.items())


def _evidence(text: str, of: Evidence) -> Evidence:
    """Evidence of a machine that printed `text`; what it left out is as `of` has it."""
    return replace(of, probes={**of.probes, **gathering.parse(text, "NONCE")})


def _health(text: str) -> object:
    everyone = healthy.evidence()
    first = next(iter(everyone))
    everyone[first] = _evidence(text, everyone[first])
    report = _judged(healthy.PLAN, healthy.TOPOLOGY, everyone)
    return render(report), page(report), Report.from_dict(json.loads(json.dumps(report.as_dict())))


def _judged(plan: InstallPlan, whole: Topology, everyone: Mapping[str, Evidence]) -> Report:
    firewall = {machine.name: machine.firewall for machine in whole.machines}
    pinned = dict.fromkeys(everyone, healthy.HOST_KEY)
    return evaluate(plan, whole, everyone, {}, pinned, firewall, checked_at=healthy.NOW, seconds=1.0)


def _preflight(text: str) -> object:
    everyone = bare.evidence()
    first = next(iter(everyone))
    everyone[first] = _evidence(text, everyone[first])
    findings = evaluate_preflight(bare.PLAN, bare.TOPOLOGY, everyone)
    return findings, facts(everyone[first]), summary(everyone[first])


def _gathered(text: str) -> object:
    """A round trip in which the machine prints what it wants, and marks what it wants."""
    machine = healthy.TOPOLOGY.machines[0]

    def run(*_args: object, stdin: str, on_line: Any, **_options: object) -> Result:
        nonce = stdin.partition("#: nonce ")[2].partition("\n")[0]
        said = text.replace("NONCE", nonce)
        for line in said.splitlines():
            on_line(line)
        return Result(1, said, said[:100])

    connection = SimpleNamespace(user="root", host_key="", run=run)
    return gathering.gather(cast(Any, connection), machine, healthy.TOPOLOGY)


def _benchmark(text: str) -> object:
    """One master of which every probe of the benchmark prints what the machine wants."""
    answers = Answers()
    everyone = {MASTER: _evidence(text, answers.evidence(MASTER))}
    return benchmark.render(benchmark.evaluate(answers.plan, topology(answers.plan), everyone, {}))


def _ports(text: str) -> object:
    wanted = list(flows.flows(healthy.TOPOLOGY))[:20]
    secret = scripts.Secret("ask")
    lines = text.splitlines()
    return [scripts.read_ready(line) for line in lines], scripts.read_probe(
        secret, lines, [(one, False) for one in wanted]
    )


def _report(text: str) -> object:
    report = Report.from_dict(json_reader.parse(text))
    return render(report), page(report)


_ON_MASTER = _printed(healthy.outputs(healthy.TOPOLOGY.machines[0]))
_BENCHMARK = _printed({id: probed.output for id, probed in Answers().evidence(MASTER).probes.items()})
_BARE = _printed(bare.outputs(bare.TOPOLOGY.machines[0]))

PARSERS: tuple[Parser, ...] = (
    of_text("probes of health", _health, (_ON_MASTER, _printed({"console": "curl: (7) no\n#sign-in\n"}))),
    of_text("probes of preflight", _preflight, (_BARE,)),
    of_text("probes of the benchmark", _benchmark, (_BENCHMARK,)),
    of_text("a round trip", _gathered, (_ON_MASTER, "sudo: a password is required\n")),
    of_text(
        "probes of ports",
        _ports,
        ("ready taken:tcp:6443 failed:udp:4789\nask 0 connected\nask 1 answered x\nask 2 path 1450 1500\nask done",),
    ),
    of_text("report", _report, (json.dumps(healthy.report().as_dict()),), KeyError, TypeError, ValueError),
)
