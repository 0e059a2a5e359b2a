"""The APIs that a cluster needs in its project: which are switched off, and switching them on for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Sequence

from installer.accounts.gcp.account import Account, last
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp

_WAIT, _LOOK_EVERY = 180.0, 2.0
"""Seconds: Google takes a minute or two, and says nothing meanwhile."""


def needed(plan: InstallPlan) -> tuple[str, ...]:
    """The APIs, as `gcloud services` calls them."""
    names = ["compute", "iam", "cloudresourcemanager"]
    if plan.settings_of(Gcp).dns == "cloud-dns":
        names.append("dns")
    if plan.worker_pool:
        names.append("secretmanager")
    return tuple(f"{name}.googleapis.com" for name in names)


def switched_off(account: Account, plan: InstallPlan) -> tuple[str, ...]:
    """Those of them that the project has not enabled. Raises InstallerError."""
    place = f"projects/{account.project}"
    names = [f"{place}/services/{name}" for name in needed(plan)]
    listed = account.ask("serviceusage", "services.batchGet", parent=place, names=names)
    return tuple(last(one["name"]) for one in listed.get("services") or () if one.get("state") != "ENABLED")


def switch_on(account: Account, names: Sequence[str]) -> None:
    """Enable APIs in the project, and wait until Google has. Raises InstallerError."""
    operation = account.ask(
        "serviceusage", "services.batchEnable", parent=f"projects/{account.project}", body={"serviceIds": list(names)}
    )
    deadline = Deadline(_WAIT)
    while not operation.get("done"):
        if not deadline.left:
            raise InstallerError(
                "enable the APIs",
                f"Google has not enabled {', '.join(names)} within {_WAIT:.0f} s",
                hint="It may still do so: run the command again in some minutes.",
                exit_code=ExitCode.PREFLIGHT,
            )
        time.sleep(_LOOK_EVERY)
        operation = account.ask("serviceusage", "operations.get", name=operation["name"])
    if refused := operation.get("error"):
        raise InstallerError(
            "enable the APIs",
            str(refused.get("message", "Google gives no reason")),
            hint=f"Enable them yourself: gcloud services enable {' '.join(names)} --project {account.project}.",
            exit_code=ExitCode.PREFLIGHT,
        )
