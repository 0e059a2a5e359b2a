"""What the stories of clusters in a cloud need to know of it: its double, its words, and what is done to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from installer.plan.model import InstallPlan
from installer.plan.topology import LoadBalancer
from installer.platforms.clouds.platform import CloudPlatform

if TYPE_CHECKING:
    from tests.doubles.aws.account import Account
    from tests.doubles.gcp.project import Project

Refusal = tuple[str, str, str]
"""A call, how it fails, and what an install says of it."""


@dataclass(frozen=True)
class Cloud:
    """One cloud. Its caller may do what Craton asks for, and nothing else."""

    name: str
    double: Any
    """Its account or project: what was called and changed, and what is to fail."""
    plan: Callable[..., InstallPlan]
    fault: Callable[[str], Any]
    alive: Callable[[], list[str]]
    """Instances that live, whatever they are."""
    remains: Callable[[], list[str]]
    withhold: Callable[[Collection[str]], None]
    """From now on the caller lacks these rights."""
    own_zone: Callable[[], None]
    """Somebody makes a public DNS zone for example.com."""
    fill: Callable[[str, str], None]
    """No zone of these letters has room for machines of a type, or of any (`*`)."""
    make_room: Callable[[], None]
    """For a thousand machines."""
    end: Callable[[CloudPlatform, str], None]
    """Somebody ends a machine."""
    others: Callable[[], list[str]]
    """Somebody makes things, one of which is marked as the cluster's; what a destroy has to leave."""
    balanced: Callable[[LoadBalancer, InstallPlan], None]
    """Checks what leads to the masters."""
    dns: str
    region: str
    place: str
    """Where a cluster is, as a destroy from elsewhere takes it."""
    unknown: str
    """What is said of a cluster that isn't there."""
    type: str
    launch: str
    """The call that makes machines."""
    kinds: frozenset[str]
    """Some of the changes that an install makes."""
    repeated: tuple[str, ...]
    once: dict[str, int]
    """What remains of an install of which these calls were repeated: how many things of each kind."""
    refusals: tuple[Refusal, ...]
    rights: tuple[str, ...]
    """What private workers' way out needs."""
    way_out: tuple[frozenset[str], frozenset[str]]
    """The changes that make and remove it."""

    def zone(self, letter: str) -> str:
        return f"{self.region}{'' if self.name == 'aws' else '-'}{letter}"


def of_aws(aws: Account) -> Cloud:
    import boto3

    from installer.platforms.aws.platform import AwsPlatform
    from installer.platforms.aws.policy import ACTIONS
    from tests.doubles.aws.account import REGION
    from tests.doubles.aws.faults import Fault
    from tests.doubles.aws.remains import keep, remains
    from tests.installer.platforms.aws.plans import plan

    def everything(act: Callable[[], Any]) -> Any:
        """Done by somebody with other credentials."""
        aws.allow(("*",))
        try:
            return act()
        finally:
            aws.allow(ACTIONS)

    def own_zone() -> None:
        everything(lambda: boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="theirs"))
        keep(aws)

    def end(platform: CloudPlatform, machine: str) -> None:
        assert isinstance(platform, AwsPlatform)
        id = platform.instances.by_machine()[machine].id
        platform.account.ask("ec2", "terminate_instances", InstanceIds=[id])

    def others() -> list[str]:
        def make() -> None:
            boto3.client("ec2").create_vpc(CidrBlock="10.99.0.0/16")
            keep(aws)
            tags = [{"Key": "kubernetes.io/cluster/demo", "Value": "owned"}]
            specified = [{"ResourceType": "volume", "Tags": tags}]
            boto3.client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=specified)

        everything(make)
        return []

    def balanced(balancer: LoadBalancer, _plan: InstallPlan) -> None:
        assert balancer.host.startswith("demo-lb")

    aws.allow(ACTIONS)
    rights = ("ec2:AllocateAddress", "ec2:AssociateRouteTable", "ec2:CreateNatGateway", "ec2:CreateRoute",
              "ec2:CreateRouteTable", "ec2:DeleteNatGateway", "ec2:DeleteRouteTable", "ec2:DisassociateRouteTable",
              "ec2:ReleaseAddress")  # fmt: skip
    return Cloud(
        name="aws",
        double=aws,
        plan=plan,
        fault=Fault,
        alive=lambda: [one.id for one in aws.instances() if one._state.name not in ("terminated", "shutting-down")],
        remains=lambda: remains(aws),
        withhold=lambda some: aws.allow([action for action in ACTIONS if action not in some]),
        own_zone=own_zone,
        fill=lambda letters, type: aws.full_zones.update((f"{REGION}{letter}", type) for letter in letters),
        make_room=lambda: aws.quotas.update({"L-1216C47A": 10_000.0}),
        end=end,
        others=others,
        balanced=balanced,
        dns="route53",
        region=REGION,
        place=f"aws://{REGION}",
        unknown="nothing in eu-central-1 has the tag craton/cluster=another",
        type="m7i.large",
        launch="ec2:RunInstances",
        kinds=frozenset({"ec2:CreateVpc", "ec2:RunInstances", "iam:CreateRole", "ec2:AssociateAddress"}),
        repeated=("ec2:CreateVpc", "ec2:RunInstances", "ec2:AllocateAddress", "iam:CreateRole"),
        once={"vpc": 1, "address": 1, "role": 3},
        refusals=(
            ("sts:GetCallerIdentity", "expired", r"the AWS session has expired .*aws sso login"),
            ("ec2:CreateVpc", "quota", r"the quota of VPCs in the region is used up .*services/vpc/quotas/L-F678F1CE"),
            ("iam:CreateRole", "permission", r"don't allow iam:CreateRole .*console\.aws\.amazon\.com/iam"),
            ("ec2:AuthorizeSecurityGroupIngress", "permission",
             r"don't allow ec2:AuthorizeSecurityGroupIngress .*craton aws policy"),
        ),
        rights=rights,
        way_out=(frozenset(rights[:5]), frozenset(rights)),
    )  # fmt: skip


