"""Manifests of the user's own: read before anything starts, applied after Craton's addons, and waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cluster.applied_sums import key_of
from installer.cluster.own_manifests import CheckManifests, OwnManifests, read
from installer.common.errors import ExitCode, InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster

FIRST = "demo-master-1"
SPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"
SHOP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {replicas: 2}
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    return FakeCluster(plan_of(tmp_path)).founded(FIRST)


def plan_of(*paths: Path) -> InstallPlan:
    given = {"manifests": [str(path) for path in paths]}
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "addons": given})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "manifests"
    place.mkdir()
    (place / "20-shop.yaml").write_text(SHOP)
    (place / "10-space.yml").write_text(SPACE)
    (place / "README.md").write_text("# not applied")
    return place


def test_files_of_a_directory_are_applied_by_name_and_seen_again(cluster: FakeCluster, folder: Path) -> None:
    step = OwnManifests(str(folder))
    assert step.observe(cluster.context()).seen == "not applied yet, or changed since"
    step.apply(cluster.context())
    assert cluster.sent[f"{FIRST} addon"] == f"{SPACE}\n---\n{SHOP}"
    assert step.observe(cluster.context()).holds
    (folder / "20-shop.yaml").write_text(SHOP.replace("replicas: 2", "replicas: 3"))
    assert not step.observe(cluster.context()).holds


def test_what_somebody_deleted_or_what_does_not_run_is_noticed(cluster: FakeCluster, folder: Path) -> None:
    step = OwnManifests(str(folder))
    step.apply(cluster.context())
    del cluster.applied["Namespace", "", "shop"]
    assert step.observe(cluster.context()).seen == "there is no Namespace shop"
    cluster.rolls_out = False
    with pytest.raises(InstallerError, match="Deployment web: 0 of 2 pods are ready"):
        step.apply(cluster.context(0.1))


def test_of_many_workloads_that_wait_the_first_are_named_and_the_others_counted(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("---\n".join(SHOP.replace("web", f"web-{number}") for number in range(5)))
    step = OwnManifests(str(path))
    step.apply(cluster.context())
    for found in cluster.applied.values():
        found["status"] = {}
    seen = step.observe(cluster.context()).seen
    assert seen.startswith("Deployment web-0: 0 of 2 pods are ready; ")
    assert seen.endswith("Deployment web-2: 0 of 2 pods are ready; and 2 more")


def test_a_statefulset_is_waited_for_as_well(cluster: FakeCluster, folder: Path) -> None:
    (folder / "30-store.yaml").write_text(SHOP.replace("Deployment", "StatefulSet").replace("web", "store"))
    step = OwnManifests(str(folder))
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    store = cluster.applied["StatefulSet", "shop", "store"]
    store["status"] = {"readyReplicas": 1, "updatedReplicas": 2}
    assert step.observe(cluster.context()).seen == "StatefulSet store: 1 of 2 pods are ready"


@pytest.mark.parametrize(
    ("strategy", "holds"),
    [
        ({"type": "RollingUpdate"}, False),
        ({"type": "OnDelete"}, True),
        ({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}, True),
    ],
    ids=["rolling", "on delete", "partition"],
)
def test_pods_that_their_own_strategy_keeps_old_are_not_waited_for(
    strategy: dict[str, object], holds: bool, cluster: FakeCluster, tmp_path: Path
) -> None:
    path = tmp_path / "store.yaml"
    path.write_text(SHOP.replace("Deployment", "StatefulSet"))
    step = OwnManifests(str(path))
    step.apply(cluster.context())
    store = cluster.applied["StatefulSet", "shop", "web"]
    store["spec"] |= {"updateStrategy": strategy}
    store["status"] = {"readyReplicas": 2, "updatedReplicas": 0}
    assert step.observe(cluster.context()).holds is holds


def test_what_the_api_does_not_know_yet_is_tried_again(cluster: FakeCluster, folder: Path) -> None:
    cluster.fails[f"{FIRST} addon own-{key_of(str(folder))}"] = Result(1, "", 'no matches for kind "Kustomization"')
    OwnManifests(str(folder)).apply(cluster.context())
    assert OwnManifests(str(folder)).observe(cluster.context()).holds


def test_two_places_do_not_forget_each_other(folder: Path, tmp_path: Path) -> None:
    assert key_of(str(folder)) != key_of(str(tmp_path))
    assert set(key_of("~/any thing.yaml")) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file or directory"),
        ("", "there is nothing in it"),
        ("a: [", "while parsing"),
        ("kind: Pod\n", "it has no metadata"),
        ("kind: Pod\nmetadata: {name: a}\n", "an object has no kind, apiVersion or name: Pod a"),
        ("{" * 30_000, "nested too deep"),
        ("kind: List\nitems: 1\n", "the items of a List are not a list"),
    ],
    ids=["missing", "empty", "broken", "values", "no version", "brackets", "items"],
)
def test_what_cannot_be_applied_is_refused_before_anything_starts(
    text: str | None, words: str, tmp_path: Path, cluster: FakeCluster
) -> None:
    path = tmp_path / "own.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InstallerError) as caught:
        CheckManifests(plan_of(path)).observe(cluster.context())
    assert words in caught.value.observed
    assert caught.value.observed.startswith(str(path))
    assert caught.value.exit_code is ExitCode.PREFLIGHT


def test_a_directory_without_manifests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InstallerError, match="no file that ends in"):
        read(str(tmp_path))


def test_a_directory_for_kustomize_is_refused_with_the_way_to_use_it(folder: Path) -> None:
    (folder / "kustomization.yaml").write_text("namespace: shop\nresources: [20-shop.yaml]\n")
    with pytest.raises(InstallerError, match=r"does not do what kustomization\.yaml says") as caught:
        read(str(folder))
    assert caught.value.hint == f"Name a file with what `kubectl kustomize {folder}` prints."


def test_they_come_in_order_after_the_ingress_and_nothing_waits_for_them(folder: Path, tmp_path: Path) -> None:
    steps = {step.id: step for step in pipeline.install_steps(plan_of(folder, tmp_path))}
    assert "ingress/controller" in steps["ingress/own/1"].needs
    assert steps["ingress/own/2"].needs == ("ingress/own/1",)
    assert "check/manifests" in steps
    assert not [step.id for step in steps.values() if "ingress/own/2" in step.needs]
