"""The role in the project by which the CSI driver makes disks and attaches them: none of Google's own is as narrow.

All clusters of a project share it, and it stays when they go: Google keeps the name of a deleted role taken for 37 days
("Delete a custom role").
"""

from __future__ import annotations

from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError

ID = "craton.volumes"
PERMISSIONS = (
    "compute.disks.create", "compute.disks.delete", "compute.disks.resize", "compute.disks.setLabels",
    "compute.disks.update", "compute.disks.use", "compute.disks.useReadOnly", "compute.instances.attachDisk",
    "compute.instances.detachDisk",
)  # fmt: skip
"""What gcp-compute-persistent-disk-csi-driver needs besides roles/compute.viewer, without snapshots and images: of
roles/compute.storageAdmin and the custom role of its `deploy/`, which it asks for, the part about disks."""


def name(project: str) -> str:
    return f"projects/{project}/roles/{ID}"


def _create(account: Account, role: dict[str, Any]) -> None:
    """Make it. Another cluster's install may have been there first."""
    body = {"roleId": ID, "role": role}
    try:
        account.ask("iam", "projects.roles.create", parent=f"projects/{account.project}", body=body)
    except GcpError as error:
        if not error.exists:
            raise


def ensure(account: Account) -> None:
    """The role is there, with all of these permissions. Raises GcpError."""
    role = {
        "title": "Craton: volumes of Kubernetes",
        "description": "What the CSI driver of persistent disks may do on masters of clusters that Craton makes.",
        "includedPermissions": list(PERMISSIONS),
        "stage": "GA",
    }
    path = name(account.project)
    try:
        found = account.ask("iam", "projects.roles.get", name=path)
    except GcpError as error:
        if not error.missing:
            raise
        _create(account, role)
        return
    if found.get("deleted"):
        account.ask("iam", "projects.roles.undelete", name=path, body={})
    if not set(PERMISSIONS) <= set(found.get("includedPermissions") or ()):
        account.ask("iam", "projects.roles.patch", name=path, body=role)
