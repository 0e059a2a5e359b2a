"""What has to hold of a zone in an account before anything is made: all that is wrong is said at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from installer.accounts.findings import Found, Note, Problem
from installer.cluster.dns.delegation import doubt
from installer.cluster.dns.records import AccountRecords
from installer.common.errors import InstallerError


def names_in_zone(records: AccountRecords, names: Iterable[str]) -> Iterator[Found]:
    """There is a public zone for the names that the world is sent to, it may be changed, and nobody else has them."""
    try:
        zone = records.zone()
        domain, servers = records.delegation()
        lacking = records.lacking()
        taken = [name for name in names if records.read(name).taken]
    except InstallerError as error:
        if error.retryable and not getattr(error, "missing", False):
            raise
        yield Problem(error.observed, error.hint)
        return
    if lacking:
        remedy = "Add them to the caller's policy or roles."
        yield Problem(f"the credentials don't allow {', '.join(lacking)} in the zone {zone}", remedy)
    for name in taken:
        remedy = "Delete the records there, or give the cluster another name or subdomain."
        yield Problem(f"the zone {zone} has records at {name} that Craton didn't make", remedy)
    why, seen = doubt(domain, servers)
    if why:
        remedy = (
            f"Have the zone above it name {', '.join(sorted(servers))}; until then nobody finds the cluster's names."
        )
        yield Problem(why, remedy, stops=False)
    else:
        yield Note(seen)
