"""What a zone's own servers say of a name: asked one by one, past every cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.resolver import Resolver

_SECONDS = 5.0
_SILENT = "nothing ("


def judge(name: str, wanted: Sequence[str]) -> tuple[bool, str]:
    """Whether every server of the zone says that `name` leads to `wanted`, and what was seen that says so."""
    import dns.exception
    import dns.resolver

    resolver = dns.resolver.Resolver()
    resolver.lifetime = _SECONDS
    try:
        zone = dns.resolver.zone_for_name(f"{name}.", resolver=resolver)
        servers = [str(record.target) for record in resolver.resolve(zone, "NS")]
        addresses = {server: resolver.resolve(server, "A")[0].to_text() for server in servers}
    except (dns.exception.DNSException, OSError) as error:
        return False, f"the name servers of {name} cannot be found: {str(error) or type(error).__name__}"
    seen = {server: said(name, address) for server, address in addresses.items()}
    right = sorted(wanted)
    wrong = {server: found for server, found in seen.items() if found != right}
    if not wrong:
        return True, f"{len(seen)} servers of {zone} say {', '.join(right)}"
    server, found = next(iter(wrong.items()))
    return False, f"{server} says {', '.join(found) if found else 'that there is no such name'}"


def said(name: str, server: str, port: int = 53) -> list[str]:
    """The addresses that one server gives; what is wrong instead, if it gives none."""
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rdatatype

    query = dns.message.make_query(f"{name}.", "A")
    query.flags &= ~dns.flags.RD
    try:
        answer = dns.query.udp_with_fallback(query, server, timeout=_SECONDS, port=port)[0]
    except (dns.exception.DNSException, OSError) as error:
        return [f"{_SILENT}{str(error) or type(error).__name__})"]
    for rrset in answer.answer:
        if rrset.rdtype == dns.rdatatype.CNAME:
            return [f"that it is an alias of {rrset[0].to_text()}"]
    return sorted(record.to_text() for rrset in answer.answer if rrset.rdtype == dns.rdatatype.A for record in rrset)


def agree(
    name: str, wanted: Sequence[str], servers: Sequence[str], resolver: Resolver | None = None
) -> tuple[bool, str]:
    """Whether none of a zone's `servers` leads elsewhere, and what was seen. Some may be out of reach from here.

    `resolver` finds the servers; its port is that of every server.
    """
    import dns.exception
    import dns.resolver

    asked = resolver or dns.resolver.Resolver()
    asked.lifetime = _SECONDS
    right, agreed = sorted(wanted), 0
    for server in servers:
        try:
            address = asked.resolve(server, "A")[0].to_text()
        except (dns.exception.DNSException, OSError):
            continue
        found = said(name, address, asked.port)
        if found == right:
            agreed += 1
        elif not (found and found[0].startswith(_SILENT)):
            return False, f"{server} says {', '.join(found) if found else 'that there is no such name'}"
    if not agreed:
        return True, "none of the zone's servers can be asked from here"
    return True, f"{agreed} of {len(servers)} servers say {', '.join(right)}"
