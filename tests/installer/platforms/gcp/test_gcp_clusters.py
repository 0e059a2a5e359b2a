"""Clusters in the double's project: what Google alone has. Stories of every cloud are in `test_cloud_clusters`."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import ExitCode
from installer.engine.events import EventType
from installer.platforms import open_platform
from installer.platforms.gcp.platform import GcpPlatform
from installer.steps.step import Phase
from tests.doubles.cloud.machines import Printing
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import PROJECT, REGION, Project
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import ROLES, plan


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


def test_a_network_is_not_waited_for_while_a_balancer_may_not_be_deleted(gcp: Project, cluster: Cluster) -> None:
    given = plan(balancer=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    gcp.fail("compute.regionBackendServices.delete", Fault.PERMISSION)
    assert cluster.destroy(given) is ExitCode.LEFTOVERS
    states = {event.step: event.data["state"] for event in cluster.events if event.type is EventType.STEP}
    assert states["network/network"] == "blocked"
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_what_the_project_lacks_is_said_at_once_and_before_anything_is_made(gcp: Project, cluster: Cluster) -> None:
    gcp.quotas |= {"CPUS": 3.0, "IN_USE_ADDRESSES": 2.0}
    gcp.withheld.add("dns.resourceRecordSets.create")
    gcp.services -= {"dns"}
    given = plan(dns="manual", zones=["europe-west3-a", "europe-west3-z"])
    assert cluster.make(given) is ExitCode.PREFLIGHT
    (error,) = cluster.errors
    for words in (
        "there is no zone europe-west3-z in europe-west3",
        "the plan needs 6 more of CPUS, and the quota is 3",
        "IN_USE_ADDRESSES, and the quota is 2",
        "Set gcp.zones to some of europe-west3-a, europe-west3-b, europe-west3-c.",
    ):
        assert words in error
    gcp.services -= {"iam"}
    assert cluster.make(plan(dns="cloud-dns")) is ExitCode.PREFLIGHT
    (error,) = cluster.errors
    assert "has not enabled iam.googleapis.com, dns.googleapis.com" in error
    assert "`craton gcp enable PLAN` enables them" in error
    assert "don't allow dns.resourceRecordSets.create" in error
    assert gcp.remains() == []


def test_a_router_needs_a_permission_of_its_own_and_one_for_its_network(gcp: Project) -> None:
    account = Account(PROJECT, REGION)
    body = {"name": "demo", "network": f"projects/{PROJECT}/global/networks/demo"}
    for lacking in ("compute.routers.create", "compute.networks.updatePolicy"):
        gcp.withheld = {lacking}
        with pytest.raises(GcpError, match=f"don't allow {lacking}"):
            account.change("routers", "insert", body, region=REGION)
    assert gcp.remains() == []


def test_a_policy_of_the_organisation_is_named(gcp: Project, cluster: Cluster) -> None:
    gcp.policies.add("compute.vmExternalIpAccess")
    words = "an organisation policy forbids external addresses of machines in the project craton-test-1"
    assert cluster.make(plan()) is ExitCode.PREFLIGHT
    assert words in cluster.errors[0]
    gcp.permissions = ROLES  # who may not read policies meets them later
    assert cluster.make(plan()) is ExitCode.MACHINES
    assert any(words in error and "Ask whoever manages" in error for error in cluster.errors), cluster.errors


def test_an_existing_network_has_to_lead_out_and_leave_room_for_pods(gcp: Project, cluster: Cluster) -> None:
    given = plan(network="office", subnetwork="floor", private_workers=True)
    ranges = [{"ipCidrRange": str(given.networks.pods)}]
    gcp.things["networks", "global", "office"] = {"name": "office"}
    gcp.things["subnetworks", REGION, "floor"] = {
        "name": "floor", "network": "x/office", "region": f"x/regions/{REGION}",
        "ipCidrRange": str(given.networks.machines), "secondaryIpRanges": ranges,
    }  # fmt: skip
    assert cluster.make(given, Phase.CHECK) is ExitCode.PREFLIGHT
    assert f"office has the network {given.networks.pods}, which overlaps networks.pods" in cluster.errors[0]
    assert "office has no Cloud NAT in europe-west3, and private workers have no other way out" in cluster.errors[0]


def test_in_a_shared_network_only_firewall_rules_are_made_in_the_host_project(gcp: Project, cluster: Cluster) -> None:
    link = f"projects/{PROJECT}/global/networks/shared"
    gcp.things["networks", "global", "shared"] = {"name": "shared", "selfLink": link}
    gcp.things["subnetworks", "europe-west3", "nodes"] = {
        "name": "nodes", "network": link, "ipCidrRange": "10.10.0.0/16", "selfLink": "subnetworks/nodes",
    }  # fmt: skip
    given = plan(network="shared", subnetwork="nodes", network_project=PROJECT)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert not {"compute.networks.insert", "compute.subnetworks.insert"} & set(gcp.changed)
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == ["networks shared", "subnetworks nodes"]


def test_the_newest_that_a_machine_printed_on_its_console_can_be_read(gcp: Project, cluster: Cluster) -> None:
    gcp.machines = Printing()
    given = plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    assert isinstance(platform, GcpPlatform)
    shown = platform.console("demo-worker-1")
    assert shown is not None
    assert shown.splitlines()[-1].endswith(" line 4999")
    assert len(shown) == 1 << 16
    assert platform.console("demo-worker-7") is None
