"""A health report as a value: findings, what was reached, and the contract in three columns. JSON and back."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from installer.common import json_reader
from installer.common.shape import LATEST, NUMBER, shaped
from installer.common.text import count
from installer.health.check import LATER, Finding, Verdict, worst
from installer.health.ending import Ending
from installer.health.reach.pairs import Pair, Reached
from installer.health.report.glance import ENDING, FINDINGS, FORMAT
from installer.plan.decisions import State
from installer.plan.rules import Level

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory


RULE_COLUMNS = ("rule", "level", "planned", "configured", "observed", "what", "for", "found")
"""What the contract's columns are called, wherever a report is shown. Those of checks are called by their ids."""

_PLACE = re.compile(r"\b\d+(?:\.\d+){3}(?::\d+)?\b")
"""An address, and a port on it."""


_NAMED = 4
"""Machines of one problem that are named."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The same finding on one machine or on several; `finding` is that of the first."""

    finding: Finding
    machines: tuple[str, ...]

    @property
    def where(self) -> str:
        """The machines: by name where they are few."""
        if len(self.machines) <= _NAMED:
            return ", ".join(self.machines)
        return f"{len(self.machines)} machines ({', '.join(self.machines[:_NAMED])} ...)"

    @property
    def seen(self) -> str:
        """What was seen; of several machines, said of the first where it names that machine or its address."""
        own = len(self.machines) > 1 and _alike(self.finding) != self.finding.seen
        return f"{self.finding.seen} (on {self.machines[0]}, and the others alike)" if own else self.finding.seen


