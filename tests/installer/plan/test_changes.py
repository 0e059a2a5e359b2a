"""What an installed cluster can follow, and what it cannot."""

from __future__ import annotations

from typing import Any

import pytest

from installer.plan.changes import Risk, changes
from installer.plan.model import InstallPlan
from installer.plan.question import REFUSED, Kind
from installer.plan.questions.catalogue import QUESTIONS, question_of

BASE: dict[str, Any] = {"name": "demo", "subdomain": "example.test", "workers": 2}


def plan(**fields: Any) -> InstallPlan:
    return InstallPlan.model_validate({**BASE, **fields})


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEeqzZ0+0nP0nYdS5Tq1VcrG9vVdVZ3l8mCkqz9l0o3b ada"


@pytest.mark.parametrize(
    ("fields", "field", "risk"),
    [
        ({"workers": 3}, "workers", Risk.SAFE),
        ({"workers": 1}, "workers", Risk.REFUSED),
        ({"ingress": {"kind": "infra", "infra": 2}}, "ingress.infra", Risk.SAFE),
        ({"name": "other"}, "name", Risk.REFUSED),
        ({"subdomain": "example.com"}, "subdomain", Risk.REFUSED),
        ({"masters": 5}, "masters", Risk.SAFE),
        ({"masters": 1}, "masters", Risk.REFUSED),
        ({"networks": {"user": "10.0.0.0/8"}}, "networks.user", Risk.REFUSED),
        ({"networks": {"pods": "10.128.0.0/12"}}, "networks.pods", Risk.REFUSED),
        ({"kubernetes": "v1.36.3"}, "kubernetes", Risk.REFUSED),
        ({"schedulable_masters": True}, "schedulable_masters", Risk.CAREFUL),
        ({"may": ["M6"]}, "may", Risk.CAREFUL),
        ({"may": ["M6", "M7"]}, "may", Risk.REFUSED),
        ({"ssh": {"user": "root"}}, "ssh.user", Risk.REFUSED),
        ({"ssh": {"key": "~/.ssh/id"}}, "ssh.key", Risk.SAFE),
        ({"ssh": {"public_key": KEY}}, "ssh.public_key", Risk.SAFE),
        ({"ssh": {"port": 2222}}, "ssh.port", Risk.SAFE),
        ({"ssh": {"jump": "bastion"}}, "ssh.jump", Risk.SAFE),
        ({"artifacts": {"mirror": "https://a.b"}}, "artifacts.mirror", Risk.SAFE),
        ({"artifacts": {"proxy": "https://a.b"}}, "artifacts.proxy", Risk.SAFE),
        ({"artifacts": {"sums": {"a": "0f" * 32}}}, "artifacts.sums", Risk.SAFE),
        ({"rehearsal": {"load_balancers": False}}, "rehearsal.load_balancers", Risk.SAFE),
    ],
)
def test_each_field_has_a_risk_and_says_why(fields: dict[str, Any], field: str, risk: Risk) -> None:
    (change,) = changes(plan(), plan(**fields))
    assert (change.field, change.risk) == (field, risk)
    assert change.why
    assert change.old != change.new


@pytest.mark.parametrize(
    ("platform", "settings", "field", "risk"),
    [
        ("machines", {"firewall": True}, "machines.firewall", Risk.CAREFUL),
        ("local", {"engine": "docker"}, "local.engine", Risk.REFUSED),
        ("local", {"memory": 2048}, "local.memory", Risk.SAFE),
        ("local", {"raise_limits": False}, "local.raise_limits", Risk.SAFE),
        ("local", {"firewall": False}, "local.firewall", Risk.REFUSED),
        ("rehearsal", {"load_balancers": False}, "rehearsal.load_balancers", Risk.SAFE),
    ],
)
def test_each_setting_of_a_platform_has_a_risk_where_the_plan_names_it(
    platform: str, settings: dict[str, Any], field: str, risk: Risk
) -> None:
    inventory = {"inventory": HOSTS[:3]} if platform == "machines" else {}
    before = {"platform": platform, "masters": 1, "workers": 1}
    (change,) = changes(
        plan(**before, **{platform: inventory}),
        plan(**before, **{platform: {**inventory, **settings}}),
    )
    assert (change.field, change.risk) == (field, risk)
    assert change.why
    elsewhere = next(name for name in ("local", "rehearsal") if name != platform)
    assert changes(plan(platform=elsewhere), plan(platform=elsewhere, **{platform: settings})) == (), "nothing reads it"


