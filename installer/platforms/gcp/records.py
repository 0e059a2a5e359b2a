"""The records of the contract's names in Cloud DNS. A TXT record beside each says whose it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.plan.platforms.gcp.settings import Gcp
from installer.platforms.clouds.records import TTL, Alias, Target, Written
from installer.platforms.gcp.account import Account
from installer.platforms.gcp.errors import GcpError

_TYPES = ("A", "AAAA", "CNAME", "TXT")


class CloudDns:
    """The records of one cluster's names."""

    service = "Cloud DNS"

    def __init__(self, account: Account, plan: InstallPlan) -> None:
        self._account, self._plan = account, plan
        self._gcp = plan.settings_of(Gcp)
        self._found = ""

    def zone(self) -> str:
        """Name of the managed zone: the plan's, else the public one whose name is the longest end of the subdomain."""
        if not self._found:
            self._found = self._gcp.managed_zone or self._fitting()
        return self._found

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        found = self._ask("managedZones.get")
        if found.get("visibility", "public") != "public":
            raise InstallerError(
                "look at the managed zone",
                f"the managed zone {self.zone()} is private: only its networks see it",
                hint="Set gcp.managed_zone to a public zone, or gcp.dns: manual.",
            )
        return str(found["dnsName"]).rstrip("."), tuple(found.get("nameServers") or ())

    def read(self, name: str) -> Written:
        sets = list(self._sets(name))
        targets = frozenset(
            str(value).rstrip(".") for one in sets if one["type"] != "TXT" for value in one.get("rrdatas") or ()
        )
        owned = any(value == self._mark for one in sets for value in one.get("rrdatas") or ())
        return Written(targets, owned, bool(sets) and not owned)

    def write(self, name: str, target: Target) -> str:
        if isinstance(target, Alias):
            raise TypeError("every balancer of Google Cloud has an address")
        wanted = [
            {"name": f"{name}.", "type": "A", "ttl": TTL, "rrdatas": sorted(target)},
            {"name": f"{name}.", "type": "TXT", "ttl": TTL, "rrdatas": [self._mark]},
        ]
        return self._change(wanted, [one for one in self._sets(name) if one["type"] in ("A", "TXT")])

    def in_sync(self, change: str) -> bool:
        found = self._ask("changes.get", changeId=change)
        return bool(found["status"] == "done")

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            if self.read(name).owned:
                self._change([], [one for one in self._sets(name) if one["type"] in ("A", "TXT")])

    def own(self) -> list[str]:
        """The contract's names that have records of the cluster's."""
        try:
            return [name for name in (self._plan.api_host, self._plan.console_host) if self.read(name).owned]
        except GcpError as error:
            if not error.missing:
                raise
            return []
        except InstallerError:  # without a zone there is no record
            return []

    @property
    def _mark(self) -> str:
        """What the TXT record says, in quotes as Cloud DNS has it."""
        return f'"craton/cluster={self._plan.name}, {self._gcp.region}"'

    def _fitting(self) -> str:
        labels = self._plan.subdomain.split(".")
        for start in range(len(labels) - 1):
            name = ".".join(labels[start:]) + "."
            listed = self._account.ask("dns", "managedZones.list", project=self._account.project, dnsName=name)
            for zone in listed.get("managedZones") or ():
                if zone.get("visibility", "public") == "public":
                    return str(zone["name"])
        raise InstallerError(
            "find the managed zone",
            f"the project {self._account.project} has no public managed zone for {self._plan.subdomain}",
            hint="Create one in Cloud DNS and delegate it, or set gcp.dns: manual.",
        )

    def _sets(self, name: str) -> Iterator[dict[str, Any]]:
        listed = self._ask("resourceRecordSets.list", name=f"{name}.")
        yield from (one for one in listed.get("rrsets") or () if one["type"] in _TYPES)

    def _change(self, additions: list[dict[str, Any]], deletions: list[dict[str, Any]]) -> str:
        """One change, made whole or not at all: what it deletes has to be there as it was read."""
        unchanged = [one for one in additions if any(_same(one, other) for other in deletions)]
        body = {
            "additions": [one for one in additions if one not in unchanged],
            "deletions": [
                {key: one[key] for key in ("name", "type", "ttl", "rrdatas")}
                for one in deletions
                if not any(_same(one, other) for other in unchanged)
            ],
        }
        try:
            return str(self._ask("changes.create", body=body)["id"])
        except GcpError as error:
            if error.exists or error.missing or error.changed_meanwhile:
                error.retryable = True  # what was read is no longer there: look again
            raise

    def _ask(self, method: str, **more: Any) -> dict[str, Any]:
        return self._account.ask("dns", method, project=self._account.project, managedZone=self.zone(), **more)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one.get(key) == other.get(key) for key in ("name", "type", "ttl", "rrdatas"))
