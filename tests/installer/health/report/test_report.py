"""Reports: what they say of a cluster as a whole, the contract in three columns, and how they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.health.catalogue import CHECKS
from installer.health.check import Finding, Verdict
from installer.health.evaluate import evaluate, evaluate_machine
from installer.health.report.compliance import covers
from installer.health.report.html import page
from installer.health.report.model import RULE_COLUMNS, Report, RuleStatus, last_report, save_report
from installer.health.report.text import render
from installer.plan.decisions import State
from installer.plan.model import InstallPlan
from installer.plan.rules import Peer, Role, Traffic
from installer.plan.sections import Ingress, Networks
from installer.plan.topology import FirewallRule, Pool, topology
from installer.steps.evidence import Evidence
from tests.installer.health import healthy

WORKER = "demo-worker-1"
NEVER = Verdict.NOT_APPLICABLE
PINNED = {machine.name: healthy.HOST_KEY for machine in healthy.TOPOLOGY.machines}


def rules(report: Report) -> Mapping[str, RuleStatus]:
    return {rule.id: rule for rule in report.rules}


def late_worker() -> Report:
    """One clock is 2.4 s ahead."""
    everyone = healthy.evidence()
    everyone[WORKER] = healthy.spoiled(everyone[WORKER], "clock", f"{healthy.NOW + 2.45:.3f}")
    return healthy.report(everyone)


def lost_worker() -> Report:
    """One machine does not answer, and others find its ports filtered."""
    everyone = healthy.evidence()
    del everyone[WORKER]
    master = everyone["demo-master-1"]
    everyone[master.machine] = healthy.spoiled(
        master, "reach", master.output("reach").replace("10.10.0.101 10250 refused", "10.10.0.101 10250 filtered")
    )
    error = InstallerError("connect", "timed out after 10 s", machine=WORKER, hint="is it running?")
    return evaluate(
        healthy.PLAN, healthy.TOPOLOGY, everyone, {WORKER: error}, PINNED, {}, checked_at=healthy.NOW, seconds=10
    )


def test_a_healthy_cluster_is_called_healthy() -> None:
    report = healthy.report()
    assert (report.verdict, report.headline) == (Verdict.PASS, "healthy")
    assert report.problems() == ()
    assert set(report.matrix()) == {machine.name for machine in healthy.TOPOLOGY.machines}
    assert report.counts[Verdict.FAIL] == 0
    assert (report.pairs_covered, report.pairs_total) == (30, 30)


def test_one_warning_is_named_in_the_headline() -> None:
    report = late_worker()
    assert (report.verdict, report.headline) == (Verdict.WARN, "healthy, 1 warning")
    assert report.worst(WORKER) is Verdict.WARN
    assert report.worst("demo-worker-2") is Verdict.PASS


def test_a_machine_that_does_not_answer_fails_in_the_errors_own_words() -> None:
    report = lost_worker()
    row = report.matrix()[WORKER]
    assert row["ssh"] == Finding("ssh", WORKER, Verdict.FAIL, "connect: timed out after 10 s", "is it running?")
    others = {id: finding.verdict for id, finding in row.items() if id != "ssh"}
    assert set(others.values()) == {Verdict.UNKNOWN, NEVER}
    assert {id for id, verdict in others.items() if verdict is NEVER} == {"etcd", "api", "console", "virtual-address"}
    assert report.verdict is Verdict.FAIL
    assert [finding.check for finding in report.problems()] == ["ssh"]
    assert report.headline == "1 failure, 3 contract rules broken"


def test_what_a_machine_said_earlier_does_not_hide_that_it_is_gone() -> None:
    error = InstallerError("connect", "refused", machine=WORKER)
    report = evaluate(
        healthy.PLAN,
        healthy.TOPOLOGY,
        healthy.evidence(),
        {WORKER: error},
        PINNED,
        {},
        checked_at=healthy.NOW,
        seconds=1,
    )
    assert report.matrix()[WORKER]["ssh"].verdict is Verdict.FAIL
    assert report.matrix()[WORKER]["disk"].verdict is Verdict.UNKNOWN


def test_a_machine_can_be_judged_by_itself() -> None:
    machine = healthy.TOPOLOGY.machine(WORKER)
    found = evaluate_machine(healthy.PLAN, healthy.TOPOLOGY, machine, healthy.evidence()[WORKER], healthy.HOST_KEY)
    assert {finding.check for finding in found} == {check.id for check in CHECKS if check.alone}
    assert {finding.verdict for finding in found} == {Verdict.PASS, NEVER}
    assert not {"clock", "ports", "node"} & {finding.check for finding in found}


def test_what_a_machine_was_found_to_prove_by_itself_is_not_judged_again() -> None:
    everyone = healthy.evidence()
    machine = healthy.TOPOLOGY.machine(WORKER)
    alone = evaluate_machine(healthy.PLAN, healthy.TOPOLOGY, machine, everyone[WORKER], healthy.HOST_KEY)
    silent = Evidence(WORKER, {}, healthy.HOST_KEY, healthy.NOW, healthy.NOW)
    report = evaluate(
        healthy.PLAN,
        healthy.TOPOLOGY,
        everyone | {WORKER: silent},
        {},
        PINNED,
        {},
        checked_at=healthy.NOW,
        seconds=1,
        alone={WORKER: alone},
    )
    row = report.matrix()[WORKER]
    assert {id: row[id] for id in (finding.check for finding in alone)} == {finding.check: finding for finding in alone}
    assert row["clock"].verdict is Verdict.UNKNOWN


def test_every_rule_that_is_on_holds_in_every_column_that_applies() -> None:
    for rule in healthy.report().rules:
        columns = {rule.configured, rule.observed}
        if rule.planned is State.ON:
            assert columns <= {Verdict.PASS, NEVER}, rule
            assert Verdict.PASS in columns or rule.detail, rule
        else:
            assert columns == {NEVER}
            assert rule.detail


@pytest.mark.parametrize(
    ("rule", "configured", "observed", "detail"),
    [
        ("D1", NEVER, Verdict.PASS, "6 of 6 machines resolve it"),
        ("M1", Verdict.PASS, Verdict.PASS, "3 of 3 machines answered"),
        ("M2", Verdict.PASS, Verdict.PASS, "12 of 12 pairs"),
        ("M3", NEVER, NEVER, "infra nodes serve instead (I1)"),
        ("M8", Verdict.PASS, NEVER, "not probed: it leaves the cluster"),
        ("M13", Verdict.PASS, Verdict.PASS, "3 of 3 nodes"),
        ("I3", NEVER, Verdict.PASS, "1 of 1 kubelets healthy"),
        ("I4", Verdict.PASS, Verdict.PASS, "1 of 1 nodes"),
        ("W1", Verdict.PASS, Verdict.PASS, "6 of 6 pairs"),
        ("W2", Verdict.PASS, Verdict.PASS, "10 of 10 pairs (udp 30000-32767 not probed: nothing answers there)"),
        ("W6", NEVER, NEVER, "obsolete: the port is gone, its metrics are on 10250 (W1 covers it)"),
        ("W9", Verdict.PASS, Verdict.PASS, "2 of 2 nodes"),
    ],
)
def test_the_contract_in_three_columns(rule: str, configured: Verdict, observed: Verdict, detail: str) -> None:
    status = rules(healthy.report())[rule]
    assert (status.configured, status.observed, status.detail) == (configured, observed, detail)


def test_a_rule_that_does_not_hold_fails_by_its_level() -> None:
    everyone = healthy.evidence()
    master = everyone["demo-master-1"]
    filtered = re.sub(r"(10.10.0.101 (?:9100|10250)) refused", r"\1 filtered", master.output("reach"))
    everyone[master.machine] = healthy.spoiled(master, "reach", filtered)
    found = rules(healthy.report(everyone))
    assert (found["W1"].observed, found["W1"].detail) == (Verdict.FAIL, "5 of 6 pairs")
    assert (found["W5"].observed, found["W5"].detail) == (Verdict.WARN, "7 of 8 pairs")
    assert found["W2"].observed is Verdict.PASS


def test_pairs_of_a_machine_that_could_not_try_are_unknown_not_passed() -> None:
    everyone = healthy.evidence()
    del everyone["demo-master-1"]
    assert rules(healthy.report(everyone))["W1"].observed is Verdict.UNKNOWN


def test_a_firewall_that_lacks_a_rule_on_one_machine_fails_there() -> None:
    firewall = {machine.name: machine.firewall for machine in healthy.TOPOLOGY.machines}
    firewall[WORKER] = tuple(rule for rule in firewall[WORKER] if rule.rule != "W3")
    report = evaluate(
        healthy.PLAN, healthy.TOPOLOGY, healthy.evidence(), {}, {}, firewall, checked_at=healthy.NOW, seconds=1
    )
    status = rules(report)["W3"]
    assert status.configured is Verdict.FAIL
    assert "1 of 2 machines' firewalls" in status.detail
    assert rules(report)["W5"].configured is Verdict.PASS
    assert report.verdict is Verdict.FAIL


def test_a_platform_without_firewall_is_no_failure() -> None:
    everyone = healthy.evidence()
    report = evaluate(healthy.PLAN, healthy.TOPOLOGY, everyone, {}, PINNED, {}, checked_at=healthy.NOW, seconds=1)
    assert {rule.configured for rule in report.rules if rule.id in ("I1", "M2", "W1")} == {NEVER}
    assert report.headline == "healthy"


SSH = FirewallRule("M1", "in", Traffic("tcp", 22, 22), (Peer.USER,))


@pytest.mark.parametrize(
    ("actual", "covered"),
    [
        (SSH, True),
        (replace(SSH, rule="somebody's"), True),
        (replace(SSH, traffic=Traffic("tcp", 1, 1024)), True),
        (replace(SSH, traffic=Traffic("all", 1, 65535)), True),
        (replace(SSH, peers=(Peer.ALL,)), True),
        (replace(SSH, peers=(Peer.MASTERS,)), False),
        (replace(SSH, direction="out"), False),
        (replace(SSH, traffic=Traffic("udp", 22, 22)), False),
        (replace(SSH, traffic=Traffic("tcp", 23, 80)), False),
    ],
)
def test_a_wider_rule_in_force_covers_a_planned_one(actual: FirewallRule, covered: bool) -> None:
    assert covers(actual, SSH) is covered


def test_a_load_balancer_may_have_any_address() -> None:
    plan = healthy.PLAN.model_copy(update={"ingress": Ingress(kind="load-balancer")})
    whole = topology(plan)
    everyone = {}
    for name, one in healthy.evidence(whole).items():
        api = " ".join(whole.addresses_on(whole.machine(name), whole.records[0]))
        everyone[name] = healthy.spoiled(one, "names", f"{plan.api_host} {api}\n{plan.console_host} 192.0.2.7")
    report = healthy.report(everyone, plan)
    assert report.verdict is Verdict.PASS, report.problems()
    assert rules(report)["D1"].observed is Verdict.PASS


def test_machines_prepared_by_an_older_craton_are_warned_about() -> None:
    plan = healthy.PLAN.model_copy(update={"ingress": Ingress(kind="load-balancer"), "networks": Networks()})
    whole = topology(plan)
    everyone = {
        name: healthy.spoiled(one, "names", f"{plan.api_host} 10.10.0.5\n{plan.console_host} 10.10.0.5")
        for name, one in healthy.evidence(whole).items()
    }
    report = healthy.report(everyone, plan)
    assert report.verdict is Verdict.WARN
    assert {finding.machine for finding in report.problems()} == {machine.name for machine in whole.machines}
    assert all("resume" in finding.remedy for finding in report.problems())


@pytest.mark.parametrize("make", [healthy.report, late_worker, lost_worker])
def test_a_report_survives_json(make: object) -> None:
    report: Report = make()  # type: ignore[operator]
    assert Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_the_last_report_is_kept(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    assert last_report(directory) is None
    save_report(directory, late_worker())
    assert last_report(directory) == late_worker()
    assert directory.report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"format": 99}', '{"format": 1}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_report_that_cannot_be_read_is_no_report(tmp_path: Path, content: str | bytes) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    directory.path.mkdir()
    directory.report.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert last_report(directory) is None


def test_plain_text_shows_the_table_the_problems_with_remedies_and_the_contract() -> None:
    text = render(late_worker(), width=100)
    lines = text.splitlines()
    assert lines[0] == "demo · healthy, 1 warning"
    assert "30 of 30 pairs" in text
    assert re.search(r"^▲ demo-worker-1 · clock: 2\.4 s ahead of the median of 6 machines", text, re.MULTILINE)
    assert "timedatectl set-ntp true" in text
    assert re.search(r"^W6 .*–.*–.*–.*tcp 4194", text, re.MULTILINE)
    assert max(map(len, lines)) <= 100


def test_text_and_page_call_the_columns_the_same_and_count_the_same_checks() -> None:
    report = late_worker()
    text, texts = render(report), parsed(page(report)).texts
    head = next(line.split() for line in text.splitlines() if line.startswith("rule "))
    assert [word for word in head if word != "·"] == list(RULE_COLUMNS)
    assert texts[texts.index("rule") : texts.index("found") + 1] == list(RULE_COLUMNS)
    assert [id for id in report.checks if id not in texts or id not in text.split()] == []
    assert 0 < report.judged < len(report.findings)
    assert f"{report.judged} checks" in text
    assert f"{report.judged} checks" in " ".join(texts)


def test_a_report_of_an_install_says_how_many_checks_come_later() -> None:
    """Addons start while it is verified. The next check makes those too, and so counts more."""
    everyone = healthy.evidence()
    late = {
        name: replace(one, probes={id: probe for id, probe in one.probes.items() if id not in ("console", "exporter")})
        for name, one in everyone.items()
    }
    then, now = (
        evaluate(healthy.PLAN, healthy.TOPOLOGY, each, {}, PINNED, {}, checked_at=healthy.NOW, seconds=1)
        for each in (late, everyone)
    )
    assert now.amount == f"{now.judged} checks"
    more = now.judged - then.judged
    assert more == 3 + len(healthy.TOPOLOGY.machines), "the console's name on 3 masters, and every exporter"
    assert then.amount == f"{then.judged} checks; `craton check` makes {more} more"
    assert then.amount in " ".join(render(then).split())
    assert then.amount in " ".join(parsed(page(then)).texts)


def test_a_worker_pool_has_a_row_and_is_not_counted_as_a_machine() -> None:
    shape = healthy.TOPOLOGY
    pool = Pool("demo-pool", Role.WORKER, 9, (), (), ())
    alone, beside = (
        evaluate(healthy.PLAN, given, healthy.evidence(), {}, PINNED, {}, checked_at=healthy.NOW, seconds=1)
        for given in (shape, replace(shape, pool=pool))
    )
    assert alone.extent == f"{len(shape.machines)} machines"
    assert beside.machines == (*alone.machines, "demo-pool")
    assert beside.extent == f"{alone.extent} and a worker pool"
    assert beside.extent in " ".join(render(beside).split())


def test_what_is_wrong_in_the_same_way_on_several_machines_is_said_once() -> None:
    refused = {
        machine.name: InstallerError("connect", f"{machine.address}:22 refused the connection", hint="is it running?")
        for machine in healthy.TOPOLOGY.machines
    }
    report = evaluate(healthy.PLAN, healthy.TOPOLOGY, {}, refused, PINNED, {}, checked_at=healthy.NOW, seconds=1)
    first = healthy.TOPOLOGY.machines[0]
    [problem] = report.grouped_problems()
    assert problem.machines == tuple(refused)
    assert problem.seen == f"connect: {first.address}:22 refused the connection (on {first.name}, and the others alike)"
    assert render(report).count("refused the connection") == 1
    assert render(report).count("is it running?") == 1
    assert page(report).count("is it running?") == 1


def test_what_is_wrong_on_one_machine_or_in_other_words_is_said_by_itself() -> None:
    assert [problem.seen for problem in lost_worker().grouped_problems()] == [
        finding.seen for finding in lost_worker().problems()
    ]


def test_a_report_on_a_cluster_that_is_not_finished_says_so_first() -> None:
    words = "demo isn't installed yet: it stopped in the phase prepare. `craton resume demo` goes on."
    report = replace(lost_worker(), unfinished=words)
    assert report.headline.startswith("not finished, 1 failure")
    assert render(report).splitlines()[1] == words
    assert words.replace("'", "&#x27;") in page(report)
    assert Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_an_older_report_which_does_not_say_if_the_cluster_was_finished_is_read() -> None:
    older = late_worker().as_dict()
    del older["unfinished"]
    assert Report.from_dict(older) == late_worker()


def test_columns_of_the_table_stand_under_their_titles() -> None:
    lines = render(late_worker()).splitlines()
    head = next(line for line in lines if "clock" in line and "ssh" in line)
    row = next(line for line in lines if line.strip().startswith(WORKER))
    at = head.index("clock")
    assert "▲" in row[at : at + len("clock")]


def test_plain_text_can_do_without_unicode_shapes() -> None:
    text = render(lost_worker(), ascii_only=True)
    assert not set("●▲✕–→·…") & set(text)
    assert text.isascii()


def test_a_large_clusters_table_lists_what_is_not_well() -> None:
    plan = InstallPlan(name="demo", subdomain="k8s.example.test", workers=100)
    everyone = healthy.evidence(topology(plan))
    everyone["demo-worker-77"] = healthy.spoiled(everyone["demo-worker-77"], "containerd", "failed", 3)
    text = render(healthy.report(everyone, plan))
    assert "demo-worker-77" in text
    assert "demo-worker-76" not in text
    assert "103 more machines pass everything" in text


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(html: str) -> _Page:
    reader = _Page()
    reader.feed(html)
    return reader


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    html = page(lost_worker())
    found = parsed(html)
    assert found.links == []
    assert not {"script", "link", "img", "iframe", "object"} & set(found.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert "@media print" in html
    assert "prefers-color-scheme: dark" in html


def test_the_page_escapes_what_machines_said() -> None:
    hostile = "<script>alert(1)</script>\"'><img src=x onerror=y> $css ${css}"
    report = lost_worker()
    finding = Finding("disk", WORKER, Verdict.FAIL, hostile, hostile)
    html = page(replace(report, cluster=hostile, findings=(*report.findings, finding)))
    found = parsed(html)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert hostile in " ".join(found.texts)


def test_the_page_shows_ports_that_were_not_reached() -> None:
    words = " ".join(parsed(page(lost_worker())).texts)
    assert "Ports that were not reached" in words
    assert "tcp 10250" in words
    assert "Ports that were not reached" not in page(healthy.report())


def test_a_report_on_a_rehearsal_says_so_wherever_it_is_shown() -> None:
    report = late_worker()
    assert report.notice == "rehearsal · nothing leaves this computer"
    assert report.notice in render(report)
    assert report.notice in page(report)
    assert report.as_dict()["notice"] == report.notice
