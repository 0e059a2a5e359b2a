"""A cluster that this computer knows nothing of: as much of its plan as its marks say, which a destroy needs."""

from __future__ import annotations

from installer.accounts.gcp.account import Account
from installer.cluster.dns.cloud_dns import CloudDns
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.platforms.gcp import names
from installer.platforms.gcp.names import Mark

_ANYBODY = "0.0.0.0/0"


def plan_of(place: str) -> InstallPlan:
    """The plan of PROJECT/REGION/NAME: its name, subdomain and who made its records are true, the rest is the least.

    Raises InstallerError (usage) if nothing there has the cluster's mark.
    """
    words = place.split("/")
    if len(words) != 3 or not all(words):
        raise _usage(f"gcp://{place} names no cluster")
    project, region, name = words
    account = Account(project, region)
    try:
        mark = _mark(account, name, region)
        if mark is None:
            raise _usage(f"nothing in {project} has the mark of a cluster {name} in {region}")
        # Its router has to go before the network.
        nat = any(True for _ in account.pages("routers", filter=names.marked(name, region), region=region))
        plan = _smallest(project, mark, "cloud-dns", nat=nat)
        return plan if CloudDns(account, names.published(plan)).own() else _smallest(project, mark, "manual", nat=nat)
    finally:
        account.close()


def _mark(account: Account, name: str, region: str) -> Mark | None:
    """What is made first, and goes last, comes first."""
    chosen = names.marked(name, region)
    for collection, where in (("firewalls", {}), ("networks", {}), ("subnetworks", {"region": region}),
                              ("addresses", {"region": region})):  # fmt: skip
        for one in account.pages(collection, filter=chosen, **where):
            if mark := names.mark_of(str(one.get("description", ""))):
                return mark
    listed = account.ask("iam", "projects.serviceAccounts.list", name=f"projects/{account.project}", pageSize=100)
    found = (names.mark_of(str(one.get("description", ""))) for one in listed.get("accounts") or ())
    return next((mark for mark in found if mark and (mark.cluster, mark.region) == (name, region)), None)


def _smallest(project: str, mark: Mark, dns: str, *, nat: bool) -> InstallPlan:
    given = {"name": mark.cluster, "subdomain": mark.subdomain, "platform": "gcp", "masters": 1, "workers": 1}
    where = {"project": project, "region": mark.region, "dns": dns, "private_workers": nat}
    return InstallPlan.model_validate({**given, "networks": {"user": _ANYBODY}, "gcp": where})


def _usage(observed: str) -> InstallerError:
    return InstallerError(
        "find the cluster",
        observed,
        hint="Write gcp://PROJECT/REGION/NAME, such as gcp://my-project/europe-west3/shop.",
        exit_code=ExitCode.USAGE,
    )
