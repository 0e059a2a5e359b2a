"""OS Login: profiles of those who log in, with their POSIX accounts and keys, whatever project they are for.

https://cloud.google.com/compute/docs/oslogin/rest/v1/users, https://cloud.google.com/compute/docs/oslogin/set-up-oslogin
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from tests.doubles.gcp.calls import Call, handles
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import PROJECT, Project

CONSTRAINT = "compute.requireOsLogin"
_ADMIN = "compute.instances.osAdminLogin"


@handles("oslogin.users.getLoginProfile")
def get_profile(project: Project, call: Call) -> dict[str, Any]:
    """A user of whom nothing is known yet has an empty one."""
    user = _user(project, call.params["name"])
    return {"name": user, **project.profiles.get(user, {})}


@handles("oslogin.users.importSshPublicKey")
def import_key(project: Project, call: Call) -> dict[str, Any]:
    """The first key makes a POSIX account for the project, if there is none."""
    user = _user(project, call.params["parent"])
    if call.params.get("projectId", PROJECT) != PROJECT:
        raise Refused(403, "forbidden", "The caller does not have permission")
    key = str(call.body.get("key", "")).strip()
    try:
        fingerprint = hashlib.sha256(base64.b64decode(key.split()[1], validate=True)).hexdigest()
    except (IndexError, binascii.Error):
        raise Refused(400, "badRequest", "Invalid SSH public key.") from None
    found = project.profiles.setdefault(user, {"posixAccounts": [], "sshPublicKeys": {}})
    found["sshPublicKeys"][fingerprint] = {
        "key": key, "fingerprint": fingerprint, "name": f"users/{user}/sshPublicKeys/{fingerprint}",
    }  # fmt: skip
    if not found["posixAccounts"]:
        number = 3_000_000_000 + len(project.profiles)
        name = posix_name(user)
        found["posixAccounts"] = [{
            "primary": True, "username": name, "uid": str(number), "gid": str(number), "homeDirectory": f"/home/{name}",
            "operatingSystemType": "LINUX", "accountId": PROJECT,
        }]  # fmt: skip
    return {"loginProfile": get_profile(project, Call(call.method, {"name": f"users/{user}"}, {}))}


@handles("oslogin.users.sshPublicKeys.delete")
def delete_key(project: Project, call: Call) -> dict[str, Any]:
    user, _, fingerprint = call.params["name"].removeprefix("users/").partition("/sshPublicKeys/")
    keys = project.profiles.get(_user(project, f"users/{user}"), {}).get("sshPublicKeys", {})
    if keys.pop(fingerprint, None) is None:
        raise Refused(404, "notFound", f"SSH public key {fingerprint} not found.")
    return {}


@handles("oauth2.userinfo.get")
def who(project: Project, call: Call) -> dict[str, Any]:
    """https://developers.google.com/identity/openid-connect/openid-connect: for tokens that may see the address."""
    return {"id": "1", "email": project.user} if project.user else {"id": "1"}


def posix_name(user: str) -> str:
    """Service accounts are `sa_` and their number; people are their whole address."""
    if user.endswith("gserviceaccount.com"):
        return f"sa_{int(hashlib.sha256(user.encode()).hexdigest()[:16], 16)}"
    return re.sub(r"[^a-z0-9]", "_", user.lower())[:32]


def on(project: Project, metadata: dict[str, str]) -> bool:
    """Whether OS Login is on for a machine: its own metadata counts more than the project's."""
    return {**project.metadata, **metadata}.get("enable-oslogin", "").upper() == "TRUE"


def check_metadata(project: Project, metadata: dict[str, str]) -> None:
    """https://cloud.google.com/compute/docs/oslogin/manage-oslogin-in-an-org: policy can't be turned off."""
    if CONSTRAINT in project.policies and metadata.get("enable-oslogin", "TRUE").upper() != "TRUE":
        words = f"Constraint constraints/{CONSTRAINT} violated for project {PROJECT}. enable-oslogin can't be FALSE."
        raise Refused(412, "conditionNotMet", words)


def admins(project: Project) -> dict[str, list[str]]:
    """Keys by POSIX account of those who may log in and use sudo: the caller alone has roles in the project."""
    if not project.permits(_ADMIN):
        return {}
    return {
        one["posixAccounts"][0]["username"]: [key["key"] for key in one["sshPublicKeys"].values()]
        for one in project.profiles.values()
    }


def _user(project: Project, name: str) -> str:
    """The user of a path. Everybody sees and changes their own profile alone."""
    user = name.removeprefix("users/")
    if user != project.user:
        raise Refused(403, "forbidden", f"The caller does not have permission to act on users/{user}.")
    return user
