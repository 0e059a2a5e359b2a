"""The double refuses what AWS refuses. Each case names the page of AWS's documentation that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from tests.aws.user import SMALL, User, code

_API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
_ERRORS = f"{_API}errors-overview.html"
_BALANCING = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"
_TOKENS = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html"
_EVENTUAL = "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"
_LIMITS = "https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html"
_VCPUS = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-on-demand-instances.html"
_IAM = "https://docs.aws.amazon.com/IAM/latest/APIReference/"
_NAMES = "https://docs.aws.amazon.com/Route53/latest/APIReference/"
_RECORDS = f"{_NAMES}API_ChangeResourceRecordSets.html"
_WORLD = [{"IpProtocol": "tcp", "FromPort": 6443, "ToPort": 6443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


class Place(NamedTuple):
    """A network with a subnet and a group."""

    user: User
    vpc: str
    subnet: str
    group: str

    def run(self, count: int = 1, **more: Any) -> list[str]:
        return self.user.run(self.subnet, self.group, count, **more)

    def running(self, **more: Any) -> list[str]:
        return self.user.running(self.subnet, self.group, **more)


@pytest.fixture
def place(user: User) -> Place:
    vpc = user.network()
    return Place(user, vpc, user.subnet(vpc), user.group(vpc))


def _other_count(place: Place) -> None:
    place.run(2, ClientToken="one")
    place.run(3, ClientToken="one")


def _named_too_early(place: Place) -> None:
    place.user.ec2.create_tags(Resources=place.run(), Tags=[{"Key": "Name", "Value": "new"}])
    place.user.ec2.describe_instances(InstanceIds=place.run())


def _new_profile(place: Place) -> None:
    place.run(IamInstanceProfile={"Name": place.user.profile()})


def _empty_profile(place: Place) -> None:
    place.user.client("iam").create_instance_profile(InstanceProfileName="empty")
    place.user.aws.lag.profile = 0
    place.run(IamInstanceProfile={"Name": "empty"})


def _used_subnet(place: Place) -> None:
    place.running()
    place.user.ec2.delete_subnet(SubnetId=place.subnet)


def _subnet_of_ending_instances(place: Place) -> None:
    place.user.ec2.terminate_instances(InstanceIds=place.running())
    place.user.ec2.delete_subnet(SubnetId=place.subnet)


def _group_of_ending_instances(place: Place) -> None:
    place.user.ec2.terminate_instances(InstanceIds=place.running())
    place.user.ec2.delete_security_group(GroupId=place.group)


def _subnet_of_a_balancer(place: Place) -> None:
    arn = place.user.balancer(place.subnet)
    place.user.client("elbv2").delete_load_balancer(LoadBalancerArn=arn)
    place.user.ec2.delete_subnet(SubnetId=place.subnet)


def _subnet_of_a_classic_balancer(place: Place) -> None:
    _classic(place, "web")
    place.user.client("elb").delete_load_balancer(LoadBalancerName="web")
    place.user.ec2.delete_subnet(SubnetId=place.subnet)


def _classic(place: Place, name: str) -> None:
    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstanceProtocol": "TCP", "InstancePort": 30080}
    place.user.client("elb").create_load_balancer(LoadBalancerName=name, Listeners=[listener], Subnets=[place.subnet])


def _group_in_a_rule(place: Place) -> None:
    other = place.user.group(place.vpc, "other")
    source = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": place.group}]}]
    place.user.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=source)
    place.user.ec2.delete_security_group(GroupId=place.group)


def _vpc_with_gateway(place: Place) -> None:
    _gateway(place)
    place.user.ec2.delete_security_group(GroupId=place.group)
    place.user.ec2.delete_subnet(SubnetId=place.subnet)
    place.user.ec2.delete_vpc(VpcId=place.vpc)


def _vpc_with_group(place: Place) -> None:
    place.user.ec2.delete_subnet(SubnetId=place.subnet)
    place.user.ec2.delete_vpc(VpcId=place.vpc)


def _gateway_of_public_addresses(place: Place) -> None:
    gateway = _gateway(place)
    place.running()
    place.user.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=place.vpc)


def _attached_gateway(place: Place) -> None:
    place.user.ec2.delete_internet_gateway(InternetGatewayId=_gateway(place))


def _used_address(place: Place) -> None:
    made = place.user.ec2.allocate_address(Domain="vpc")
    place.user.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=place.running()[0])
    place.user.ec2.release_address(AllocationId=made["AllocationId"])


def _address_of_pending(place: Place) -> None:
    made, ids = place.user.ec2.allocate_address(Domain="vpc"), place.run()
    place.user.look(place.user.aws.lag.unknown + 1)
    place.user.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=ids[0])


def _used_interface(place: Place) -> None:
    place.running()
    found = place.user.ec2.describe_network_interfaces()["NetworkInterfaces"][0]
    place.user.ec2.delete_network_interface(NetworkInterfaceId=found["NetworkInterfaceId"])


def _used_volume(place: Place) -> None:
    place.running()
    place.user.ec2.delete_volume(VolumeId=place.user.ec2.describe_volumes()["Volumes"][0]["VolumeId"])


def _used_table(place: Place) -> None:
    made = place.user.ec2.create_route_table(VpcId=place.vpc)["RouteTable"]["RouteTableId"]
    place.user.ec2.associate_route_table(RouteTableId=made, SubnetId=place.subnet)
    place.user.ec2.delete_route_table(RouteTableId=made)


def _protected(place: Place) -> None:
    ids = place.running()
    place.user.ec2.modify_instance_attribute(InstanceId=ids[0], DisableApiTermination={"Value": True})
    place.user.ec2.terminate_instances(InstanceIds=ids)


def _pending_target(place: Place) -> None:
    _register(place, place.run())


def _used_target_group(place: Place) -> None:
    balancing = place.user.client("elbv2")
    group, arn = _target_group(place), place.user.balancer(place.subnet)
    action = [{"Type": "forward", "TargetGroupArn": group}]
    balancing.create_listener(LoadBalancerArn=arn, Protocol="TCP", Port=6443, DefaultActions=action)
    balancing.delete_target_group(TargetGroupArn=group)


def _too_many(name: str, quota: str, call: Callable[[Place], object]) -> Callable[[Place], None]:
    def use_up(place: Place) -> None:
        place.user.aws.quotas[quota] = 0
        call(place)

    use_up.__name__ = name
    return use_up


def _nat_gateway(place: Place) -> tuple[str, str]:
    """The id of a new one, and that of its address."""
    address = place.user.ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = place.user.ec2.create_nat_gateway(SubnetId=place.subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    return str(made), str(address)


def _address_of_a_nat_gateway_that_is_going(place: Place) -> None:
    gateway, address = _nat_gateway(place)
    place.user.ec2.delete_nat_gateway(NatGatewayId=gateway)
    place.user.ec2.release_address(AllocationId=address)


def _subnet_of_a_nat_gateway(place: Place) -> None:
    _nat_gateway(place)
    place.user.ec2.delete_subnet(SubnetId=place.subnet)


def _address_of_two_nat_gateways(place: Place) -> None:
    _, address = _nat_gateway(place)
    place.user.ec2.create_nat_gateway(SubnetId=place.subnet, AllocationId=address)


def _too_many_rules(place: Place) -> None:
    ranges = [{"CidrIp": f"192.0.2.{number}/32"} for number in range(61)]
    place.user.ec2.authorize_security_group_ingress(
        GroupId=place.group, IpPermissions=[_WORLD[0] | {"IpRanges": ranges}]
    )


def _twice(place: Place) -> None:
    for _ in range(2):
        place.user.ec2.authorize_security_group_ingress(GroupId=place.group, IpPermissions=_WORLD)


def _full(place: Place) -> None:
    place.user.aws.full_zones.add(("eu-central-1a", SMALL))
    place.run()


def _profile_with_role(place: Place) -> None:
    place.user.client("iam").delete_instance_profile(InstanceProfileName=place.user.profile())


def _role_in_profile(place: Place) -> None:
    place.user.client("iam").delete_role(RoleName=place.user.profile())


def _role_taken_twice(place: Place) -> None:
    name = place.user.profile()
    for _ in range(2):
        place.user.client("iam").remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)


def _zone_of_one(place: Place) -> tuple[Any, str]:
    """Route 53's client, and the id of a zone with one record."""
    names = place.user.client("route53")
    zone = names.create_hosted_zone(Name="example.test", CallerReference="1")["HostedZone"]["Id"]
    _change(names, zone, "UPSERT", "A", "192.0.2.1")
    return names, zone


