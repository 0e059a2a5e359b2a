"""A user of the double: the calls that tests make, each as short as it can be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.doubles.aws.account import Account

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
"""No retries: a test sees each answer."""
DEBIAN = "136693071363"
SMALL = "t3.medium"


@dataclass
class User:
    """Clients of boto3, and things that most tests need first."""

    aws: Account
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str, region: str | None = None) -> Any:
        key = f"{service} {region}"
        if key not in self._clients:
            self._clients[key] = boto3.client(service, region_name=region, config=ONCE)
        return self._clients[key]

    @property
    def ec2(self) -> Any:
        return self.client("ec2")

    def network(self) -> str:
        return str(self.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"])

    def subnet(self, vpc: str, cidr: str = "10.20.0.0/20", zone: str = "eu-central-1a") -> str:
        return str(self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"])

    def group(self, vpc: str, name: str = "demo-worker") -> str:
        return str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def image(self, architecture: str = "x86_64") -> str:
        found = self.ec2.describe_images(Owners=[DEBIAN], Filters=[{"Name": "name", "Values": ["debian-13-*"]}])
        return str(next(one["ImageId"] for one in found["Images"] if one["Architecture"] == architecture))

    def run(self, subnet: str, group: str, count: int = 1, **more: Any) -> list[str]:
        """Ids of new instances with public addresses."""
        interface = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True,
                     "DeleteOnTermination": True}  # fmt: skip
        given = {
            "ImageId": self.image(),
            "InstanceType": SMALL,
            "MinCount": count,
            "MaxCount": count,
            "NetworkInterfaces": [interface],
            "BlockDeviceMappings": [
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20, "DeleteOnTermination": True}}
            ],
        } | more
        return [one["InstanceId"] for one in self.ec2.run_instances(**given)["Instances"]]

    def running(self, subnet: str, group: str, count: int = 1, **more: Any) -> list[str]:
        """As `run`, of instances that are past their beginnings."""
        ids = self.run(subnet, group, count, **more)
        self.look(self.aws.lag.unknown + self.aws.lag.pending + 1)
        return ids

    def look(self, times: int = 1) -> list[dict[str, Any]]:
        """What the last of these listings has, instance by instance."""
        found = [self.ec2.describe_instances() for _ in range(times)][-1]
        return [one for reservation in found["Reservations"] for one in reservation["Instances"]]

    def balancer(self, subnet: str) -> str:
        made = self.client("elbv2").create_load_balancer(Name="demo", Type="network", Subnets=[subnet])
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def profile(self, name: str = "demo-worker") -> str:
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """AWS's own word for an error."""
    return str(error.value.response["Error"]["Code"])
