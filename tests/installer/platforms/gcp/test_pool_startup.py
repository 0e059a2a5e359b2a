"""What machines of a worker pool in Google Cloud are told at their birth, and what the project needs for them."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.operations import lookup
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms import open_platform, platform_steps
from installer.platforms.clouds import pool_bundle
from installer.platforms.gcp import names
from installer.platforms.gcp.listing import instance
from installer.platforms.gcp.machines import properties
from installer.platforms.gcp.platform import GcpPlatform
from installer.platforms.gcp.pool_startup import LIMIT, PoolBirth
from installer.steps import ids
from tests.doubles.gcp.project import PROJECT, REGION, Project
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import plan

LONGEST = PoolBirth(
    "https://secretmanager.googleapis.com/v1/projects/example.com:abcdefghijklmnopqrstuvwxyz-123/secrets/"
    "abcdefghijklmnopqrst-pool/versions/latest:access",
    "example.com:abcdefghijklmnopqrstuvwxyz-123", "10.128.0.0/12", "5e" * 32, pool_bundle.ADDRESS,
    pool_bundle.PROVIDER_ID,
)  # fmt: skip


def test_metadata_is_small_lets_nobody_in_and_holds_no_secret() -> None:
    found = LONGEST.metadata(os_login=False)
    assert sum(map(len, found.values())) <= LIMIT
    assert "ssh-keys" not in found
    assert (found["enable-oslogin"], found["block-project-ssh-keys"]) == ("FALSE", "TRUE")
    assert LONGEST.metadata(os_login=True)["enable-oslogin"] == "TRUE", "or the project refuses the machine"
    assert json.loads(found["craton-pool"])["sum"] == "5e" * 32
    compile(found["startup-script"], "startup-script", "exec")


def test_a_machine_of_the_pool_is_one_that_its_group_lists_and_keeps() -> None:
    found = {
        "id": "1", "name": "demo-worker-x1y2", "status": "RUNNING", "zone": f"zones/{REGION}-a",
        "creationTimestamp": "2026-11-30T01:00:00.250-08:00",
        "labels": {names.CLUSTER: "demo", names.ROLE: "worker", names.POOL: "demo-worker", names.GENERATION: "5e"},
    }  # fmt: skip
    kept = instance(found, "NONE")
    assert (kept.machine, kept.pooled, kept.lives, kept.generation) == ("demo-worker-x1y2", True, True, "5e")
    assert kept.born == 1796029200.25
    assert not instance(found).pooled, "whoever may make instances may give them any label"
    assert not instance(found, "DELETING").lives
    single = {**found, "labels": {names.CLUSTER: "demo", names.ROLE: "worker"}}
    assert instance(single).machine is None, "its name is not one that a plan gives"


def test_a_plan_with_a_pool_has_its_steps_and_no_workers_of_its_own() -> None:
    given = plan(workers=3, worker_pool=True)
    steps = {step.id for step in platform_steps(given, topology(given))}
    assert {"join/pool/secret", "join/pool/template", "join/pool/group", ids.POOL, "network/access/worker"} <= steps
    assert not any("demo-worker-1" in id for id in steps)


def test_the_check_names_what_the_project_lacks_for_a_pool(
    gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    gcp.withheld = {"compute.instanceGroupManagers.create", "secretmanager.secrets.setIamPolicy"}
    gcp.services -= {"secretmanager"}
    gcp.quotas |= {"CPUS": 5.0, "REGIONAL_INSTANCE_GROUP_MANAGERS": 0.0}
    cluster = Cluster()
    assert cluster.make(plan(workers=3, worker_pool=True)) is ExitCode.PREFLIGHT
    (error,) = cluster.errors
    for words in (
        "has not enabled secretmanager.googleapis.com",
        "don't allow compute.instanceGroupManagers.create, secretmanager.secrets.setIamPolicy",
        "the plan needs 10 more of CPUS, and the quota is 5",
        "the plan needs 1 more of REGIONAL_INSTANCE_GROUP_MANAGERS, and the quota is 0",
    ):
        assert words in error
    gcp.quotas["CPUS"] = 72.0
    assert cluster.make(plan(workers=1)) is ExitCode.DONE, cluster.errors
    assert cluster.destroy(plan(workers=1)) is ExitCode.DONE, "who has no pool needs no rights for one"
    assert gcp.remains() == []


def test_where_a_machine_reads_its_secret_is_not_where_anybody_else_may(gcp: Project) -> None:
    platform = open_platform(plan(workers=3, worker_pool=True))
    assert isinstance(platform, GcpPlatform)
    gcp.accounts[f"demo-worker@{PROJECT}.iam.gserviceaccount.com"] = {"email": "", "seen": 1}
    assert platform.held() is None
    for token in ("abc", ""):
        assert platform.hold(pool_bundle.Held("bundle", token)) == ""
        held = platform.held()
        assert held is not None
        assert (held.bundle, held.token) == ("bundle", token), "what was just written is what is read"
    secret = gcp.secrets["demo-pool"]
    members = [one["members"] for one in secret.bindings]
    assert members == [[f"serviceAccount:demo-worker@{PROJECT}.iam.gserviceaccount.com"]]
    assert [one.state for one in secret.versions.values()] == ["DESTROYED", "ENABLED"]
    assert secret.document["replication"] == {"userManaged": {"replicas": [{"location": REGION}]}}
    platform.close()


def test_pods_of_any_pool_and_its_bundle_fit() -> None:
    given = plan(workers=3, worker_pool=True)
    shape = topology(given)
    machines = tuple(replace(one, address=IPv4Address(f"10.0.0.{n}")) for n, one in enumerate(shape.machines, 10))
    assert shape.pool is not None
    assert len(pool_bundle.bundle(given, replace(shape, machines=machines), shape.pool)) <= pool_bundle.LIMIT


def test_another_computer_destroys_a_pool_that_it_knows_nothing_of_before_the_network(
    gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    given, cluster = plan(worker_pool=True, private_workers=True), Cluster()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    assert isinstance(platform, GcpPlatform)
    labels = {names.POOL: "demo-worker", names.GENERATION: "5e"}
    image = platform.images.of("debian-13", "e2-standard-2").link
    birth = LONGEST.metadata(os_login=False)
    template = {
        "name": "demo-worker-1", "description": names.described(given),
        "properties": properties(given, platform, Role.WORKER, image, birth, labels),
    }  # fmt: skip
    platform.account.change("regionInstanceTemplates", "insert", template, region=REGION)
    body = {
        "name": "demo-worker", "description": names.described(given), "targetSize": 2,
        "instanceTemplate": f"projects/{PROJECT}/regions/{REGION}/instanceTemplates/demo-worker-1",
        "distributionPolicy": {"zones": [{"zone": f"zones/{REGION}-a"}]},
    }  # fmt: skip
    platform.account.change("regionInstanceGroupManagers", "insert", body, region=REGION)
    platform.hold(pool_bundle.Held("bundle"))
    assert len(list(platform.listing.kept())) == 2
    gcp.full_zones.add(f"{REGION}-a")
    platform.resize_pool(3)
    assert len([one for one in platform.instances.value() if one.pooled]) == 2
    platform.close()
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "elsewhere"))
    lookup.adopt_remote(f"gcp://{PROJECT}/{REGION}/demo")
    known = lookup.load("demo")
    assert not known.worker_pool
    assert cluster.destroy(known) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []
