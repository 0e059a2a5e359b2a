"""What is not Compute Engine's things and machines: its catalogue and operations, IAM, Cloud DNS, Service Usage."""

from __future__ import annotations

import re
from typing import Any

from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import PROJECT, REGION, ZONES, Project

_HOST = "https://www.googleapis.com/compute/v1/projects"
_IMAGES = {("debian-cloud", "debian-13"), ("debian-cloud", "debian-13-arm64"),
           ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64"), ("ubuntu-os-cloud", "ubuntu-2404-lts-arm64")}  # fmt: skip


@handles("compute.zoneOperations.wait", "compute.regionOperations.wait", "compute.globalOperations.wait")
def wait(project: Project, call: Call) -> dict[str, Any]:
    found = project.operations.get(str(call.params["operation"]))
    if found is None or found.scope != call.scope:
        raise Refused(404, "notFound", f"The resource 'operations/{call.params['operation']}' was not found")
    project.complete(found)
    return project.shown(found)


@handles("compute.projects.get")
def get_project(project: Project, call: Call) -> dict[str, Any]:
    items = [{"key": key, "value": value} for key, value in project.metadata.items()]
    metadata = {"commonInstanceMetadata": {"items": items}} if items else {}
    return {"name": PROJECT, "quotas": _quotas(project, "NETWORKS", "FIREWALLS"), **metadata}


@handles("compute.regions.get")
def get_region(project: Project, call: Call) -> dict[str, Any]:
    if call.params["region"] != REGION:
        raise Refused(404, "notFound", f"The resource 'regions/{call.params['region']}' was not found")
    zones = [f"{_HOST}/{PROJECT}/zones/{zone}" for zone in ZONES]
    names = [name for name in project.quotas if name not in ("NETWORKS", "FIREWALLS")]
    return {"name": REGION, "zones": zones, "status": "UP", "quotas": _quotas(project, *names)}


def _quotas(project: Project, *names: str) -> list[dict[str, Any]]:
    used = {"NETWORKS": len(project.of("networks")), "FIREWALLS": len(project.of("firewalls")),
            "INSTANCES": len(project.of("instances"))}  # fmt: skip
    return [{"metric": name, "limit": project.quotas[name], "usage": float(used.get(name, 0))} for name in names]


@handles("compute.images.getFromFamily")
def image(project: Project, call: Call) -> dict[str, Any]:
    where, family = call.params["project"], call.params["family"]
    if (where, family) not in _IMAGES:
        raise Refused(404, "notFound", f"The resource 'projects/{where}/global/images/family/{family}' was not found")
    return {"name": f"{family}-v20261112", "family": family, "status": "READY"}


@handles("iam.projects.serviceAccounts.create")
def create_account(project: Project, call: Call) -> dict[str, Any]:
    mail = f"{call.body['accountId']}@{PROJECT}.iam.gserviceaccount.com"
    if not 6 <= len(call.body["accountId"]) <= 30:
        raise Refused(400, "badRequest", "The account id must be from 6 to 30 characters long.")
    if mail in project.accounts:
        raise Refused(
            409, "alreadyExists", f"Service account {call.body['accountId']} already exists within {PROJECT}."
        )
    project.accounts[mail] = {**call.body.get("serviceAccount", {}), "email": mail, "seen": 0}
    return project.accounts[mail]


@handles("iam.projects.serviceAccounts.get", "iam.projects.serviceAccounts.delete")
def account(project: Project, call: Call) -> dict[str, Any]:
    mail = last(call.params["name"])
    if mail not in project.accounts:
        raise Refused(404, "notFound", f"Unknown service account {mail}")
    if call.method.verb == "get":
        return project.accounts[mail]
    del project.accounts[mail]
    gone = f"serviceAccount:{mail}"
    for binding in project.bindings:
        binding["members"] = [f"deleted:{one}?uid=1" if one == gone else one for one in binding["members"]]
    return {}


@handles("iam.projects.serviceAccounts.list")
def accounts(project: Project, call: Call) -> dict[str, Any]:
    return {"accounts": list(project.accounts.values())}


@handles("iam.projects.serviceAccounts.getIamPolicy")
def get_account_policy(project: Project, call: Call) -> dict[str, Any]:
    """Who may use a service account. https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts"""
    found = _account(project, call.params["resource"])
    return {"version": 1, "etag": "BwA", "bindings": found.get("bindings", [])}


@handles("iam.projects.serviceAccounts.setIamPolicy")
def set_account_policy(project: Project, call: Call) -> dict[str, Any]:
    found = _account(project, call.params["resource"])
    check_members(project, call.body["policy"]["bindings"])
    found["bindings"] = call.body["policy"]["bindings"]
    return get_account_policy(project, call)


def _account(project: Project, resource: str) -> dict[str, Any]:
    if (mail := last(resource)) not in project.accounts:
        raise Refused(404, "notFound", f"Unknown service account {mail}")
    return project.accounts[mail]


def check_members(project: Project, bindings: list[dict[str, Any]]) -> None:
    """https://cloud.google.com/iam/docs/reference/rest/v1/Policy: members exist, and so do the project's own roles."""
    for binding in bindings:
        if binding["role"].startswith("projects/") and not _usable(project.roles.get(last(binding["role"]))):
            raise Refused(400, "badRequest", f"Role {binding['role']} does not exist in the resource's hierarchy.")
        for member in binding["members"]:
            kind, _, mail = member.partition(":")
            if kind == "serviceAccount" and mail not in project.accounts:
                raise Refused(400, "badRequest", f"Service account {mail} does not exist.")


def _usable(role: dict[str, Any] | None) -> bool:
    return role is not None and not role.get("deleted")


@handles("iam.projects.roles.get")
def get_role(project: Project, call: Call) -> dict[str, Any]:
    found = project.roles.get(last(call.params["name"]))
    if found is None:
        raise Refused(404, "notFound", f"The role named {call.params['name']} was not found.")
    return {"name": call.params["name"], **found}


@handles("iam.projects.roles.create")
def create_role(project: Project, call: Call) -> dict[str, Any]:
    """The name of a role that was deleted stays taken: https://cloud.google.com/iam/docs/creating-custom-roles."""
    id = str(call.body["roleId"])
    if not re.fullmatch(r"[A-Za-z0-9_.]{3,64}", id):
        raise Refused(400, "badRequest", f"The role_id ({id}) must match [a-zA-Z0-9_.]{{3,64}}.")
    if (found := project.roles.get(id)) is not None:
        state = " in a deleted state" if found.get("deleted") else ""
        code, reason = (400, "failedPrecondition") if state else (409, "alreadyExists")
        raise Refused(code, reason, f"A role named {id} in projects/{PROJECT} already exists{state}.")
    project.roles[id] = dict(call.body["role"])
    return {"name": f"projects/{PROJECT}/roles/{id}", **project.roles[id]}


@handles("iam.projects.roles.undelete", "iam.projects.roles.patch")
def change_role(project: Project, call: Call) -> dict[str, Any]:
    found = get_role(project, call)
    if call.method.verb == "undelete":
        project.roles[last(found["name"])].pop("deleted", None)
    elif found.get("deleted"):
        raise Refused(400, "failedPrecondition", f"You can't update role_id ({last(found['name'])}): it is deleted.")
    else:
        project.roles[last(found["name"])] |= call.body
    return get_role(project, call)


@handles("cloudresourcemanager.projects.getIamPolicy")
def get_policy(project: Project, call: Call) -> dict[str, Any]:
    return {"version": 1, "etag": f"BwX{project.etag:05d}", "bindings": project.bindings}


@handles("cloudresourcemanager.projects.setIamPolicy")
def set_policy(project: Project, call: Call) -> dict[str, Any]:
    policy = call.body["policy"]
    if policy.get("etag") != f"BwX{project.etag:05d}":
        raise Refused(409, "aborted", "There were concurrent policy changes. Please retry the whole read-modify-write.")
    check_members(project, policy["bindings"])
    project.bindings, project.etag = policy["bindings"], project.etag + 1
    return get_policy(project, call)


@handles("cloudresourcemanager.projects.testIamPermissions")
def permissions(project: Project, call: Call) -> dict[str, Any]:
    return {"permissions": [one for one in call.body["permissions"] if project.permits(one)]}


@handles("dns.managedZones.testIamPermissions")
def permissions_in_zone(project: Project, call: Call) -> dict[str, Any]:
    """A zone that isn't there is refused; otherwise as of a project, whose roles hold in its zones."""
    name = last(call.params["resource"])
    if name not in project.zones:
        raise Refused(404, "notFound", f"The 'parameters.managedZone' resource named '{name}'")
    return permissions(project, call)


@handles("serviceusage.services.batchGet")
def enabled(project: Project, call: Call) -> dict[str, Any]:
    known = {f"{name}.googleapis.com" for name in project.services}
    return {
        "services": [
            {"name": name, "state": "ENABLED" if last(name) in known else "DISABLED"} for name in call.params["names"]
        ]
    }


@handles("dns.managedZones.list")
def zones(project: Project, call: Call) -> dict[str, Any]:
    wanted = call.params.get("dnsName")
    found = [
        {"name": name, "dnsName": one["dnsName"], "visibility": "public"}
        for name, one in project.zones.items()
        if wanted in (None, one["dnsName"])
    ]
    return {"managedZones": found}


@handles("dns.managedZones.get")
def get_zone(project: Project, call: Call) -> dict[str, Any]:
    found = _zone(project, call)
    return {"name": call.params["managedZone"], "dnsName": found["dnsName"], "visibility": "public",
            "nameServers": [f"ns-cloud-e{number}.googledomains.com." for number in range(1, 5)]}  # fmt: skip


@handles("dns.resourceRecordSets.list")
def record_sets(project: Project, call: Call) -> dict[str, Any]:
    sets = _zone(project, call)["rrsets"].values()
    return {"rrsets": [one for one in sets if call.params.get("name") in (None, one["name"])]}


@handles("dns.changes.create")
def change(project: Project, call: Call) -> dict[str, Any]:
    """All of it or nothing (https://cloud.google.com/dns/docs/reference/rest/v1/changes)."""
    zone = _zone(project, call)
    after = dict(zone["rrsets"])
    for one in call.body.get("deletions") or ():
        there = after.pop((one["name"], one["type"]), None)
        if there is None:
            raise Refused(
                404, "notFound", f"The 'entity.change.deletions' resource named '{one['name']}' was not found"
            )
        if any(there.get(key) != one.get(key) for key in ("ttl", "rrdatas")):
            raise Refused(412, "conditionNotMet", "Precondition not met for 'entity.change.deletions[0]'.")
    for one in call.body.get("additions") or ():
        if not one["name"].endswith(zone["dnsName"]):
            raise Refused(400, "invalidRecordName", f"{one['name']} is not in {zone['dnsName']}")
        if (one["name"], one["type"]) in after:
            raise Refused(409, "alreadyExists", f"The resource 'entity.change.additions' named '{one['name']}' exists")
        after[one["name"], one["type"]] = one
    zone["rrsets"] = after
    id = str(len(zone["changes"]) + 1)
    zone["changes"][id] = 0
    named = {name.rstrip("."): tuple(one["rrdatas"]) for (name, kind), one in after.items() if kind == "A"}
    project.machines.name(named)
    return {"id": id, "status": "pending"}


@handles("dns.changes.get")
def get_change(project: Project, call: Call) -> dict[str, Any]:
    zone, id = _zone(project, call), call.params["changeId"]
    zone["changes"][id] += 1
    return {"id": id, "status": "done" if zone["changes"][id] > project.lag.record else "pending"}


def _zone(project: Project, call: Call) -> dict[str, Any]:
    found = project.zones.get(call.params["managedZone"])
    if found is None:
        raise Refused(404, "notFound", f"The 'parameters.managedZone' resource named '{call.params['managedZone']}'")
    return found