def _alike(finding: Finding) -> str:
    """What was seen, without the machine's own name and addresses."""
    return _PLACE.sub("…", finding.seen.replace(finding.machine, "…"))


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """One contract rule: what the plan makes of it, what the platform has, what machines found."""

    id: str
    level: Level
    subject: str
    """What the rule is about, such as `in udp 4789 from masters, workers`."""
    text: str
    """What it is for."""
    planned: State
    configured: Verdict
    observed: Verdict
    detail: str
    """Why it is not planned, or how far it was found to hold ("12 of 12 pairs")."""


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about one cluster. `checked_at` is Unix seconds, `seconds` how long gathering took.

    `pairs_total` counts the pairs of machines between which the contract opens a port that can be probed,
    `pairs_covered` those that were to be probed: fewer in large clusters.
    """

    cluster: str
    checked_at: float
    seconds: float
    findings: tuple[Finding, ...]
    reach: tuple[Pair, ...]
    rules: tuple[RuleStatus, ...]
    pairs_covered: int
    pairs_total: int
    notice: str = ""
    """What the platform has to say wherever the report is shown: that it is a rehearsal."""
    unfinished: str = ""
    """That the cluster isn't installed yet, or its last change isn't finished, and how to go on; empty if it is."""
    ending: Ending | None = None
    """The certificate that ends first; None if no machine said which ones it has."""

    @property
    def verdict(self) -> Verdict:
        """FAIL or WARN if anything does; WARN too if anything is unknown; else PASS."""
        found = [finding.verdict for finding in self.findings]
        for rule in self.rules:
            found += (rule.configured, rule.observed)
        verdict = worst(found)
        if verdict is Verdict.UNKNOWN:
            return Verdict.WARN
        return Verdict.PASS if verdict is Verdict.NOT_APPLICABLE else verdict

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """How many findings there are of each verdict."""
        counted = Counter(finding.verdict for finding in self.findings)
        return {verdict: counted[verdict] for verdict in Verdict}

    @property
    def judged(self) -> int:
        """How many checks were made: findings but those that are not for their machine."""
        return sum(finding.verdict is not Verdict.NOT_APPLICABLE for finding in self.findings)

    @property
    def amount(self) -> str:
        """How many checks were made, and how many more there will be: an install ends before its addons can be."""
        more = sum(finding.seen == LATER for finding in self.findings)
        made = count(self.judged, "check")
        return f"{made}; `craton check` makes {more} more" if more else made

    @property
    def machines(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.machine for finding in self.findings))

    @property
    def extent(self) -> str:
        """How many machines were asked. A worker pool has a row, too, but Craton logs in to none of its machines."""
        pools = {one.machine for one in self.findings if one.check == "ssh" and one.verdict is Verdict.NOT_APPLICABLE}
        asked = count(len(self.machines) - len(pools), "machine")
        return f"{asked} and a worker pool" if pools else asked

    @property
    def checks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(finding.check for finding in self.findings))

    @property
    def headline(self) -> str:
        """One line, such as `healthy, 1 warning` or `2 failures, 3 unknown, 1 contract rule broken`."""
        counts, broken = Counter(finding.verdict for finding in self.problems()), len(self.broken_rules())
        words = [
            _plural(counts[Verdict.FAIL], "failure"),
            _plural(counts[Verdict.WARN], "warning"),
            f"{counts[Verdict.UNKNOWN]} unknown" if counts[Verdict.UNKNOWN] else "",
            f"{_plural(broken, 'contract rule')} broken" if broken else "",
        ]
        if self.unfinished or self.verdict is not Verdict.FAIL:
            words.insert(0, "not finished" if self.unfinished else "healthy")
        return ", ".join(word for word in words if word)

    def worst(self, machine: str) -> Verdict:
        """The most severe verdict on `machine`."""
        return worst([finding.verdict for finding in self.findings if finding.machine == machine])

    def matrix(self) -> Mapping[str, Mapping[str, Finding]]:
        """Findings by machine and then by check."""
        rows: dict[str, dict[str, Finding]] = {machine: {} for machine in self.machines}
        for finding in self.findings:
            rows[finding.machine][finding.check] = finding
        return rows

    def problems(self) -> tuple[Finding, ...]:
        """Failures, then warnings, then what is unknown; of a machine that does not answer, only that it does not."""
        wanted = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
        silent = {one.machine for one in self.findings if one.check == "ssh" and one.verdict is Verdict.FAIL}
        found = [
            one
            for one in self.findings
            if one.verdict in wanted and not (one.verdict is Verdict.UNKNOWN and one.machine in silent)
        ]
        return tuple(sorted(found, key=lambda one: wanted.index(one.verdict)))

    def grouped_problems(self) -> tuple[Problem, ...]:
        """`problems`, one for all machines on which the same was found, as the first of them comes."""
        groups: dict[tuple[str, ...], list[Finding]] = {}
        for one in self.problems():
            groups.setdefault((one.check, one.verdict, _alike(one), one.remedy), []).append(one)
        return tuple(Problem(found[0], tuple(one.machine for one in found)) for found in groups.values())

    def broken_rules(self) -> tuple[RuleStatus, ...]:
        """Rules of the contract that the plan wants and that do not hold."""
        bad = {Verdict.WARN, Verdict.FAIL}
        return tuple(rule for rule in self.rules if bad & {rule.configured, rule.observed})

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape. `verdict`, `headline` and `counts` are for its readers; `from_dict` derives them again.

        What `glance` reads comes before the findings.
        """
        return {
            "format": FORMAT,
            "cluster": self.cluster,
            "notice": self.notice,
            "unfinished": self.unfinished,
            "verdict": str(self.verdict),
            "headline": self.headline,
            "counts": {str(verdict): count for verdict, count in self.counts.items()},
            "checked_at": self.checked_at,
            "seconds": self.seconds,
            ENDING: _fields(self.ending) if self.ending else None,
            FINDINGS: [_fields(finding) for finding in self.findings],
            "reach": [_fields(pair) for pair in self.reach],
            "rules": [_fields(rule) for rule in self.rules],
            "pairs_covered": self.pairs_covered,
            "pairs_total": self.pairs_total,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Report:
        """Raises KeyError, TypeError or ValueError if `data` is no report of this format."""
        if data["format"] != FORMAT:
            raise ValueError(f"a report of format {data['format']}")
        ending = Ending.from_dict(data.get(ENDING))
        data = shaped({"unfinished": "", **data}, _SHAPE)  # which older reports don't have
        if not 0 <= data["checked_at"] < LATEST:
            raise ValueError(f"a report of the time {data['checked_at']}")
        return cls(
            cluster=data["cluster"],
            checked_at=float(data["checked_at"]),
            seconds=float(data["seconds"]),
            findings=tuple(Finding(**{**one, "verdict": Verdict(one["verdict"])}) for one in data["findings"]),
            reach=tuple(Pair(**{**one, "result": Reached(one["result"])}) for one in data["reach"]),
            rules=tuple(_rule_status(one) for one in data["rules"]),
            pairs_covered=data["pairs_covered"],
            pairs_total=data["pairs_total"],
            notice=data["notice"],
            unfinished=data["unfinished"],
            ending=ending,
        )


_SHAPE: Mapping[str, Any] = {
    "cluster": str,
    "notice": str,
    "unfinished": str,
    "checked_at": NUMBER,
    "seconds": NUMBER,
    "pairs_covered": int,
    "pairs_total": int,
    "findings": [dict.fromkeys(("check", "machine", "verdict", "seen", "remedy"), str)],
    "reach": [{**dict.fromkeys(("source", "target", "protocol", "rule", "result"), str), "port": int}],
    "rules": [dict.fromkeys(("id", "level", "subject", "text", "planned", "configured", "observed", "detail"), str)],
}


def _fields(value: Finding | Pair | RuleStatus | Ending) -> dict[str, Any]:
    """Its fields by name. Not dataclasses.asdict, which copies every value: there are 20,000 findings."""
    return {name: getattr(value, name) for name in value.__slots__}


def _plural(count: int, noun: str) -> str:
    """Nothing for none, else `1 warning`, `2 warnings`."""
    return f"{count} {noun}{'' if count == 1 else 's'}" if count else ""


def _rule_status(data: Mapping[str, Any]) -> RuleStatus:
    typed = {
        "level": Level(data["level"]),
        "planned": State(data["planned"]),
        "configured": Verdict(data["configured"]),
        "observed": Verdict(data["observed"]),
    }
    return RuleStatus(**{**data, **typed})


def save_report(directory: ClusterDirectory, report: Report) -> None:
    """Keep `report` as the cluster's last."""
    from installer.common.paths import write_private

    write_private(directory.report, json.dumps(report.as_dict()))


def last_report(directory: ClusterDirectory) -> Report | None:
    """The report saved last, or None if there is none that this version can read."""
    try:
        return Report.from_dict(json_reader.parse(directory.report.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
