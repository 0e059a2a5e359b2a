"""What the plan's machines cost, from AWS's own price list."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from installer.common import json_reader
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws.account import Account
from installer.platforms.aws.machines import instance_type
from installer.platforms.clouds.preflight import roles
from installer.steps.estimate import Estimate

_HOURS = 730
"""Hours of a month, as AWS counts them in its own estimates."""
_MACHINE = {"operatingSystem": "Linux", "tenancy": "Shared", "capacitystatus": "Used", "preInstalledSw": "NA",
            "marketoption": "OnDemand"}  # fmt: skip
_DISK = {"productFamily": "Storage", "volumeApiName": "gp3"}


def estimate(plan: InstallPlan, account: Account) -> Estimate:
    """The machines and their disks, on demand: no addresses, no balancer and no traffic.

    Raises InstallerError if the list can't be read, or lacks one of them.
    """
    aws = plan.settings_of(Aws)
    counts = roles(plan)
    types = {instance_type(aws, role) for role in counts}
    hourly = {type: _price(account, "Hrs", _MACHINE | {"instanceType": type}) for type in sorted(types)}
    machines = sum(number * hourly[instance_type(aws, role)] for role, number in counts.items())
    disks = plan.machine_count * aws.disk_size * _price(account, "GB-Mo", _DISK)
    return Estimate(hourly=machines + disks / _HOURS, monthly=machines * _HOURS + disks)


def _price(account: Account, unit: str, wanted: dict[str, str]) -> float:
    """US dollars for a `unit` of what has all these attributes in the account's region."""
    chosen = [
        {"Type": "TERM_MATCH", "Field": field, "Value": value}
        for field, value in ({"regionCode": account.region} | wanted).items()
    ]
    answer = account.ask("pricing", "get_products", ServiceCode="AmazonEC2", Filters=chosen)
    listed = (price for product in answer.get("PriceList", ()) for price in prices(product, unit))
    found = sorted(price for price in listed if isfinite(price) and price > 0)  # 0 is that of a reserved one
    if not found:
        what = wanted.get("instanceType") or f"{wanted['volumeApiName']} disks"
        raise InstallerError("look up prices", f"AWS's price list has no price of {what} in {account.region}")
    return found[0]


def prices(product: str, unit: str) -> Iterator[float]:
    """Prices on demand of one product, a JSON document of its own; none of one that isn't as AWS describes it."""
    try:
        terms = json_reader.parse(product)["terms"]["OnDemand"]
        dimensions: list[Any] = [one for term in terms.values() for one in term["priceDimensions"].values()]
        yield from (float(one["pricePerUnit"]["USD"]) for one in dimensions if one["unit"] == unit)
    except (KeyError, TypeError, AttributeError, ValueError):
        return
