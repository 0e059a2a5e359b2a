"""What a Google Cloud project has for the wizard's questions. Every look-up is a few requests that change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from installer.accounts.gcp.account import Account, last
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.platforms.gcp import settings
from installer.plan.question import Answers
from installer.plan.suggestions import Suggestion, Suggestions
from installer.platforms.clouds import suggestions as shared
from installer.platforms.gcp import prices

_ACCOUNTS = shared.Accounts(Account)


def suggest(field: str, answers: Answers) -> Suggestions:
    """Raises InstallerError where the project can't be asked, KeyError for a field without suggestions."""
    return _OF[field](answers)


def _account(answers: Answers) -> Account:
    region = str(answers.get("gcp.region", settings.Gcp().region))
    return _ACCOUNTS.of(answers.get("gcp.project"), region, answers.get("gcp.impersonate"))


def _zones_in_use(answers: Answers) -> tuple[str, ...]:
    region = str(answers.get("gcp.region", settings.Gcp().region))
    return settings.Gcp.model_construct(region=region, zones=answers.get("gcp.zones") or ()).spread


def _listed(account: Account, service: str, method: str, result: str, **params: Any) -> Iterator[dict[str, Any]]:
    """All items of a list of another service than Compute Engine."""
    token: dict[str, str] = {}
    while True:
        answer = account.ask(service, method, **params, **token)
        yield from answer.get(result) or ()
        if not answer.get("nextPageToken"):
            return
        token = {"pageToken": str(answer["nextPageToken"])}


def projects(answers: Answers) -> Suggestions:
    """The projects that the credentials reach, and whose credentials they are."""
    account = _account(answers)
    identity = account.identity
    source = f"As {identity.who}; credentials found by: {identity.how}"
    try:
        found = list(
            _listed(account, "cloudresourcemanager", "projects.list", "projects", filter="lifecycleState:ACTIVE")
        )
    except GcpError as error:
        return Suggestions(source=source, problem=f"{error.observed}. {error.hint}")
    named = (Suggestion(str(one["projectId"]), str(one.get("name", ""))) for one in found)
    return Suggestions(tuple(sorted(named, key=lambda one: one.value)), source)


def service_accounts(answers: Answers) -> Suggestions:
    account = _account(answers)
    found = _listed(account, "iam", "projects.serviceAccounts.list", "accounts", name=f"projects/{account.project}")
    mails = tuple(Suggestion(str(one["email"]), str(one.get("displayName", ""))) for one in found)
    return Suggestions(mails, f"{count(len(mails), 'service account')} of the project {account.project}")


def regions(answers: Answers) -> Suggestions:
    account = _account(answers)
    found = {str(one["name"]): len(one.get("zones") or ()) for one in account.pages("regions")}
    named = tuple(Suggestion(name, count(found[name], "zone")) for name in sorted(found))
    return Suggestions(named, f"{count(len(found), 'region')} of the project {account.project}")


def zones(answers: Answers) -> Suggestions:
    account = _account(answers)
    region = account.get("regions", "get", region=account.region)
    return shared.spread_zones(sorted(map(last, region.get("zones") or ())), {}, account.region)


def types(answers: Answers) -> Suggestions:
    """Machine types that a zone in use offers; with prices, if the project may read Google's catalogue."""
    account, places = _account(answers), _zones_in_use(answers)
    by_zone = {zone: {str(one["name"]): one for one in account.pages("machineTypes", zone=zone)} for zone in places}
    try:
        catalogue, told = prices.read(account), "prices from Google's catalogue, on demand"
    except InstallerError as error:
        catalogue, told = None, f"prices unknown: {error.observed}"
    every = {name: one for listed in by_zone.values() for name, one in listed.items() if not one.get("deprecated")}
    found = (
        shared.MachineType(
            name,
            float(one.get("guestCpus", 0)),
            round(float(one.get("memoryMb", 0)) / 1024, 2),
            "ARM" if one.get("architecture") == "ARM64" else "x86",
            tuple(zone for zone in places if name not in by_zone[zone]),
            catalogue.hourly(one) if catalogue else None,
        )
        for name, one in every.items()
    )
    return shared.machine_types(found, account.region, told)


def keys(answers: Answers) -> Suggestions:
    """Cloud KMS keys of the region that encrypt."""
    account = _account(answers)
    place = f"projects/{account.project}/locations/{account.region}"
    rings = _listed(account, "cloudkms", "projects.locations.keyRings.list", "keyRings", parent=place)
    found = [
        str(key["name"])
        for ring in rings
        for key in _listed(
            account, "cloudkms", "projects.locations.keyRings.cryptoKeys.list", "cryptoKeys", parent=ring["name"]
        )
        if key.get("purpose") == "ENCRYPT_DECRYPT"
    ]
    source = f"{count(len(found), 'key')} of {account.region} in the project {account.project}"
    return Suggestions(tuple(Suggestion(name) for name in sorted(found)), source)


def networks(answers: Answers) -> Suggestions:
    account, project = _account(answers), _network_project(answers)
    found = [
        Suggestion(
            str(one["name"]), shared.words(f"MTU {one['mtu']}" if one.get("mtu") else "", one.get("description"))
        )
        for one in account.pages("networks", project=project)
    ]
    return Suggestions(tuple(found), f"{count(len(found), 'network')} of the project {project}")


def subnetworks(answers: Answers) -> Suggestions:
    account, project, network = _account(answers), _network_project(answers), str(answers.get("gcp.network"))
    found = [
        Suggestion(str(one["name"]), str(one["ipCidrRange"]))
        for one in account.pages("subnetworks", project=project, region=account.region)
        if last(one["network"]) == network
    ]
    return Suggestions(tuple(found), f"{count(len(found), 'subnetwork')} of {network} in {account.region}")


def _network_project(answers: Answers) -> str:
    return str(answers.get("gcp.network_project") or _account(answers).project)


def host_projects(answers: Answers) -> Suggestions:
    """The project whose shared VPC this one may use."""
    account = _account(answers)
    host = str(account.get("projects", "getXpnHost").get("name") or "")
    if not host:
        return Suggestions(source=f"The project {account.project} uses no shared VPC")
    return Suggestions((Suggestion(host, "shared VPC"),), f"Host project of {account.project}")


def _public_zones(answers: Answers) -> list[shared.Zone]:
    """Name, domain and detail of the project's public managed zones."""
    account = _account(answers)
    listed = _listed(account, "dns", "managedZones.list", "managedZones", project=account.project)
    return [
        (str(one["name"]), str(one["dnsName"]).rstrip("."), str(one.get("description") or ""))
        for one in listed
        if one.get("visibility", "public") == "public"
    ]


_OF: shared.Suggests = {
    "gcp.project": projects,
    "gcp.impersonate": service_accounts,
    "gcp.region": regions,
    "gcp.zones": zones,
    "gcp.master_type": types,
    "gcp.infra_type": types,
    "gcp.worker_type": types,
    "gcp.kms_key": keys,
    "gcp.network": networks,
    "gcp.subnetwork": subnetworks,
    "gcp.network_project": host_projects,
    **shared.in_any_cloud("gcp.managed_zone", _public_zones, "your project", "managed zone"),
}
