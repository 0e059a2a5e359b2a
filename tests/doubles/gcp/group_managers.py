"""Managed instance groups of a region: their machines come and go after the answer, each as its template says.

https://cloud.google.com/compute/docs/instance-groups/regional-migs, ".../working-with-managed-instances",
https://cloud.google.com/compute/docs/reference/rest/v1/regionInstanceGroupManagers
"""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from typing import Any

from tests.doubles.gcp import instances
from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Failed, Refused
from tests.doubles.gcp.lists import page
from tests.doubles.gcp.project import PROJECT, REGION, ZONES, Member, Project
from tests.doubles.gcp.things import link

_KIND, _TEMPLATES = "regionInstanceGroupManagers", "regionInstanceTemplates"
_BASE = re.compile(r"[a-z][-a-z0-9]{0,57}")
_MOST = 1000
"""Instances that one request may name."""
_LETTERS = string.ascii_lowercase + string.digits


@handles("compute.regionInstanceGroupManagers.insert")
def insert(project: Project, call: Call) -> dict[str, Any]:
    key = call.key(call.body["name"])
    if key in project.things or key in project.reserved:
        where = f"projects/{PROJECT}/regions/{REGION}/instanceGroupManagers/{key[2]}"
        raise Refused(409, "alreadyExists", f"The resource '{where}' already exists")
    _check_group(project, call.body)
    project.reserved.add(key)

    def done() -> None:
        limit = project.quotas["REGIONAL_INSTANCE_GROUP_MANAGERS"]
        if len(project.of(_KIND)) + 1 > limit:
            raise Failed("QUOTA_EXCEEDED", f"Quota 'REGIONAL_INSTANCE_GROUP_MANAGERS' exceeded.  Limit: {limit}.")
        where = {"id": project.number(), "selfLink": link(call, key[2]), "region": _region()}
        project.things[key] = {"baseInstanceName": key[2][:58], **call.body, **where}
        project.members[key[2]] = []
        # Google lists the machines of the group as an instance group of its own making, too.
        words = f"This instance group is controlled by Regional Instance Group Manager '{key[2]}'."
        project.things["instanceGroups", REGION, key[2]] = {"name": key[2], "description": words, **where}
        keep_sizes(project)

    return project.begin(call.method, key, done, str(call.params.get("requestId") or ""))


@handles("compute.regionInstanceGroupManagers.setInstanceTemplate")
def set_template(project: Project, call: Call) -> dict[str, Any]:
    group = _group(project, call)
    _check_template(project, call.body.get("instanceTemplate"))

    def done() -> None:
        group["instanceTemplate"] = call.body["instanceTemplate"]

    return project.begin(call.method, call.key(call.named), done, str(call.params.get("requestId") or ""))


@handles("compute.regionInstanceGroupManagers.resize")
def resize(project: Project, call: Call) -> dict[str, Any]:
    """What is too much goes, whichever it is: the group knows no pods."""
    group, size = _group(project, call), int(call.params["size"])
    if size < 0:
        raise Refused(400, "invalid", "Invalid value for field 'size': it must not be negative.")

    def done() -> None:
        group["targetSize"] = size
        staying = [one for one in project.members[group["name"]] if not one.going]
        for one in staying[size:]:
            one.going = True

    return project.begin(call.method, call.key(group["name"]), done, str(call.params.get("requestId") or ""))


@handles("compute.regionInstanceGroupManagers.deleteInstances")
def delete_instances(project: Project, call: Call) -> dict[str, Any]:
    """Done as soon as it is noted: the machines go later ("deleteInstances" in the reference)."""
    group, links = _group(project, call), call.body.get("instances") or []
    if not 1 <= len(links) <= _MOST:
        raise Refused(400, "invalid", "Invalid value for field 'instances': from 1 to 1000 are allowed.")
    known = {(one.zone, one.name): one for one in project.members[group["name"]] if not one.going}
    chosen = []
    for one in links:
        parts = one.split("/")
        if len(parts) < 4 or parts[-4] != "zones" or parts[-2] != "instances":
            raise Refused(400, "invalid", f"Invalid value for field 'instances': '{one}' is no link of an instance.")
        member = known.get((parts[-3], parts[-1]))
        if member is not None:
            chosen.append(member)
        elif not call.body.get("skipInstancesOnValidationError"):
            words = f"The instance '{one}' is not a member of instance group '{group['name']}'."
            raise Refused(400, "invalid", f"Invalid value for field 'instances': {words}")

    def done() -> None:
        for one in chosen:
            if not one.going:
                one.going = True
                group["targetSize"] -= 1

    return project.begin(call.method, call.key(group["name"]), done, str(call.params.get("requestId") or ""))


@handles("compute.regionInstanceGroupManagers.delete")
def delete(project: Project, call: Call) -> dict[str, Any]:
    """It is done once the group's machines are gone."""
    group = _group(project, call)
    key = call.key(group["name"])
    project.leaving.add(group["name"])
    for one in project.members[group["name"]]:
        one.going = True
        _stop(project, one)

    def done() -> None:
        for one in project.members.pop(group["name"]):
            if found := project.things.get(("instances", one.zone, one.name)):
                instances.end(project, found)
        project.leaving.discard(group["name"])
        project.things.pop(key, None)
        project.things.pop(("instanceGroups", REGION, group["name"]), None)

    return project.begin(call.method, key, done, str(call.params.get("requestId") or ""))