def of_gcp(gcp: Project) -> Cloud:
    from installer.platforms.gcp.platform import GcpPlatform
    from tests.doubles.gcp.faults import Fault
    from tests.doubles.gcp.project import PROJECT, REGION
    from tests.installer.platforms.gcp.plans import ROLES, plan

    def fill(letters: str, _type: str) -> None:
        gcp.full_zones |= {f"{REGION}-{letter}" for letter in letters}

    def end(platform: CloudPlatform, machine: str) -> None:
        assert isinstance(platform, GcpPlatform)
        zone = platform.instances.by_machine()[machine].zone
        platform.account.change("instances", "delete", instance=machine, zone=zone)
        for _ in range(gcp.lag.stopping + 1):
            platform.instances.value(platform.instances.version)

    def others() -> list[str]:
        for name, cluster in (("theirs", "other"), ("made-inside", "demo")):
            mark = f"craton cluster={cluster} region={REGION} subdomain=k8s.example.com"
            gcp.things["networks", "global", name] = {"name": name, "id": gcp.number(), "description": mark}
        return ["networks theirs"]

    def balanced(balancer: LoadBalancer, plan: InstallPlan) -> None:
        assert balancer.address is None, "nothing inside the cluster finds it"
        records = gcp.zones["mine"]["rrsets"]
        assert records[f"{plan.api_host}.", "A"]["rrdatas"] == [balancer.host]
        for service in gcp.of("regionBackendServices"):
            groups = sorted(one["group"].rpartition("/")[2] for one in service["backends"])
            assert groups == [f"demo-masters-{letter}" for letter in "abc"]
        assert len(gcp.of("regionBackendServices")) == 2

    gcp.permissions = ROLES
    many = {"CPUS": 10_000.0, "IN_USE_ADDRESSES": 2000.0, "INSTANCES": 2000.0, "SSD_TOTAL_GB": 1e6}
    return Cloud(
        name="gcp",
        double=gcp,
        plan=plan,
        fault=Fault,
        alive=lambda: sorted(one["name"] for one in gcp.of("instances") if one["status"] != "STOPPING"),
        remains=gcp.remains,
        withhold=gcp.withheld.update,
        own_zone=lambda: gcp.zones.update({"mine": {"dnsName": "example.com.", "rrsets": {}, "changes": {}}}),
        fill=fill,
        make_room=lambda: gcp.quotas.update(many),
        end=end,
        others=others,
        balanced=balanced,
        dns="cloud-dns",
        region=REGION,
        place=f"gcp://{PROJECT}/{REGION}",
        unknown=f"nothing in {PROJECT} has the mark of a cluster another",
        type="e2-standard-2",
        launch="compute.instances.bulkInsert",
        kinds=frozenset({"compute.networks.insert", "compute.instances.bulkInsert", "compute.addresses.insert",
                         "iam.projects.serviceAccounts.create", "compute.firewalls.insert"}),
        repeated=("compute.networks.insert", "compute.instances.bulkInsert", "compute.addresses.insert",
                  "iam.projects.serviceAccounts.create", "cloudresourcemanager.projects.setIamPolicy"),
        once={"networks": 1, "addresses": 1, "service": 3},
        refusals=(
            ("compute.networks.insert", "quota",
             r"the quota NETWORKS is used up.*iam-admin/quotas\?project=craton-test-1"),
            ("iam.projects.serviceAccounts.create", "permission",
             r"don't allow iam\.projects\.serviceAccounts\.create.*/iam\?"),
            ("compute.firewalls.insert", "permission", r"don't allow compute\.firewalls\.create"),
        ),
        rights=("compute.networks.create", "compute.networks.updatePolicy", "compute.routers.create",
                "compute.routers.delete", "compute.subnetworks.create", "compute.subnetworks.use"),
        way_out=(frozenset({"compute.routers.insert"}), frozenset({"compute.routers.delete"})),
    )  # fmt: skip
