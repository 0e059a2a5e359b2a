"""The benchmark of a cluster: every item with what came of it on each machine, as values, as a table, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.common.errors import InstallerError
from installer.health.benchmark import control_plane, nodes, policies
from installer.health.benchmark.facts import Facts
from installer.health.benchmark.item import BENCHMARK, SEVERITY, Item, Kind, Seen, Status
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.steps.evidence import Evidence

ITEMS: tuple[Item, ...] = (*control_plane.ITEMS, *nodes.ITEMS, *policies.ITEMS)
MARKS = {Status.PASS: "●", Status.LEFT_OUT: "–", Status.UNKNOWN: "?", Status.FAIL: "✕"}
_INDENT = " " * 10
_SHOWN = 6
"""Machines that are named with an item that doesn't pass."""
_SECTIONS = {
    "1.1": "Masters: files",
    "1.2": "Masters: API server",
    "1.3": "Masters: controller manager",
    "1.4": "Masters: scheduler",
    "2": "Masters: etcd",
    "3": "Who logs in, and what is recorded",
    "4.1": "Nodes: files",
    "4.2": "Nodes: kubelet",
    "4.3": "Nodes: kube-proxy",
    "5": "Rights, pods, networks, secrets",
}


@dataclass(frozen=True, slots=True)
class Result:
    """An item on all machines that it is about."""

    item: Item
    machines: tuple[Seen, ...]

    @property
    def status(self) -> Status:
        """The most severe of the machines'."""
        return max((seen.status for seen in self.machines), key=SEVERITY.index, default=Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Benchmark:
    cluster: str
    notice: str
    """What goes before everything on a rehearsal, or empty."""
    results: tuple[Result, ...]

    def count(self, status: Status, kind: Kind) -> int:
        return sum(result.status is status and result.item.kind is kind for result in self.results)

    @property
    def holds(self) -> bool:
        """Whether every item passes, or has a reason to be left out."""
        return all(result.status in (Status.PASS, Status.LEFT_OUT) for result in self.results)

    def as_dict(self) -> dict[str, Any]:
        return {
            "benchmark": BENCHMARK,
            "cluster": self.cluster,
            "notice": self.notice,
            "holds": self.holds,
            "counts": {kind: {status: self.count(status, kind) for status in Status} for kind in Kind},
            "items": [_document(result) for result in self.results],
        }


def evaluate(
    plan: InstallPlan,
    topology: Topology,
    evidence: Mapping[str, Evidence],
    unreachable: Mapping[str, InstallerError],
) -> Benchmark:
    """Judge every item by the output of each machine of `topology`. Pure."""
    facts = {name: Facts(plan, found) for name, found in evidence.items()}
    results = []
    for item in ITEMS:
        seen = [
            item.examine(machine.name, facts[machine.name])
            if machine.name in facts
            else Seen(machine.name, Status.UNKNOWN, _why(unreachable.get(machine.name)))
            for machine in topology.machines
            if machine.role in item.roles
        ]
        results.append(Result(item, tuple(seen)))
    return Benchmark(plan.name, plan.traits.notice, tuple(results))


def render(benchmark: Benchmark, width: int = 100) -> str:
    """The table, section by section, in lines of about `width` characters."""
    lines = [f"{BENCHMARK} · {benchmark.cluster}"]
    lines += [benchmark.notice] if benchmark.notice else []
    lines += _summary(benchmark)
    section = ""
    for result in benchmark.results:
        if (title := _section(result.item.id)) != section:
            section = title
            lines += ["", title]
        lines += _rows(result, width)
    if not benchmark.holds:
        lines += ["", "A cluster of an older Craton gets what is missing with the next `craton upgrade`."]
    return "\n".join(lines)


def _summary(benchmark: Benchmark) -> Iterator[str]:
    for kind in Kind:
        counts = ((benchmark.count(status, kind), status) for status in Status)
        yield f"{kind}: {', '.join(f'{count} {status}' for count, status in counts if count)}"


def _section(id: str) -> str:
    return next(title for prefix, title in _SECTIONS.items() if id.startswith(f"{prefix}."))


def _rows(result: Result, width: int) -> Iterator[str]:
    item, status = result.item, result.status
    yield f"  {item.id:<7} {item.kind:<9} {MARKS[status]} {status:<8}  {item.title}"
    for words in _details(result):
        yield from textwrap.wrap(
            words, width, initial_indent=_INDENT, subsequent_indent=f"{_INDENT}  ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip


def _details(result: Result) -> Iterator[str]:
    """What was seen where: of an item that passes on one machine, of any other on those where it does not."""
    if result.status is Status.PASS:
        first, more = result.machines[0], len(result.machines) - 1
        yield f"{first.machine}: {first.seen}" + (f" (and {more} more machines)" if more else "")
        return
    worst = [seen for seen in result.machines if seen.status is result.status]
    for words in dict.fromkeys(seen.seen for seen in worst if seen.seen):
        names = [seen.machine for seen in worst if seen.seen == words]
        yield f"{', '.join(names[:_SHOWN])}{' ...' if names[_SHOWN:] else ''}: {words}"
    yield from dict.fromkeys(seen.reason for seen in worst if seen.reason)


def _why(error: InstallerError | None) -> str:
    return f"it did not answer: {error.observed}" if error else "it wasn't asked"


def _document(result: Result) -> dict[str, Any]:
    return {
        "id": result.item.id,
        "kind": result.item.kind,
        "title": result.item.title,
        "status": result.status,
        "reason": next((seen.reason for seen in result.machines if seen.reason), ""),
        "machines": [
            {"machine": seen.machine, "status": seen.status, "seen": seen.seen, "reason": seen.reason}
            for seen in result.machines
        ],
    }
