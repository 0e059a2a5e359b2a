"""Clusters in the double's account, by the real engine and the real steps, up to machines that run."""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.health.report.compliance import covers
from installer.operations import lookup
from installer.plan.platforms.aws.settings import Aws
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.aws.policy import ACTIONS
from installer.steps.step import Phase
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import keep, remains
from tests.doubles.aws.rules.prices import DISK, hourly
from tests.doubles.cloud.delegation import delegate
from tests.doubles.cloud.machines import Printing
from tests.installer.platforms.aws.plans import plan
from tests.installer.platforms.cloud_runs import Cluster

RESUME, INSTALL, LARGE = 40, 150, 300
"""Requests at most: of a resume that finds everything in place; of the machines of an install of 3 + 100, 3 + 1,000."""


@pytest.fixture
def user(aws: Account) -> User:
    """Somebody else who uses the account, with credentials that may do everything."""
    return User(aws)


@pytest.fixture
def cluster(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    aws.allow(ACTIONS)
    return Cluster()


def hosted_zone() -> None:
    """The user's own zone, made by somebody with other credentials."""
    import boto3

    boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="theirs")


def alive(aws: Account) -> list[str]:
    """Ids of instances that live, whatever they are."""
    return [one.id for one in aws.instances() if one._state.name not in ("terminated", "shutting-down")]


def test_a_cluster_is_made_found_again_and_destroyed_with_the_policy_that_craton_prints(
    aws: Account, cluster: Cluster
) -> None:
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
    assert remains(aws) == []


def test_a_balancer_and_records_lead_to_the_masters_and_go_with_the_cluster(aws: Account, cluster: Cluster) -> None:
    aws.allow(("*",))
    hosted_zone()
    aws.allow(ACTIONS)
    before = remains(aws)
    given = plan(workers=1, balancer=True, dns="route53")
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    balancer = open_platform(given).located(topology(given)).load_balancer
    assert balancer is not None
    assert balancer.host.startswith("demo-lb")
    assert cluster.make(given, *Phase) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert remains(aws) == before


def test_an_engine_that_stops_after_any_kind_of_change_leaves_no_twin_and_no_orphan(
    aws: Account, cluster: Cluster
) -> None:
    """It is stopped the first time that it made each kind of change, and goes on from there."""
    given, stopped = plan(workers=2), set[str]()

    def stop(name: str) -> None:
        if name not in stopped:
            stopped.add(name)
            cluster.stop.request()

    aws.after = stop
    for _ in range(40):
        ended = cluster.make(given)
        if ended is ExitCode.DONE:
            break
        assert ended is ExitCode.INTERRUPTED, cluster.errors
    assert ended is ExitCode.DONE
    assert {"ec2:CreateVpc", "ec2:RunInstances", "iam:CreateRole", "ec2:AssociateAddress"} <= stopped
    assert len(alive(aws)) == len(topology(given).machines)
    aws.after = lambda _name: None
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert remains(aws) == []


def test_requests_that_have_to_be_repeated_make_nothing_twice(aws: Account, cluster: Cluster) -> None:
    for call in ("ec2:CreateVpc", "ec2:RunInstances", "ec2:AllocateAddress", "iam:CreateRole"):
        aws.fail(call, Fault.THROTTLING)
        aws.fail(call, Fault.LOST)
    given = plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert aws.pending_faults == {}
    assert len(alive(aws)) == len(topology(given).machines)
    left = [one.partition(" ")[0] for one in remains(aws)]
    assert {kind: left.count(kind) for kind in ("vpc", "address", "role")} == {"vpc": 1, "address": 1, "role": 3}


