"""Which permissions each request needs, by the pages of the APIs' methods (section "IAM Permissions").

https://cloud.google.com/compute/docs/reference/rest/v1, https://cloud.google.com/iam/docs/permissions-reference
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.doubles.gcp.calls import Call

_VERBS = {"insert": "create", "aggregatedList": "list", "patch": "update", "batchGet": "get", "batchEnable": "enable",
          "wait": "get", "listInstances": "get", "listManagedInstances": "get", "resize": "update",
          "deleteInstances": "update", "setInstanceTemplate": "update"}  # fmt: skip
"""Methods whose permission has another verb."""
_COLLECTIONS = {"regionDisks": "disks", "networkFirewallPolicies": "firewallPolicies",
                "regionInstanceGroupManagers": "instanceGroupManagers",
                "regionInstanceTemplates": "instanceTemplates"}  # fmt: skip
"""Collections whose permissions are those of another."""
_SERVICES = {"cloudresourcemanager": "resourcemanager"}
_OF_NOBODY = {
    "cloudbilling.services.skus.list", "cloudresourcemanager.operations.get", "cloudresourcemanager.projects.list",
    "cloudresourcemanager.projects.testIamPermissions", "compute.projects.getXpnHost",
    "iamcredentials.projects.serviceAccounts.generateAccessToken", "sts.token",
    "cloudresourcemanager.projects.getEffectiveOrgPolicy", "serviceusage.operations.get", "oauth2.userinfo.get",
    "oslogin.users.getLoginProfile", "oslogin.users.importSshPublicKey", "oslogin.users.sshPublicKeys.delete",
}  # fmt: skip
"""What needs none in the project, or is checked by whoever answers it."""
_ON_NETWORK = {"compute.firewalls.insert", "compute.routers.insert", "compute.subnetworks.insert",
               "compute.firewalls.delete", "compute.firewalls.update", "compute.routers.delete"}  # fmt: skip
"""They need compute.networks.updatePolicy on their network, too."""

_WITH_TEMPLATE = {
    "compute.regionInstanceGroupManagers.insert",
    "compute.regionInstanceGroupManagers.setInstanceTemplate",
}


def needed(call: Call) -> Iterator[str]:
    """The permissions, such as compute.routers.create."""
    id = call.method.id
    if id in _OF_NOBODY:
        return
    if id == "compute.instances.bulkInsert":
        yield from _new_machines(call)
        return
    if id == "dns.changes.create":
        yield id
        for field, verb in (("additions", "create"), ("deletions", "delete")):
            if call.body.get(field):
                yield f"dns.resourceRecordSets.{verb}"
        return
    if id in _WITH_TEMPLATE:
        yield "compute.instanceTemplates.useReadOnly"
    if id == "compute.regionInstanceTemplates.insert" and call.body["properties"].get("serviceAccounts"):
        yield "iam.serviceAccounts.actAs"
    if id == "secretmanager.projects.secrets.addVersion":
        yield "secretmanager.versions.add"
        return
    collection, verb = _COLLECTIONS.get(call.method.collection, call.method.collection), call.method.verb
    service = id.partition(".")[0]
    yield f"{_SERVICES.get(service, service)}.{collection}.{_VERBS.get(verb, verb)}"
    if id in _ON_NETWORK:
        yield "compute.networks.updatePolicy"


def _new_machines(call: Call) -> Iterator[str]:
    """https://cloud.google.com/compute/docs/instances/create-start-instance: "Permissions required for this task"."""
    properties = call.body["instanceProperties"]
    for name in ("instances.create", "disks.create", "subnetworks.use"):
        yield f"compute.{name}"
    if any(one.get("accessConfigs") for one in properties["networkInterfaces"]):
        yield "compute.subnetworks.useExternalIp"
    for field, verb in (("metadata", "setMetadata"), ("labels", "setLabels"), ("tags", "setTags"),
                        ("serviceAccounts", "setServiceAccount")):  # fmt: skip
        if properties.get(field):
            yield f"compute.instances.{verb}"
    if properties.get("serviceAccounts"):
        yield "iam.serviceAccounts.actAs"
