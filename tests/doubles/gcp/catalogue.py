"""What Google lists for those who choose: projects, regions, machine types, keys, prices, and what policies forbid."""

from __future__ import annotations

from typing import Any

from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.lists import listed
from tests.doubles.gcp.project import PROJECT, REGION, TYPES, ZONES, Project

CORE, RAM, DISK = 0.028103, 0.003766, 0.12
"""US dollars for an hour of a vCPU and of a GiB of memory, of every series; for a month of a GiB of balanced disk."""
_SERIES = {"E2": "E2", "N2": "N2", "C4A": "C4A Arm"}
_LIST = frozenset({"compute.vmExternalIpAccess", "compute.trustedImageProjects", "gcp.resourceLocations"})
"""Constraints that allow and deny values; the others are on or off."""


def machine_type(name: str, zone: str) -> dict[str, Any]:
    """A type as Compute Engine shows it: 4 GiB for each vCPU."""
    return {
        "name": name, "guestCpus": TYPES[name], "memoryMb": TYPES[name] * 4096, "zone": f"zones/{zone}",
        "architecture": "ARM64" if name.startswith("c4a") else "X86_64", "isSharedCpu": False,
    }  # fmt: skip


@handles("compute.machineTypes.aggregatedList", "compute.machineTypes.list")
def machine_types(project: Project, call: Call) -> dict[str, Any]:
    zones = ZONES if call.method.verb == "aggregatedList" else (call.scope,)
    return listed(call, [machine_type(name, zone) for zone in zones for name in TYPES])


@handles("compute.machineTypes.get")
def get_machine_type(project: Project, call: Call) -> dict[str, Any]:
    name = call.params["machineType"]
    if name not in TYPES or call.scope not in ZONES:
        raise Refused(404, "notFound", f"The resource 'machineTypes/{name}' was not found")
    return machine_type(name, call.scope)


@handles("compute.regions.list")
def regions(project: Project, call: Call) -> dict[str, Any]:
    return listed(call, [{"name": REGION, "zones": [f"zones/{zone}" for zone in ZONES]}, {"name": "us-east1"}])


@handles("compute.projects.getXpnHost")
def host(project: Project, call: Call) -> dict[str, Any]:
    """Empty where the project is attached to no host (https://cloud.google.com/compute/docs/reference/rest/v1/projects/getXpnHost)."""
    return {"name": project.host} if project.host else {}


@handles("cloudresourcemanager.projects.list")
def projects(project: Project, call: Call) -> dict[str, Any]:
    return {"projects": [{"projectId": PROJECT, "name": "Tests", "lifecycleState": "ACTIVE"}]}


@handles("cloudresourcemanager.projects.getEffectiveOrgPolicy")
def policy(project: Project, call: Call) -> dict[str, Any]:
    """https://cloud.google.com/resource-manager/reference/rest/v1/projects/getEffectiveOrgPolicy"""
    if not project.permits("orgpolicy.policy.get"):
        raise Refused(403, "forbidden", "Permission 'orgpolicy.policy.get' denied.")
    constraint = call.body["constraint"]
    name = constraint.removeprefix("constraints/")
    if name == constraint:
        raise Refused(400, "badRequest", f"Invalid constraint {constraint}.")
    if name in _LIST:
        return {"constraint": constraint, "listPolicy": {"allValues": "DENY" if name in project.policies else "ALLOW"}}
    return {"constraint": constraint, "booleanPolicy": {"enforced": True} if name in project.policies else {}}


@handles("cloudkms.projects.locations.keyRings.list")
def rings(project: Project, call: Call) -> dict[str, Any]:
    return {"keyRings": [{"name": f"{call.params['parent']}/keyRings/craton"}]}


@handles("cloudkms.projects.locations.keyRings.cryptoKeys.list")
def keys(project: Project, call: Call) -> dict[str, Any]:
    found = {"disks": "ENCRYPT_DECRYPT", "signing": "ASYMMETRIC_SIGN"}
    where = f"{call.params['parent']}/cryptoKeys"
    return {"cryptoKeys": [{"name": f"{where}/{name}", "purpose": purpose} for name, purpose in found.items()]}


@handles("cloudbilling.services.skus.list")
def skus(project: Project, call: Call) -> dict[str, Any]:
    """https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list, in two pages."""
    found = [_sku(f"Spot Preemptible {name} Instance Core running in Frankfurt", "h", 0.001, "Preemptible")
             for name in _SERIES.values()]  # fmt: skip
    for name in _SERIES.values():
        found.append(_sku(f"{name} Instance Core running in Frankfurt", "h", CORE))
        found.append(_sku(f"{name} Instance Ram running in Frankfurt", "GiBy.h", RAM))
        found.append(_sku(f"{name} Instance Core running in Virginia", "h", 9.0, region="us-east4"))
    found.append(_sku("Balanced PD Capacity in Frankfurt", "GiBy.mo", DISK))
    start, half = int(call.params.get("pageToken") or 0), len(found) // 2
    return {"skus": found[:half], "nextPageToken": str(half)} if start == 0 else {"skus": found[start:]}


def _sku(what: str, unit: str, price: float, usage: str = "OnDemand", region: str = REGION) -> dict[str, Any]:
    rate = {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": str(int(price)),
                                                 "nanos": round(price % 1 * 1e9)}}  # fmt: skip
    return {
        "description": what, "category": {"resourceFamily": "Compute", "usageType": usage}, "serviceRegions": [region],
        "pricingInfo": [{"pricingExpression": {"usageUnit": unit, "tieredRates": [rate]}}],
    }  # fmt: skip


@handles("serviceusage.services.batchEnable")
def enable(project: Project, call: Call) -> dict[str, Any]:
    """https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchEnable: at most 20 at once."""
    names = call.body["serviceIds"]
    if not 1 <= len(names) <= 20:
        raise Refused(400, "badRequest", "Between 1 and 20 services can be enabled at once.")
    if call.params["parent"] != f"projects/{PROJECT}":
        raise Refused(403, "forbidden", "Permission denied to enable services.")
    project.enabling = [2, [name.removesuffix(".googleapis.com") for name in names]]
    return {"name": "operations/acat.enable"}


@handles("serviceusage.operations.get", "cloudresourcemanager.operations.get")
def operation(project: Project, call: Call) -> dict[str, Any]:
    if not project.enabling or last(call.params["name"]) != "acat.enable":
        raise Refused(404, "notFound", f"The operation {call.params['name']} was not found")
    project.enabling[0] -= 1
    if project.enabling[0] > 0:
        return {"name": call.params["name"], "done": False}
    project.services |= set(project.enabling[1])
    return {"name": call.params["name"], "done": True, "response": {}}
