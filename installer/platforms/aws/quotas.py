"""Quotas of an AWS account that a plan's machines and network count against: what is used, and what is added."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from installer.accounts.aws.account import Account
from installer.accounts.aws.errors import Quota
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.plan.topology import topology
from installer.platforms.aws.machines import instance_type
from installer.platforms.aws.platform import AwsPlatform
from installer.platforms.aws.security_groups import known
from installer.platforms.clouds.firewall import openings
from installer.platforms.clouds.preflight import roles

_STANDARD = Quota("vCPUs of standard instances", "ec2", "L-1216C47A")
_VCPUS = {
    "dl": Quota("vCPUs of DL instances", "ec2", "L-6E869C2A"),
    "f": Quota("vCPUs of F instances", "ec2", "L-74FC7D96"),
    "g": Quota("vCPUs of G and VT instances", "ec2", "L-DB2E81BA"),
    "gr": Quota("vCPUs of G and VT instances", "ec2", "L-DB2E81BA"),
    "hpc": Quota("vCPUs of HPC instances", "ec2", "L-F7808C92"),
    "inf": Quota("vCPUs of Inf instances", "ec2", "L-1945791B"),
    "p": Quota("vCPUs of P instances", "ec2", "L-417A185B"),
    "trn": Quota("vCPUs of Trn instances", "ec2", "L-2C3B7624"),
    "u": Quota("vCPUs of high memory instances", "ec2", "L-43DA4232"),
    "vt": Quota("vCPUs of G and VT instances", "ec2", "L-DB2E81BA"),
    "x": Quota("vCPUs of X instances", "ec2", "L-7295265B"),
}
"""By the letters that a family's name begins with ("Amazon EC2 instance type quotas"); every other one is standard."""
_VPCS = Quota("VPCs in the region", "vpc", "L-F678F1CE")
_ADDRESSES = Quota("elastic addresses in the region", "ec2", "L-0263D0A3")
_BALANCERS = Quota("network load balancers in the region", "elasticloadbalancing", "L-69A177A2")
_RULES = Quota("inbound rules in one security group", "vpc", "L-0EA8095F")
_TYPES_AT_ONCE = 100
_RUNNING = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]


def limit(account: Account, quota: Quota) -> float | None:
    """The quota's value; None where nobody may ask for it."""
    try:
        answer = account.ask("service-quotas", "get_service_quota", ServiceCode=quota.service, QuotaCode=quota.code)
    except InstallerError as error:
        if error.retryable:
            raise
        return None
    return float(answer["Quota"]["Value"])


def wanted(plan: InstallPlan, platform: AwsPlatform) -> Iterator[tuple[Quota, int, int]]:
    """Quotas with what is used of them, and what the plan adds."""
    account, listing, aws = platform.account, platform.listing, plan.settings_of(Aws)
    yield from _vcpus(plan, platform)
    if not aws.vpc and not listing.things("vpc"):
        yield _VPCS, sum(1 for _ in account.pages("ec2", "describe_vpcs", "Vpcs")), 1
    gateways = len(aws.spread) if aws.private_workers and not aws.vpc else 0
    if plan.infra or gateways:
        every = len(account.ask("ec2", "describe_addresses").get("Addresses", ()))
        yield _ADDRESSES, every, max(0, plan.infra + gateways - len(listing.things("address")))
    if not plan.infra and not listing.balancers.value():
        every_balancer = account.pages("elbv2", "describe_load_balancers", "LoadBalancers")
        yield _BALANCERS, sum(one.get("Type") == "network" for one in every_balancer), 1
    yield _RULES, 0, _most_rules(plan)


def _vcpus(plan: InstallPlan, platform: AwsPlatform) -> Iterator[tuple[Quota, int, int]]:
    """Machines of everybody's count, those of this cluster that exist among them."""
    aws, account = plan.settings_of(Aws), platform.account
    there = Counter(machine.rpartition("-")[0] for machine in platform.instances.by_machine())
    missing = Counter[str]()
    for role, number in roles(plan).items():
        missing[instance_type(aws, role)] += max(0, number - there[f"{plan.name}-{role}"])
    running = _running(account) if missing.total() else Counter[str]()
    sizes = _sizes(account, {*missing, *running})
    added, used = Counter[Quota](), Counter[Quota]()
    for machines, found in ((missing, added), (running, used)):
        for type, number in machines.items():
            found[vcpu_quota(type)] += number * sizes.get(type, 0)
    for quota, more in added.items():
        yield quota, used[quota], more


def _running(account: Account) -> Counter[str]:
    """How many of each type run on demand in the region; spot instances have quotas of their own."""
    listed = account.pages("ec2", "describe_instances", "Reservations", Filters=_RUNNING, MaxResults=1000)
    every = (one for reservation in listed for one in reservation["Instances"] if not one.get("InstanceLifecycle"))
    return Counter(str(one["InstanceType"]) for one in every)


def _sizes(account: Account, types: set[str]) -> dict[str, int]:
    """The vCPUs of types."""
    wanted, found = sorted(types), dict[str, int]()
    for start in range(0, len(wanted), _TYPES_AT_ONCE):
        some = wanted[start : start + _TYPES_AT_ONCE]
        for one in account.pages("ec2", "describe_instance_types", "InstanceTypes", InstanceTypes=some):
            found[str(one["InstanceType"])] = int(one["VCpuInfo"]["DefaultVCpus"])
    return found


def vcpu_quota(type: str) -> Quota:
    """The quota that an instance type's vCPUs count against."""
    family = re.match("[a-z]+", type)
    return _VCPUS.get(family.group() if family else "", _STANDARD)


def _most_rules(plan: InstallPlan) -> int:
    """Inbound rules of the group that has most of them."""
    shape = topology(plan)
    sources = known(plan, {role: f"sg-{role}" for role in roles(plan)})
    return max(len(openings(firewall, sources)) for firewall in shape.roles.values())
