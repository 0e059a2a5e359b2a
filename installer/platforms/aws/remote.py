"""A cluster that this computer knows nothing of: as much of its plan as AWS's tags say, which a destroy needs."""

from __future__ import annotations

from installer.accounts.aws.account import Account
from installer.cluster.dns.route53 import Route53
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.platforms.aws import names
from installer.platforms.aws.listing import EC2, Listing

_ANYBODY = "0.0.0.0/0"


def plan_of(place: str) -> InstallPlan:
    """The plan of REGION/NAME: its name, subdomain and who made its records are true, the rest is as small as can be.

    Uses the default credentials. Raises InstallerError (usage) if nothing there has the cluster's tag.
    """
    region, slash, name = place.partition("/")
    if not (region and slash and name) or "/" in name:
        raise _usage(f"aws://{place} names no cluster")
    account = Account(region)
    try:
        listing = Listing(account, name)
        # Security groups first: each cluster has some, and machines can't be without them.
        kinds = sorted(EC2, key=lambda kind: kind != "security-group")
        tagged = (names.read_tags(found) for kind in kinds for found in listing.things(kind))
        subdomain = next((tags[names.SUBDOMAIN] for tags in tagged if names.SUBDOMAIN in tags), None)
        if subdomain is None:
            raise _usage(f"nothing in {region} has the tag {names.CLUSTER}={name}")
        nat = bool(listing.things("nat-gateway"))  # they have to go before the network
        plan = _smallest(name, subdomain, region, "route53", nat=nat)
        own = Route53(account, names.published(plan)).own()
        return plan if own else _smallest(name, subdomain, region, "manual", nat=nat)
    finally:
        account.close()


def _smallest(name: str, subdomain: str, region: str, dns: str, *, nat: bool) -> InstallPlan:
    given = {"name": name, "subdomain": subdomain, "platform": "aws", "masters": 1, "workers": 1}
    where = {"region": region, "dns": dns, "private_workers": nat}
    return InstallPlan.model_validate({**given, "networks": {"user": _ANYBODY}, "aws": where})


def _usage(observed: str) -> InstallerError:
    return InstallerError(
        "find the cluster",
        observed,
        hint="Write aws://REGION/NAME, such as aws://eu-central-1/shop. AWS_PROFILE chooses the account.",
        exit_code=ExitCode.USAGE,
    )