REFUSALS = (
    ("sts:GetCallerIdentity", Fault.EXPIRED, r"the AWS session has expired .*aws sso login"),
    ("ec2:CreateVpc", Fault.QUOTA, r"the quota of VPCs in the region is used up .*services/vpc/quotas/L-F678F1CE"),
    ("iam:CreateRole", Fault.PERMISSION, r"don't allow iam:CreateRole .*console\.aws\.amazon\.com/iam"),
    ("ec2:AuthorizeSecurityGroupIngress", Fault.PERMISSION,
     r"don't allow ec2:AuthorizeSecurityGroupIngress .*craton aws policy"),
)  # fmt: skip


def test_what_aws_refuses_is_named_with_what_to_do_and_a_resume_goes_on(aws: Account, cluster: Cluster) -> None:
    given, said = plan(), list[str]()
    for call, fault, _ in REFUSALS:
        aws.fail(call, fault)
    for _ in range(2 * len(REFUSALS)):
        ended = cluster.make(given)
        said += cluster.errors
        if ended is ExitCode.DONE:
            break
        assert ended in (ExitCode.PREFLIGHT, ExitCode.MACHINES)
    assert ended is ExitCode.DONE
    for call, _, words in REFUSALS:
        assert any(re.search(words, error) for error in said), (call, said)
    assert len(alive(aws)) == len(topology(given).machines)


def test_what_the_account_lacks_is_said_at_once_and_before_anything_is_made(aws: Account, cluster: Cluster) -> None:
    aws.quotas |= {"L-1216C47A": 3.0, "L-F678F1CE": 0.0, "L-0EA8095F": 4.0}
    aws.allow(tuple(action for action in ACTIONS if action != "ec2:AllocateAddress"))
    given = plan(dns="route53", zones=["eu-central-1a", "eu-central-1z"])
    assert cluster.make(given) is ExitCode.PREFLIGHT
    (error,) = cluster.errors
    for words in (
        "the credentials don't allow ec2:AllocateAddress",
        "this account has no zone eu-central-1z in eu-central-1",
        "the plan needs 6 vCPUs of standard instances, and the quota is 3",
        "VPCs in the region, and the quota is 0",
        "inbound rules in one security group, and the quota is 4",
        "this account has no public hosted zone for k8s.example.com",
        "Set aws.zones to some of eu-central-1a, eu-central-1b, eu-central-1c.",
        "`craton aws policy`",
    ):
        assert words in error
    assert remains(aws) == []


PRIVATE = ("ec2:AllocateAddress", "ec2:AssociateRouteTable", "ec2:CreateNatGateway", "ec2:CreateRoute",
           "ec2:CreateRouteTable", "ec2:DeleteNatGateway", "ec2:DeleteRouteTable", "ec2:DisassociateRouteTable",
           "ec2:ReleaseAddress")  # fmt: skip
"""Actions that private workers' way out needs."""


def test_private_workers_are_made_and_destroyed_with_the_policy_that_craton_prints(
    aws: Account, cluster: Cluster
) -> None:
    given = plan(workers=2, private_workers=True, balancer=True, zones=["eu-central-1a", "eu-central-1b"])
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert set(PRIVATE[:5]) < set(aws.changed)
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert set(PRIVATE) < set(aws.changed)
    assert remains(aws) == []


def test_every_action_that_private_workers_lack_is_named(aws: Account, cluster: Cluster) -> None:
    aws.allow([action for action in ACTIONS if action not in PRIVATE])
    assert cluster.make(plan(private_workers=True, balancer=True), Phase.CHECK) is ExitCode.PREFLIGHT
    for action in PRIVATE:
        assert re.search(rf"don't allow [^;|]*{action}[,;| ]", cluster.errors[0]), action
    assert remains(aws) == []


def test_machines_come_from_the_next_zone_where_one_is_full(aws: Account, cluster: Cluster) -> None:
    aws.full_zones.add(("eu-central-1a", "m7i.large"))
    given = plan(workers=2)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    shape = open_platform(given).located(topology(given))
    assert {machine.zone for machine in shape.machines} == {"eu-central-1b"}
    assert cluster.make(given) is ExitCode.DONE
    assert cluster.applied == set()


