"""Clusters in the double's account: what AWS alone has. Stories of every cloud are in `test_cloud_clusters`."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.platforms import open_platform
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.aws.policy import ACTIONS
from installer.steps.step import Phase
from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import remains
from tests.doubles.aws.rules.prices import DISK, hourly
from tests.doubles.cloud.delegation import delegate
from tests.doubles.cloud.machines import Printing
from tests.installer.platforms.aws.plans import plan
from tests.installer.platforms.cloud_runs import Cluster


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


def test_machines_have_dns_names_though_the_answer_that_made_their_vpc_was_lost(
    aws: Account, cluster: Cluster, user: User
) -> None:
    given = plan()
    aws.fail("ec2:CreateVpc", Fault.LOST)
    while cluster.make(given, Phase.CHECK, Phase.NETWORK) is not ExitCode.DONE:
        assert aws.changed.count("ec2:CreateVpc") == 1
    platform = open_platform(given)
    assert isinstance(platform, AwsPlatform)
    vpc = (platform.one("vpc", given.name) or {})["VpcId"]
    asked = user.ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsHostnames")
    assert asked["EnableDnsHostnames"]["Value"]
