"""A DNS server on loopback that is everybody: the resolver, the servers of a zone, and those of the zone above it."""

from __future__ import annotations

import socketserver
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

from tests.doubles.serving import serving

ABOVE, MINE = "ns.above.test.", "ns1.mine.test."


@contextmanager
def name_server(
    zone: str, delegated: tuple[str, ...], addresses: Mapping[str, Sequence[str]] | None = None
) -> Iterator[dns.resolver.Resolver]:
    """A resolver of a world in which the zone above `zone` sends people to the servers `delegated`.

    These know the `addresses` of names, or the name that one is an alias of; what is put there later, too. The resolver
    finds every server here.
    """
    above = zone.partition(".")[2]

    def answer(query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        made = dns.message.make_response(query)
        soa = "SOA ns.{0} hostmaster.{0} 1 3600 600 86400 300"
        if kind == "A" and addresses is not None and not query.flags & dns.flags.RD:
            made.flags |= dns.flags.AA
            if found := addresses.get(name.rstrip(".")):
                made.answer.append(
                    dns.rrset.from_text(name, 60, "IN", "A" if found[0][0].isdigit() else "CNAME", *found)
                )
            else:
                made.set_rcode(dns.rcode.NXDOMAIN)
        elif kind == "A":
            made.answer.append(dns.rrset.from_text(name, 60, "IN", "A", "127.0.0.1"))
        elif (name, kind) == (f"{above}.", "SOA"):
            made.answer.append(dns.rrset.from_text(name, 3600, "IN", *soa.format(name).split(" ", 1)))
        elif (name, kind) == (f"{above}.", "NS"):
            made.answer.append(dns.rrset.from_text(name, 3600, "IN", "NS", ABOVE))
        elif (name, kind) == (f"{zone}.", "NS") and not query.flags & dns.flags.RD:
            if delegated:
                made.authority.append(dns.rrset.from_text(name, 3600, "IN", "NS", *delegated))
            else:
                made.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, kind) == (f"{zone}.", "SOA") and delegated:
            made.answer.append(dns.rrset.from_text(name, 900, "IN", *soa.format(name).split(" ", 1)))
        else:
            made.set_rcode(dns.rcode.NXDOMAIN)
        return made

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            sent, socket = self.request
            socket.sendto(answer(dns.message.from_wire(sent)).to_wire(), self.client_address)

    server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Handler)
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], server.server_address[1]
    with serving(server):
        yield resolver