def test_where_every_zone_is_full_the_type_and_the_zones_are_named(aws: Account, cluster: Cluster) -> None:
    aws.full_zones |= {(f"eu-central-1{letter}", "*") for letter in "abc"}
    given = plan()
    assert cluster.make(given) is ExitCode.MACHINES
    wanted = "no room for 1 machine of type m7i.large in eu-central-1a, eu-central-1b, eu-central-1c"
    assert any(wanted in error and "aws.master_type" in error for error in cluster.errors), cluster.errors
    aws.full_zones.clear()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert len(alive(aws)) == len(topology(given).machines)


def test_more_workers_touch_nothing_that_is_there(aws: Account, cluster: Cluster) -> None:
    assert cluster.make(plan(workers=1)) is ExitCode.DONE, cluster.errors
    before = set(alive(aws))
    assert cluster.make(plan(workers=5)) is ExitCode.DONE, cluster.errors
    assert before < set(alive(aws))
    assert {id for id in cluster.applied if not id.startswith("machines/batch/worker/")} == set()
    assert cluster.destroy(plan(workers=1)) is ExitCode.DONE, cluster.errors
    assert remains(aws) == []


def test_a_machine_that_somebody_terminated_is_made_again(aws: Account, cluster: Cluster) -> None:
    given = plan(workers=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    assert isinstance(platform, AwsPlatform)
    gone = platform.instances.by_machine()["demo-worker-2"].id
    platform.account.ask("ec2", "terminate_instances", InstanceIds=[gone])
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert len(alive(aws)) == len(topology(given).machines)
    assert gone not in alive(aws)


def test_another_computer_destroys_what_is_tagged_and_nothing_else(
    aws: Account, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = plan(workers=2)
    aws.allow(("*",))
    import boto3

    boto3.client("ec2").create_vpc(CidrBlock="10.99.0.0/16")
    keep(aws)
    volume = {"AvailabilityZone": "eu-central-1a", "Size": 1}
    tags = [{"Key": "kubernetes.io/cluster/demo", "Value": "owned"}]
    boto3.client("ec2").create_volume(**volume, TagSpecifications=[{"ResourceType": "volume", "Tags": tags}])
    aws.allow(ACTIONS)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(InstallerError, match="nothing in eu-central-1 has the tag craton/cluster=another"):
        lookup.adopt_remote("aws://eu-central-1/another")
    assert lookup.adopt_remote("aws://eu-central-1/demo") == "demo"
    known = lookup.load("demo")
    assert (known.subdomain, known.settings_of(Aws).dns) == (given.subdomain, "manual")
    assert cluster.destroy(known) is ExitCode.DONE, cluster.errors
    assert remains(aws) == []


@pytest.mark.parametrize(("workers", "most"), [(100, INSTALL), (1000, LARGE)])
def test_many_workers_cost_few_requests_more_than_one(aws: Account, cluster: Cluster, workers: int, most: int) -> None:
    aws.quotas["L-1216C47A"] = 10_000.0
    given = plan(workers=workers, masters=3)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.requests <= most
    assert aws.calls["ec2:RunInstances"] <= 20
    assert all(machine.address for machine in open_platform(given).located(topology(given)).machines)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.requests <= RESUME


def checked(cluster: Cluster) -> str:
    """What the check of the account saw."""
    return next(
        str(event.data.get("evidence", event.data))
        for event in reversed(cluster.events)
        if event.step == "check/account" and event.data.get("state") == "done"
    )


def test_vcpus_of_everybodys_machines_count_against_the_quota_of_their_family(
    aws: Account, cluster: Cluster, user: User
) -> None:
    aws.allow(["*"])
    vpc = user.network()
    user.running(user.subnet(vpc), user.group(vpc), 2)
    aws.quotas["L-1216C47A"] = 8.0
    assert cluster.make(plan(), Phase.CHECK) is ExitCode.PREFLIGHT
    assert "the plan needs 6 more vCPUs of standard instances, and the quota is 8, 4 are in use" in cluster.errors[0]
    assert cluster.make(plan(worker_type="g5.xlarge"), Phase.CHECK) is ExitCode.PREFLIGHT
    assert "the plan needs 4 vCPUs of G and VT instances, and the quota is 0" in cluster.errors[0]


def test_another_vpc_of_the_same_network_and_a_zone_nobody_is_sent_to_are_warnings(
    aws: Account, cluster: Cluster, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.allow(["*"])
    hosted_zone()
    delegate(monkeypatch, "nobody is sent to the zone example.com: the zone above it names no servers")
    given = plan(dns="route53")
    aws.allow(["*"])
    vpc = user.ec2.create_vpc(CidrBlock=str(given.networks.machines))["Vpc"]["VpcId"]
    assert cluster.make(given, Phase.CHECK) is ExitCode.DONE, cluster.errors
    assert f"warning: {vpc} has the network {given.networks.machines}, which overlaps" in checked(cluster)
    assert "warning: nobody is sent to the zone example.com" in checked(cluster)


def test_an_existing_vpc_has_to_lead_out_and_leave_room_for_pods(aws: Account, cluster: Cluster, user: User) -> None:
    aws.allow(["*"])
    vpc = user.ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
    subnets = [user.subnet(vpc, "10.10.0.0/20"), user.subnet(vpc, "10.10.16.0/20")]
    given = plan(
        vpc=vpc, zones=["eu-central-1a"], subnets=subnets[:1], private_workers=True, private_subnets=subnets[1:]
    )
    user.ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.20.0.0/20")
    networks = given.networks.model_copy(update={"pods": IPv4Network("10.20.0.0/16")})
    assert cluster.make(given.model_copy(update={"networks": networks}), Phase.CHECK) is ExitCode.PREFLIGHT
    assert f"{vpc} has the network 10.20.0.0/20, which overlaps networks.pods (10.20.0.0/16)" in cluster.errors[0]
    assert f"{subnets[0]} has no way out through an internet gateway" in cluster.errors[0]
    assert f"{subnets[1]} has no way out through a NAT gateway" in cluster.errors[0]


def test_the_check_says_what_the_machines_will_cost_or_that_it_is_unknown(aws: Account, cluster: Cluster) -> None:
    given = plan(workers=3, master_type="m7i.xlarge", disk_size=100)
    monthly = 730 * (hourly("m7i.xlarge") + 4 * hourly("m7i.large")) + 5 * 100 * DISK
    aws.fail("pricing:GetProducts", Fault.PERMISSION)
    assert cluster.make(given, Phase.CHECK) is ExitCode.DONE, cluster.errors
    assert "what the machines cost is unknown: the credentials don't allow pricing:GetProducts" in checked(cluster)
    assert cluster.make(given, Phase.CHECK) is ExitCode.DONE, cluster.errors
    assert f"about {monthly / 730:,.2f} USD an hour, {monthly:,.0f} a month" in checked(cluster)


@pytest.mark.parametrize("type", ["m7i.large", "t2.medium"])
def test_the_console_of_a_machine_can_be_read_whatever_type_it_has(aws: Account, cluster: Cluster, type: str) -> None:
    aws.machines = Printing()
    given = plan(worker_type=type)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    assert isinstance(platform, AwsPlatform)
    shown = platform.console("demo-worker-1")
    assert shown is not None
    assert shown.splitlines()[-1] == f"{platform.instances.by_machine()['demo-worker-1'].id} line 4999"
    assert platform.console("demo-worker-7") is None


def test_the_secret_of_new_machines_is_nowhere_but_in_its_file(aws: Account, cluster: Cluster) -> None:
    given = plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    directory = ClusterDirectory.of("demo")
    platform = open_platform(given)
    assert isinstance(platform, AwsPlatform)
    secret = platform.first_contact.secret
    assert secret is not None
    for path in directory.path.iterdir():
        assert path.name == "first-contact.json" or secret.encode() not in path.read_bytes(), path
