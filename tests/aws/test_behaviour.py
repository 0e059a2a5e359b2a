"""What the double does as AWS does it: time that passes, repeated requests, targets, addresses, lists."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.aws.user import SMALL, User
from tests.doubles.aws.account import Account
from tests.doubles.aws.remains import remains
from tests.doubles.cloud.machines import Launch, NoMachines


class Listening(NoMachines):
    """Machines of which every one answers at one port, and says so on its console."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.launches: list[Launch] = []

    def start(self, launch: Launch) -> None:
        self.launches.append(launch)

    def listens(self, id: str, port: int) -> bool:
        return port == self.port

    def console(self, id: str) -> str:
        return f"{id} login: "


def states(user: User) -> list[tuple[str, bool]]:
    """State of each instance, and whether it has a public address."""
    return [(one["State"]["Name"], "PublicIpAddress" in one) for one in user.look()]


def test_an_instance_is_unknown_then_pending_then_running_and_has_its_public_address_last(
    user: User, subnet: tuple[str, str]
) -> None:
    ids = user.run(*subnet, 2)
    seen = [states(user) for _ in range(5)]
    assert seen == [
        [],
        [("pending", False)] * 2,
        [("pending", False)] * 2,
        [("running", True)] * 2,
        [("running", True)] * 2,
    ]
    found = user.look()
    assert [one["AmiLaunchIndex"] for one in found] == [0, 1]
    assert all(one["PublicIpAddress"].startswith("127.") for one in found)
    user.ec2.terminate_instances(InstanceIds=ids)
    assert [states(user)[0][0] for _ in range(3)] == ["shutting-down", "shutting-down", "terminated"]


def test_a_repeated_request_makes_nothing_and_has_the_states_of_today(user: User, subnet: tuple[str, str]) -> None:
    first = user.run(*subnet, 2, ClientToken="one")
    user.look(4)
    assert user.run(*subnet, 2, ClientToken="one") == first
    assert len(user.look()) == 2
    user.ec2.terminate_instances(InstanceIds=first)
    assert user.run(*subnet, 2, ClientToken="one") == first, "a token is not free again when its instances are gone"
    assert user.run(*subnet, 2, ClientToken="two") != first


def test_every_instance_of_a_request_gets_the_profile_and_every_interface_its_tags(
    user: User, aws: Account, subnet: tuple[str, str]
) -> None:
    aws.lag.profile = 0
    tags = [{"ResourceType": kind, "Tags": [{"Key": "craton/cluster", "Value": "demo"}]}
            for kind in ("instance", "volume", "network-interface")]  # fmt: skip
    user.running(*subnet, 3, IamInstanceProfile={"Name": user.profile()}, TagSpecifications=tags)
    found = user.look()
    assert len(found) == 3
    assert all(one["IamInstanceProfile"]["Arn"].endswith("demo-worker") for one in found)
    cluster = [{"Name": "tag:craton/cluster", "Values": ["demo"]}]
    assert len(user.ec2.describe_network_interfaces(Filters=cluster)["NetworkInterfaces"]) == 3
    assert len(user.ec2.describe_volumes(Filters=cluster)["Volumes"]) == 3


def test_a_new_profile_is_known_a_little_later(user: User, subnet: tuple[str, str]) -> None:
    profile = {"Name": user.profile()}
    with pytest.raises(ClientError):
        user.run(*subnet, IamInstanceProfile=profile)
    assert user.run(*subnet, IamInstanceProfile=profile)


