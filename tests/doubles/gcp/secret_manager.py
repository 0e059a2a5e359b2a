"""Secret Manager: versions that don't change, and one policy for each secret.

https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets, and "Quotas and limits"
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.gcp.calls import Call, handles, last
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import PROJECT, Project
from tests.doubles.gcp.services import check_members

READER = "roles/secretmanager.secretAccessor"
_MOST = 65_536
"""Bytes of a version."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass
class Version:
    data: str
    state: str = "ENABLED"


@dataclass
class Secret:
    document: dict[str, Any]
    versions: dict[int, Version] = field(default_factory=dict)
    bindings: list[dict[str, Any]] = field(default_factory=list)
    etag: int = 0
    behind: int = 0
    """How many more looks at `latest` find the version before it."""


@handles("secretmanager.projects.secrets.create")
def create(project: Project, call: Call) -> dict[str, Any]:
    id = str(call.params.get("secretId") or "")
    if not _ID.fullmatch(id) or not call.body.get("replication"):
        raise Refused(400, "INVALID_ARGUMENT", "The secretId or the replication is missing or malformed.")
    if id in project.secrets:
        raise Refused(409, "ALREADY_EXISTS", f"Secret [projects/{PROJECT}/secrets/{id}] already exists.")
    project.secrets[id] = Secret({**call.body, "name": f"projects/1/secrets/{id}"})
    return project.secrets[id].document  # type: ignore[no-any-return]


@handles("secretmanager.projects.secrets.get")
def get(project: Project, call: Call) -> dict[str, Any]:
    return _secret(project, call.params["name"]).document


@handles("secretmanager.projects.secrets.delete")
def delete(project: Project, call: Call) -> dict[str, Any]:
    _secret(project, call.params["name"])
    del project.secrets[last(call.params["name"])]
    return {}


@handles("secretmanager.projects.secrets.getIamPolicy")
def get_policy(project: Project, call: Call) -> dict[str, Any]:
    found = _secret(project, call.params["resource"])
    return {"version": 1, "etag": f"BwS{found.etag:05d}", **({"bindings": found.bindings} if found.bindings else {})}


@handles("secretmanager.projects.secrets.setIamPolicy")
def set_policy(project: Project, call: Call) -> dict[str, Any]:
    found, policy = _secret(project, call.params["resource"]), call.body["policy"]
    if policy.get("etag") and policy["etag"] != f"BwS{found.etag:05d}":
        raise Refused(409, "ABORTED", "There were concurrent policy changes. Please retry the whole operation.")
    check_members(project, policy["bindings"])
    found.bindings, found.etag = policy["bindings"], found.etag + 1
    return get_policy(project, call)


@handles("secretmanager.projects.secrets.addVersion")
def add_version(project: Project, call: Call) -> dict[str, Any]:
    found = _secret(project, call.params["parent"])
    data = (call.body.get("payload") or {}).get("data", "")
    try:
        size = len(base64.b64decode(data, validate=True))
    except binascii.Error:
        size = 0
    if not 0 < size <= _MOST:
        raise Refused(400, "INVALID_ARGUMENT", f"The payload has to have from 1 to {_MOST} bytes.")
    number = len(found.versions) + 1
    found.versions[number] = Version(data)
    found.behind = project.lag.latest if number > 1 else 0
    return {"name": f"{found.document['name']}/versions/{number}", "state": "ENABLED"}


@handles("secretmanager.projects.secrets.versions.access")
def access(project: Project, call: Call) -> dict[str, Any]:
    """`latest` may be late ("Data integrity assurance and consistency")."""
    secret, _, asked = str(call.params["name"]).rpartition("/versions/")
    found = _secret(project, secret)
    number = len(found.versions) if asked == "latest" else int(asked)
    if asked == "latest" and found.behind:
        found.behind, number = found.behind - 1, number - 1
    version = _version(found, number)
    if version.state != "ENABLED":
        raise Refused(400, "FAILED_PRECONDITION", f"Secret Version [{number}] is in {version.state} state.")
    return {"name": f"{found.document['name']}/versions/{number}", "payload": {"data": version.data}}


@handles("secretmanager.projects.secrets.versions.list")
def list_versions(project: Project, call: Call) -> dict[str, Any]:
    found, chosen = _secret(project, call.params["parent"]), str(call.params.get("filter") or "")
    if chosen not in ("", "state:ENABLED"):
        raise Refused(501, "notImplemented", f"The double has no filter {chosen}.")
    every = ((number, one) for number, one in sorted(found.versions.items(), reverse=True)
             if not chosen or one.state == "ENABLED")  # fmt: skip
    return {"versions": [{"name": f"{found.document['name']}/versions/{number}", "state": one.state}
                         for number, one in every]}  # fmt: skip


@handles("secretmanager.projects.secrets.versions.destroy")
def destroy_version(project: Project, call: Call) -> dict[str, Any]:
    secret, _, number = str(call.params["name"]).rpartition("/versions/")
    version = _version(_secret(project, secret), int(number))
    if version.state == "DESTROYED":
        raise Refused(400, "FAILED_PRECONDITION", f"Secret Version [{number}] is in DESTROYED state.")
    version.state, version.data = "DESTROYED", ""
    return {"name": call.params["name"], "state": version.state}


def may_read(project: Project, mail: str, call: Call) -> bool:
    """Whether a service account may make a call: those of machines may read what they have the role for."""
    if call.method.id != "secretmanager.projects.secrets.versions.access":
        return False
    found = project.secrets.get(str(call.params["name"]).split("/")[3])
    bindings = found.bindings if found else []
    return any(one["role"] == READER and f"serviceAccount:{mail}" in one["members"] for one in bindings)


def _secret(project: Project, path: Any) -> Secret:
    parts = str(path).split("/")
    found = project.secrets.get(parts[3]) if parts[1] in (PROJECT, "1") else None
    if found is None:
        raise Refused(404, "NOT_FOUND", f"Secret [{path}] not found.")
    return found  # type: ignore[no-any-return]


def _version(secret: Secret, number: int) -> Version:
    if number not in secret.versions:
        raise Refused(404, "NOT_FOUND", f"Secret Version [{number}] not found or has no versions.")
    return secret.versions[number]
