"""What a zone's own servers say of a name: asked one by one, past every cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.message import Message
    from dns.resolver import Resolver

SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Said:
    """A server's answer: addresses, sorted; the name that it says is meant instead; or why it gave none."""

    addresses: tuple[str, ...] = ()
    alias: str = ""
    silent: str = ""

    def __str__(self) -> str:
        if self.silent:
            return f"nothing ({self.silent})"
        if self.alias:
            return f"that it is an alias of {self.alias}"
        return ", ".join(self.addresses) or "that there is no such name"


Right = Callable[[Said], bool]
"""Whether an answer is the one that is waited for."""


def exactly(wanted: Iterable[str]) -> Right:
    """These addresses and no others."""
    right = tuple(sorted(wanted))
    return lambda said: said.addresses == right


def judge(name: str, wanted: Sequence[str]) -> tuple[bool, str]:
    """Whether every server of the zone says that `name` leads to `wanted`, and what was seen that says so."""
    import dns.exception
    import dns.resolver

    resolver = new_resolver()
    try:
        zone = dns.resolver.zone_for_name(f"{name}.", resolver=resolver)
        servers = [str(record.target) for record in resolver.resolve(zone, "NS")]
        addresses = {server: resolver.resolve(server, "A")[0].to_text() for server in servers}
    except (dns.exception.DNSException, OSError) as error:
        return False, f"the name servers of {name} cannot be found: {str(error) or type(error).__name__}"
    seen = {server: said(name, address) for server, address in addresses.items()}
    right = exactly(wanted)
    for server, found in seen.items():
        if not right(found):
            return False, f"{server} says {found}"
    return True, f"{len(seen)} servers of {zone} say {', '.join(sorted(wanted))}"


def agree(
    name: str, right: Right, servers: Collection[str], resolver: Resolver | None = None
) -> tuple[bool | None, str]:
    """Whether none of a zone's `servers` says anything else than what is right of a name, and what was seen.

    Some may be out of reach from here: None if all are. `resolver` finds the servers; its port is that of every server.
    """
    import dns.exception

    asked, agreed, first = resolver or new_resolver(), 0, Said()
    for server in servers:
        try:
            address = asked.resolve(server, "A")[0].to_text()
        except (dns.exception.DNSException, OSError):
            continue
        found = said(name, address, asked.port)
        if found.silent:
            continue
        if not right(found):
            return False, f"{server} says {found}"
        agreed, first = agreed + 1, found
    if not agreed:
        return None, "none of the zone's servers can be asked from here"
    return True, f"{agreed} of {len(servers)} servers say {first}"


def said(name: str, server: str, port: int = 53) -> Said:
    """What one server, at an address, says of a name."""
    import dns.exception
    import dns.flags
    import dns.rdatatype

    try:
        answer = ask(name, "A", server, port)
    except (dns.exception.DNSException, OSError) as error:
        return Said(silent=str(error) or type(error).__name__)
    if not answer.flags & dns.flags.AA:  # of a server without the zone, or of something on the way that answers for it
        return Said(silent="its answer isn't authoritative")
    for rrset in answer.answer:
        if rrset.rdtype == dns.rdatatype.CNAME:
            return Said(alias=rrset[0].to_text())
    found = (record.to_text() for rrset in answer.answer if rrset.rdtype == dns.rdatatype.A for record in rrset)
    return Said(tuple(sorted(found)))


def ask(name: str, kind: str, server: str, port: int = 53) -> Message:
    """The answer of one server, at an address, from what it knows itself. Raises DNSException, OSError."""
    import dns.flags
    import dns.message
    import dns.query

    query = dns.message.make_query(f"{name.rstrip('.')}.", kind)
    query.flags &= ~dns.flags.RD
    return dns.query.udp_with_fallback(query, server, timeout=SECONDS, port=port)[0]


def new_resolver() -> Resolver:
    """This computer's, which doesn't wait long."""
    import dns.resolver

    found = dns.resolver.Resolver()
    found.lifetime = SECONDS
    return found
