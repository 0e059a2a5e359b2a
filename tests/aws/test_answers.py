"""How the double fails when told to, whom it lets in, and what it counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError, ConnectionClosedError, EndpointConnectionError

from tests.aws.user import ONCE, SMALL, User, code
from tests.conftest import NO_AWS
from tests.doubles.aws import faults
from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call
from tests.doubles.aws.environment import environment
from tests.doubles.aws.faults import Fault
from tests.doubles.aws.remains import remains


@pytest.mark.parametrize(("fault", "expected"), [
    (Fault.THROTTLING, ("RequestLimitExceeded", "Throttling", "ThrottlingException")),
    (Fault.PERMISSION, ("UnauthorizedOperation", "AccessDenied", "AccessDeniedException")),
    (Fault.EXPIRED, ("RequestExpired", "ExpiredToken", "ExpiredTokenException")),
])  # fmt: skip
def test_each_service_words_a_fault_in_its_own_way_and_once(
    user: User, aws: Account, fault: Fault, expected: tuple[str, ...]
) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "ec2:DescribeVpcs": lambda: user.ec2.describe_vpcs(),
        "iam:ListRoles": lambda: user.client("iam").list_roles(),
        "ssm:DescribeParameters": lambda: user.client("ssm").describe_parameters(),
        "route53:ListHostedZones": lambda: user.client("route53").list_hosted_zones(),
    }
    words = dict(zip(calls, (*expected, expected[1]), strict=True))
    for name, call in calls.items():
        aws.fail(name, fault)
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == words[name]
        call()
        assert aws.calls[name] == 2, "a refused request is counted, too"


@pytest.mark.parametrize(("fault", "made"), [(Fault.LOST, 1), (Fault.UNREACHABLE, 0)])
def test_a_lost_answer_has_its_effect_and_a_lost_question_none(
    user: User, aws: Account, fault: Fault, made: int
) -> None:
    aws.fail("ec2:CreateVpc", fault)
    with pytest.raises(ConnectionClosedError):
        user.network()
    assert len([one for one in remains(aws) if one.startswith("vpc ")]) == made
    assert aws.changed == ["ec2:CreateVpc"] * made


def test_boto3s_own_retry_after_a_lost_answer_makes_a_twin_unless_there_is_a_token(
    user: User, aws: Account, subnet: tuple[str, str]
) -> None:
    retrying = boto3.client("ec2")
    aws.fail("ec2:AllocateAddress", Fault.LOST)
    retrying.allocate_address(Domain="vpc")
    assert len(user.ec2.describe_addresses()["Addresses"]) == 2
    aws.fail("ec2:RunInstances", Fault.LOST)
    interface = {"DeviceIndex": 0, "SubnetId": subnet[0], "Groups": [subnet[1]]}
    retrying.run_instances(
        ImageId=user.image(),
        InstanceType=SMALL,
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[interface],
        ClientToken="one",
    )
    assert len(user.look(4)) == 1


def test_quota_and_capacity_faults_are_for_calls_that_have_them(user: User, aws: Account) -> None:
    for name, fault, expected in (
        ("CreateVpc", Fault.QUOTA, "VpcLimitExceeded"),
        ("AllocateAddress", Fault.CAPACITY, "InsufficientAddressCapacity"),
    ):
        aws.fail(f"ec2:{name}", fault)
        with pytest.raises(ClientError) as error:
            user.ec2.create_vpc(CidrBlock="10.0.0.0/16") if name == "CreateVpc" else user.ec2.allocate_address()
        assert code(error) == expected
        assert faults.applies(f"ec2:{name}", fault)
    assert not faults.applies("ec2:DeleteVpc", Fault.QUOTA)


def test_a_policy_allows_what_it_names_tags_and_roles_included(
    user: User, aws: Account, subnet: tuple[str, str]
) -> None:
    aws.lag.profile = 0
    profile, image = {"Name": user.profile()}, user.image()
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    allowed = ["ec2:RunInstances", "ec2:DescribeImages"]
    for missing in ("ec2:CreateTags", "iam:PassRole"):
        aws.allow(allowed)
        with pytest.raises(ClientError) as error:
            user.run(*subnet, IamInstanceProfile=profile, TagSpecifications=tags, ImageId=image)
        assert code(error) == "UnauthorizedOperation"
        assert missing in str(error.value)
        allowed.append(missing)
    aws.allow(allowed)
    assert user.run(*subnet, IamInstanceProfile=profile, TagSpecifications=tags, ImageId=image)


def test_a_dry_run_says_what_would_happen_and_changes_nothing(user: User, aws: Account) -> None:
    with pytest.raises(ClientError) as error:
        user.ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    assert code(error) == "DryRunOperation"
    aws.allow(["ec2:Describe*"])
    with pytest.raises(ClientError) as error:
        user.ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    assert code(error) == "UnauthorizedOperation"
    assert not aws.changed
    assert not remains(aws)


def test_calls_that_change_something_are_told_in_order_with_a_hook_on_both_sides(user: User, aws: Account) -> None:
    told: list[str] = []
    aws.before, aws.after = lambda name: told.append(f"before {name}"), lambda name: told.append(f"after {name}")
    vpc = user.network()
    user.ec2.describe_vpcs()
    user.ec2.delete_vpc(VpcId=vpc)
    assert aws.changed == ["ec2:CreateVpc", "ec2:DeleteVpc"]
    assert told == [f"{side} {name}" for name in aws.changed for side in ("before", "after")]


@pytest.mark.parametrize("service", ["ec2", "iam", "ssm"])
def test_nobody_elses_credentials_are_taken(aws: Account, service: str) -> None:
    stranger = boto3.client(service, aws_access_key_id="AKIASTRANGER00000000", aws_secret_access_key="x", config=ONCE)
    asks: dict[str, Any] = {"ec2": "describe_vpcs", "iam": "list_roles", "ssm": "describe_parameters"}
    with pytest.raises(ClientError) as error:
        getattr(stranger, asks[service])()
    assert code(error) in ("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException")


def test_no_process_of_a_test_reaches_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither by accident, where a test has no account, nor by a client that names an endpoint of AWS itself."""
    given = {"aws_access_key_id": "AKIA", "aws_secret_access_key": "x", "region_name": "eu-central-1", "config": ONCE}
    for name, value in NO_AWS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EndpointConnectionError, match=r"127\.0\.0\.1:9"):
        boto3.client("ec2", **given).describe_vpcs()
    for name, value in environment("http://127.0.0.1:1", tmp_path).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BotoCoreError, match="proxy"):
        boto3.client("ec2", endpoint_url="https://ec2.eu-central-1.amazonaws.com", **given).describe_vpcs()


def test_a_call_that_only_reads_or_runs_dry_is_no_change() -> None:
    for action, params, changes in (
        ("RunInstances", {}, True),
        ("RunInstances", {"DryRun": True}, False),
        ("GetUser", {}, False),
    ):
        assert Call("ec2", action, params, "eu-central-1", "k").changes is changes