def workers(number: int, **settings: Any) -> InstallPlan:
    return plan(platform="aws", workers=number, networks={"user": "203.0.113.0/24"}, aws=settings)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (workers(9), workers(9, pool_above=8), {"aws.pool_above": Risk.REFUSED}),
        (workers(8, pool_above=8), workers(9, pool_above=8), {"workers": Risk.REFUSED}),
        (workers(9, pool_above=8), workers(8, pool_above=8), {"workers": Risk.REFUSED}),
        (workers(9, pool_above=8), workers(9), {"aws.pool_above": Risk.REFUSED}),
        (workers(9, worker_pool=True), workers(9), {"aws.worker_pool": Risk.REFUSED}),
        (workers(9, pool_above=8), workers(12, pool_above=8), {"workers": Risk.SAFE}),
        (workers(8, pool_above=8), workers(9), {"workers": Risk.SAFE, "aws.pool_above": Risk.SAFE}),
        (
            workers(9, pool_above=8),
            workers(7, pool_above=8, worker_pool=True),
            {"workers": Risk.CAREFUL, "aws.worker_pool": Risk.SAFE},
        ),
    ],
)
def test_workers_of_a_cluster_neither_become_a_pool_nor_cease_to_be_one(
    old: InstallPlan, new: InstallPlan, expected: dict[str, Risk]
) -> None:
    assert {change.field: change.risk for change in changes(old, new)} == expected


def test_a_number_of_workers_that_would_make_a_pool_is_refused_with_the_way_to_keep_them() -> None:
    (grown,) = changes(workers(8, pool_above=8), workers(9, pool_above=8))
    assert "leave out aws.pool_above" in grown.why
    (shrunk,) = changes(workers(9, pool_above=8), workers(8, pool_above=8))
    assert "write aws.worker_pool: true" in shrunk.why


def test_another_kind_of_ingress_is_refused_with_all_that_goes_with_it() -> None:
    found = changes(plan(), plan(ingress={"kind": "load-balancer"}))
    assert {(change.field, change.risk) for change in found} == {
        ("ingress.kind", Risk.REFUSED),
        ("ingress.infra", Risk.REFUSED),
    }


HOSTS: list[dict[str, Any]] = [{"address": f"10.0.0.{number}"} for number in range(1, 5)]


def own(*hosts: dict[str, Any], **fields: Any) -> InstallPlan:
    """A plan of one master, one infra node, and a worker of each further host."""
    machines = {"platform": "machines", "machines": {"inventory": list(hosts)}}
    return plan(masters=1, **{"workers": len(hosts) - 2, **machines, **fields})


ANOTHER: list[tuple[list[dict[str, Any]], list[tuple[Risk, str]]]] = [
    ([HOSTS[0], {"address": "10.0.0.9"}, HOSTS[2]], [(Risk.REFUSED, "demo-infra-1 10.0.0.9")]),
    ([HOSTS[1], HOSTS[0], HOSTS[2]], [(Risk.REFUSED, "demo-master-1 10.0.0.2, demo-infra-1 10.0.0.1")]),
    ([*HOSTS[:2], {"address": "web", "internal": "10.0.0.3"}], [(Risk.CAREFUL, "demo-worker-1 web internal=10.0.0.3")]),
    ([*HOSTS[:2], {**HOSTS[2], "user": "ada"}], [(Risk.CAREFUL, "demo-worker-1 ada@10.0.0.3")]),
    ([*HOSTS[:2], {**HOSTS[2], "port": 2222}], [(Risk.SAFE, "demo-worker-1 10.0.0.3:2222")]),
    ([*HOSTS[:2], {**HOSTS[2], "jump": "bastion"}], [(Risk.SAFE, "demo-worker-1 10.0.0.3 jump=bastion")]),
    ([*HOSTS[:2], {**HOSTS[2], "role": "worker"}], []),
    ([{**HOSTS[2], "role": "worker"}, *HOSTS[:2]], []),
]


