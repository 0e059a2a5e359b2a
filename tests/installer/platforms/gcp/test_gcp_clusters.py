"""Clusters in the double's project, by the real engine and the real steps, up to machines that run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType
from installer.health.report.compliance import covers
from installer.operations import lookup
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.gcp.platform import GcpPlatform
from installer.steps.step import Phase
from tests.doubles.cloud.machines import Printing
from tests.doubles.gcp.faults import Fault
from tests.doubles.gcp.project import PROJECT, REGION, Project
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import plan

RESUME, INSTALL, LARGE = 40, 150, 300
"""Requests at most: of a resume that finds everything in place; of the machines of an install of 3 + 100, 3 + 1,000."""


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


ROLES = ("compute.*", "iam.serviceAccounts.*", "resourcemanager.projects.*", "dns.*", "serviceusage.services.get")
"""What the roles allow that docs/gcp.md names."""
PRIVATE = ("compute.networks.create", "compute.networks.updatePolicy", "compute.routers.create",
           "compute.routers.delete", "compute.subnetworks.create", "compute.subnetworks.use")  # fmt: skip
"""Permissions that private workers' way out needs."""


def zone(gcp: Project) -> None:
    """The user's own zone."""
    gcp.zones["mine"] = {"dnsName": "example.com.", "rrsets": {}, "changes": {}}


def alive(gcp: Project) -> list[str]:
    """Names of machines that live."""
    return sorted(one["name"] for one in gcp.of("instances") if one["status"] != "STOPPING")


