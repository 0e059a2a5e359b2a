"""Service accounts of machines, and the roles that they have in the project."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms.gcp import custom_role, names

ROLES = {
    Role.MASTER: ("roles/compute.loadBalancerAdmin", "roles/compute.securityAdmin", "roles/compute.viewer"),
    Role.INFRA: (),
    Role.WORKER: (),
}
"""The fewest of Google's own roles that Kubernetes' cloud-provider-gcp gets by with: machines and zones looked at,
services of type LoadBalancer made, with their firewall rules. Infra nodes and workers may ask for nothing."""
_USER = "roles/iam.serviceAccountUser"
_ATTEMPTS = 5


def project_roles(plan: InstallPlan, project: str, role: Role) -> tuple[str, ...]:
    """What a role's machines are in the project: masters run the CSI driver where the plan has one."""
    volumes = role is Role.MASTER and plan.integration is not None
    return (*ROLES[role], *([custom_role.name(project)] if volumes else ()))


def usable(account: Account, mail: str, master: str) -> bool:
    """Whether masters may attach disks to machines that act as `mail`."""
    policy = account.ask("iam", "projects.serviceAccounts.getIamPolicy", resource=_path(account, mail))
    return _USER in _held(policy, master)


def let_use(account: Account, mail: str, master: str) -> None:
    """Let masters attach disks to machines that act as `mail`: changing those needs the right to act so, too."""
    path = _path(account, mail)
    policy = account.ask("iam", "projects.serviceAccounts.getIamPolicy", resource=path)
    policy["bindings"] = _rebound(policy.get("bindings") or [], master, (_USER,))
    account.ask("iam", "projects.serviceAccounts.setIamPolicy", resource=path, body={"policy": policy})


def _path(account: Account, mail: str) -> str:
    return f"projects/{account.project}/serviceAccounts/{mail}"


def email(plan: InstallPlan, project: str, role: Role) -> str:
    """The service account of a role's machines."""
    domain, _, name = project.rpartition(":")  # of a project that belongs to a domain
    return f"{names.tag(plan.name, role)}@{name}.{f'{domain}.' if domain else ''}iam.gserviceaccount.com"


def service_account(account: Account, mail: str) -> dict[str, Any] | None:
    """A service account by its address."""
    try:
        return account.ask("iam", "projects.serviceAccounts.get", name=_path(account, mail))
    except GcpError as error:
        if not error.missing:
            raise
        return None


def remove(account: Account, mail: str) -> None:
    """Take its roles away, then delete it: roles of what is gone would stay in the project's policy."""
    bind(account, mail, ())
    try:
        account.ask("iam", "projects.serviceAccounts.delete", name=_path(account, mail))
    except GcpError as error:
        if not error.missing:
            raise


def lacking(account: Account, mail: str, wanted: Iterable[str]) -> list[str]:
    if not wanted:
        return []
    policy = account.ask("cloudresourcemanager", "projects.getIamPolicy", resource=account.project, body={})
    return sorted(set(wanted) - set(_held(policy, mail)))


def _held(policy: dict[str, Any], mail: str) -> list[str]:
    member = _member(mail)
    return [
        str(one["role"])
        for one in policy.get("bindings") or ()
        if not one.get("condition") and any(member.fullmatch(str(name)) for name in one.get("members") or ())
    ]


def bind(account: Account, mail: str, wanted: tuple[str, ...]) -> None:
    """Give an account exactly these roles. Raises GcpError.

    The policy is the whole project's: it is written only if nobody else changed it since it was read (its `etag`).
    """
    for attempt in range(_ATTEMPTS):
        policy = account.ask("cloudresourcemanager", "projects.getIamPolicy", resource=account.project,
                             body={"options": {"requestedPolicyVersion": 3}})  # fmt: skip
        if set(_held(policy, mail)) == set(wanted):
            return
        policy["bindings"] = _rebound(policy.get("bindings") or [], mail, wanted)
        try:
            account.ask("cloudresourcemanager", "projects.setIamPolicy", resource=account.project,
                        body={"policy": policy})  # fmt: skip
            return
        except GcpError as error:
            if not error.changed_meanwhile or attempt == _ATTEMPTS - 1:
                raise


def _rebound(bindings: list[dict[str, Any]], mail: str, wanted: tuple[str, ...]) -> list[dict[str, Any]]:
    """The bindings without the account, also one of its name that is gone, then with it where it is wanted."""
    member, found = _member(mail), []
    for one in bindings:
        others = [name for name in one.get("members") or () if not member.fullmatch(str(name))]
        if one["role"] in wanted and not one.get("condition"):
            others.append(f"serviceAccount:{mail}")
        if others:
            found.append({**one, "members": others})
    there = {one["role"] for one in found if not one.get("condition")}
    found += [{"role": role, "members": [f"serviceAccount:{mail}"]} for role in wanted if role not in there]
    return found


def _member(mail: str) -> re.Pattern[str]:
    return re.compile(rf"(deleted:)?serviceAccount:{re.escape(mail)}(\?uid=[0-9]+)?")