def test_machines_learn_what_boto3_sent(user: User, aws: Account, subnet: tuple[str, str]) -> None:
    machines = aws.machines = Listening(22)
    metadata = {"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "HttpEndpoint": "enabled"}
    ids = user.run(*subnet, 2, UserData="#cloud-config\n{}\n", MetadataOptions=metadata)
    assert [(one.id, one.index, one.user_data) for one in machines.launches] == [
        (id, index, b"#cloud-config\n{}\n") for index, id in enumerate(ids)
    ]
    assert {(one.tokens_required, one.hop_limit, one.groups, one.kind) for one in machines.launches} == {
        (True, 2, (subnet[1],), SMALL)
    }
    user.look(3)
    console = user.ec2.get_console_output(InstanceId=ids[0], Latest=True)["Output"]
    assert console == f"{ids[0]} login: "


def test_a_target_is_healthy_once_its_machine_answers_at_the_health_port(
    user: User, aws: Account, subnet: tuple[str, str]
) -> None:
    balancing = user.client("elbv2")
    vpc = user.ec2.describe_subnets(SubnetIds=[subnet[0]])["Subnets"][0]["VpcId"]
    group = balancing.create_target_group(
        Name="web", Protocol="TCP", Port=32000, VpcId=vpc, TargetType="instance", HealthCheckPort="32002",
        HealthCheckProtocol="HTTP", HealthCheckPath="/healthz",
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    aws.machines = Listening(32000)
    (id,) = user.running(*subnet)
    balancing.register_targets(TargetGroupArn=group, Targets=[{"Id": id}])

    def state() -> str:
        found = balancing.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return str(found[0]["TargetHealth"]["State"])

    assert state() == "unused"
    action = [{"Type": "forward", "TargetGroupArn": group}]
    balancing.create_listener(LoadBalancerArn=user.balancer(subnet[0]), Protocol="TCP", Port=443, DefaultActions=action)
    assert state() == "unhealthy", "the traffic's port answers, that of the health check does not"
    aws.machines = Listening(32002)
    assert state() == "healthy"


def test_an_elastic_address_takes_the_place_of_an_instances_own(
    user: User, aws: Account, subnet: tuple[str, str]
) -> None:
    (id,) = user.running(*subnet)
    own = user.look()[0]["PublicIpAddress"]
    made = user.ec2.allocate_address(Domain="vpc")
    user.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=id)
    assert user.look()[0]["PublicIpAddress"] == made["PublicIp"] != own


def test_what_remains_is_named_until_it_is_gone(user: User, aws: Account, subnet: tuple[str, str]) -> None:
    (id,) = user.running(*subnet)
    made = user.ec2.allocate_address(Domain="vpc")["AllocationId"]
    kinds = {one.rpartition(" ")[0] for one in remains(aws)}
    assert kinds == {"vpc", "subnet", "security group", "instance", "interface", "volume", "address", "route table"}
    user.ec2.terminate_instances(InstanceIds=[id])
    user.look(aws.lag.ending + 1)
    vpc = user.ec2.describe_subnets(SubnetIds=[subnet[0]])["Subnets"][0]["VpcId"]
    user.ec2.release_address(AllocationId=made)
    user.ec2.delete_subnet(SubnetId=subnet[0])
    user.ec2.delete_security_group(GroupId=subnet[1])
    assert {one.rpartition(" ")[0] for one in remains(aws)} == {"vpc", "security group", "route table"}, (
        "AWS's own in it"
    )
    user.ec2.delete_vpc(VpcId=vpc)
    assert remains(aws) == []


def test_images_are_found_by_owner_and_an_impostors_name_is_not_enough(user: User) -> None:
    by_name = [{"Name": "name", "Values": ["debian-13-amd64-*"]}]
    everybody = {one["OwnerId"] for one in user.ec2.describe_images(Filters=by_name)["Images"]}
    assert len(everybody) == 2
    debian = user.ec2.describe_images(Owners=["136693071363"], Filters=by_name)["Images"]
    assert {one["OwnerId"] for one in debian} == {"136693071363"}
    assert len({one["CreationDate"] for one in debian}) == 2, "an old build and a new one"


def test_prices_are_listed_by_type_and_quotas_have_values(user: User) -> None:
    chosen = [{"Type": "TERM_MATCH", "Field": "instanceType", "Value": SMALL},
              {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-central-1"}]  # fmt: skip
    listed = user.client("pricing", "us-east-1").get_products(ServiceCode="AmazonEC2", Filters=chosen)["PriceList"]
    (term,) = json.loads(listed[0])["terms"]["OnDemand"].values()
    (price,) = term["priceDimensions"].values()
    assert (price["unit"], float(price["pricePerUnit"]["USD"]) > 0) == ("Hrs", True)
    quota = user.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-1216C47A")
    assert quota["Quota"]["Value"] == 64


def test_a_nat_gateway_that_is_deleted_twice_goes_and_frees_its_subnet_and_address(
    user: User, subnet: tuple[str, str]
) -> None:
    address = user.ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = user.ec2.create_nat_gateway(SubnetId=subnet[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    for _ in range(2):
        user.ec2.delete_nat_gateway(NatGatewayId=made)
    look = user.ec2.describe_nat_gateways
    assert [look()["NatGateways"][0]["State"] for _ in range(4)][-1] == "deleted"
    user.ec2.release_address(AllocationId=address)
    user.ec2.delete_subnet(SubnetId=subnet[0])
