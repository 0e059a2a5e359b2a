"""A user's own zone in the double of Route 53 or Cloud DNS, and runs of the steps that publish names there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from installer.cluster.dns.steps import dns_check, dns_steps
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop
from installer.engine.events import RunKind
from installer.engine.journal import Journal
from installer.engine.runner import run
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.steps.step import Step, ordered
from tests.doubles.aws.faults import Fault as AwsFault
from tests.doubles.gcp.faults import Fault as GcpFault
from tests.doubles.node_verbs import FakeCluster
from tests.installer.platforms.cloud_runs import PACE, TIMING

API, CONSOLE = "demo-k8s.k8s.example.com", "demo.k8s.example.com"
MASTERS, INFRA = ["10.10.0.11", "10.10.0.12", "10.10.0.13"], ["10.10.0.21"]


@dataclass
class Zone:
    """A user's own zone example.com, in either double."""

    provider: str
    double: Any
    rrsets: Callable[[], dict[tuple[str, str], list[str]]]
    """Values by name and type, those of the zone itself left out."""
    add: Callable[[str, str, str], None]
    """Somebody else's record: name, type, value."""
    may_not: Callable[[], None]
    """From now on the credentials may only look."""
    denied: str
    changing: str
    """The API's name of the call that changes records."""
    throttled: Any
    lost: Any

    def plan(self, **dns: Any) -> InstallPlan:
        """A cluster of containers on this computer, whose names are here."""
        given = {"name": "demo", "subdomain": "k8s.example.com", "platform": "local"}
        return InstallPlan.model_validate({**given, "dns": {"provider": self.provider, **dns}})


def route53(aws: Any) -> Zone:
    import boto3

    client = boto3.client("route53")
    zone = client.create_hosted_zone(Name="example.com", CallerReference="theirs")["HostedZone"]["Id"]

    def rrsets() -> dict[tuple[str, str], list[str]]:
        listed = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
        return {
            (one["Name"].rstrip("."), one["Type"]): sorted(value["Value"] for value in one["ResourceRecords"])
            for one in listed
            if one["Type"] not in ("NS", "SOA")
        }

    def add(name: str, kind: str, value: str) -> None:
        made = {"Name": name, "Type": kind, "TTL": 300, "ResourceRecords": [{"Value": value}]}
        changes = [{"Action": "CREATE", "ResourceRecordSet": made}]
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    looking = ("route53:Get*", "route53:List*", "sts:*")
    return Zone("route53", aws, rrsets, add, partial(aws.allow, looking), "route53:ChangeResourceRecordSets",
                "route53:ChangeResourceRecordSets", AwsFault.THROTTLING, AwsFault.LOST)  # fmt: skip


def cloud_dns(gcp: Any) -> Zone:
    gcp.zones["mine"] = {"dnsName": "example.com.", "rrsets": {}, "changes": {}}

    def rrsets() -> dict[tuple[str, str], list[str]]:
        found = gcp.zones["mine"]["rrsets"]
        return {(name.rstrip("."), kind): sorted(one["rrdatas"]) for (name, kind), one in found.items()}

    def add(name: str, kind: str, value: str) -> None:
        made = {"name": f"{name}.", "type": kind, "ttl": 300, "rrdatas": [value]}
        gcp.zones["mine"]["rrsets"][f"{name}.", kind] = made

    def may_not() -> None:
        gcp.permissions = ("dns.managedZones.*", "dns.resourceRecordSets.list", "dns.changes.get")

    return Zone("cloud-dns", gcp, rrsets, add, may_not, "dns.changes.create", "dns.changes.create",
                GcpFault.THROTTLING, GcpFault.LOST)  # fmt: skip


ZONES = {"route53": ("aws", route53), "cloud-dns": ("gcp", cloud_dns)}
"""By provider: the cloud, and what makes the zone in its double."""


def alone(plan: InstallPlan) -> tuple[Step, ...]:
    """The steps of names, without those of machines and cluster that they need."""
    checks = tuple(dns_check(plan))
    needs = tuple(step.id for step in checks)
    return ordered((*checks, *(replace(step, needs=needs) for step in dns_steps(plan, topology(plan)))))


def carry_out(plan: InstallPlan, kind: RunKind = RunKind.INSTALL, stop: Stop | None = None) -> ExitCode:
    """A run of the real engine with these steps alone, for a cluster whose machines are there."""
    directory = ClusterDirectory.of(plan.name)
    world = FakeCluster(plan).context().world
    with Journal(directory.journal) as journal:
        going = run(alone(plan), world, journal, kind=kind, pace=PACE, timing=TIMING, stop=stop or Stop())
        return asyncio.run(going)