def _change(names: Any, zone: str, action: str, kind: str, value: str) -> None:
    record = {"Name": "api.example.test", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
    change = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
    names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)


def _zone_with_records(place: Place) -> None:
    names, zone = _zone_of_one(place)
    names.delete_hosted_zone(Id=zone)


def _second_lease(place: Place) -> None:
    for _ in range(2):
        place.user.client("ssm").put_parameter(Name="/craton/demo/lease/1", Value="ada", Type="String")


REFUSALS: tuple[tuple[str, str, Callable[[Place], object]], ...] = (
    ("IdempotentParameterMismatch", _TOKENS, _other_count),
    ("InvalidParameterValue", _TOKENS, lambda it: it.run(ClientToken="x" * 65)),
    ("InvalidInstanceID.NotFound", _EVENTUAL, _named_too_early),
    ("InvalidParameterValue", "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html", _new_profile),
    ("InvalidParameterValue", f"{_API}API_RunInstances.html", _empty_profile),
    ("InvalidParameterValue", "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
     lambda it: it.run(UserData="x" * 16385)),
    ("InvalidParameterCombination", f"{_API}API_RunInstances.html", lambda it: it.run(SecurityGroupIds=[it.group])),
    ("InvalidParameterValue", f"{_API}API_RunInstances.html", lambda it: it.run(ImageId=it.user.image("arm64"))),
    ("InvalidAMIID.NotFound", _ERRORS, lambda it: it.run(ImageId="ami-0123456789abcdef0")),
    ("InvalidParameterValue", _ERRORS, lambda it: it.run(InstanceType="t3.enormous")),
    ("InsufficientInstanceCapacity", _ERRORS, _full),
    ("VcpuLimitExceeded", _VCPUS, lambda it: it.run(33)),
    ("VcpuLimitExceeded", _VCPUS, lambda it: it.run(InstanceType="g4dn.xlarge")),
    ("OperationNotPermitted", f"{_API}API_TerminateInstances.html", _protected),
    ("DependencyViolation", f"{_API}API_DeleteSubnet.html", _used_subnet),
    ("DependencyViolation", f"{_API}API_DeleteSubnet.html", _subnet_of_ending_instances),
    ("DependencyViolation", "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-delete.html",
     _subnet_of_a_balancer),
    ("DependencyViolation",
     "https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-getting-started.html#delete-load-balancer",
     _subnet_of_a_classic_balancer),
    ("DependencyViolation", f"{_API}API_DeleteSecurityGroup.html", _group_of_ending_instances),
    ("DependencyViolation", f"{_API}API_DeleteSecurityGroup.html", _group_in_a_rule),
    ("DependencyViolation", f"{_API}API_DeleteVpc.html", _vpc_with_gateway),
    ("DependencyViolation", f"{_API}API_DeleteVpc.html", _vpc_with_group),
    ("DependencyViolation", f"{_API}API_DeleteVpc.html", lambda it: it.user.ec2.delete_vpc(VpcId=it.vpc)),
    ("DependencyViolation", f"{_API}API_DetachInternetGateway.html", _gateway_of_public_addresses),
    ("DependencyViolation", f"{_API}API_DeleteInternetGateway.html", _attached_gateway),
    ("DependencyViolation", f"{_API}API_DeleteRouteTable.html", _used_table),
    ("InvalidIPAddress.InUse", f"{_API}API_ReleaseAddress.html", _used_address),
    ("InvalidIPAddress.InUse", f"{_API}API_DeleteNatGateway.html", _address_of_a_nat_gateway_that_is_going),
    ("DependencyViolation", f"{_API}API_DeleteSubnet.html", _subnet_of_a_nat_gateway),
    ("Resource.AlreadyAssociated", f"{_API}API_CreateNatGateway.html", _address_of_two_nat_gateways),
    ("NatGatewayNotFound", f"{_API}API_DeleteNatGateway.html",
     lambda it: it.user.ec2.delete_nat_gateway(NatGatewayId="nat-0123456789abcdef0")),
    ("NatGatewayLimitExceeded", _LIMITS, _too_many("NAT gateways", "L-FE5A380F", _nat_gateway)),
    ("InvalidInstanceID", f"{_API}API_AssociateAddress.html", _address_of_pending),
    ("InvalidNetworkInterface.InUse", f"{_API}API_DeleteNetworkInterface.html", _used_interface),
    ("VolumeInUse", f"{_API}API_DeleteVolume.html", _used_volume),
    ("InvalidGroup.Duplicate", f"{_API}API_CreateSecurityGroup.html", lambda it: it.user.group(it.vpc)),
    ("InvalidPermission.Duplicate", f"{_API}API_AuthorizeSecurityGroupIngress.html", _twice),
    ("RulesPerSecurityGroupLimitExceeded", _LIMITS, _too_many_rules),
    ("VpcLimitExceeded", _LIMITS, _too_many("vpcs", "L-F678F1CE", lambda it: it.user.network())),
    ("AddressLimitExceeded", _LIMITS, _too_many("addresses", "L-0263D0A3", lambda it: it.user.ec2.allocate_address())),
    ("SecurityGroupLimitExceeded", _LIMITS, _too_many("groups", "L-E79EC296", lambda it: it.user.group(it.vpc, "b"))),
    ("SubnetLimitExceeded", _LIMITS,
     _too_many("subnets", "L-407747CB", lambda it: it.user.subnet(it.vpc, "10.20.16.0/20"))),
    ("InvalidSubnet.Conflict", f"{_API}API_CreateSubnet.html", lambda it: it.user.subnet(it.vpc)),
    ("InvalidSubnet.Range", f"{_API}API_CreateSubnet.html", lambda it: it.user.subnet(it.vpc, "10.99.0.0/20")),
    ("TooManyLoadBalancers", f"{_BALANCING}API_CreateLoadBalancer.html",
     _too_many("balancers", "L-69A177A2", lambda it: it.user.balancer(it.subnet))),
    ("InvalidTarget", f"{_BALANCING}API_RegisterTargets.html", _pending_target),
    ("ResourceInUse", f"{_BALANCING}API_DeleteTargetGroup.html", _used_target_group),
    ("DeleteConflict", f"{_IAM}API_DeleteInstanceProfile.html", _profile_with_role),
    ("DeleteConflict", f"{_IAM}API_DeleteRole.html", _role_in_profile),
    ("NoSuchEntity", f"{_IAM}API_RemoveRoleFromInstanceProfile.html", _role_taken_twice),
    ("EntityAlreadyExists", f"{_IAM}API_CreateRole.html",
     lambda it: [it.user.profile() for _ in range(2)]),
    ("InvalidChangeBatch", _RECORDS, lambda it: _change(*_zone_of_one(it), "DELETE", "TXT", '"x"')),
    ("InvalidChangeBatch", _RECORDS, lambda it: _change(*_zone_of_one(it), "DELETE", "A", "192.0.2.2")),
    ("InvalidChangeBatch", _RECORDS, lambda it: _change(*_zone_of_one(it), "CREATE", "A", "192.0.2.1")),
    ("InvalidChangeBatch", _RECORDS, lambda it: _change(*_zone_of_one(it), "UPSERT", "CNAME", "other.test")),
    ("HostedZoneNotEmpty", f"{_NAMES}API_DeleteHostedZone.html", _zone_with_records),
    ("ParameterAlreadyExists",
     "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html", _second_lease),
    ("InvalidParameterValue", f"{_API}API_DescribeInstances.html",
     lambda it: it.user.ec2.describe_instances(MaxResults=1001)),
    ("NoSuchResourceException",
     "https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html",
     lambda it: it.user.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-0")),
)  # fmt: skip
"""AWS's code, the page that has it, and what is refused."""


@pytest.mark.parametrize(
    ("expected", "page", "asks"), REFUSALS, ids=[f"{n}-{one[0]}" for n, one in enumerate(REFUSALS)]
)
def test_what_aws_refuses_is_refused(place: Place, expected: str, page: str, asks: Callable[[Place], object]) -> None:
    with pytest.raises(ClientError) as error:
        asks(place)
    assert code(error) == expected, page


def _gateway(place: Place) -> str:
    made = str(place.user.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
    place.user.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=place.vpc)
    return made


def _target_group(place: Place) -> str:
    made = place.user.client("elbv2").create_target_group(
        Name="api", Protocol="TCP", Port=6443, VpcId=place.vpc, TargetType="instance"
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def _register(place: Place, ids: list[str]) -> str:
    group = _target_group(place)
    place.user.client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": id} for id in ids])
    return group
