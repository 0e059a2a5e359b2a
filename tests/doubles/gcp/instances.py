"""Machines as Compute Engine makes them: in bulk, slowly, and not at all where there is no room.

https://cloud.google.com/compute/docs/instances/multiple/about-bulk-creation
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

from tests.doubles.cloud import guest_agent
from tests.doubles.cloud.machines import Launch
from tests.doubles.gcp import os_login, tokens
from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Failed, Refused
from tests.doubles.gcp.lists import listed
from tests.doubles.gcp.project import PROJECT, REGION, TYPES, Project

HOST = "https://www.googleapis.com/compute/v1/projects"


@handles("compute.instances.list", "compute.instances.aggregatedList")
def list_instances(project: Project, call: Call) -> dict[str, Any]:
    """Each list is a look: what is on its way comes closer to its end."""
    project.looked()
    for one in list(project.of("instances")):
        one["looks"] = one.get("looks", 0) + 1
        if one["status"] == "STAGING" and one["looks"] > project.lag.staging:
            one["status"] = "RUNNING"
            for way in one["networkInterfaces"][0].get("accessConfigs") or ():
                way["natIP"] = one["own"]
        elif one["status"] == "STOPPING" and one["looks"] > project.lag.stopping:
            end(project, one)
    return listed(call, [_shown(one) for one in project.of("instances")])


@handles("compute.instances.bulkInsert")
def bulk_insert(project: Project, call: Call) -> dict[str, Any]:
    zone, properties = call.scope, call.body["instanceProperties"]
    names = sorted(call.body.get("perInstanceProperties") or {})
    if int(call.body["count"]) != len(names):
        raise Refused(400, "invalid", "Invalid value for field 'count': it must match perInstanceProperties.")
    for name in names:
        key = ("instances", zone, name)
        if key in project.things or key in project.reserved:
            raise Refused(409, "alreadyExists", f"The resource 'projects/{PROJECT}/{key}' already exists")
    _check_properties(project, properties)
    keys = {("instances", zone, name) for name in names}
    project.reserved |= keys

    def done() -> None:
        project.reserved -= keys
        _check_room(project, zone, properties, len(names))
        for name in names:
            make(project, zone, name, properties)

    return project.begin(call.method, ("instances", zone, names[0]), done, str(call.params.get("requestId") or ""))


@handles("compute.instances.delete")
def delete(project: Project, call: Call) -> dict[str, Any]:
    found = project.thing("instances", call.scope, call.params["instance"])

    def done() -> None:
        stop(project, found)

    done()  # it begins to stop at once
    return project.begin(call.method, ("instances", call.scope, found["name"]), done, call.params.get("requestId", ""))


def stop(project: Project, found: dict[str, Any]) -> None:
    if found["status"] != "STOPPING":
        found["status"], found["looks"] = "STOPPING", 0
        project.machines.stop(found["id"])


@handles("compute.instances.deleteAccessConfig")
def delete_way(project: Project, call: Call) -> dict[str, Any]:
    found = project.thing("instances", call.scope, call.params["instance"])

    def done() -> None:
        found["networkInterfaces"][0]["accessConfigs"] = []
        project.machines.attach(found["id"], "")

    return project.begin(call.method, ("instances", call.scope, found["name"]), done, call.params.get("requestId", ""))


@handles("compute.instances.addAccessConfig")
def add_way(project: Project, call: Call) -> dict[str, Any]:
    found = project.thing("instances", call.scope, call.params["instance"])
    if found["networkInterfaces"][0].get("accessConfigs"):
        raise Refused(400, "invalid", "At most one access config currently supported.")
    if call.body.get("natIP") not in [one["address"] for one in project.of("addresses")]:
        raise Refused(400, "invalid", "Invalid value for field 'natIP': it is not reserved in the region.")

    def done() -> None:
        found["networkInterfaces"][0]["accessConfigs"] = [dict(call.body)]
        project.machines.attach(found["id"], call.body["natIP"])

    return project.begin(call.method, ("instances", call.scope, found["name"]), done, call.params.get("requestId", ""))


@handles("compute.instances.getSerialPortOutput")
def serial_port(project: Project, call: Call) -> dict[str, Any]:
    """The newest bytes for a negative start ("start" in the reference of compute.instances.getSerialPortOutput)."""
    found = project.thing("instances", call.scope, call.params["instance"])
    if int(call.params.get("port") or 1) != 1:
        raise Refused(400, "invalid", "Invalid value for field 'port': the double prints on the first one alone.")
    shown, start = project.machines.console(found["id"]).encode(), int(call.params.get("start") or 0)
    start = max(0, len(shown) + start) if start < 0 else start
    return {"kind": "compute#serialPortOutput", "contents": shown[start:].decode(errors="replace"),
            "start": str(start), "next": str(len(shown))}  # fmt: skip


def check_launch(project: Project, zone: str, properties: dict[str, Any], number: int) -> None:
    """Raises Refused or Failed where no machines of these properties can be made."""
    _check_properties(project, properties)
    _check_room(project, zone, properties, number)


def _check_properties(project: Project, properties: dict[str, Any]) -> None:
    project.thing("subnetworks", REGION, last(properties["networkInterfaces"][0]["subnetwork"]))
    _check_account(project, properties["serviceAccounts"][0]["email"])
    if ways(properties) and "compute.vmExternalIpAccess" in project.policies:
        words = f"Constraint constraints/compute.vmExternalIpAccess violated for project {PROJECT}. Add instance to it"
        raise Refused(412, "conditionNotMet", words)
    os_login.check_metadata(project, _metadata(properties))


def _check_account(project: Project, mail: str) -> None:
    """A new service account is not known to Compute Engine at once."""
    found = project.accounts.get(mail)
    seen = found["seen"] if found else 0
    if found:
        found["seen"] = seen + 1
    if found is None or seen < project.lag.service_account:
        words = f"The resource '{mail}' of type 'serviceAccount' was not found."
        raise Refused(400, "resourceNotFound", words)


def _check_room(project: Project, zone: str, properties: dict[str, Any], number: int) -> None:
    kind = properties["machineType"]
    if kind not in TYPES:
        raise Failed("RESOURCE_NOT_FOUND", f"The resource 'machineTypes/{kind}' was not found")
    if zone in project.full_zones:
        words = f"The zone 'projects/{PROJECT}/zones/{zone}' does not have enough resources available."
        raise Failed("ZONE_RESOURCE_POOL_EXHAUSTED", words)
    metric = "C4A_CPUS" if kind.startswith("c4a") else "CPUS"
    used = sum(TYPES[last(one["machineType"])] for one in project.of("instances"))
    wanted = {
        metric: used + number * TYPES[kind],
        "IN_USE_ADDRESSES": sum(bool(one["own"]) for one in project.of("instances")) + number * bool(ways(properties)),
    }
    for name, total in wanted.items():
        if total > project.quotas[name]:
            limit = project.quotas[name]
            raise Failed("QUOTA_EXCEEDED", f"Quota '{name}' exceeded.  Limit: {limit} in region {REGION}.")


def make(project: Project, zone: str, name: str, properties: dict[str, Any]) -> None:
    subnet = project.thing("subnetworks", REGION, last(properties["networkInterfaces"][0]["subnetwork"]))
    taken = {one["networkInterfaces"][0]["networkIP"] for one in project.of("instances")}
    hosts = iter(ipaddress.ip_network(subnet["ipCidrRange"]).hosts())
    next(hosts)  # the gateway's
    private = next(str(one) for one in hosts if str(one) not in taken)
    id, public = project.number(), project.next_address() if ways(properties) else ""
    disk = properties["disks"][0]
    made = {
        "id": id, "name": name, "status": "STAGING", "own": public, "labels": properties.get("labels") or {},
        "metadata": properties["metadata"], "creationTimestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "zone": f"{HOST}/{PROJECT}/zones/{zone}", "machineType": f"machineTypes/{properties['machineType']}",
        "networkInterfaces": [{
            "network": subnet["network"], "subnetwork": subnet["selfLink"], "networkIP": private,
            **({"accessConfigs": [{"name": "external-nat", "type": "ONE_TO_ONE_NAT"}]} if public else {}),
        }],
    }  # fmt: skip
    project.things["instances", zone, name] = made
    project.things["disks", zone, name] = {
        "id": project.number(), "name": name, "zone": made["zone"], "users": [f"instances/{name}"],
        "labels": disk["initializeParams"].get("labels") or {}, "autoDelete": disk.get("autoDelete", False),
    }  # fmt: skip
    metadata = _metadata(properties)
    profiles = os_login.admins(project) if os_login.on(project, metadata) else None
    document = guest_agent.document(id, name, zone, private, metadata, profiles)
    mail = properties["serviceAccounts"][0]["email"]
    project.machines.start(
        Launch(
            id, 0, private, public, document, zone, REGION, properties["machineType"],
            last(disk["initializeParams"]["sourceImage"]), "x86_64", tuple(properties["tags"]["items"]), True, 0,
            made["labels"], role=mail, credentials=tokens.of_machine(project, mail),
        )
    )  # fmt: skip


def _metadata(properties: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["value"] for one in properties["metadata"]["items"]}


def ways(properties: dict[str, Any]) -> list[Any]:
    """How machines of these properties are reached from outside; empty for those with internal addresses alone."""
    return list(properties["networkInterfaces"][0].get("accessConfigs") or ())


def end(project: Project, found: dict[str, Any]) -> None:
    zone, name = last(found["zone"]), found["name"]
    del project.things["instances", zone, name]
    disk = project.things.get(("disks", zone, name))
    if disk and disk["autoDelete"]:
        del project.things["disks", zone, name]
    for group in project.of("instanceGroups", zone):
        group["members"] = [one for one in group.get("members", ()) if one != name]


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key not in ("looks", "own")}
