"""Names in Cloud DNS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.cluster.dns.records import Alias, Names, Target, Written
from installer.common.errors import InstallerError

_TYPES = ("A", "AAAA", "CNAME", "TXT")
_NEEDED = ("dns.changes.create", "dns.resourceRecordSets.create", "dns.resourceRecordSets.delete")


class CloudDns:
    """The records of one cluster's names in a managed zone."""

    service = "Cloud DNS"

    def __init__(self, account: Account, names: Names) -> None:
        self._account, self._names = account, names
        self._found = ""

    def caller(self) -> str:
        identity = self._account.identity
        return f"project {self._account.project}, as {identity.who} (credentials found by: {identity.how})"

    def zone(self) -> str:
        """Name of the managed zone: the plan's, else the public one whose name is the longest end of the subdomain."""
        if not self._found:
            self._found = self._names.zone or self._fitting()
        return self._found

    def delegation(self) -> tuple[str, tuple[str, ...]]:
        found = self._ask("managedZones.get")
        if found.get("visibility", "public") != "public":
            raise InstallerError(
                "look at the managed zone",
                f"the managed zone {self.zone()} is private: only its networks see it",
                hint=f"Set {self._names.field} to a public zone, or {self._names.otherwise}.",
            )
        return str(found["dnsName"]).rstrip("."), tuple(found.get("nameServers") or ())

    def lacking(self) -> list[str]:
        """Google says which permissions the caller has in the zone, whether the project or the zone gives them."""
        zone = f"projects/{self._account.project}/managedZones/{self.zone()}"
        answer = self._account.ask("dns", "managedZones.testIamPermissions", resource=zone,
                                   body={"permissions": list(_NEEDED)})  # fmt: skip
        return [one for one in _NEEDED if one not in (answer.get("permissions") or ())]

    def read(self, name: str) -> Written:
        sets = list(self._sets(name))
        targets = frozenset(
            str(value).rstrip(".") for one in sets if one["type"] != "TXT" for value in one.get("rrdatas") or ()
        )
        owned = any(value == self._names.mark for one in sets for value in one.get("rrdatas") or ())
        return Written(targets, owned, bool(sets) and not owned)

    def write(self, name: str, target: Target) -> str:
        if isinstance(target, Alias):
            raise TypeError("every balancer of Google Cloud has an address")
        wanted = [
            {"name": f"{name}.", "type": "A", "ttl": self._names.ttl, "rrdatas": sorted(target)},
            {"name": f"{name}.", "type": "TXT", "ttl": self._names.ttl, "rrdatas": [self._names.mark]},
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
        """The names that have records of the cluster's."""
        try:
            return [name for name in self._names.hosts if self.read(name).owned]
        except GcpError as error:
            if not error.missing:
                raise
            return []
        except InstallerError:  # without a zone there is no record
            return []

    def _fitting(self) -> str:
        for domain in self._names.domains():
            listed = self._account.ask("dns", "managedZones.list", project=self._account.project, dnsName=f"{domain}.")
            for zone in listed.get("managedZones") or ():
                if zone.get("visibility", "public") == "public":
                    return str(zone["name"])
        raise InstallerError(
            "find the managed zone",
            f"the project {self._account.project} has no public managed zone for {self._names.subdomain}",
            hint=f"Create one in Cloud DNS and delegate it, or set {self._names.otherwise}.",
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
