"""What a machine is prepared with, as lines."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from installer.artifacts.catalogue import wanted
from installer.node.configuration import configuration, unproxied
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.platforms.machines.settings import Machines
from installer.plan.sections import Artifacts, Networks
from installer.plan.topology import topology
from tests.strategies import plans, repeatable

PLAN = InstallPlan(name="demo", subdomain="example.test")
OWN = PLAN.model_copy(
    update={
        "platform": "machines",
        "masters": 1,
        "workers": 0,
        "machines": Machines(
            inventory=(Host(address="10.0.0.1"), Host(address="edge", internal=IPv4Address("10.0.0.2")))
        ),
    }
)


def lines(plan: InstallPlan, key: str) -> list[str]:
    text = configuration(plan, topology(plan), topology(plan).machines[0].name)
    return re.findall(rf"^{key}='([^']*)'$", text, re.MULTILINE)


def test_every_line_is_a_key_and_a_quoted_value() -> None:
    text = configuration(PLAN, topology(PLAN), "demo-master-1")
    assert all(re.fullmatch(r"[A-Z_]+='[^']*'", line) for line in text.splitlines())


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("CLUSTER", ["demo"]),
        ("MACHINE", ["demo-master-1"]),
        ("ROLE", ["master"]),
        ("KUBERNETES", ["v1.36.2"]),
        ("PAUSE_IMAGE", ["registry.k8s.io/pause:3.10.2"]),
        ("PROXY", []),
        ("REGISTRY", []),
        ("IMAGE", []),
    ],
)
def test_what_a_plain_plan_says(key: str, values: list[str]) -> None:
    assert lines(PLAN, key) == values


def test_names_lead_to_every_address_behind_them() -> None:
    hosts = lines(PLAN, "HOST")
    masters = ["10.10.0.11", "10.10.0.12", "10.10.0.13"]
    assert hosts[:4] == [*(f"{address} demo-k8s.example.test" for address in masters), "10.10.0.21 demo.example.test"]
    assert hosts[4:] == [f"{address} demo-master-{number}" for number, address in enumerate(masters, 1)]


def test_a_machine_of_the_users_is_known_by_its_internal_address() -> None:
    assert "ADDRESS='10.0.0.2'" in configuration(OWN, topology(OWN), "demo-infra-1")
    assert "10.0.0.2 demo.example.test" in lines(OWN, "HOST")


@repeatable
@given(plans(), st.integers(1, 40))
def test_a_worker_that_joins_changes_no_other_machine(plan: InstallPlan, more: int) -> None:
    assume(not plan.traits.inventory)
    before, larger = topology(plan), plan.model_copy(update={"workers": plan.workers + more})
    after = topology(larger)
    for machine in before.machines:
        assert configuration(larger, after, machine.name) == configuration(plan, before, machine.name)


@pytest.mark.parametrize("proxy", [None, "http://proxy.example.test:3128"])
def test_the_configuration_of_a_machine_stays_small_in_a_cluster_of_a_thousand(proxy: str | None) -> None:
    networks = Networks(pods=IPv4Network("10.128.0.0/10"))
    sums = dict.fromkeys((artifact.path for artifact in wanted(PLAN, "amd64")), "a" * 64)
    large = PLAN.model_copy(
        update={"workers": 1000, "networks": networks, "artifacts": Artifacts(proxy=proxy, sums=sums)}
    )
    found = topology(large)
    sizes = {len(configuration(large, found, name)) for name in ("demo-master-1", "demo-worker-1000")}
    assert max(sizes) < 4096


def test_artifacts_have_their_sums_and_their_place_on_the_mirror() -> None:
    path = "release/v1.36.2/bin/linux/amd64/kubeadm"
    plan = PLAN.model_copy(update={"artifacts": Artifacts(mirror="http://m.test/k", sums={path: "a" * 64})})
    artifacts = lines(plan, "ARTIFACT")
    assert f"kubeadm amd64 {path} {'a' * 64} http://m.test/k/{path}" in artifacts
    kubelet = path.replace("kubeadm", "kubelet")
    assert f"kubelet amd64 {kubelet} - http://m.test/k/{kubelet}" in artifacts
    assert lines(plan, "REGISTRY") == ["http://m.test/k"]
    assert len(artifacts) == 14


def test_archives_of_images_come_from_the_mirror_or_from_nowhere() -> None:
    sums = {"images/all.tar": "a" * 64}
    assert lines(PLAN.model_copy(update={"artifacts": Artifacts(sums=sums)}), "IMAGE") == [
        f"images/all.tar {'a' * 64} -"
    ]
    mirrored = PLAN.model_copy(update={"artifacts": Artifacts(sums=sums, mirror="http://m.test")})
    assert lines(mirrored, "IMAGE") == [f"images/all.tar {'a' * 64} http://m.test/images/all.tar"]


def test_nothing_of_the_cluster_goes_through_the_proxy() -> None:
    plan = PLAN.model_copy(update={"artifacts": Artifacts(proxy="http://proxy.test:3128")})
    assert lines(plan, "PROXY") == ["http://proxy.test:3128"]
    assert lines(plan, "NO_PROXY") == [
        "localhost,127.0.0.1,10.10.0.0/16,10.244.0.0/16,10.96.0.0/12,.svc,.cluster.local,"
        "demo-k8s.example.test,demo.example.test"
    ]
    assert "10.0.0.1" in unproxied(OWN, topology(OWN))


@pytest.mark.parametrize(
    ("given", "mirror", "found"),
    [
        ("10.9.0.0/16", "http://10.9.1.2:8080/k", ["10.9.0.0/16", "10.9.1.2"]),
        ("*.lan, Build.test", "https://mirror.lan", [".lan", "Build.test", "mirror.lan"]),
        ("mirror.test:8080", "http://mirror.test:8080", ["mirror.test:8080", "mirror.test"]),
        ("mirror.test:8080", "http://mirror.test", ["mirror.test:8080"]),
        ("[fd00::]/8", "http://[fd00::1]", ["fd00::/8", "fd00::1"]),
        (None, "http://10.10.0.5", ["10.10.0.5"]),
        (None, "http://mirror.test", []),
    ],
)
def test_machines_reach_without_the_proxy_what_the_plan_says(given: str | None, mirror: str, found: list[str]) -> None:
    bare = Artifacts(proxy="http://proxy.test:3128")
    own = unproxied(PLAN.model_copy(update={"artifacts": bare}), topology(PLAN))
    artifacts = Artifacts(proxy="http://proxy.test:3128", no_proxy=given, mirror=mirror)
    plan = PLAN.model_copy(update={"artifacts": artifacts})
    assert lines(plan, "NO_PROXY") == [",".join([*own, *found])]


def test_a_star_stands_alone_as_curl_wants_it() -> None:
    plan = PLAN.model_copy(update={"artifacts": Artifacts(proxy="http://proxy.test:3128", no_proxy=".lan,*")})
    assert lines(plan, "NO_PROXY") == ["*"]
