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
    brought = craton.events("apply", str(plan), "--yes", *SPEED)
    assert {"ingress/cert-manager", "ingress/certificate"} < set(steps_of(brought, "applying"))
    assert brought[-1]["outcome"] == "done"
    again = craton.events("apply", str(plan), "--yes", *SPEED)
    assert steps_of(again, "applying") == []
    plan.write_text(before)
    back = craton.events("apply", str(plan), "--yes", *SPEED)
    assert "ingress/certificate" in steps_of(back, "applying")
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
