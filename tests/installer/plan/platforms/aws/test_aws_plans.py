"""Plans of the platform aws: what their settings allow, and what doesn't fit the rest of the plan."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.platforms.aws.instance_types import architecture
from installer.plan.platforms.aws.settings import Aws
from installer.plan.questions.catalogue import question_of
from installer.plan.questions.defaults import user_network
from installer.plan.topology import topology
from installer.platforms.aws.network import subnet_networks

ZONES = ("eu-central-1a", "eu-central-1b")
SUBNETS = ("subnet-0123456789abcdef0", "subnet-0123456789abcdef1")


def plan(aws: dict[str, Any] | None = None, **more: Any) -> InstallPlan:
    given = {"name": "demo", "subdomain": "k8s.example.com", "platform": "aws", "aws": aws or {}}
    return InstallPlan.model_validate({**given, "networks": {"user": "203.0.113.0/24"}, **more})


@pytest.mark.parametrize(
    ("aws", "message"),
    [
        ({"region": "Frankfurt"}, "Enter a region such as eu-central-1."),
        ({"zones": ["eu-central-1"]}, "Enter availability zones such as eu-central-1a."),
        ({"zones": ["eu-central-1a", "eu-central-1a"]}, "List each once."),
        (
            {"zones": ["us-east-1a"]},
            "us-east-1a is not in eu-central-1. Choose zones of that region, or another region.",
        ),
        ({"worker_type": "large"}, "Enter an instance type such as m7i.large."),
        ({"vpc": "my-vpc"}, "Enter a VPC id such as vpc-0123456789abcdef0."),
        ({"subnets": SUBNETS}, "You listed subnets. Name the VPC that they are in, or leave them out."),
        (
            {"vpc": "vpc-0123456789abcdef0", "zones": ZONES, "subnets": SUBNETS[:1]},
            "You listed 1 subnet and 2 zones. In an existing VPC, list the zones, and one subnet for each in the same "
            "order.",
        ),
        (
            {"vpc": "vpc-0123456789abcdef0", "zones": ZONES, "subnets": SUBNETS, "private_workers": True},
            "List one private subnet for each zone, in the same order.",
        ),
        (
            {"private_workers": True, "private_subnets": SUBNETS},
            "Private subnets are for private workers in an existing VPC. Leave them out.",
        ),
        ({"hosted_zone": "example.com"}, "Enter a hosted zone id such as Z0123456789ABC."),
        ({"kms_key": "my key"}, "Enter the id, alias or ARN of a KMS key."),
    ],
)
def test_a_setting_that_aws_would_refuse_is_refused_in_words(aws: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        plan(aws)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("networks", "workers", "message"),
    [
        ({"user": "127.0.0.0/8"}, 2, "Machines in AWS would let nobody in from outside."),
        ({"user": "203.0.113.0/24", "machines": "10.0.0.0/8"}, 2, "A VPC can't have the network 10.0.0.0/8."),
        (
            {"user": "203.0.113.0/24", "machines": "10.20.0.0/23"},
            400,
            "A quarter of 10.20.0.0/23 has room for 123 machines; one zone would hold 137.",
        ),
    ],
)
def test_networks_have_to_suit_a_vpc(networks: dict[str, str], workers: int, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        plan(networks={**networks, "pods": "10.128.0.0/14"}, workers=workers)
    assert message in str(raised.value)


def test_private_workers_have_half_of_each_zones_network() -> None:
    networks = {"user": "203.0.113.0/24", "machines": "10.20.0.0/23", "pods": "10.128.0.0/14"}
    with pytest.raises(ValidationError) as raised:
        plan({"private_workers": True}, networks=networks, workers=180)
    assert "An eighth of 10.20.0.0/23 has room for 59 machines; one zone would hold 60." in str(raised.value)
    given = plan({"private_workers": True})
    public, private = (list(subnet_networks(given, private=private).values()) for private in (False, True))
    assert not any(one.overlaps(other) for one in public for other in private)
    assert all(one.subnet_of(given.networks.machines) for one in (*public, *private))


def test_machines_have_no_addresses_before_aws_gives_them() -> None:
    shape = topology(plan())
    assert all(machine.address is None for machine in shape.machines)
    assert [rule.rule for rule in shape.first_master.firewall][:2] == ["M1", "M2"]


@pytest.mark.parametrize(
    ("aws", "zones"),
    [
        ({}, ("eu-central-1a", "eu-central-1b", "eu-central-1c")),
        ({"region": "ap-northeast-1"}, ("ap-northeast-1a", "ap-northeast-1c", "ap-northeast-1d")),
        ({"region": "us-west-1"}, ("us-west-1a", "us-west-1c")),
        ({"zones": ["eu-central-1c", "eu-central-1a"]}, ("eu-central-1c", "eu-central-1a")),
    ],
)
def test_machines_are_spread_over_the_plans_zones_or_the_regions_first(
    aws: dict[str, Any], zones: tuple[str, ...]
) -> None:
    assert plan(aws).settings_of(Aws).spread == zones


@pytest.mark.parametrize(
    ("type", "processor"),
    [("m7i.large", "amd64"), ("m7g.large", "arm64"), ("t4g.medium", "arm64"), ("c6gn.xlarge", "arm64"),
     ("g5.xlarge", "amd64"), ("g5g.xlarge", "arm64"), ("a1.large", "arm64"), ("m6a.large", "amd64"),
     ("im4gn.large", "arm64"), ("u-6tb1.metal", "amd64")],
)  # fmt: skip
def test_the_name_of_a_type_says_its_architecture(type: str, processor: str) -> None:
    assert architecture(type) == processor


def test_nobody_is_offered_a_user_network_that_would_lock_them_out() -> None:
    assert user_network({"platform": "aws"}) == ""
    assert question_of("networks.user").default({"platform": "aws"}) == ""


def test_lists_are_typed_with_commas_or_spaces() -> None:
    read = question_of("aws.zones").read
    assert read is not None
    assert read("eu-central-1a, eu-central-1b") == ZONES
    assert read("") == read("none") == ()


def test_a_plan_of_aws_is_read_and_reviewed_without_its_library() -> None:
    script = (
        "import sys\n"
        "from installer.plan.model import InstallPlan\n"
        "from installer.operations.pipeline import install_steps\n"
        "given = dict(name='demo', subdomain='a.example', platform='aws', networks=dict(user='203.0.113.0/24'))\n"
        "steps = install_steps(InstallPlan.model_validate(given))\n"
        "print(len(steps), [name for name in ('boto3', 'botocore', 'paramiko', 'moto') if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    number, _, imported = ended.stdout.partition(" ")
    assert int(number) > 40
    assert imported == "[]\n"


def test_the_registration_says_that_it_is_a_cloud_that_gives_addresses_late() -> None:
    traits = PLATFORMS["aws"].traits
    assert traits.cloud
    assert traits.assigns_addresses
    assert traits.load_balancers


def test_the_names_are_published_by_the_settings_of_aws_alone() -> None:
    with pytest.raises(ValidationError, match=r"In AWS, aws\.dns says who publishes the cluster's names"):
        plan(dns={"provider": "manual"})
    assert not question_of("dns.provider").applies({"platform": "aws"})
    assert question_of("dns.provider").applies({"platform": "machines"})
