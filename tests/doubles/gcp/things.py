"""What Compute Engine does with things that are made, listed and deleted by their names: networks, rules, balancers.

What needs what: https://cloud.google.com/compute/docs/reference/rest/v1 of each, under "delete".
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.doubles.cloud.machines import Opening
from tests.doubles.gcp.balancers import balance
from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Failed, Refused
from tests.doubles.gcp.lists import listed
from tests.doubles.gcp.project import PROJECT, REGION, Project

SIMPLE = ("networks", "subnetworks", "firewalls", "addresses", "forwardingRules", "regionBackendServices",
          "regionHealthChecks", "instanceGroups", "routers", "networkFirewallPolicies", "disks", "targetPools",
          "httpHealthChecks", "healthChecks", "regionInstanceTemplates")  # fmt: skip
LISTED = (*SIMPLE, "regionInstanceGroupManagers")
_QUOTA = {"networks": "NETWORKS", "firewalls": "FIREWALLS", "addresses": "STATIC_ADDRESSES",
          "forwardingRules": "FORWARDING_RULES"}  # fmt: skip
_HOST = "https://www.googleapis.com/compute/v1/projects"
_SPELLED = {"regionBackendServices": "backendServices", "regionHealthChecks": "healthChecks",
            "regionInstanceTemplates": "instanceTemplates",
            "regionInstanceGroupManagers": "instanceGroupManagers"}  # fmt: skip


@handles(*(f"compute.{kind}.{verb}" for kind in LISTED for verb in ("list", "aggregatedList")))
def list_things(project: Project, call: Call) -> dict[str, Any]:
    scope = None if call.method.verb == "aggregatedList" else call.scope
    return listed(call, project.of(call.method.collection, scope))


@handles(*(f"compute.{kind}.get" for kind in LISTED))
def get_thing(project: Project, call: Call) -> dict[str, Any]:
    return project.thing(*call.key(call.named))


@handles(*(f"compute.{kind}.insert" for kind in SIMPLE))
def insert(project: Project, call: Call) -> dict[str, Any]:
    key, kind = call.key(call.body["name"]), call.method.collection
    if key in project.things or key in project.reserved:
        where = f"projects/{PROJECT}/{call.scope}/{kind}/{key[2]}"
        raise Refused(409, "alreadyExists", f"The resource '{where}' already exists")
    if check := _INSERTS.get(kind):
        check(project, call)
    project.reserved.add(key)

    def done() -> None:
        if metric := _QUOTA.get(kind):
            limit = project.quotas.get(metric, 1e9)
            if len(project.of(kind)) + 1 > limit:
                raise Failed("QUOTA_EXCEEDED", f"Quota '{metric}' exceeded.  Limit: {limit}.")
        made = {**call.body, "id": project.number(), "selfLink": link(call, key[2])}
        if call.scope != "global":
            place = "zone" if "zone" in call.params else "region"
            made[place] = f"{_HOST}/{PROJECT}/{place}s/{call.scope}"
        if finish := _MADE.get(kind):
            finish(project, made)
        project.things[key] = _printed(made)
        _reach(project)

    return project.begin(call.method, key, done, str(call.params.get("requestId") or ""))


@handles("compute.firewalls.update", "compute.regionBackendServices.patch", "compute.networkFirewallPolicies.patch")
def update(project: Project, call: Call) -> dict[str, Any]:
    key = call.key(call.named)
    found = project.thing(*key)
    if call.method.collection == "networkFirewallPolicies" and call.body.get("fingerprint") != found["fingerprint"]:
        raise Refused(412, "conditionNotMet", "Supplied fingerprint does not match current metadata fingerprint.")
    for backend in call.body.get("backends") or ():
        project.thing("instanceGroups", backend["group"].split("/")[-3], last(backend["group"]))

    def done() -> None:
        if key in project.things:
            project.things[key] = _printed({**project.things[key], **call.body})
            _reach(project)

    return project.begin(call.method, key, done, str(call.params.get("requestId") or ""))


@handles(*(f"compute.{kind}.delete" for kind in SIMPLE), "compute.regionDisks.delete")
def delete(project: Project, call: Call) -> dict[str, Any]:
    key = call.key(call.named)
    found = project.thing(*key)

    def check() -> str:
        return next(_users(project, key[0], found), "")

    if (user := check()) and key[0] in ("networks", "subnetworks", "addresses", "regionInstanceTemplates"):
        message = f"The resource '{link(call, key[2])}' is already being used by '{user}'"
        raise Refused(400, "resourceInUseByAnotherResource", message)

    def done() -> None:
        if user := check():
            message = f"The resource '{link(call, key[2])}' is already being used by '{user}'"
            raise Failed("RESOURCE_IN_USE_BY_ANOTHER_RESOURCE", message)
        project.things.pop(key, None)
        _reach(project)

    return project.begin(call.method, key, done, str(call.params.get("requestId") or ""))


@handles("compute.instanceGroups.addInstances")
def add_instances(project: Project, call: Call) -> dict[str, Any]:
    group = project.thing(*call.key(call.params["instanceGroup"]))
    names = [last(one["instance"]) for one in call.body["instances"]]
    for name in names:
        project.thing("instances", call.scope, name)
        if any(name in one.get("members", ()) for one in project.of("instanceGroups")):
            raise Refused(400, "memberAlreadyExists", f"'{name}' is already a member of an instance group.")

    def done() -> None:
        group["members"] = [*group.get("members", ()), *names]
        card = project.thing("instances", call.scope, names[0])["networkInterfaces"][0]
        group["network"] = card["network"]
        balance(project)

    return project.begin(call.method, call.key(group["name"]), done, str(call.params.get("requestId") or ""))


@handles("compute.instanceGroups.listInstances")
def list_members(project: Project, call: Call) -> dict[str, Any]:
    group = project.thing(*call.key(call.params["instanceGroup"]))
    where = f"{_HOST}/{PROJECT}/zones/{call.scope}/instances"
    return {"items": [{"instance": f"{where}/{name}", "status": "RUNNING"} for name in group.get("members", ())]}


def link(call: Call, name: str) -> str:
    kind = _SPELLED.get(call.method.collection, call.method.collection)
    if call.scope == "global":
        return f"{_HOST}/{PROJECT}/global/{kind}/{name}"
    return f"{_HOST}/{PROJECT}/{'zones' if 'zone' in call.params else 'regions'}/{call.scope}/{kind}/{name}"


def _printed(found: dict[str, Any]) -> dict[str, Any]:
    """With the fingerprint of what it now is."""
    rest = {key: value for key, value in found.items() if key != "fingerprint"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).digest()[:8]
    return {**rest, "fingerprint": base64.b64encode(digest).decode()}


def _users(project: Project, kind: str, found: dict[str, Any]) -> Iterator[str]:
    """What keeps a thing from being deleted."""
    name = found["name"]
    if kind == "networks":
        for other in ("subnetworks", "firewalls", "instanceGroups", "routers"):
            yield from (one["name"] for one in project.of(other) if last(one.get("network")) == name)
    if kind in ("networks", "subnetworks"):
        field = kind[:-1]
        yield from (
            one["name"] for one in project.of("instances") if last(one["networkInterfaces"][0].get(field)) == name
        )
    if kind == "regionInstanceTemplates":
        managers = project.of("regionInstanceGroupManagers")
        yield from (one["name"] for one in managers if last(one["instanceTemplate"]) == name)
    if kind == "addresses":
        yield from (one["name"] for one in project.of("forwardingRules") if one.get("IPAddress") == found["address"])
        yield from (one["name"] for one in project.of("instances") if _public(one) == found["address"])
    if kind == "regionBackendServices":
        yield from (one["name"] for one in project.of("forwardingRules") if last(one.get("backendService")) == name)
    if kind == "targetPools":
        yield from (one["name"] for one in project.of("forwardingRules") if last(one.get("target")) == name)
    if kind == "httpHealthChecks":
        pools = project.of("targetPools")
        yield from (one["name"] for one in pools if name in map(last, one.get("healthChecks") or ()))
    if kind in ("regionHealthChecks", "healthChecks"):
        services = project.of("regionBackendServices")
        yield from (one["name"] for one in services if name in map(last, one["healthChecks"]))
    if kind == "instanceGroups":
        services = project.of("regionBackendServices")
        groups = ((one["name"], last(backend["group"])) for one in services for backend in one.get("backends") or ())
        yield from (service for service, group in groups if group == name)


def _public(instance: dict[str, Any]) -> str:
    ways = instance["networkInterfaces"][0].get("accessConfigs") or [{}]
    return str(ways[0].get("natIP", ""))


def _check_subnetwork(project: Project, call: Call) -> None:
    project.thing("networks", "global", last(call.body["network"]))
    mine = ipaddress.ip_network(call.body["ipCidrRange"])
    for other in project.of("subnetworks"):
        same = last(other["network"]) == last(call.body["network"])
        if same and mine.overlaps(ipaddress.ip_network(other["ipCidrRange"])):
            raise Refused(400, "invalid", f"Invalid IPCidrRange: {mine} conflicts with existing subnetwork.")


def _check_firewall(project: Project, call: Call) -> None:
    """https://cloud.google.com/firewall/docs/firewalls: a rule needs a source, and something that it allows."""
    project.thing("networks", "global", last(call.body["network"]))
    if not (call.body.get("sourceRanges") or call.body.get("sourceTags")):
        raise Refused(400, "invalid", "One of sourceRanges, sourceTags or sourceServiceAccounts is required.")
    if len(call.body.get("description", "")) > 2048 or not call.body.get("allowed"):
        raise Refused(400, "invalid", "Invalid value for field 'resource'.")