@handles("compute.regionInstanceGroupManagers.listManagedInstances")
def list_members(project: Project, call: Call) -> dict[str, Any]:
    group = project.thing(*call.key(call.params["instanceGroupManager"]))
    keep_sizes(project)
    if call.params.get("pageToken") and group.get("listManagedInstancesResults") != "PAGINATED":
        raise Refused(400, "invalid", "Invalid value for field 'pageToken': the group's results have no pages.")
    items, more = page(call, [_shown(project, one) for one in project.members[group["name"]]])
    return {"managedInstances": items, **more}


def keep_sizes(project: Project) -> None:
    """Each look finds groups nearer to what they want: machines end, are repaired, and are made."""
    for group in project.of(_KIND):
        members = project.members[group["name"]]
        for one in list(members):
            found = project.things.get(("instances", one.zone, one.name))
            if one.going and one.seen and found is None:
                members.remove(one)
            elif one.going and one.seen:
                _stop(project, one)
            one.seen = one.seen or one.going  # for one look, a machine that is to go still runs
            if not one.going and found is None:
                _make(project, group, one)
        missing = int(group["targetSize"]) - sum(not one.going for one in members)
        if group["name"] in project.leaving:
            continue
        for _ in range(missing):
            one = Member(_new_name(group, members), "")
            members.append(one)
            _make(project, group, one)


def _make(project: Project, group: dict[str, Any], one: Member) -> None:
    """In the zone that it had, or else in the emptiest that has room. What goes wrong is tried again."""
    if group["name"] in project.leaving:
        return
    template = project.thing(_TEMPLATES, REGION, last(group["instanceTemplate"]))
    properties = template["properties"]
    used = Counter(other.zone for other in project.members[group["name"]])
    zones = [last(each["zone"]) for each in group["distributionPolicy"]["zones"]]
    for zone in [one.zone] if one.made else sorted(zones, key=lambda each: used[each]):
        one.zone = zone
        try:
            instances.check_launch(project, zone, properties, 1)
        except (Failed, Refused) as error:
            one.errors = [{"code": getattr(error, "code", "") or error.reason, "message": error.message}]  # type: ignore[union-attr]
            continue
        instances.make(project, zone, one.name, properties)
        one.errors, one.made = [], True
        return


def _stop(project: Project, one: Member) -> None:
    if found := project.things.get(("instances", one.zone, one.name)):
        instances.stop(project, found)


def _shown(project: Project, one: Member) -> dict[str, Any]:
    found = project.things.get(("instances", one.zone, one.name))
    action = "DELETING" if one.going else "NONE" if found else "CREATING"
    return {
        "name": one.name, "instance": f"{instances.HOST}/{PROJECT}/zones/{one.zone}/instances/{one.name}",
        "currentAction": action, **({"id": found["id"], "instanceStatus": found["status"]} if found else {}),
        **({"lastAttempt": {"errors": {"errors": one.errors}}} if one.errors else {}),
    }  # fmt: skip


def _group(project: Project, call: Call) -> dict[str, Any]:
    """Raises Refused if it isn't there, or on its way out."""
    found = project.thing(*call.key(call.params["instanceGroupManager"]))
    if found["name"] in project.leaving:
        raise Refused(400, "resourceNotReady", f"The resource '{found['selfLink']}' is not ready")
    return found


def _check_group(project: Project, body: dict[str, Any]) -> None:
    if bool(body.get("instanceTemplate")) == bool(body.get("versions")):
        raise Refused(400, "invalid", "Invalid value for field 'resource.instanceTemplate': one template is needed.")
    _check_template(project, body.get("instanceTemplate"))
    if not _BASE.fullmatch(body.get("baseInstanceName") or body["name"]):
        raise Refused(400, "invalid", "Invalid value for field 'resource.baseInstanceName'.")
    policy, update = body.get("distributionPolicy") or {}, body.get("updatePolicy") or {}
    zones = [last(one["zone"]) for one in policy.get("zones") or ()]
    if not zones or set(zones) - set(ZONES) or len(set(zones)) < len(zones):
        raise Refused(400, "invalid", "Invalid value for field 'resource.distributionPolicy.zones'.")
    if policy.get("targetShape", "EVEN") != "EVEN" and update.get("instanceRedistributionType") != "NONE":
        words = "Proactive instance redistribution is only supported for the target shape EVEN."
        raise Refused(400, "invalid", f"Invalid value for field 'resource.updatePolicy': {words}")
    surge = (update.get("maxSurge") or {}).get("fixed")
    if surge and surge < len(zones):
        words = "Fixed updatePolicy.maxSurge for regional managed instance group has to be either 0 or at least "
        raise Refused(400, "invalid", f"Invalid value for field 'resource.updatePolicy': {words}{len(zones)}.")


def _check_template(project: Project, link: Any) -> None:
    if "/regions/" not in str(link):
        raise Refused(501, "notImplemented", "The double has regional instance templates alone.")
    project.thing(_TEMPLATES, REGION, last(link))


def _new_name(group: dict[str, Any], members: list[Member]) -> str:
    taken = {one.name for one in members}
    while (name := f"{group['baseInstanceName']}-{''.join(random.choices(_LETTERS, k=4))}") in taken:
        continue
    return name


def _region() -> str:
    return f"{instances.HOST}/{PROJECT}/regions/{REGION}"
