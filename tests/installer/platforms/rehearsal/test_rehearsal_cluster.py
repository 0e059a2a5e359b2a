"""The Kubernetes of a rehearsal: etcd's quorum, backups, upgrades and rebuilt masters, as strict as the real ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import pytest

from installer.artifacts.container_images import images
from installer.cluster.diagnosis import explain_upgrade
from installer.cluster.kubeadm import Facts, Invitation, join_payload
from installer.cluster.upgrade_images import ImagesBrought
from installer.node.configuration import configuration
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.sections import Ingress
from installer.platforms.rehearsal.records import MachineRecord, Store
from installer.platforms.rehearsal.simulator.command import Command
from installer.platforms.rehearsal.simulator.site import Site
from installer.platforms.rehearsal.simulator.stages import JOIN_MASTER
from installer.ssh.connection import Result
from tests.doubles.rehearsal import Rehearsal
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("quick_sites")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """Three masters and a worker of v1.35.6, installed."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    plan = InstallPlan(
        name="demo",
        subdomain="example.com",
        masters=3,
        workers=1,
        ingress=Ingress(kind="infra", infra=1),
        kubernetes="v1.35.6",
    )
    opened = Rehearsal(plan)
    opened.begin()
    yield opened
    opened.close()


def node(rehearsal: Rehearsal, machine: str, verb: str, stdin: str = "") -> Result:
    result = rehearsal.connect(machine).run(f"sudo -n craton-node {verb}", stdin=stdin, deadline=PATIENCE)
    assert isinstance(result, Result)
    return result


def ok(rehearsal: Rehearsal, machine: str, verb: str, stdin: str = "") -> str:
    result = node(rehearsal, machine, verb, stdin)
    assert result.status == 0, result.stderr
    return result.stdout


def members(rehearsal: Rehearsal, machine: str = "master-1") -> dict[str, str]:
    """Numbers of etcd's members by name."""
    listed = json.loads(ok(rehearsal, machine, "etcd members"))["members"]
    return {member["name"]: member["ID"] for member in listed}


def lose(rehearsal: Rehearsal, *machines: str) -> None:
    for machine in machines:
        rehearsal.client.call("delete", name=f"demo-{machine}")


def settings(rehearsal: Rehearsal, machine: str, release: str) -> str:
    plan = rehearsal.plan.model_copy(update={"kubernetes": release})
    return configuration(plan, rehearsal.topology, f"demo-{machine}")


def bring_images(rehearsal: Rehearsal, release: str, *machines: str) -> None:
    plan = rehearsal.plan.model_copy(update={"kubernetes": release})
    for machine in machines:
        names = " ".join(images(plan))
        ok(rehearsal, machine, f"images bring {names}", settings(rehearsal, machine, release))


EVERY = ("master-1", "master-2", "master-3", "infra-1", "worker-1")


def nodes(rehearsal: Rehearsal) -> dict[str, str]:
    """Versions of the kubelets by node."""
    found = json.loads(ok(rehearsal, "master-1", "kubectl get nodes -o json"))["items"]
    return {each["metadata"]["name"]: each["status"]["nodeInfo"]["kubeletVersion"] for each in found}


def test_etcd_says_who_its_members_are_and_how_they_are(cluster: Rehearsal) -> None:
    assert set(members(cluster)) == {"demo-master-1", "demo-master-2", "demo-master-3"}
    lose(cluster, "master-3")
    said = ok(cluster, "master-1", "etcd health https://10.10.0.11:2379 https://10.10.0.13:2379")
    assert said.splitlines() == ["https://10.10.0.11:2379 ok", "https://10.10.0.13:2379 connection refused"]
    assert "demo-master-3" in members(cluster)


def test_a_master_that_is_lost_takes_nothing_with_it_and_two_take_the_api(cluster: Rehearsal) -> None:
    lose(cluster, "master-1")
    assert "api=ok" in ok(cluster, "master-2", "condition")
    assert "demo-master-1" in ok(cluster, "master-2", "kubectl get nodes -o json")
    lose(cluster, "master-2")
    assert "api=etcdserver: request timed out" in ok(cluster, "master-3", "condition")
    assert "request timed out" in node(cluster, "master-3", "kubectl get nodes -o json").stderr


def test_etcd_takes_masters_that_join_at_once_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learns: list[str] = []

    async def sleep(_site: Site, _mean: float, machine: str, _verb: str, title: str, *_part: str) -> None:
        if title == "etcd member":
            learns.append(machine)
            await asyncio.sleep(0.05)  # in which the other one gets as far

    async def join(site: Site, name: str) -> None:
        unused = dict.fromkeys(("firewall", "user", "host_key", "public_key"), "")
        machine = MachineRecord(name=name, role=Role.MASTER, address="10.0.0.2", authorized_keys=[], **unused)
        await Command(site, machine, cast("Any", Mock())).stages("join", JOIN_MASTER)

    async def both() -> None:
        site = Site(Store(tmp_path / "site.json"))
        await asyncio.gather(join(site, "master-2"), join(site, "master-3"))

    monkeypatch.setattr(Site, "sleep", sleep)
    asyncio.run(both())
    assert [name for name, _ in groupby(learns)] == ["master-2", "master-3"]


def test_no_member_is_removed_below_quorum(cluster: Rehearsal) -> None:
    ids = members(cluster)
    assert node(cluster, "master-1", "etcd remove 12345").stderr.endswith("etcdserver: member not found\n")
    lose(cluster, "master-3")
    refused = node(cluster, "master-1", f"etcd remove {ids['demo-master-2']}")
    assert (refused.status, "not enough started members" in refused.stderr) == (1, True)
    ok(cluster, "master-1", f"etcd remove {ids['demo-master-3']}")
    assert set(members(cluster)) == {"demo-master-1", "demo-master-2"}


