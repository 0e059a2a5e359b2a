"""Helm charts of the user's own: as reviewed, rendered once, applied, brought up to date, and taken out again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from installer.artifacts import charts, checksums
from installer.cluster import applied_sums
from installer.cluster.own_charts import ChartRemoved, CheckCharts, OwnChart
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations import pipeline
from installer.plan import planfile
from installer.plan.model import InstallPlan
from tests.doubles import helm
from tests.doubles.node_verbs import FakeCluster

FIRST = "demo-master-1"
SHOP = """\
apiVersion: v1
kind: Secret
metadata:
  name: RELEASE-drawn
stringData: {password: "RANDOM"}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: RELEASE
  labels: {values: "VALUES"}
spec:
  replicas: 1
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: RELEASE
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: RELEASE-elsewhere
  namespace: kube-public
data:
  mode: 0644
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    for name, value in helm.install(tmp_path / "helm").items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def local(home: Path) -> dict[str, Any]:
    """A chart on this computer, with values."""
    (home / "shop").mkdir()
    (home / "shop" / "manifests.yaml").write_text(SHOP)
    (home / "values.yaml").write_text("blue")
    return {"name": "shop", "chart": str(home / "shop"), "namespace": "store", "values": str(home / "values.yaml")}


def plan_of(*given: dict[str, Any], sums: dict[str, str] | None = None, **more: Any) -> InstallPlan:
    data = {"name": "demo", "subdomain": "example.test", "platform": "local"}
    return InstallPlan.model_validate(data | {"addons": {"charts": given}, "artifacts": {"sums": sums or {}}} | more)


def step_of(plan: InstallPlan) -> OwnChart:
    return OwnChart.of(plan, plan.addons.charts[0])


def test_a_chart_is_rendered_applied_and_seen_again_though_it_draws_a_password(local: dict[str, Any]) -> None:
    plan = plan_of(local)
    cluster = FakeCluster(plan).founded(FIRST)
    assert CheckCharts(plan).observe(cluster.context()).seen == "5 objects of 1 charts"
    step_of(plan).apply(cluster.context())
    assert step_of(plan).observe(cluster.context()).holds
    assert cluster.applied["Deployment", "store", "shop"]["metadata"]["labels"] == {"values": "blue"}
    kept = ClusterDirectory.of("demo").path / "charts" / "shop.yaml"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_objects_get_the_charts_namespace_where_their_kind_has_one(local: dict[str, Any]) -> None:
    plan = plan_of(local)
    text = charts.rendered(plan.addons.charts[0], plan, ClusterDirectory.of("demo"))
    found = [(each["kind"], each["metadata"].get("namespace")) for each in YAML(typ="safe").load_all(text)]
    assert found == [
        ("Namespace", None), ("Secret", "store"), ("Deployment", "store"), ("ClusterRole", None),
        ("ConfigMap", "kube-public"),
    ]  # fmt: skip
    assert "mode: 0644\n" in text, "nothing is written again: 0644 is 420 to the API server"


def test_other_values_and_what_the_chart_no_longer_has_are_brought_about(home: Path, local: dict[str, Any]) -> None:
    plan = plan_of(local)
    cluster = FakeCluster(plan).founded(FIRST)
    step_of(plan).apply(cluster.context())
    (home / "values.yaml").write_text("green")
    (home / "shop" / "manifests.yaml").write_text(SHOP.replace("RELEASE-elsewhere", "RELEASE-renamed"))
    assert not step_of(plan).observe(cluster.context()).holds
    step_of(plan).apply(cluster.context())
    assert cluster.applied["Deployment", "store", "shop"]["metadata"]["labels"] == {"values": "green"}
    assert ("ConfigMap", "kube-public", "shop-elsewhere") not in cluster.applied
    assert ("ConfigMap", "kube-public", "shop-renamed") in cluster.applied


def test_a_chart_is_taken_out_with_all_of_its_objects_but_the_namespace(local: dict[str, Any]) -> None:
    plan = plan_of(local)
    cluster = FakeCluster(plan).founded(FIRST)
    step_of(plan).apply(cluster.context())
    removed = plan_of(local | {"remove": True}).addons.charts[0]
    assert not ChartRemoved(removed).observe(cluster.context()).holds
    ChartRemoved(removed).apply(cluster.context())
    assert {kind for kind, _, name in cluster.applied if name.startswith(("shop", "store"))} == {"Namespace"}
    assert ChartRemoved(removed).observe(cluster.context()).holds
    assert applied_sums.objects_of(cluster.context(), "chart shop") == ()


REMOTE = {"name": "shop", "chart": "oci://charts.example.com/team/shop", "version": "1.2.3"}


def published(home: Path, text: str = SHOP) -> str:
    """Publish the chart; the sum of its archive."""
    (home / "helm" / "charts" / "shop-1.2.3.tgz").write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_review_records_a_fetched_charts_sum_and_nothing_else_is_rendered(home: Path) -> None:
    sum = published(home)
    assert charts.lacking(plan_of(REMOTE))
    assert charts.sums(plan_of(REMOTE)) == {"charts/shop-1.2.3.tgz": sum}
    plan = plan_of(REMOTE, sums={"charts/shop-1.2.3.tgz": sum})
    assert not charts.lacking(plan)
    directory = ClusterDirectory.of("demo")
    assert "name: shop-drawn" in charts.rendered(plan.addons.charts[0], plan, directory)
    published(home, SHOP + "# more\n")
    assert charts.rendered(plan.addons.charts[0], plan, directory), "kept, and not fetched again"
    changed = plan_of(REMOTE | {"namespace": "other"}, sums={"charts/shop-1.2.3.tgz": sum})
    with pytest.raises(InstallerError, match="not the reviewed"):
        charts.rendered(changed.addons.charts[0], changed, directory)


def test_a_bundle_holds_fetched_charts_and_a_computer_without_a_network_renders_them(home: Path) -> None:
    plan = plan_of(REMOTE, sums={"charts/shop-1.2.3.tgz": published(home)})
    charts.collect(plan, home / "bundle")
    (home / "helm" / "charts" / "shop-1.2.3.tgz").unlink()
    text = charts.rendered(plan.addons.charts[0], plan, ClusterDirectory.of("demo"), home / "bundle")
    assert "name: shop-drawn" in text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "9.9.9"}, 'chart "shop" version "9.9.9" not found'),
        ({"chart": "/nowhere", "version": None}, "No such file or directory"),
    ],
)
def test_a_chart_that_cannot_be_had_is_named_before_anything_starts(change: dict[str, Any], words: str) -> None:
    plan = plan_of(REMOTE | change)
    with pytest.raises(InstallerError) as caught:
        CheckCharts(plan).observe(FakeCluster(plan).context())
    assert words in caught.value.observed
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert "check/charts" in {step.id for step in pipeline.install_steps(plan)}


def test_without_helm_its_place_is_said(local: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    plan = plan_of(local)
    with pytest.raises(InstallerError, match="there is no helm on this computer") as caught:
        CheckCharts(plan).observe(FakeCluster(plan).context())
    assert "addons.manifests" in str(caught.value.hint)


def test_a_flow_of_metadata_is_refused_and_not_put_into_another_namespace(home: Path, local: dict[str, Any]) -> None:
    (home / "shop" / "manifests.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n")
    plan = plan_of(local)
    with pytest.raises(InstallerError, match="the metadata of a Secret is no block of lines"):
        CheckCharts(plan).observe(FakeCluster(plan).context())


def test_charts_come_after_manifests_one_after_the_other(home: Path, local: dict[str, Any]) -> None:
    given = {"charts": [local, local | {"name": "blog", "remove": True}], "manifests": [str(home)]}
    needs = {step.id: step.needs for step in pipeline.install_steps(plan_of(addons=given))}
    assert needs["ingress/chart/shop"] == ("ingress/own/1",)
    assert needs["ingress/chart/blog"] == ("ingress/chart/shop",)


def test_a_plan_keeps_its_charts_and_a_rehearsal_needs_none(home: Path, local: dict[str, Any]) -> None:
    plan = plan_of(local, REMOTE | {"name": "other"})
    planfile.save(home / "plan.yaml", plan)
    assert planfile.load(home / "plan.yaml") == plan
    rehearsal = plan_of(REMOTE, platform="rehearsal")
    assert charts.lacking(rehearsal) == ()
    assert not checksums.lacks(rehearsal)
    assert CheckCharts(rehearsal).observe(FakeCluster(rehearsal).context()).holds
