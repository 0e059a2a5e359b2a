"""What an installed cluster can follow, and what it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from installer.changes import Risk, changes
from installer.plan import InstallPlan

BASE: dict[str, Any] = {"name": "demo", "subdomain": "example.test", "workers": 2}


def plan(**fields: Any) -> InstallPlan:
    return InstallPlan.model_validate({**BASE, **fields})


@pytest.mark.parametrize(
    ("fields", "field", "risk"),
    [
        ({"workers": 3}, "workers", Risk.SAFE),
        ({"workers": 1}, "workers", Risk.REFUSED),
        ({"ingress": {"kind": "infra", "infra": 2}}, "ingress.infra", Risk.SAFE),
        ({"name": "other"}, "name", Risk.REFUSED),
        ({"subdomain": "example.com"}, "subdomain", Risk.REFUSED),
        ({"masters": 5}, "masters", Risk.REFUSED),
        ({"networks": {"user": "10.0.0.0/8"}}, "networks.user", Risk.REFUSED),
        ({"networks": {"pods": "10.128.0.0/12"}}, "networks.pods", Risk.REFUSED),
        ({"kubernetes": "v1.36.3"}, "kubernetes", Risk.REFUSED),
        ({"schedulable_masters": True}, "schedulable_masters", Risk.CAREFUL),
        ({"may": ["M6"]}, "may", Risk.CAREFUL),
        ({"ssh": {"user": "root"}}, "ssh.user", Risk.REFUSED),
        ({"rehearsal": {"load_balancers": False}}, "rehearsal.load_balancers", Risk.SAFE),
    ],
)
def test_each_field_has_a_risk_and_says_why(fields: dict[str, Any], field: str, risk: Risk) -> None:
    (change,) = changes(plan(), plan(**fields))
    assert (change.field, change.risk) == (field, risk)
    assert change.why
    assert change.old != change.new


def test_another_kind_of_ingress_is_refused_with_all_that_goes_with_it() -> None:
    found = changes(plan(), plan(ingress={"kind": "load-balancer"}))
    assert {(change.field, change.risk) for change in found} == {
        ("ingress.kind", Risk.REFUSED),
        ("ingress.infra", Risk.REFUSED),
    }


def test_every_field_of_the_plan_is_judged() -> None:
    """A new field that nobody thought of is refused with the sentence for strangers: this names it."""
    from installer.changes import _JUDGES

    assert {name for name in InstallPlan.model_fields if name != "craton"} == {
        field.partition(".")[0] for field in _JUDGES
    }


def test_the_same_plan_has_no_changes() -> None:
    assert changes(plan(), plan()) == ()