def _check_address(project: Project, call: Call) -> None:
    """An address that is asked for by its number has to be one that a machine of the region has for now."""
    wanted = call.body.get("address")
    if wanted and wanted not in map(_public, project.of("instances")):
        raise Refused(400, "invalid", f"Specified IP address {wanted} is not in use in the region.")


def _check_rule(project: Project, call: Call) -> None:
    if project.policies & {"compute.restrictLoadBalancerCreationForTypes"}:
        words = "Constraint constraints/compute.restrictLoadBalancerCreationForTypes violated for this project."
        raise Refused(412, "conditionNotMet", words)
    project.thing("regionBackendServices", REGION, last(call.body["backendService"]))
    project.thing("addresses", REGION, last(call.body["IPAddress"]))
    if not 1 <= len(call.body["ports"]) <= 5:
        raise Refused(400, "invalid", "Invalid value for field 'resource.ports': too many ports.")


def _check_backend(project: Project, call: Call) -> None:
    for check in call.body["healthChecks"]:
        project.thing("regionHealthChecks", REGION, last(check))


def _check_router(project: Project, call: Call) -> None:
    """A subnetwork's ranges are translated by one NAT alone (https://cloud.google.com/nat/docs/nat-product-interactions)."""
    network = last(call.body["network"])
    project.thing("networks", "global", network)
    others = (one for one in project.of("routers") if last(one["network"]) == network)
    if call.body.get("nats") and any(one.get("nats") for one in others):
        raise Refused(
            400, "invalid", "Invalid value for field 'resource.nats': the subnetworks are in use by another NAT."
        )


