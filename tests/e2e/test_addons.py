"""What a plan brings into a rehearsed cluster besides the default addons, and takes away again."""

from __future__ import annotations

from tests.craton import Craton
from tests.doubles.installed import Installed
from tests.e2e.test_rehearsal import SPEED, steps_of


def test_a_certificate_from_acme_is_brought_and_another_source_takes_it_back(
    craton: Craton, installed: Installed
) -> None:
    plan = installed(masters=1, workers=2)
    before = plan.read_text()
    plan.write_text(before.replace("  source: craton\n", "  source: acme\n"))
    failed = craton.events("apply", str(plan), "--yes", *SPEED, "--fault", "master-1:ingress:exit", expect=6)
    assert "ingress/cert-manager" in steps_of(failed, "failed")
    assert "ingress/certificate" in steps_of(failed, "blocked")
    brought = craton.events("resume", "demo", *SPEED)
    assert {"ingress/cert-manager", "ingress/certificate"} <= set(steps_of(brought, "applying"))
    again = craton.events("apply", str(plan), "--yes", *SPEED)
    assert steps_of(again, "applying") == []
    plan.write_text(before)
    back = craton.events("apply", str(plan), "--yes", *SPEED)
    assert "ingress/certificate" in steps_of(back, "applying")
    assert steps_of(craton.events("apply", str(plan), "--yes", *SPEED), "applying") == []


def test_a_chart_that_failed_on_the_way_is_resumed_applied_once_and_taken_out_again(
    craton: Craton, installed: Installed
) -> None:
    plan = installed(masters=1, workers=2)
    before = plan.read_text()
    chart = "  charts:\n    - {name: shop, chart: 'oci://charts.example.com/shop', version: 1.2.3}\n"
    plan.write_text(before.replace("  ingress: true\n", "  ingress: true\n" + chart))
    failed = craton.events("apply", str(plan), "--yes", *SPEED, "--fault", "master-1:ingress:exit", expect=6)
    assert steps_of(failed, "failed") == ["ingress/chart/shop"]
    resumed = craton.events("resume", "demo", *SPEED)
    assert steps_of(resumed, "applying") == ["ingress/chart/shop"]
    assert steps_of(craton.events("apply", str(plan), "--yes", *SPEED), "applying") == []
    plan.write_text(plan.read_text().replace("version: 1.2.3", "version: 1.2.3, remove: true"))
    assert steps_of(craton.events("apply", str(plan), "--yes", *SPEED), "applying") == ["ingress/chart/shop"]
    assert steps_of(craton.events("apply", str(plan), "--yes", *SPEED), "applying") == []


def test_the_gateway_api_is_brought_seen_and_taken_away(craton: Craton, installed: Installed) -> None:
    plan = installed(masters=1, workers=2)
    before = plan.read_text()
    plan.write_text(before.replace("  ingress: true\n", "  ingress: true\n  gateway: true\n"))
    brought = craton.events("apply", str(plan), "--yes", *SPEED)
    assert set(steps_of(brought, "applying")) == {"ingress/gateway-kinds", "ingress/controller", "ingress/gateway"}
    seen = [f["seen"] for f in craton.json("check", "demo")["findings"] if f["check"] == "console"]
    assert any("gateway" in words for words in seen)
    again = craton.events("apply", str(plan), "--yes", *SPEED)
    assert steps_of(again, "applying") == []
    plan.write_text(before)
    gone = craton.events("apply", str(plan), "--yes", *SPEED)
    assert steps_of(gone, "applying") == ["ingress/controller"]


def test_a_gateway_api_that_fails_leaves_a_cluster_that_works_and_a_resume_brings_it(
    craton: Craton, installed: Installed
) -> None:
    plan = installed(masters=1, workers=2)
    plan.write_text(plan.read_text().replace("  ingress: true\n", "  ingress: true\n  gateway: true\n"))
    failed = craton.events("apply", str(plan), "--yes", *SPEED, "--fault", "master-1:ingress:exit", expect=6)
    assert "ingress/gateway" in steps_of(failed, "blocked")
    findings = craton.json("check", "demo", expect=None)["findings"]
    assert {f["check"] for f in findings if f["verdict"] == "fail"} <= {"console"}
    assert "ingress/gateway" in steps_of(craton.events("resume", "demo", *SPEED), "applying")
    assert steps_of(craton.events("apply", str(plan), "--yes", *SPEED), "applying") == []
