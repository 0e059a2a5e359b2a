"""What has to hold in the project before anything is made there: all that is wrong is said at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from installer.accounts.findings import Found, Note, Problem
from installer.accounts.gcp.account import last
from installer.accounts.gcp.errors import WHAT, GcpError, quota_page
from installer.cluster.dns.preflight import names_in_zone
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms.clouds.preflight import AccountCheck, overlaps, roles
from installer.platforms.gcp import os_login, prices, services
from installer.platforms.gcp.firewall_rules import rows
from installer.platforms.gcp.machines import machine_type
from installer.platforms.gcp.names import mark_of
from installer.platforms.gcp.org_policies import enforced
from installer.platforms.gcp.platform import GcpPlatform
from installer.steps.estimate import Estimate

_SHARED_CPUS = {"e2", "n1", "f1", "g1", "custom"}
"""Series whose vCPUs count against the quota CPUS; the others have one of their own."""
_POLICIES = {
    name: WHAT[name]
    for name in (
        "constraints/compute.vmExternalIpAccess",
        "constraints/iam.disableServiceAccountCreation",
    )
}
"""Constraints that a cluster runs into, and what each forbids."""
_NEEDED = (
    "compute.addresses.create", "compute.disks.create", "compute.firewalls.create", "compute.instances.create",
    "compute.instances.setLabels", "compute.instances.setMetadata", "compute.instances.setServiceAccount",
    "compute.instances.setTags", "iam.serviceAccounts.actAs", "iam.serviceAccounts.create",
    "resourcemanager.projects.setIamPolicy",
)  # fmt: skip

_FOR_POOLS = (
    "compute.instanceGroupManagers.create", "compute.instanceGroupManagers.delete", "compute.instanceGroupManagers.get",
    "compute.instanceGroupManagers.list", "compute.instanceGroupManagers.update", "compute.instanceTemplates.create",
    "compute.instanceTemplates.delete", "compute.instanceTemplates.list", "compute.instanceTemplates.useReadOnly",
    "secretmanager.secrets.create", "secretmanager.secrets.delete", "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy", "secretmanager.secrets.setIamPolicy", "secretmanager.versions.access",
    "secretmanager.versions.add", "secretmanager.versions.destroy", "secretmanager.versions.list",
)  # fmt: skip


@dataclass(frozen=True)
class GcpCheck(AccountCheck[GcpPlatform]):
    def caller(self, platform: GcpPlatform) -> tuple[str, str]:
        identity = platform.account.identity
        return f"project {platform.account.project}, as {identity.who}", identity.how

    def estimate(self, plan: InstallPlan, platform: GcpPlatform) -> Estimate:
        return prices.estimate(plan, platform.account)

    def checks(self) -> tuple[Callable[[InstallPlan, GcpPlatform], Iterator[Found]], ...]:
        return (
            apis, policies, logins, permissions, zones_and_types, images, quotas, same_name, existing_network,
            managed_zone,
        )  # fmt: skip


def apis(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """The services that a cluster is made with are switched on in the project."""
    if off := services.switched_off(platform.account, plan):
        yield Problem(
            f"the project {platform.account.project} has not enabled {', '.join(off)}",
            "`craton gcp enable PLAN` enables them, after it has asked you.",
        )


def policies(_plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """No policy of the organisation forbids what a cluster is made of, as far as the caller may see them."""
    project = platform.account.project
    for constraint, forbids in _POLICIES.items():
        on = enforced(platform.account, constraint)
        if on is None:
            return  # who may not read policies meets them when they refuse something
        if on:
            yield Problem(
                f"an organisation policy forbids {forbids} in the project {project} ({constraint})",
                "Ask whoever manages the organisation for an exception, or use another project.",
            )


def logins(_plan: InstallPlan, platform: GcpPlatform) -> Iterator[Found]:
    """Where the project enforces OS Login, the caller can log in through it."""
    if platform.os_login.enforced:
        yield Note(f"keys get in through OS Login: {platform.os_login.setting.value().why}")
        for seen, remedy in os_login.problems(platform.os_login):
            yield Problem(seen, remedy)


def permissions(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """Google says which of the permissions the caller has in the project."""
    wanted = list(_NEEDED)
    if plan.settings_of(Gcp).network_project is None:  # of a shared VPC they are given in its own project
        wanted += ["compute.networks.updatePolicy", "compute.subnetworks.use", "compute.subnetworks.useExternalIp"]
    if plan.settings_of(Gcp).network is None:
        wanted += ["compute.networks.create", "compute.subnetworks.create"]
        if plan.settings_of(Gcp).private_workers:
            wanted += ["compute.routers.create", "compute.routers.delete"]
    if not plan.infra:
        wanted += ["compute.forwardingRules.create", "compute.regionBackendServices.create"]
    if platform.os_login.enforced:
        wanted.append(os_login.ADMIN)
    if plan.worker_pool:
        wanted += _FOR_POOLS
    if plan.integration:
        wanted += ["iam.roles.create", "iam.roles.get", "iam.serviceAccounts.setIamPolicy"]
    if plan.settings_of(Gcp).dns == "cloud-dns":
        wanted += ["dns.changes.create", "dns.resourceRecordSets.create"]
    account = platform.account
    answer = account.ask("cloudresourcemanager", "projects.testIamPermissions", resource=account.project,
                         body={"permissions": wanted})  # fmt: skip
    if lacking := [one for one in wanted if one not in (answer.get("permissions") or ())]:
        page = f"https://console.cloud.google.com/iam-admin/iam?project={account.project}"
        yield Problem(f"the credentials don't allow {', '.join(lacking)}", f"Add roles that have them at {page}.")


def zones_and_types(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """Every zone is there, and offers the types."""
    gcp = plan.settings_of(Gcp)
    there = sorted(last(zone) for zone in platform.region().get("zones") or ())
    if absent := [zone for zone in gcp.spread if zone not in there]:
        yield Problem(
            f"there is no zone {', '.join(absent)} in {gcp.region}", f"Set gcp.zones to some of {', '.join(there)}."
        )
        return
    offered = _types(plan, platform)
    for role in roles(plan):
        kind = machine_type(gcp, role)
        if lacking := [zone for zone in gcp.spread if (zone, kind) not in offered]:
            remedy = f"Choose another type (gcp.{role}_type) or other zones."
            yield Problem(f"{', '.join(lacking)} offers no {kind}", remedy)


def images(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """The publisher has an image for each type's architecture."""
    gcp = plan.settings_of(Gcp)
    for role in roles(plan):
        try:
            platform.images.of(gcp.image, machine_type(gcp, role))
        except InstallerError as error:
            if error.retryable:
                raise
            yield Problem(error.observed, error.hint)