def test_a_rebuilt_master_joins_once_its_old_member_is_gone(cluster: Rehearsal) -> None:
    lose(cluster, "master-3")
    cluster.run("machines/", "connect/", "prepare/")
    said = ok(cluster, "master-1", "invite")
    invitation = Invitation(**dict(line.split("=", 1) for line in said.splitlines()))
    payload = join_payload(cluster.plan, cluster.topology.machine("demo-master-3"), Facts(), invitation)
    assert "Peer URLs already exists" in node(cluster, "master-3", "join", payload).stderr
    old = members(cluster)["demo-master-3"]
    ok(cluster, "master-1", f"etcd remove {old}")
    ok(cluster, "master-3", "join", payload)
    assert members(cluster)["demo-master-3"] not in ("", old)


def test_no_master_joins_with_another_key_or_while_a_member_is_away(cluster: Rehearsal) -> None:
    ok(cluster, "master-3", "reset")
    assert set(members(cluster)) == {"demo-master-1", "demo-master-2"}
    said = ok(cluster, "master-1", "invite")
    fields = dict(line.split("=", 1) for line in said.splitlines())
    machine = cluster.topology.machine("demo-master-3")
    wrong = join_payload(cluster.plan, machine, Facts(), Invitation(**(fields | {"encryption_key": "other"})))
    assert "is not that of the other masters" in node(cluster, "master-3", "join", wrong).stderr
    lose(cluster, "master-2")
    right = join_payload(cluster.plan, machine, Facts(), Invitation(**fields))
    assert node(cluster, "master-3", "join", right).status == 1


def test_two_masters_of_three_are_lost_and_the_cluster_comes_back_from_its_backup(cluster: Rehearsal) -> None:
    path, digest, revision = ok(cluster, "master-1", "etcd snapshot /var/lib/craton/backup.db").split()
    assert (path, len(digest), int(revision) > 1) == ("/var/lib/craton/backup.db", 64, True)
    ok(cluster, "master-1", "kubectl delete node demo-worker-1")
    lose(cluster, "master-2", "master-3")
    assert ok(cluster, "master-1", f"etcd restore {path}").startswith("kept /var/lib/etcd.before-restore-")
    assert set(members(cluster)) == {"demo-master-1"}
    assert "demo-worker-1" in nodes(cluster)
    assert "api=ok" in ok(cluster, "master-1", "condition")


def test_only_a_snapshot_is_restored(cluster: Rehearsal) -> None:
    assert node(cluster, "master-1", "etcd restore /nowhere").stderr == "craton-node: /nowhere is not on this machine\n"


def test_an_upgrade_goes_through_the_masters_to_the_workers(cluster: Rehearsal) -> None:
    release = "v1.36.2"
    bring_images(cluster, release, *EVERY)
    for machine, verb in (
        ("master-1", "apply"), ("master-2", "node"), ("master-3", "node"), ("infra-1", "node"), ("worker-1", "node"),
    ):  # fmt: skip
        ok(cluster, machine, f"upgrade {verb}", settings(cluster, machine, release))
        assert f"kubeadm_version={release}" in ok(cluster, machine, "condition")
        ok(cluster, machine, "prepare", settings(cluster, machine, release))
    assert set(nodes(cluster).values()) == {release}
    assert f"version={release}" in ok(cluster, "master-3", "condition")


def test_no_upgrade_begins_while_a_node_lacks_the_new_pause_image(cluster: Rehearsal) -> None:
    release = "v1.36.2"
    bring_images(cluster, release, *EVERY[:-1])
    text = settings(cluster, "master-1", release)
    refused = node(cluster, "master-1", "upgrade apply", text)
    assert (refused.status, "[ERROR CreateJob]" in refused.stderr) == (1, True)
    error = explain_upgrade(cluster.plan, "demo-master-1")(refused)
    assert error is not None
    assert (error.machine, "registry.k8s.io/pause:3.10.2" in error.observed) == ("demo-worker-1", True)
    plan = cluster.plan.model_copy(update={"kubernetes": release})
    step = ImagesBrought(plan, cluster.topology.machine("demo-worker-1"))
    assert not step.observe(cluster.context()).holds
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    ok(cluster, "master-1", "upgrade apply", text)


def test_an_upgrade_in_the_wrong_order_is_refused(cluster: Rehearsal) -> None:
    for machine, verb, release, message in (
        ("worker-1", "upgrade node", "v1.36.2", "the control plane is of v1.35.6"),
        ("master-2", "upgrade node", "v1.36.2", "the control plane is of v1.35.6"),
        ("master-1", "upgrade apply", "v1.37.0", "only 1 minor version at a time"),
        ("master-1", "upgrade apply", "v1.35.2", "is lower than the cluster's"),
        ("worker-1", "prepare", "v1.36.2", "does not go with a control plane of v1.35.6"),
    ):
        result = node(cluster, machine, verb, settings(cluster, machine, "v1.36.2").replace("v1.36.2", release))
        assert result.status == 1, (machine, verb, release)
        assert message in result.stderr


def test_workers_wait_for_every_master(cluster: Rehearsal) -> None:
    bring_images(cluster, "v1.36.2", *EVERY)
    ok(cluster, "master-1", "upgrade apply", settings(cluster, "master-1", "v1.36.2"))
    result = node(cluster, "worker-1", "upgrade node", settings(cluster, "worker-1", "v1.36.2"))
    assert "the control plane of demo-master-2 is not upgraded yet" in result.stderr