@pytest.mark.parametrize(("hosts", "expected"), ANOTHER)
def test_a_list_of_machines_is_judged_by_the_machine_behind_each_name(
    hosts: list[dict[str, Any]], expected: list[tuple[Risk, str]]
) -> None:
    found = changes(own(*HOSTS[:3]), own(*hosts))
    assert [(change.risk, change.new) for change in found] == expected
    assert {change.field for change in found} <= {"machines.inventory"}


def test_machines_that_join_are_safe_and_those_that_go_are_refused_by_name() -> None:
    more = changes(own(*HOSTS[:3]), own(*HOSTS))
    assert [(change.field, change.old, change.new, change.risk) for change in more] == [
        ("workers", "1", "2", Risk.SAFE),
        ("machines.inventory", "none", "demo-worker-2 10.0.0.4", Risk.SAFE),
    ]
    fewer = changes(own(*HOSTS), own(*HOSTS[:3]))
    assert [(change.field, change.old, change.risk) for change in fewer] == [
        ("workers", "2", Risk.REFUSED),
        ("machines.inventory", "demo-worker-2 10.0.0.4", Risk.REFUSED),
    ]


def test_a_key_that_something_else_writes_is_refused_with_what_to_do() -> None:
    (own_key,) = changes(own(*HOSTS[:3]), own(*HOSTS[:3], ssh={"public_key": KEY}))
    (google,) = changes(
        *(plan(platform="gcp", networks={"user": "203.0.113.0/24"}, ssh=ssh) for ssh in ({}, {"public_key": KEY}))
    )
    assert [(own_key.risk, own_key.why), (google.risk, google.why)] == [
        (Risk.REFUSED, "your own machines keep their keys; edit ~/.ssh/authorized_keys on each (craton ssh)"),
        (Risk.REFUSED, "Google's guest agent writes each machine's keys; change the metadata ssh-keys of every "
                       "instance instead (gcloud compute instances add-metadata)"),
    ]  # fmt: skip


def test_another_account_on_own_machines_is_no_reason_to_refuse() -> None:
    (change,) = changes(own(*HOSTS[:3]), own(*HOSTS[:3], ssh={"user": "ada"}))
    assert (change.field, change.risk) == ("ssh.user", Risk.CAREFUL)


def test_sums_that_differ_are_said_by_file() -> None:
    sums = {"kubeadm": "0f" * 32, "kubelet": "1e" * 32}
    (change,) = changes(
        plan(artifacts={"sums": sums}), plan(artifacts={"sums": {**sums, "kubelet": "2d" * 32, "crictl": "3c" * 32}})
    )
    assert (change.old, change.new) == ("kubelet 1e1e1e1e1e1e…", "kubelet 2d2d2d2d2d2d…, crictl 3c3c3c3c3c3c…")


def test_every_field_of_the_plan_is_judged_on_purpose() -> None:
    """A field that nobody thought of is refused with the sentence for strangers: this names it."""
    unjudged = {question.field for question in QUESTIONS if question.change is REFUSED}
    assert unjudged == {field for field in unjudged if question_of(field).kind is Kind.INVENTORY}, "judged by machine"


def test_the_same_plan_has_no_changes() -> None:
    assert changes(plan(), plan()) == ()