def quotas(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """What is still to be made fits in the quotas of region and project."""
    region, project = platform.region(), platform.account.get("projects", "get")
    limits: dict[str, Mapping[str, Any]] = {
        str(one["metric"]): one for one in (*(project.get("quotas") or ()), *(region.get("quotas") or ()))
    }
    for metric, wanted in _wanted(plan, platform).items():
        quota = limits.get(metric)
        if not quota or not wanted:
            continue
        limit, used = float(quota.get("limit", 0)), float(quota.get("usage", 0))
        if used + wanted > limit:
            had = f", {used:g} are in use" if used else ""
            yield Problem(
                f"the plan needs {wanted} more of {metric}, and the quota is {limit:g}{had}",
                f"Raise it at {quota_page(platform.account.project)}.",
            )


def _wanted(plan: InstallPlan, platform: GcpPlatform) -> Counter[str]:
    """What is to be made, by the names of Compute Engine's quotas."""
    gcp, offered = plan.settings_of(Gcp), _types(plan, platform)
    there = Counter(machine.rpartition("-")[0] for machine in platform.instances.by_machine())
    found = Counter[str]()
    for role, number in roles(plan).items():
        missing = max(0, number - there[f"{plan.name}-{role}"])
        kind = machine_type(gcp, role)
        series = kind.partition("-")[0]
        metric = "CPUS" if series in _SHARED_CPUS else f"{series.upper()}_CPUS"
        found[metric] += missing * max((cpus for (_, name), cpus in offered.items() if name == kind), default=0)
        found["INSTANCES"] += missing
        found["IN_USE_ADDRESSES"] += 0 if gcp.private_workers and role is Role.WORKER else missing
        found["SSD_TOTAL_GB"] += missing * gcp.disk_size
        if role is Role.INFRA:
            found["STATIC_ADDRESSES"] += missing
    made = {kind: len(platform.listing.things(kind)) for kind in ("network", "firewall-rule", "forwarding-rule")}
    found["NETWORKS"] = 1 - made["network"] if gcp.network is None else 0
    found["FIREWALLS"] = max(0, len(rows(plan, topology(plan))) - made["firewall-rule"])
    if plan.worker_pool:
        found["REGIONAL_INSTANCE_GROUP_MANAGERS"] = 1 - len(platform.listing.things("worker-pool"))
    found["FORWARDING_RULES"] = 0 if plan.infra else max(0, 2 - made["forwarding-rule"])
    return found


def _types(plan: InstallPlan, platform: GcpPlatform) -> dict[tuple[str, str], int]:
    """vCPUs by zone and type, of the plan's types where they are offered."""
    gcp = plan.settings_of(Gcp)
    wanted = sorted({machine_type(gcp, role) for role in roles(plan)})
    found = {}
    for one in platform.machine_types(tuple(wanted)):
        found[last(one["zone"]), str(one["name"])] = math.ceil(float(one.get("guestCpus", 0)))
    return found


def same_name(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """No other cluster of this name is in the project, and no network of somebody else's."""
    gcp, account = plan.settings_of(Gcp), platform.account
    marked = f'description eq ".*craton cluster={plan.name} .*"'
    found = [mark_of(str(one.get("description", ""))) for one in account.pages("firewalls", filter=marked)]
    for mark in found:
        if mark and (mark.region, mark.subdomain) != (gcp.region, plan.subdomain):
            yield Problem(
                f"there is another cluster {plan.name} in the project, in {mark.region} under {mark.subdomain}",
                "Give this cluster another name, or destroy the other one.",
            )
            return
    if gcp.network or platform.listing.one("network", plan.name):
        return
    if any(True for _ in account.pages("networks", filter=f"name={plan.name}")):
        remedy = "Give the cluster another name, or name the network in gcp.network to use it."
        yield Problem(f"there is a network {plan.name} that Craton didn't make", remedy)


def existing_network(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Problem]:
    """The subnetwork that the plan names is there, and as it says."""
    gcp = plan.settings_of(Gcp)
    if not gcp.network:
        return
    try:
        found = platform.account.get("subnetworks", "get", project=platform.network_project, region=gcp.region,
                                     subnetwork=str(gcp.subnetwork))  # fmt: skip
    except GcpError as error:
        if error.retryable and not error.missing:
            raise
        yield Problem(error.observed, "Correct gcp.network, gcp.subnetwork and gcp.network_project.")
        return
    if last(found["network"]) != gcp.network:
        remedy = "Correct gcp.network or gcp.subnetwork."
        yield Problem(f"{gcp.subnetwork} is in the network {last(found['network'])}, not in {gcp.network}", remedy)
    if found["ipCidrRange"] != str(plan.networks.machines):
        remedy = f"Set networks.machines to {found['ipCidrRange']}."
        yield Problem(f"{gcp.subnetwork} has the range {found['ipCidrRange']}, not {plan.networks.machines}", remedy)
    every = platform.account.pages("subnetworks", "aggregatedList", project=platform.network_project)
    inside = [one for one in every if last(one["network"]) == gcp.network]
    ranges = [str(one["ipCidrRange"]) for one in inside]
    ranges += [str(more["ipCidrRange"]) for one in inside for more in one.get("secondaryIpRanges") or ()]
    yield from overlaps(plan, str(gcp.network), map(IPv4Network, ranges))
    if gcp.private_workers:
        routers = platform.account.pages("routers", project=platform.network_project, region=gcp.region)
        if not any(one.get("nats") and last(one["network"]) == gcp.network for one in routers):
            yield Problem(
                f"{gcp.network} has no Cloud NAT in {gcp.region}, and private workers have no other way out",
                "Add a router with Cloud NAT to it, or leave gcp.private_workers out.",
            )


def managed_zone(plan: InstallPlan, platform: GcpPlatform) -> Iterator[Found]:
    if plan.settings_of(Gcp).dns == "cloud-dns":
        yield from names_in_zone(platform.records, (plan.api_host, plan.console_host))