def _check_template(project: Project, call: Call) -> None:
    """https://cloud.google.com/compute/docs/instance-templates/create-instance-templates"""
    properties = call.body.get("properties")
    if not properties:
        raise Refused(400, "required", "Required field 'resource.properties' not specified")
    if "/" in str(properties.get("machineType", "/")):
        raise Refused(400, "invalid", "Invalid value for field 'resource.properties.machineType': a name is needed.")
    for field in ("disks", "networkInterfaces"):
        if not properties.get(field):
            raise Refused(400, "invalid", f"Invalid value for field 'resource.properties.{field}': at least one.")
    project.thing("subnetworks", REGION, last(properties["networkInterfaces"][0]["subnetwork"]))


_INSERTS: dict[str, Callable[[Project, Call], None]] = {
    "subnetworks": _check_subnetwork, "firewalls": _check_firewall, "addresses": _check_address,
    "forwardingRules": _check_rule, "regionBackendServices": _check_backend,
    "routers": _check_router, "regionInstanceTemplates": _check_template,
}  # fmt: skip


def _made_address(project: Project, made: dict[str, Any]) -> None:
    made.setdefault("address", project.next_address())
    made["status"] = "RESERVED"


def _made_rule(project: Project, made: dict[str, Any]) -> None:
    made["IPAddress"] = project.thing("addresses", REGION, last(made["IPAddress"]))["address"]


def _made_router(project: Project, made: dict[str, Any]) -> None:
    if made.get("nats"):
        project.nat_addresses[made["name"]] = project.next_address()


_MADE: dict[str, Callable[[Project, dict[str, Any]], None]] = {
    "addresses": _made_address, "forwardingRules": _made_rule, "routers": _made_router,
}  # fmt: skip


def _reach(project: Project) -> None:
    """Rules and balancers are for the machines, too, as they now are."""
    _protect(project)
    _lead_out(project)
    balance(project)


def _lead_out(project: Project) -> None:
    """Machines without an external address get out through Cloud NAT (https://cloud.google.com/nat/docs/overview)."""
    translated = {last(one["network"]): one["name"] for one in project.of("routers") if one.get("nats")}
    project.machines.lead_out(
        {
            one["ipCidrRange"]: project.nat_addresses[translated[last(one["network"])]]
            for one in project.of("subnetworks")
            if last(one["network"]) in translated
        }
    )


def _protect(project: Project) -> None:
    """What machines' firewalls let in: by the tags of those that may come."""
    groups: dict[str, list[Opening]] = {}
    for rule in project.of("firewalls"):
        for allowed in rule.get("allowed") or ():
            for ports in allowed.get("ports") or ("1-65535",):
                first, _, end = str(ports).partition("-")
                opening = Opening(
                    rule.get("description", "").partition(":")[0],
                    allowed["IPProtocol"],
                    int(first),
                    int(end or first),
                    tuple(rule.get("sourceTags") or ()),
                    tuple(rule.get("sourceRanges") or ()),
                )
                for tag in rule.get("targetTags") or ():
                    groups.setdefault(tag, []).append(opening)
    project.machines.protect({tag: tuple(openings) for tag, openings in groups.items()})
