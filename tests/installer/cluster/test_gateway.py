"""The Gateway API: its kinds as their project publishes them, and Craton's Gateway, brought and taken away again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from installer.artifacts.published import published
from installer.cluster.addons import Addon
from installer.cluster.published_manifests import PublishedManifests
from installer.common.errors import InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from tests.doubles.node_verbs import FakeCluster

FIRST = "demo-master-1"
KINDS = published("gateway-api")
TEXT = "---\n".join(
    f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}}}\n"
    for name in KINDS.definitions
)
SUM = hashlib.sha256(TEXT.encode()).hexdigest()


def plan_of(*, gateway: bool = True, sum: str = SUM) -> InstallPlan:
    given = {"addons": {"gateway": gateway}, "artifacts": {"sums": {KINDS.path: sum} if sum else {}}}
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "platform": "local", **given})


PLAN = plan_of()


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return FakeCluster(PLAN).founded(FIRST)


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """A directory of `--artifacts` with the published file."""
    file = tmp_path / "artifacts" / KINDS.path
    file.parent.mkdir(parents=True)
    file.write_text(TEXT)
    return tmp_path / "artifacts"


def bring(cluster: FakeCluster, artifacts: Path, plan: InstallPlan = PLAN) -> None:
    context = cluster.context()
    context.world.artifacts = artifacts
    PublishedManifests(plan, "gateway-api").apply(context)


def test_the_kinds_are_those_that_were_reviewed_and_are_seen_again(cluster: FakeCluster, artifacts: Path) -> None:
    step = PublishedManifests(PLAN, "gateway-api")
    assert step.observe(cluster.context()).seen == f"the API does not know {KINDS.definitions[0]}"
    bring(cluster, artifacts)
    assert cluster.sent[f"{FIRST} addon"] == TEXT
    assert step.observe(cluster.context()).holds
    newer = PublishedManifests(plan_of(sum="b" * 64), "gateway-api").observe(cluster.context())
    assert (newer.holds, newer.seen) == (False, "gateway-api is not as planned")
    del cluster.applied["CustomResourceDefinition", "", KINDS.definitions[3]]
    assert step.observe(cluster.context()).seen == f"the API does not know {KINDS.definitions[3]}"


def test_kinds_that_somebody_else_brought_stay_as_they_are(cluster: FakeCluster) -> None:
    cluster.applied |= {("CustomResourceDefinition", "", name): {"kind": "x"} for name in KINDS.definitions}
    seen = PublishedManifests(PLAN, "gateway-api").observe(cluster.context())
    assert (seen.holds, seen.seen) == (True, "the API knows them already, from somebody else")


@pytest.mark.parametrize(
    ("sum", "words"), [("b" * 64, "has the sum"), ("", "the plan has none")], ids=["changed", "unknown"]
)
def test_what_was_not_reviewed_is_not_applied(cluster: FakeCluster, artifacts: Path, sum: str, words: str) -> None:
    with pytest.raises(InstallerError, match=words):
        bring(cluster, artifacts, plan_of(sum=sum))
    assert cluster.did() == []


def test_the_gateway_works_once_traefik_says_so(cluster: FakeCluster, artifacts: Path) -> None:
    bring(cluster, artifacts)
    step = Addon(PLAN, "gateway")
    assert step.observe(cluster.context()).seen == "there is no Gateway traefik"
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    gateway = cluster.applied["Gateway", "craton-ingress", "traefik"]
    gateway["status"] = {"conditions": [{"type": "Programmed", "status": "False", "reason": "Invalid", "message": "x"}]}
    seen = step.observe(cluster.context())
    assert (seen.holds, seen.seen) == (False, "the Gateway traefik doesn't work: Invalid: x")
    gateway["status"] = {}
    assert step.observe(cluster.context()).seen == "nothing has looked at the Gateway traefik yet"


def test_without_the_gateway_api_in_the_plan_its_gateway_goes_and_its_kinds_stay(
    cluster: FakeCluster, artifacts: Path
) -> None:
    bring(cluster, artifacts)
    Addon(PLAN, "gateway").apply(cluster.context())
    Addon(plan_of(gateway=False), "ingress").apply(cluster.context())
    kinds = {kind for kind, _, _ in cluster.applied}
    assert "Gateway" not in kinds
    assert "GatewayClass" not in kinds
    assert "CustomResourceDefinition" in kinds
    assert ("ClusterRole", "", "craton-traefik") in cluster.applied


def test_where_there_never_was_a_gateway_nothing_is_taken_away(cluster: FakeCluster) -> None:
    Addon(plan_of(gateway=False), "ingress").apply(cluster.context())
    assert cluster.did() == ["master-1 addon ingress"]


def test_the_gateway_comes_after_its_kinds_the_ingress_and_the_certificate() -> None:
    needs = {step.id: step.needs for step in pipeline.install_steps(PLAN)}
    assert {"ingress/gateway-kinds", "ingress/controller", "ingress/certificate"} < set(needs["ingress/gateway"])
    assert "ingress/gateway-kinds" not in needs["ingress/controller"]
    others = {step.id for step in pipeline.install_steps(plan_of(gateway=False))}
    assert needs.keys() - others == {"ingress/gateway", "ingress/gateway-kinds"}
