"""Whether the world is sent to a DNS zone's own servers: asked at those of the zone above it, past every cache."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from installer.cluster.dns.servers import ask, new_resolver

if TYPE_CHECKING:
    from dns.message import Message
    from dns.resolver import Resolver


def doubt(domain: str, servers: Collection[str], resolver: Resolver | None = None) -> tuple[str, str]:
    """What keeps others from finding `domain` at `servers` (empty if nothing does), and what was seen.

    `resolver` finds the servers above; its port is that of every server. Raises nothing: where no server can be asked,
    that is the doubt.
    """
    import dns.exception

    asked = resolver or new_resolver()
    wanted = {name.rstrip(".").lower() for name in servers}
    try:
        sent = _referred(domain, asked)
        if not sent:
            return f"nobody is sent to the zone {domain}: the zone above it names no servers", ""
        if not sent & wanted:
            return f"{domain} is delegated to {_some(sent)}, not to {_some(wanted)}", ""
        return "", f"{domain} is delegated to {_some(sent & wanted)}{_remembered(domain, sent & wanted, asked)}"
    except (dns.exception.DNSException, OSError) as error:
        return f"the delegation of {domain} can't be looked up from here: {_words(error)}", ""


def servers_of(name: str, resolver: Resolver | None = None) -> tuple[str, set[str], str]:
    """The zone of a name and the servers that the world is sent to for it. Raises nothing: the last says what kept
    them from being looked up from here.
    """
    import dns.exception
    import dns.resolver

    asked = resolver or new_resolver()
    try:
        zone = dns.resolver.zone_for_name(f"{name}.", resolver=asked).to_text(omit_final_dot=True)
        return zone, _referred(zone, asked), ""
    except (dns.exception.DNSException, OSError) as error:
        return "", set(), f"the servers of {name} can't be found from here: {_words(error)}"


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
    """One server's own answer, by its name. Raises DNSException, OSError."""
    return ask(domain, kind, resolver.resolve(server, "A")[0].to_text(), resolver.port)


def _some(servers: Iterable[str]) -> str:
    """As many as tell whose they are."""
    first, *more = sorted(servers)
    return f"{first} and {len(more)} more" if more else first


def _words(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
