"""What an AWS account suggests while somebody answers the wizard's questions."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import boto3
import pytest

from installer.accounts.aws.account import Account as Boto
from installer.common.errors import InstallerError
from installer.plan.platforms import PLATFORMS
from installer.plan.suggestions import Suggestions
from installer.platforms import suggestions
from installer.platforms.aws import suggestions as of_aws
from installer.platforms.clouds.suggestions import Accounts, own_network
from tests.doubles.aws.account import Account
from tests.doubles.aws.faults import Fault
from tests.doubles.raw_http import answering, said


@pytest.fixture(autouse=True)
def _no_client_of_an_earlier_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_aws, "_ACCOUNTS", Accounts(Boto))


def found(field: str, **answers: Any) -> dict[str, str]:
    """Values with their details."""
    return {one.value: one.detail for one in look(field, **answers).found}


def look(field: str, **answers: Any) -> Suggestions:
    return suggestions("aws", field, {name.replace("__", "."): value for name, value in answers.items()})


def test_every_field_that_is_said_to_have_suggestions_has_them() -> None:
    assert set(PLATFORMS["aws"].suggests) == set(of_aws._OF)


def test_regions_have_the_names_that_people_know(aws: Account) -> None:
    assert found("aws.region")["eu-central-1"] == "Europe (Frankfurt)"


def test_the_first_zones_are_suggested_together(aws: Account) -> None:
    first, *each = found("aws.zones")
    assert first == "eu-central-1a, eu-central-1b, eu-central-1c"
    assert each == first.split(", ")
    assert look("aws.zones").several


def test_instance_types_say_size_architecture_and_price_and_the_smallest_come_first(aws: Account) -> None:
    types = found("aws.master_type")
    assert types["m7g.large"] == "2 vCPU · 8 GiB · ARM · 0.0800 USD an hour"
    assert types["m7i.large"] == "2 vCPU · 8 GiB · x86 · 0.0800 USD an hour"
    sizes = [int(one.partition(" ")[0]) for one in types.values()]
    assert sizes == sorted(sizes)
    assert sizes[0] == 2, "no master runs on one processor"


def test_without_the_right_to_read_prices_types_are_listed_all_the_same(aws: Account) -> None:
    aws.allow(["ec2:*", "sts:*"])
    listed = look("aws.worker_type")
    assert "prices unknown: the credentials don't allow pricing:GetProducts" in listed.source
    assert {one.value: one.detail for one in listed.found}["m7g.large"] == "2 vCPU · 8 GiB · ARM"


def test_public_subnets_are_suggested_one_for_each_zone_and_private_ones_are_not(aws: Account) -> None:
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    made = []
    for number, zone in enumerate("abcc"):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}")
        made.append(subnet["Subnet"]["SubnetId"])
    for public in made[:3]:
        ec2.associate_route_table(RouteTableId=table, SubnetId=public)
    subnets = found("aws.subnets", aws__vpc=vpc)
    assert next(iter(subnets)) == ", ".join(made[:3])
    assert made[3] not in subnets
    assert "eu-central-1a" in subnets[made[0]]
    assert found("aws.vpc")[vpc] == "10.20.0.0/16"


def test_hosted_zones_are_those_that_the_subdomain_is_in_and_private_ones_are_none(aws: Account) -> None:
    route53 = boto3.client("route53")
    for name in ("example.com", "k8s.example.com", "other.org"):
        route53.create_hosted_zone(Name=name, CallerReference=name)
    route53.create_hosted_zone(Name="example.com", CallerReference="p", HostedZoneConfig={"PrivateZone": True})
    fitting = found("aws.hosted_zone", subdomain="a.k8s.example.com")
    assert [detail.partition(" ")[0] for detail in fitting.values()] == ["k8s.example.com", "example.com"]
    assert list(found("subdomain")) == ["example.com", "k8s.example.com", "other.org"]


def test_keys_are_named_by_alias_without_those_that_aws_manages(aws: Account) -> None:
    kms = boto3.client("kms")
    for name in ("alias/disks", "alias/aws/ebs"):
        with contextlib.suppress(kms.exceptions.ClientError):  # AWS's own are there already
            kms.create_alias(AliasName=name, TargetKeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    assert list(found("aws.kms_key")) == ["alias/disks"]


def test_the_profile_page_says_whose_credentials_were_found_and_how(
    aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text(
        "[profile work]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Admin\n"
        "[profile robot]\nrole_arn = arn:aws:iam::111122223333:role/robot\nsource_profile = work\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    listed = look("aws.profile")
    assert listed.source.startswith("Account 123456789012, as arn:aws:")
    assert listed.source.endswith("credentials found by: env")
    assert {one.value: one.detail for one in listed.found} == {
        "robot": "assumes arn:aws:iam::111122223333:role/robot",
        "work": "SSO, Admin of 111122223333",
    }


def test_expired_credentials_say_how_to_renew_them_and_the_profiles_are_listed(aws: Account) -> None:
    aws.fail("sts:GetCallerIdentity", Fault.EXPIRED)
    assert "aws sso login" in look("aws.profile").problem


def test_without_credentials_the_error_says_what_to_do(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InstallerError) as caught:
        look("aws.region")
    assert "no credentials were found" in caught.value.observed
    assert "aws configure sso" in caught.value.hint


def test_ones_own_address_is_a_network_of_one() -> None:
    with answering(said(b"203.0.113.7\n")) as url:
        assert own_network(url).found[0].value == "203.0.113.7/32"
    with answering(said(b"<html>log in to the hotel's network</html>")) as url:
        assert "can't say what your public address is" in own_network(url).problem
