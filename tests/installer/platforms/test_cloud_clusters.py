"""Stories of clusters that every cloud has: the real engine and steps in its double, up to machines that run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.health.report.compliance import covers
from installer.operations import lookup
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.clouds.platform import CloudPlatform
from installer.steps.step import Phase
from tests.doubles.aws.fixtures import aws, aws_server
from tests.doubles.gcp.fixtures import gcp, gcp_server
from tests.installer.platforms.cloud_accounts import Cloud, of_aws, of_gcp
from tests.installer.platforms.cloud_runs import Cluster

__all__ = ["aws", "aws_server", "gcp", "gcp_server"]
RESUME, INSTALL, LARGE = 40, 150, 300
"""Requests at most: of a resume that finds everything in place; of the machines of an install of 3 + 100, 3 + 1,000."""


@pytest.fixture(params=[of_aws, of_gcp], ids=["aws", "gcp"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    known: Cloud = request.param(request.getfixturevalue(request.param.__name__.removeprefix("of_")))
    return known


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


def opened(plan: InstallPlan) -> CloudPlatform:
    platform = open_platform(plan)
    assert isinstance(platform, CloudPlatform)
    return platform


def all_there(cloud: Cloud, plan: InstallPlan) -> bool:
    """Every machine, and nothing else that runs."""
    names = [machine.name for machine in topology(plan).machines]
    return sorted(opened(plan).instances.by_machine()) == sorted(names) and len(cloud.alive()) == len(names)


def test_a_cluster_is_made_found_again_and_destroyed_with_the_rights_that_craton_asks_for(
    cloud: Cloud, cluster: Cluster
) -> None:
    given = cloud.plan(workers=2, masters=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = opened(given)
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
    assert cloud.remains() == []


def test_a_balancer_and_records_lead_to_the_masters_and_go_with_the_cluster(cloud: Cloud, cluster: Cluster) -> None:
    cloud.own_zone()
    given = cloud.plan(workers=1, masters=3, balancer=True, dns=cloud.dns)
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    balancer = opened(given).located(topology(given)).load_balancer
    assert balancer is not None
    cloud.balanced(balancer, given)
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert cloud.remains() == []


def test_an_engine_that_stops_after_any_kind_of_change_leaves_no_twin_and_no_orphan(
    cloud: Cloud, cluster: Cluster
) -> None:
    """It is stopped the first time that it made each kind of change, and goes on from there."""
    given, stopped = cloud.plan(workers=2), set[str]()

    def stop(name: str) -> None:
        if name not in stopped:
            stopped.add(name)
            cluster.stop.request()

    cloud.double.after = stop
    for _ in range(40):
        ended = cluster.make(given)
        if ended is ExitCode.DONE:
            break
        assert ended is ExitCode.INTERRUPTED, cluster.errors
    assert ended is ExitCode.DONE
    assert cloud.kinds <= stopped
    assert all_there(cloud, given)
    for _ in range(40):
        ended = cluster.destroy(given)
        if ended is ExitCode.DONE:
            break
        assert ended in (ExitCode.INTERRUPTED, ExitCode.LEFTOVERS), cluster.errors
    assert ended is ExitCode.DONE
    assert cloud.remains() == []


def test_requests_that_have_to_be_repeated_make_nothing_twice(cloud: Cloud, cluster: Cluster) -> None:
    for call in cloud.repeated:
        cloud.double.fail(call, cloud.fault("throttling"))
        cloud.double.fail(call, cloud.fault("lost"))
    given = cloud.plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cloud.double.pending_faults == {}
    assert all_there(cloud, given)
    left = [one.partition(" ")[0] for one in cloud.remains()]
    assert {kind: left.count(kind) for kind in cloud.once} == cloud.once


def test_what_is_refused_is_named_with_what_to_do_and_a_resume_goes_on(cloud: Cloud, cluster: Cluster) -> None:
    given, said = cloud.plan(), list[str]()
    for call, fault, _ in cloud.refusals:
        cloud.double.fail(call, cloud.fault(fault))
    for _ in range(2 * len(cloud.refusals)):
        ended = cluster.make(given)
        said += cluster.errors
        if ended is ExitCode.DONE:
            break
        assert ended in (ExitCode.PREFLIGHT, ExitCode.MACHINES)
    assert ended is ExitCode.DONE
    for call, _, words in cloud.refusals:
        assert any(re.search(words, error) for error in said), (call, said)
    assert all_there(cloud, given)


def test_private_workers_are_made_and_destroyed_with_the_rights_that_craton_asks_for(
    cloud: Cloud, cluster: Cluster
) -> None:
    made, removed = cloud.way_out
    given = cloud.plan(workers=2, private_workers=True, balancer=True, zones=[cloud.zone("a"), cloud.zone("b")])
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert made <= set(cloud.double.changed)
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert removed <= set(cloud.double.changed)
    assert cloud.remains() == []


def test_every_right_that_private_workers_lack_is_named(cloud: Cloud, cluster: Cluster) -> None:
    cloud.withhold(cloud.rights)
    assert cluster.make(cloud.plan(private_workers=True, balancer=True), Phase.CHECK) is ExitCode.PREFLIGHT
    for right in cloud.rights:
        assert re.search(rf"don't allow [^;|]*{right}[,;| ]", cluster.errors[0]), right
    assert cloud.remains() == []


def test_machines_come_from_the_next_zone_where_one_is_full(cloud: Cloud, cluster: Cluster) -> None:
    cloud.fill("a", cloud.type)
    given = cloud.plan(workers=2)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    shape = opened(given).located(topology(given))
    assert {machine.zone for machine in shape.machines} == {cloud.zone("b")}
    assert cluster.make(given) is ExitCode.DONE
    assert cluster.applied == set()


def test_where_every_zone_is_full_the_type_and_the_zones_are_named(cloud: Cloud, cluster: Cluster) -> None:
    cloud.fill("abc", "*")
    given = cloud.plan()
    assert cluster.make(given) is ExitCode.MACHINES
    wanted = f"no room for 1 machine of type {cloud.type} in {', '.join(map(cloud.zone, 'abc'))}"
    assert any(wanted in error and f"{cloud.name}.master_type" in error for error in cluster.errors), cluster.errors
    cloud.double.full_zones.clear()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert all_there(cloud, given)


def test_more_workers_touch_nothing_that_is_there(cloud: Cloud, cluster: Cluster) -> None:
    assert cluster.make(cloud.plan(workers=1)) is ExitCode.DONE, cluster.errors
    before = {one.id for one in opened(cloud.plan()).instances.value()}
    larger = cloud.plan(workers=5)
    assert cluster.make(larger) is ExitCode.DONE, cluster.errors
    assert before < {one.id for one in opened(larger).instances.value() if one.lives}
    assert {id for id in cluster.applied if not id.startswith("machines/batch/worker/")} == set()
    assert cluster.destroy(cloud.plan(workers=1)) is ExitCode.DONE, cluster.errors
    assert cloud.remains() == []


@pytest.mark.parametrize("machine", ["demo-worker-2", "demo-infra-1"])
def test_a_machine_that_somebody_ended_is_made_again_and_keeps_its_static_address(
    cloud: Cloud, cluster: Cluster, machine: str
) -> None:
    given = cloud.plan(workers=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = opened(given)
    before = platform.instances.by_machine()
    cloud.end(platform, machine)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert all_there(cloud, given)
    after = opened(given).instances.by_machine()
    assert after[machine].id != before[machine].id
    assert after["demo-infra-1"].public == before["demo-infra-1"].public


@pytest.mark.parametrize("private", [False, True])
def test_another_computer_destroys_what_is_marked_and_nothing_else(
    cloud: Cloud, private: bool, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, theirs = cloud.plan(workers=2, private_workers=private), cloud.others()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(InstallerError, match=cloud.unknown):
        lookup.adopt_remote(f"{cloud.place}/another")
    assert lookup.adopt_remote(f"{cloud.place}/demo") == "demo"
    known = lookup.load("demo")
    assert (known.subdomain, getattr(known.settings, "dns", "")) == (given.subdomain, "manual")
    assert cluster.destroy(known) is ExitCode.DONE, cluster.errors
    assert cloud.remains() == theirs


@pytest.mark.parametrize(("workers", "most"), [(100, INSTALL), (1000, LARGE)])
def test_many_workers_cost_few_requests_more_than_one(cloud: Cloud, cluster: Cluster, workers: int, most: int) -> None:
    cloud.make_room()
    given = cloud.plan(workers=workers, masters=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.requests <= most
    assert cloud.double.calls[cloud.launch] <= 20
    assert all(machine.address for machine in opened(given).located(topology(given)).machines)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME


def test_the_secret_of_new_machines_is_nowhere_but_in_its_file(cloud: Cloud, cluster: Cluster) -> None:
    given = cloud.plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    secret = opened(given).first_contact.secret
    assert secret is not None
    for path in ClusterDirectory.of("demo").path.iterdir():
        assert path.name == "first-contact.json" or secret.encode() not in path.read_bytes(), path