def test_a_cluster_is_made_found_again_and_destroyed(gcp: Project, cluster: Cluster) -> None:
    given = plan(workers=2, masters=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    shape = platform.located(topology(given))
    assert all(machine.address in given.networks.machines for machine in shape.machines if machine.address)
    assert [machine.zone[-1] for machine in shape.machines] == ["a", "b", "c", "a", "a", "b"]
    inforce = platform.firewall()
    for machine in shape.machines:
        assert all(any(covers(actual, rule) for actual in inforce[machine.name]) for rule in machine.firewall)

    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME

    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_a_balancer_and_records_lead_to_the_masters_and_go_with_the_cluster(gcp: Project, cluster: Cluster) -> None:
    zone(gcp)
    given = plan(workers=1, masters=3, balancer=True, dns="cloud-dns")
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    balancer = open_platform(given).located(topology(given)).load_balancer
    assert balancer is not None
    assert balancer.address is None, "nothing inside the cluster finds it"
    ((rrset,),) = [[one["rrdatas"] for (name, kind), one in gcp.zones["mine"]["rrsets"].items()
                    if kind == "A" and name.startswith("demo-k8s.")]]  # fmt: skip
    assert rrset == [balancer.host]
    (api, web) = sorted(gcp.of("regionBackendServices"), key=lambda one: str(one["name"]))
    for service in (api, web):
        assert sorted(one["group"].rpartition("/")[2] for one in service["backends"]) == [
            f"demo-masters-{letter}" for letter in "abc"
        ]
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_a_network_is_not_waited_for_while_a_balancer_may_not_be_deleted(gcp: Project, cluster: Cluster) -> None:
    given = plan(balancer=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    gcp.fail("compute.regionBackendServices.delete", Fault.PERMISSION)
    assert cluster.destroy(given) is ExitCode.LEFTOVERS
    states = {event.step: event.data["state"] for event in cluster.events if event.type is EventType.STEP}
    assert states["network/network"] == "blocked"
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_an_engine_that_stops_after_any_kind_of_change_leaves_no_twin_and_no_orphan(
    gcp: Project, cluster: Cluster
) -> None:
    """It is stopped the first time that it made each kind of change, and goes on from there."""
    zone(gcp)
    given, stopped = plan(workers=2, dns="cloud-dns"), set[str]()

    def stop(name: str) -> None:
        if name not in stopped:
            stopped.add(name)
            cluster.stop.request()

    gcp.after = stop
    for _ in range(40):
        ended = cluster.make(given)
        if ended is ExitCode.DONE:
            break
        assert ended is ExitCode.INTERRUPTED, cluster.errors
    assert ended is ExitCode.DONE
    assert {"compute.networks.insert", "compute.instances.bulkInsert", "compute.addresses.insert",
            "iam.projects.serviceAccounts.create", "compute.firewalls.insert"} <= stopped  # fmt: skip
    assert alive(gcp) == sorted(machine.name for machine in topology(given).machines)
    for _ in range(40):
        ended = cluster.destroy(given)
        if ended is ExitCode.DONE:
            break
        assert ended in (ExitCode.INTERRUPTED, ExitCode.LEFTOVERS), cluster.errors
    assert gcp.remains() == []


def test_requests_that_have_to_be_repeated_make_nothing_twice(gcp: Project, cluster: Cluster) -> None:
    for call in ("compute.networks.insert", "compute.instances.bulkInsert", "compute.addresses.insert",
                 "iam.projects.serviceAccounts.create", "cloudresourcemanager.projects.setIamPolicy"):  # fmt: skip
        gcp.fail(call, Fault.THROTTLING)
        gcp.fail(call, Fault.LOST)
    given = plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert gcp.pending_faults == {}
    assert alive(gcp) == sorted(machine.name for machine in topology(given).machines)


REFUSALS = (
    ("compute.networks.insert", Fault.QUOTA, r"the quota NETWORKS is used up.*iam-admin/quotas\?project=craton-test-1"),
    (
        "iam.projects.serviceAccounts.create",
        Fault.PERMISSION,
        r"don't allow iam\.projects\.serviceAccounts\.create.*/iam\?",
    ),
    ("compute.firewalls.insert", Fault.PERMISSION, r"don't allow compute\.firewalls\.create"),
)


def test_what_google_refuses_is_named_with_what_to_do_and_a_resume_goes_on(gcp: Project, cluster: Cluster) -> None:
    given, said = plan(), list[str]()
    for call, fault, _ in REFUSALS:
        gcp.fail(call, fault)
    for _ in range(2 * len(REFUSALS)):
        ended = cluster.make(given)
        said += cluster.errors
        if ended is ExitCode.DONE:
            break
    assert ended is ExitCode.DONE
    for call, _, words in REFUSALS:
        assert any(re.search(words, error) for error in said), (call, said)


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


def test_private_workers_are_made_and_destroyed_with_the_roles_of_the_documentation(
    gcp: Project, cluster: Cluster
) -> None:
    gcp.permissions = ROLES
    given = plan(private_workers=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert "compute.routers.insert" in gcp.changed
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert "compute.routers.delete" in gcp.changed
    assert gcp.remains() == []


def test_every_permission_that_private_workers_lack_is_named_and_none_is_taken_for_granted(
    gcp: Project, cluster: Cluster
) -> None:
    gcp.withheld = set(PRIVATE)
    assert cluster.make(plan(private_workers=True), Phase.CHECK) is ExitCode.PREFLIGHT
    for permission in PRIVATE:
        assert re.search(rf"don't allow [^;|]*{permission}[,;| ]", cluster.errors[0]), permission
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


def test_machines_come_from_the_next_zone_where_one_is_full(gcp: Project, cluster: Cluster) -> None:
    gcp.full_zones.add("europe-west3-a")
    given = plan(workers=2)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    shape = open_platform(given).located(topology(given))
    assert {machine.zone for machine in shape.machines} == {"europe-west3-b"}
    assert cluster.make(given) is ExitCode.DONE
    assert cluster.applied == set()


def test_where_every_zone_is_full_the_type_and_the_zones_are_named(gcp: Project, cluster: Cluster) -> None:
    gcp.full_zones |= {f"europe-west3-{letter}" for letter in "abc"}
    assert cluster.make(plan()) is ExitCode.MACHINES
    wanted = "no room for 1 machine of type e2-standard-2 in europe-west3-a, europe-west3-b, europe-west3-c"
    assert any(wanted in error and "gcp.master_type" in error for error in cluster.errors), cluster.errors


def test_more_workers_touch_nothing_that_is_there(gcp: Project, cluster: Cluster) -> None:
    assert cluster.make(plan(workers=1)) is ExitCode.DONE, cluster.errors
    before = {one["id"] for one in gcp.of("instances")}
    assert cluster.make(plan(workers=5)) is ExitCode.DONE, cluster.errors
    assert before < {one["id"] for one in gcp.of("instances")}
    assert {id for id in cluster.applied if not id.startswith("machines/batch/worker/")} == set()


def test_a_machine_that_somebody_deleted_is_made_again_and_keeps_its_static_address(
    gcp: Project, cluster: Cluster
) -> None:
    given = plan(workers=1)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    assert isinstance(platform, GcpPlatform)
    (address,) = gcp.of("addresses")
    platform.account.change("instances", "delete", instance="demo-infra-1", zone="europe-west3-a")
    for _ in range(gcp.lag.stopping + 1):
        platform.instances.value(platform.instances.version)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert alive(gcp) == sorted(machine.name for machine in topology(given).machines)
    again = platform.instances.by_machine(platform.instances.version)["demo-infra-1"]
    assert again.public == address["address"]


def test_another_computer_destroys_what_is_marked_and_nothing_else(
    gcp: Project, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = plan(workers=1)
    theirs = {"name": "theirs", "description": "craton cluster=other region=europe-west3 subdomain=a.test"}
    gcp.things["networks", "global", "theirs"] = theirs
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "elsewhere"))
    place = f"gcp://{PROJECT}/europe-west3"
    with pytest.raises(InstallerError, match="nothing in craton-test-1 has the mark of a cluster another"):
        lookup.adopt_remote(f"{place}/another")
    assert lookup.adopt_remote(f"{place}/demo") == "demo"
    known = lookup.load("demo")
    assert (known.subdomain, known.settings_of(Gcp).dns) == (given.subdomain, "manual")
    assert cluster.destroy(known) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == ["networks theirs"]


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


@pytest.mark.parametrize(("workers", "most"), [(100, INSTALL), (1000, LARGE)])
def test_many_workers_cost_few_requests_more_than_one(gcp: Project, cluster: Cluster, workers: int, most: int) -> None:
    gcp.quotas |= {"CPUS": 10_000.0, "IN_USE_ADDRESSES": 2000.0, "INSTANCES": 2000.0, "SSD_TOTAL_GB": 1e6}
    given = plan(workers=workers, masters=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.requests <= most
    assert gcp.calls["compute.instances.bulkInsert"] <= 20
    assert all(machine.address for machine in open_platform(given).located(topology(given)).machines)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.requests <= RESUME


def test_the_secret_of_new_machines_is_nowhere_but_in_its_file(gcp: Project, cluster: Cluster) -> None:
    assert cluster.make(plan()) is ExitCode.DONE, cluster.errors
    directory = ClusterDirectory.of("demo")
    platform = open_platform(plan())
    assert isinstance(platform, GcpPlatform)
    secret = platform.first_contact.secret
    assert secret is not None
    for path in directory.path.iterdir():
        assert path.name == "first-contact.json" or secret.encode() not in path.read_bytes(), path


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
