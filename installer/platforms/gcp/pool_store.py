"""The secret of a worker pool in Secret Manager, which the workers' service account alone may read.

What was just written under `latest` may take minutes to show; a version that is asked for by its number does not
("Data integrity assurance and consistency").
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from installer.accounts.gcp.account import Account, last
from installer.accounts.gcp.errors import GcpError
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms.clouds.pool_bundle import Held, parse
from installer.platforms.gcp import names
from installer.platforms.gcp.service_accounts import email

NEWEST = "latest"
"""What machines ask for, again and again until it is what they were told to expect."""
_READER = "roles/secretmanager.secretAccessor"
_PAGE = 100
_DESTROYED = "FAILED_PRECONDITION"


def path(account: Account, cluster: str) -> str:
    return f"projects/{account.project}/secrets/{names.secret_name(cluster)}"


def exists(account: Account, cluster: str) -> bool:
    """Whether the secret is there. Raises GcpError."""
    try:
        account.ask("secretmanager", "projects.secrets.get", name=path(account, cluster))
    except GcpError as error:
        if not error.missing:
            raise
        return False
    return True


def read(account: Account, cluster: str, version: int | None) -> Held | None:
    """What a version holds, or else the newest that isn't destroyed; None if there is none. Raises GcpError."""
    where = path(account, cluster)
    try:
        number = version or max(_alive(account, where), default=0)
        if not number:
            return None
        name = f"{where}/versions/{number}"
        answer = account.ask("secretmanager", "projects.secrets.versions.access", name=name)
    except GcpError as error:
        if not error.missing and error.code != _DESTROYED:
            raise
        return None
    return held_in(str(answer["payload"]["data"]))


def held_in(data: str) -> Held:
    """What a version's data says; an empty one for what Craton didn't write."""
    try:
        return parse(base64.b64decode(data, validate=True).decode())
    except ValueError:
        return Held("")


def write(account: Account, plan: InstallPlan, held: Held) -> int:
    """Make the secret, or give it another version, and destroy earlier ones. Return its number. Raises GcpError."""
    where = path(account, plan.name)
    _let_read(account, plan, where)
    payload = {"data": base64.b64encode(held.text.encode()).decode()}
    made = account.ask("secretmanager", "projects.secrets.addVersion", parent=where, body={"payload": payload})
    number = int(last(made["name"]))
    for version in _alive(account, where):
        if version < number:
            name = f"{where}/versions/{version}"
            account.ask("secretmanager", "projects.secrets.versions.destroy", name=name, body={})
    return number


def delete(account: Account, cluster: str) -> None:
    """At once, with all versions. No error for one that is gone. Raises GcpError."""
    try:
        account.ask("secretmanager", "projects.secrets.delete", name=path(account, cluster))
    except GcpError as error:
        if not error.missing:
            raise


def _let_read(account: Account, plan: InstallPlan, where: str) -> None:
    """The secret is there, and the workers' service account is all that has a role on it."""
    try:
        policy = account.ask("secretmanager", "projects.secrets.getIamPolicy", resource=where)
    except GcpError as error:
        if not error.missing:
            raise
        _create(account, plan)
        policy = account.ask("secretmanager", "projects.secrets.getIamPolicy", resource=where)
    member = f"serviceAccount:{email(plan, account.project, Role.WORKER)}"
    wanted = [{"role": _READER, "members": [member]}]
    if policy.get("bindings") != wanted:
        changed: dict[str, Any] = {"policy": {"bindings": wanted, "etag": policy.get("etag", "")}}
        account.ask("secretmanager", "projects.secrets.setIamPolicy", resource=where, body=changed)


def _create(account: Account, plan: InstallPlan) -> None:
    """In the cluster's region alone, as everything of it."""
    replicas = [{"location": account.region}]
    body = {"replication": {"userManaged": {"replicas": replicas}}, "labels": names.labels(plan)}
    where = {"parent": f"projects/{account.project}", "secretId": names.secret_name(plan.name)}
    try:
        account.ask("secretmanager", "projects.secrets.create", body=body, **where)
    except GcpError as error:
        if not error.exists:
            raise


def _alive(account: Account, where: str) -> Iterator[int]:
    """Versions that can still be read, for each of which Google wants money."""
    answer = account.ask(
        "secretmanager", "projects.secrets.versions.list", parent=where, filter="state:ENABLED", pageSize=_PAGE
    )
    for one in answer.get("versions") or ():
        yield int(last(one["name"]))
