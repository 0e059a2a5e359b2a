"""What the plan's machines cost, from Google's catalogue of prices (Cloud Billing Catalog API).

The catalogue has no machine types: it has a price for a vCPU and one for a GiB of memory of each series and region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.account import Account
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.platforms.clouds.preflight import roles
from installer.platforms.clouds.prices import HOURS, WITHOUT
from installer.platforms.gcp.machines import machine_type
from installer.steps.estimate import Estimate

_COMPUTE = "services/6F81-5844-456A"
"""Compute Engine's name in the catalogue."""
_FIELDS = (
    "skus(description,category(usageType),serviceRegions,pricingInfo(pricingExpression(usageUnit,tieredRates))),"
    "nextPageToken"
)
_PAGE = 5000
_PART = re.compile(r"([A-Z][A-Z0-9]{1,4}) (?:Predefined |AMD |Arm )?Instance (Core|Ram) running in .*")
"""Such as `E2 Instance Core running in Frankfurt`, `N2D AMD Instance Ram running in Frankfurt`."""
_DISK = re.compile(r"Balanced PD Capacity(?: in .*)?")
_UNITS = {"Core": "h", "Ram": "GiBy.h", "disk": "GiBy.mo"}


@dataclass(frozen=True, slots=True)
class Catalogue:
    """US dollars: for an hour of a vCPU (`Core`) or GiB (`Ram`) by series, for a month of a GiB of balanced disk."""

    parts: Mapping[tuple[str, str], float]
    disk: float | None

    def hourly(self, found: Mapping[str, Any]) -> float | None:
        """The price of a machine type as Compute Engine lists it; None of one that isn't sold by vCPU and GiB alone."""
        name = str(found["name"])
        series, _, rest = name.partition("-")
        if found.get("isSharedCpu") or found.get("accelerators") or rest.startswith("custom") or "lssd" in rest:
            return None
        core, memory = (self.parts.get((series.upper(), part)) for part in ("Core", "Ram"))
        if core is None or memory is None:
            return None
        return float(found["guestCpus"]) * core + float(found["memoryMb"]) / 1024 * memory


def read(account: Account) -> Catalogue:
    """The prices of the account's region. Raises InstallerError if the catalogue can't be read."""
    parts: dict[tuple[str, str], float] = {}
    disk = None
    for sku in _skus(account):
        try:
            here = account.region in sku["serviceRegions"] and sku["category"]["usageType"] == "OnDemand"
            what = str(sku["description"])
            if here and (found := _PART.fullmatch(what)):
                series, part = found.groups()
                parts[series, part] = _price(sku, _UNITS[part])
            elif here and _DISK.fullmatch(what):
                disk = _price(sku, _UNITS["disk"])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):  # one that isn't as Google describes it
            continue
    return Catalogue(parts, disk)


def _skus(account: Account) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        answer = account.ask(
            "cloudbilling",
            "services.skus.list",
            parent=_COMPUTE,
            currencyCode="USD",
            pageSize=_PAGE,
            fields=_FIELDS,
            **token,
        )
        yield from answer.get("skus") or ()
        if not answer.get("nextPageToken"):
            return
        token = {"pageToken": str(answer["nextPageToken"])}


def _price(sku: Mapping[str, Any], unit: str) -> float:
    """US dollars for a unit, beyond what is free. Raises ValueError for another unit."""
    expression = sku["pricingInfo"][0]["pricingExpression"]
    if expression["usageUnit"] != unit:
        raise ValueError(f"a price for each {expression['usageUnit']}")
    price = expression["tieredRates"][-1]["unitPrice"]
    return int(price.get("units", 0)) + int(price.get("nanos", 0)) / 1e9


def estimate(plan: InstallPlan, account: Account) -> Estimate:
    """The machines and their disks, on demand: no addresses, no balancer and no traffic. Raises InstallerError."""
    gcp, catalogue = plan.settings_of(Gcp), read(account)
    counts = roles(plan)
    zone = gcp.spread[0]
    hourly = {}
    for name in sorted({machine_type(gcp, role) for role in counts}):
        found = catalogue.hourly(account.get("machineTypes", "get", zone=zone, machineType=name))
        if found is None:
            raise _unknown(f"{name} in {gcp.region}")
        hourly[name] = found
    if catalogue.disk is None:
        raise _unknown(f"balanced disks in {gcp.region}")
    machines = sum(number * hourly[machine_type(gcp, role)] for role, number in counts.items())
    disks = plan.machine_count * gcp.disk_size * catalogue.disk
    return Estimate(hourly=machines + disks / HOURS, monthly=machines * HOURS + disks, without=WITHOUT)


def _unknown(what: str) -> InstallerError:
    return InstallerError("look up prices", f"Google's catalogue has no price of {what}")


def of_plan(plan: InstallPlan) -> Estimate:
    """As `estimate`, with the plan's own credentials."""
    gcp = plan.settings_of(Gcp)
    account = Account(gcp.project, gcp.region, gcp.impersonate)
    try:
        return estimate(plan, account)
    finally:
        account.close()
