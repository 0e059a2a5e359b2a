"""What Kubernetes made in AWS, as cloud-provider-aws and aws-ebs-csi-driver name and tag it, goes with the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.operations import resource_groups
from installer.platforms import open_platform
from installer.ssh.connections import SSHConnections
from tests.doubles.aws.account import Account
from tests.doubles.aws.remains import remains
from tests.installer.platforms.aws.plans import plan
from tests.installer.platforms.cloud_runs import Cluster

LB = "a3f1e2d4c5b6978801122334455667788"[:32]
"""As cloudprovider.DefaultLoadBalancerName makes it of a Service's uid."""
OWNED = [{"Key": "kubernetes.io/cluster/demo", "Value": "owned"}]
SERVICE = [*OWNED, {"Key": "kubernetes.io/service-name", "Value": "default/web"}]


@pytest.fixture
def cluster(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


def make_services_and_volumes(given_vpc: str, subnet: str, workers: str) -> None:
    """A Service behind a Classic Load Balancer, one behind a network load balancer, and a bound claim."""
    import boto3

    ec2, classic, network = (boto3.client(name) for name in ("ec2", "elb", "elbv2"))
    group = ec2.create_security_group(
        GroupName=f"k8s-elb-{LB}", Description=f"Security group for Kubernetes ELB {LB} (default/web)",
        VpcId=given_vpc, TagSpecifications=[{"ResourceType": "security-group", "Tags": OWNED}],
    )["GroupId"]  # fmt: skip
    let_in: list[dict[str, Any]] = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=workers, IpPermissions=let_in)
    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstanceProtocol": "TCP", "InstancePort": 30080}
    classic.create_load_balancer(
        LoadBalancerName=LB, Listeners=[listener], Subnets=[subnet], SecurityGroups=[group], Tags=SERVICE
    )
    network.create_load_balancer(
        Name=LB[::-1], Type="network", Scheme="internet-facing", Subnets=[subnet], Tags=SERVICE
    )
    network.create_target_group(
        Name="k8s-default-web-0123456789", Protocol="TCP", Port=30443, VpcId=given_vpc, TargetType="instance",
        Tags=SERVICE,
    )  # fmt: skip
    claim = [*OWNED, {"Key": "ebs.csi.aws.com/cluster", "Value": "true"},
             {"Key": "Name", "Value": "demo-dynamic-pvc-1"}, {"Key": "KubernetesCluster", "Value": "demo"}]  # fmt: skip
    ec2.create_volume(
        AvailabilityZone="eu-central-1a", Size=1, TagSpecifications=[{"ResourceType": "volume", "Tags": claim}]
    )


def test_a_destroy_shows_and_removes_load_balancers_groups_and_volumes_before_the_network(
    aws: Account, cluster: Cluster
) -> None:
    given = plan(integration=True)
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    platform = open_platform(given)
    group = platform.one("security-group", "demo-worker")  # type: ignore[attr-defined]
    subnet = platform.one("subnet", "demo-eu-central-1a")  # type: ignore[attr-defined]
    make_services_and_volumes(group["VpcId"], subnet["SubnetId"], group["GroupId"])
    found = platform.find(SSHConnections(platform.endpoint, ClusterDirectory.of("demo")))
    shown = {one.kind: one.names for one in resource_groups.grouped([one for one in found if one.inner])}
    assert set(shown) == {"load-balancer", "classic-load-balancer", "target-group", "security-group", "volume"}
    assert (shown["classic-load-balancer"], shown["volume"]) == ((LB,), ("demo-dynamic-pvc-1",))

    aws.changed.clear()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    order = [aws.changed.index(name) for name in ("ec2:TerminateInstances", "elb:DeleteLoadBalancer",
                                                  "ec2:DeleteSubnet", "ec2:DeleteVpc")]  # fmt: skip
    assert order == sorted(order)
    assert remains(aws) == []


def test_only_this_clusters_classic_load_balancers_are_its_own(aws: Account, cluster: Cluster) -> None:
    import boto3

    listener = {"Protocol": "TCP", "LoadBalancerPort": 80, "InstanceProtocol": "TCP", "InstancePort": 30080}
    given: dict[str, Any] = {"Listeners": [listener], "AvailabilityZones": ["eu-central-1a"]}
    other = [{"Key": "kubernetes.io/cluster/other", "Value": "owned"}]
    boto3.client("elb").create_load_balancer(LoadBalancerName="theirs", Tags=other, **given)
    for number in range(25):  # more than the tags of which one request asks
        boto3.client("elb").create_load_balancer(LoadBalancerName=f"ours-{number}", Tags=OWNED, **given)
    platform = open_platform(plan())
    found = platform.find(SSHConnections(platform.endpoint, ClusterDirectory.of("demo")))
    assert sorted(one.name for one in found) == sorted(f"ours-{number}" for number in range(25))
