"""Whether the world is sent to a DNS zone's own servers: asked at those of the zone above it, past every cache."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.message import Message
    from dns.resolver import Resolver

_SECONDS = 5.0


def doubt(domain: str, servers: Collection[str], resolver: Resolver | None = None) -> tuple[str, str]:
    """What keeps others from finding `domain` at `servers` (empty if nothing does), and what was seen.

    `resolver` finds the servers above; its port is that of every server. Raises nothing: where no server can be asked,
    that is the doubt.
    """
    import dns.exception
    import dns.resolver

    asked = resolver or dns.resolver.Resolver()
    asked.lifetime = _SECONDS
    wanted = {name.rstrip(".").lower() for name in servers}
    try:
        sent = _referred(domain, asked)
        if not sent:
            return f"nobody is sent to the zone {domain}: the zone above it names no servers", ""
        if not sent & wanted:
            return f"{domain} is delegated to {_some(sent)}, not to {_some(wanted)}", ""
        return "", f"{domain} is delegated to {_some(sent & wanted)}{_remembered(domain, sent & wanted, asked)}"
    except (dns.exception.DNSException, OSError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        return f"the delegation of {domain} can't be looked up from here: {words[:200]}", ""


def _referred(domain: str, resolver: Resolver) -> set[str]:
    """The servers that the zone above `domain` sends people to. Raises DNSException, OSError."""
    import dns.exception
    import dns.name
    import dns.rdatatype
    import dns.resolver

    above = dns.resolver.zone_for_name(dns.name.from_text(domain).parent(), resolver=resolver)
    broken: Exception = OSError("no server answered")
    for server in resolver.resolve(above, "NS"):
        try:
            answer = _ask(domain, "NS", str(server.target), resolver)
        except (dns.exception.DNSException, OSError) as error:
            broken = error
            continue
        return {
            str(record.target).rstrip(".").lower()
            for part in (answer.answer, answer.authority)
            for rrset in part
            if rrset.rdtype == dns.rdatatype.NS and rrset.name == dns.name.from_text(domain)
            for record in rrset
        }
    raise broken


def _remembered(domain: str, servers: Iterable[str], resolver: Resolver) -> str:
    """For how long others keep in mind that a name of the zone doesn't exist (RFC 2308, 5), if a server says so."""
    import dns.exception
    import dns.rdatatype

    for server in sorted(servers):
        try:
            answer = _ask(domain, "SOA", server, resolver)
        except (dns.exception.DNSException, OSError):
            continue
        for rrset in answer.answer:
            if rrset.rdtype == dns.rdatatype.SOA:
                return f"; names that don't exist are remembered for {min(rrset.ttl, rrset[0].minimum)} s"
    return ""


def _ask(domain: str, kind: str, server: str, resolver: Resolver) -> Message:
    """One server's own answer. Raises DNSException, OSError."""
    import dns.flags
    import dns.message
    import dns.query

    address = resolver.resolve(server, "A")[0].to_text()
    query = dns.message.make_query(f"{domain.rstrip('.')}.", kind)
    query.flags &= ~dns.flags.RD
    return dns.query.udp_with_fallback(query, address, timeout=_SECONDS, port=resolver.port)[0]


def _some(servers: Iterable[str]) -> str:
    """As many as tell whose they are."""
    first, *more = sorted(servers)
    return f"{first} and {len(more)} more" if more else first
