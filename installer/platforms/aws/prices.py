"""What the plan's machines cost, from AWS's own price list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any

from installer.accounts.aws.account import Account
from installer.common import json_reader
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.aws.settings import Aws
from installer.platforms.aws.machines import instance_type
from installer.platforms.clouds.preflight import roles
from installer.platforms.clouds.prices import HOURS, WITHOUT
from installer.steps.estimate import Estimate

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
    return Estimate(hourly=machines + disks / HOURS, monthly=machines * HOURS + disks, without=WITHOUT)


def machines(account: Account) -> dict[str, float]:
    """US dollars for an hour of each instance type in the region. Raises InstallerError if the list can't be read."""
    listed = account.pages("pricing", "get_products", "PriceList", ServiceCode="AmazonEC2", MaxResults=100,
                           Filters=_filters(account, _MACHINE))  # fmt: skip
    found: dict[str, float] = {}
    for product in listed:
        if (name := _type_of(product)) and (price := min(_usable(prices(product, "Hrs")), default=0.0)):
            found[name] = min(price, found.get(name, price))
    return found


def _type_of(product: str) -> str:
    """The instance type of a product; empty for one that isn't as AWS describes it."""
    try:
        return str(json_reader.parse(product)["product"]["attributes"]["instanceType"])
    except (KeyError, TypeError, ValueError):
        return ""


def _price(account: Account, unit: str, wanted: Mapping[str, str]) -> float:
    """US dollars for a `unit` of what has all these attributes in the account's region."""
    answer = account.ask("pricing", "get_products", ServiceCode="AmazonEC2", Filters=_filters(account, wanted))
    found = sorted(price for product in answer.get("PriceList", ()) for price in _usable(prices(product, unit)))
    if not found:
        what = wanted.get("instanceType") or f"{wanted['volumeApiName']} disks"
        raise InstallerError("look up prices", f"AWS's price list has no price of {what} in {account.region}")
    return found[0]


def _filters(account: Account, wanted: Mapping[str, str]) -> list[dict[str, str]]:
    fields = {"regionCode": account.region, **wanted}
    return [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]


def _usable(found: Iterable[float]) -> Iterator[float]:
    """Without those of 0: they are of reserved machines."""
    return (price for price in found if isfinite(price) and price > 0)


def prices(product: str, unit: str) -> Iterator[float]:
    """Prices on demand of one product, a JSON document of its own; none of one that isn't as AWS describes it."""
    try:
        terms = json_reader.parse(product)["terms"]["OnDemand"]
        dimensions: list[Any] = [one for term in terms.values() for one in term["priceDimensions"].values()]
        yield from (float(one["pricePerUnit"]["USD"]) for one in dimensions if one["unit"] == unit)
    except (KeyError, TypeError, AttributeError, ValueError):
        return


def of_plan(plan: InstallPlan) -> Estimate:
    """As `estimate`, with the plan's own credentials."""
    aws = plan.settings_of(Aws)
    account = Account(aws.region, aws.profile)
    try:
        return estimate(plan, account)
    finally:
        account.close()
