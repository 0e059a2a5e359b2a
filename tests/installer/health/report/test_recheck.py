"""Part of it checked again: who is asked what, and what the report says then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.health.catalogue import CHECKS
from installer.health.check import Verdict
from installer.health.evaluate import evaluate
from installer.health.gather import probes_for
from installer.health.report.model import Report
from installer.health.report.partial import Recheck, recheck
from installer.plan.decisions import State
from installer.steps.evidence import Evidence
from tests.installer.health import healthy

MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
MASTERS = ("demo-master-1", "demo-master-2", "demo-master-3")
MACHINES = tuple(machine.name for machine in healthy.TOPOLOGY.machines)
EVERY = {probe.id for check in CHECKS for probe in check.probes}
LATER = healthy.NOW + 60
DF = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 41152736 41148640 4096 100% /"

Everyone = Mapping[str, Evidence]


def chosen(last: Report, machines: list[str] | None, checks: list[str] | None) -> Recheck:
    found = recheck(last, healthy.TOPOLOGY, machines, checks)
    assert found
    return found


def each(machines: tuple[str, ...], *probes: str) -> dict[str, set[str]]:
    return {machine: set(probes) for machine in machines}


def asked(recheck: Recheck) -> dict[str, set[str]]:
    """Ids of the probes that each machine is asked; of no machine that is asked none."""
    found = {
        machine.name: {probe.id for probe in probes_for(machine, recheck.checks_for(machine))}
        for machine in healthy.TOPOLOGY.machines
    }
    return {name: ids for name, ids in found.items() if ids}


def rechecked(last: Report, now: Everyone, machines: list[str] | None, checks: list[str] | None, *lost: str) -> Report:
    """The report after `last`, on machines that would answer `now` if they were asked; the `lost` do not answer."""
    recheck = chosen(last, machines, checks)
    answers = {
        name: replace(now[name], probes={id: now[name].probes[id] for id in ids})
        for name, ids in asked(recheck).items()
        if name not in lost
    }
    return evaluate(
        healthy.PLAN,
        healthy.TOPOLOGY,
        answers,
        {name: InstallerError("connect", "refused", machine=name) for name in lost},
        dict.fromkeys(MACHINES, healthy.HOST_KEY),
        {machine.name: machine.firewall for machine in healthy.TOPOLOGY.machines},
        checked_at=LATER,
        seconds=0.5,
        recheck=recheck,
    )


@pytest.mark.parametrize(
    ("machines", "checks", "expected"),
    [
        ([WORKER], ["disk"], {WORKER: {"clock", "disk"}}),
        ([WORKER, INFRA], ["disk"], {WORKER: {"clock", "disk"}, INFRA: {"clock", "disk"}}),
        (None, ["disk"], each(MACHINES, "clock", "disk")),
        ([WORKER], ["ssh"], {WORKER: {"clock"}}),
        ([WORKER], ["etcd"], {WORKER: {"clock"}}),
        ([MASTER], ["etcd"], {MASTER: {"clock", "etcd-health", "etcd-members"}}),
        ([WORKER], ["ports"], each(MACHINES, "firewall", "reach") | {WORKER: {"clock", "firewall", "reach"}}),
        ([WORKER], ["clock"], each(MACHINES, "clock")),
        ([WORKER], ["node", "disk"], each(MASTERS, "nodes") | {WORKER: {"clock", "disk"}}),
        (
            [WORKER],
            None,
            each(MACHINES, "clock", "serving", "firewall", "reach")
            | each(MASTERS, "clock", "nodes", "serving", "requests", "firewall", "reach", "virtual-address")
            | {
                WORKER: EVERY
                - {"apiserver", "console", "etcd-health", "etcd-members", "nodes", "requests", "virtual-address"}
            },
        ),
    ],
)
def test_machines_are_asked_only_what_is_needed(
    machines: list[str] | None, checks: list[str] | None, expected: dict[str, set[str]]
) -> None:
    assert asked(chosen(healthy.report(), machines, checks)) == expected


def nodes_but(old: str, new: str) -> str:
    """What a master lists, with `new` for `old` in the line of one worker."""
    lines = [healthy.node_line(machine) for machine in healthy.TOPOLOGY.machines]
    return "\n".join(line.replace(old, new) if line.startswith(f"{WORKER} ") else line for line in lines)


def reach_filtered() -> str:
    return healthy.evidence()[MASTER].output("reach").replace("101 10250 refused", "101 10250 filtered")


def names_wrong() -> str:
    return healthy.evidence()[WORKER].output("names").replace("127.0.0.1", "10.10.0.99", 1)


PROBLEMS = [
    ("disk", WORKER, WORKER, "disk", DF, set()),
    ("clock", WORKER, WORKER, "clock", f"{healthy.NOW + 90:.3f}", set()),
    ("kubelet", INFRA, INFRA, "kubelet", "connection refused", {"I3"}),
    ("names", WORKER, WORKER, "names", names_wrong(), {"D1"}),
    ("ports", WORKER, MASTER, "reach", reach_filtered(), {"W1", "W4"}),
    ("node", WORKER, MASTER, "nodes", nodes_but("True", "False"), set()),
    ("labels", WORKER, MASTER, "nodes", nodes_but(",node-role.kubernetes.io/node=true", ""), {"W9"}),
]
"""(check that finds it, on which machine, whose probe says so, which, what it says, rules that it breaks)"""
IDS = [check for check, *_ in PROBLEMS]


@pytest.mark.parametrize(("check", "machine", "source", "probe", "output", "rules"), PROBLEMS, ids=IDS)
def test_checking_just_what_changed_gives_the_report_that_checking_everything_gives(
    check: str, machine: str, source: str, probe: str, output: str, rules: set[str]
) -> None:
    well = healthy.evidence()
    ill = {**well, source: healthy.spoiled(well[source], probe, output)}
    healthy_report, ill_report = healthy.report(well), healthy.report(ill)
    assert [(one.check, one.machine) for one in ill_report.problems()] == [(check, machine)]
    assert {rule.id for rule in ill_report.broken_rules()} == rules

    mended = rechecked(ill_report, well, [machine], [check])
    assert mended == replace(healthy_report, checked_at=LATER, seconds=0.5)
    assert (mended.verdict, mended.headline) == (Verdict.PASS, "healthy")

    broken = rechecked(healthy_report, ill, [machine], [check])
    assert broken == replace(ill_report, checked_at=LATER, seconds=0.5)
    assert (broken.verdict, broken.headline) == (Verdict.FAIL, ill_report.headline)


@pytest.mark.parametrize(("check", "machine", "source", "probe", "output", "rules"), PROBLEMS, ids=IDS)
def test_checking_something_else_leaves_a_problem_and_its_rule_as_they_were(
    check: str, machine: str, source: str, probe: str, output: str, rules: set[str]
) -> None:
    well = healthy.evidence()
    last = healthy.report({**well, source: healthy.spoiled(well[source], probe, output)})
    for others in (["memory"], ["disk"] if check != "disk" else ["swap"]):
        report = rechecked(last, well, None, others)
        assert (report.problems(), report.headline) == (last.problems(), last.headline)
        assert report.rules == last.rules
        assert report.reach == last.reach


def test_ports_tried_again_replace_the_pairs_and_every_rule_seen_by_them() -> None:
    well = healthy.evidence()
    last = healthy.report({**well, MASTER: healthy.spoiled(well[MASTER], "reach", reach_filtered())})
    report = rechecked(last, well, ["demo-worker-2"], ["ports"])
    assert report.reach == healthy.report().reach
    assert report.broken_rules() == ()
    assert [one.machine for one in report.problems()] == [WORKER], "that finding was not asked for"


def test_a_machine_that_does_not_answer_any_more_is_found_out_by_the_chosen_checks_alone() -> None:
    report = rechecked(healthy.report(), healthy.evidence(), [WORKER], ["ssh", "disk"], WORKER)
    row = report.matrix()[WORKER]
    assert {id for id, one in row.items() if one.verdict not in (Verdict.PASS, Verdict.NOT_APPLICABLE)} == {
        "ssh",
        "disk",
    }
    assert (row["ssh"].verdict, row["disk"].verdict) == (Verdict.FAIL, Verdict.UNKNOWN)
    assert {one.verdict for one in report.findings if one.machine != WORKER} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}
    assert report.headline == "1 failure, 1 contract rule broken", "the rule that people reach it over SSH"


def test_a_rule_that_the_plan_switched_on_meanwhile_is_not_told_as_it_was() -> None:
    last = healthy.report()
    stale = tuple(replace(rule, planned=State.OFF) if rule.id == "W9" else rule for rule in last.rules)
    report = rechecked(replace(last, rules=stale), healthy.evidence(), [WORKER], ["disk"])
    [rule] = [rule for rule in report.rules if rule.id == "W9"]
    assert (rule.planned, rule.observed) == (State.ON, Verdict.UNKNOWN)


SMALLER = healthy.report()
SMALLER = replace(SMALLER, findings=tuple(one for one in SMALLER.findings if one.machine != WORKER))
OLDER = replace(SMALLER, findings=tuple(one for one in healthy.report().findings if one.check != "labels"))


@pytest.mark.parametrize(
    ("last", "machines", "checks"),
    [
        (healthy.report(), None, None),
        (healthy.report(), [], []),
        (None, [WORKER], ["disk"]),
        (SMALLER, [WORKER], ["disk"]),
        (OLDER, None, ["disk"]),
    ],
    ids=["nothing chosen", "nothing chosen either", "no last report", "of other machines", "of other checks"],
)
def test_everything_is_checked_where_there_is_nothing_to_keep(
    last: Report | None, machines: list[str] | None, checks: list[str] | None
) -> None:
    assert recheck(last, healthy.TOPOLOGY, machines, checks) is None


@pytest.mark.parametrize("last", [None, healthy.report()])
def test_an_unknown_check_is_refused_with_those_that_there_are(last: Report | None) -> None:
    with pytest.raises(InstallerError, match="there is no check 'dsik'") as raised:
        recheck(last, healthy.TOPOLOGY, None, ["disk", "dsik"])
    assert raised.value.exit_code is ExitCode.USAGE
    assert "memory, disk, swap" in raised.value.hint
