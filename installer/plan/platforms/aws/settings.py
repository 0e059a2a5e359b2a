"""Settings of the platform `aws`: where in AWS the machines are, and what they are."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from installer.plan.cloud_fields import EACH_ONCE, MAX_ZONES, HostedZone, PoolAbove, Profile, matching
from installer.plan.fields import Part

_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+){1,2}-[0-9]{1,2}")
_ZONE = re.compile(r"[a-z]{2,3}(-[a-z]+){1,2}-[0-9]{1,2}[a-z]")
_TYPE = re.compile(r"[a-z][a-z0-9-]{1,15}\.[a-z0-9-]{2,14}")
_VPC, _SUBNET = re.compile(r"vpc-[0-9a-f]{8,17}"), re.compile(r"subnet-[0-9a-f]{8,17}")
_KEY = re.compile(
    r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/)?[A-Za-z0-9/_-]{1,256}|alias/[A-Za-z0-9/_-]{1,250}"
)


InstanceType = Annotated[str, matching(_TYPE, "Enter an instance type such as m7i.large.")]
Zone = Annotated[str, matching(_ZONE, "Enter availability zones such as eu-central-1a.")]
Subnet = Annotated[str, matching(_SUBNET, "Enter subnet ids such as subnet-0123456789abcdef0.")]


class Aws(Part):
    """Settings of the platform `aws`."""

    profile: Profile = None
    """Profile of ~/.aws/config; None for the default credentials."""
    region: Annotated[str, matching(_REGION, "Enter a region such as eu-central-1.")] = "eu-central-1"
    zones: Annotated[tuple[Zone, ...], Field(max_length=MAX_ZONES, strict=False), EACH_ONCE] = ()
    """Availability zones over which each role's machines are spread; none for the region's first three."""
    master_type: InstanceType = "m7i.large"
    infra_type: InstanceType = "m7i.large"
    worker_type: InstanceType = "m7i.large"
    image: Literal["debian-13", "ubuntu-24.04"] = "debian-13"
    disk_size: Annotated[int, Field(ge=20, le=16_384)] = 50
    """GiB of each machine's encrypted gp3 disk."""
    kms_key: Annotated[str | None, matching(_KEY, "Enter the id, alias or ARN of a KMS key.", optional=True)] = None
    """KMS key of the disks; None for the account's own key for EBS."""
    vpc: Annotated[str | None, matching(_VPC, "Enter a VPC id such as vpc-0123456789abcdef0.", optional=True)] = None
    """An existing VPC; None for one of the cluster's own."""
    subnets: Annotated[tuple[Subnet, ...], Field(max_length=MAX_ZONES, strict=False), EACH_ONCE] = ()
    """Public subnets of that VPC, one for each of `zones`, in their order."""
    private_workers: bool = False
    """Workers have private addresses alone, and reach the internet through a NAT gateway in each zone."""
    private_subnets: Annotated[tuple[Subnet, ...], Field(max_length=MAX_ZONES, strict=False), EACH_ONCE] = ()
    """The workers' subnets in an existing VPC, one for each of `zones`, in their order."""
    worker_pool: bool = False
    """The workers are one Auto Scaling Group, however few they are."""
    pool_above: PoolAbove = None
    """With more workers than this, they are one Auto Scaling Group, too; None for never."""
    dns: Literal["route53", "manual"] = "route53"
    """Who makes the records of the contract's names."""
    hosted_zone: HostedZone = None
    """Id of the Route 53 zone; None for the public zone that fits the subdomain best."""
    integration: bool = False
    """Kubernetes uses AWS itself: load balancers for Services, EBS volumes, and nodes that know their zone."""
    termination_protection: bool = False
    """Refuse to terminate the machines through anything but `craton destroy`, which lifts the protection first."""

    @property
    def spread(self) -> tuple[str, ...]:
        """The zones in use. Without any in the plan, the first three that every account has in the region."""
        return self.zones or tuple(f"{self.region}{letter}" for letter in _LETTERS.get(self.region, "abc"))


_LETTERS = {"ap-northeast-1": "acd", "ca-central-1": "abd", "us-west-1": "ac", "sa-east-1": "abc"}
"""Regions whose first zones are not a, b and c. An account may lack one of these too; the check before an install
says so.
"""
