"""What a cloud does with packets to and from its machines, as nftables rules of the router between them. Pure.

Security groups and firewall rules are those of the API: what none of a machine's groups lets in is dropped, answers
come through. Machines go out under their public addresses, or without one under their NAT's, or not at all.
Public addresses are translated at the router, so a connection from one machine to another's public address comes from
the first one's own, which is in no group. So does one through the balancer, which a machine that is behind it may lead
to itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.doubles.cloud.machines import Opening

PORT, OUT = "m", "out"
"""Names of the router's links to machines begin so; and its link to this computer."""
MARK = 1
"""Of packets that belong to a connection of the balancer's, which has its client's address."""


LINK_LOCAL = "169.254.0.0/16"
"""Where the router has what knows machines by their own addresses: the metadata service and the name server."""


@dataclass(frozen=True)
class Wired:
    """A machine as packets see it. `public` is empty if nothing outside leads to it."""

    private: str
    public: str
    groups: tuple[str, ...]


def ruleset(machines: Iterable[Wired], groups: Mapping[str, tuple[Opening, ...]], ways: Mapping[str, str]) -> str:
    """Input of `nft -f` that puts these rules in the place of those before, at once. `ways` are NAT's addresses."""
    wired = sorted(machines, key=lambda one: one.private)
    named = {*groups, *(id for openings in groups.values() for one in openings for id in one.groups)}
    members = {id: [one.private for one in wired if id in one.groups] for id in sorted(named)}
    body = [
        *(_set(id, addresses) for id, addresses in members.items()),
        *(f"chain g-{id} {{\n{_lines(_allowed(openings))}}}" for id, openings in groups.items()),
        *(f"chain m-{one.private} {{\n{_lines(_jumps(one, groups))}drop\n}}" for one in wired),
        _translated(wired, ways),
        _guard(wired),
    ]
    return "table inet cloud\ndelete table inet cloud\ntable inet cloud {\n" + "\n".join(body) + "\n}\n"


def _set(id: str, addresses: list[str]) -> str:
    elements = f"elements = {{ {', '.join(addresses)} }}" if addresses else ""
    return f"set s-{id} {{ type ipv4_addr; {elements} }}"


def _allowed(openings: Iterable[Opening]) -> Iterator[str]:
    for one in openings:
        sources = [f"@s-{group}" for group in one.groups] + [network for network in one.networks if ":" not in network]
        for source in sources:
            match one.protocol:
                case "all":
                    yield f"ip saddr {source} accept"
                case "tcp" | "udp":
                    yield f"ip saddr {source} {one.protocol} dport {one.first}-{one.last} accept"
                case other:
                    yield f"ip saddr {source} meta l4proto {other} accept"


def _jumps(machine: Wired, groups: Mapping[str, tuple[Opening, ...]]) -> Iterator[str]:
    yield from (f"jump g-{id}" for id in machine.groups if id in groups)


def _translated(machines: Iterable[Wired], ways: Mapping[str, str]) -> str:
    shared = [f"ip saddr {network} snat ip to {ways[network]}\n" for network in sorted(ways)]
    public = [one for one in machines if one.public]
    inward = ", ".join(f"{one.public} : {one.private}" for one in public)
    outward = ", ".join(f"{one.private} : {one.public}" for one in public)
    elements = "elements = {{ {} }}".format
    return f"""\
map inside {{ type ipv4_addr : ipv4_addr; {elements(inward) if inward else ""} }}
map outside {{ type ipv4_addr : ipv4_addr; {elements(outward) if outward else ""} }}
chain divert {{
    type filter hook prerouting priority mangle
    iifname "{PORT}*" meta l4proto tcp socket transparent 1 meta mark set {MARK} accept
}}
chain inward {{
    type nat hook prerouting priority dstnat
    dnat ip to ip daddr map @inside
}}
chain outward {{
    type nat hook postrouting priority srcnat
    ct status dnat snat ip to ip saddr map @outside
    oifname "{OUT}" snat ip to ip saddr map @outside
{"".join(f'    oifname "{OUT}" {line}' for line in shared)}}}
chain balanced {{
    type nat hook input priority 100
    iifname != "{PORT}*" accept
    ip daddr {LINK_LOCAL} accept
    snat ip to ip saddr map @outside
{"".join(f"    {line}" for line in shared)}}}"""


def _guard(machines: Sequence[Wired]) -> str:
    """After both translations: the addresses are those that machines see."""
    hidden = ", ".join(one.private for one in machines if not one.public)
    known = ", ".join(f"{one.private} : goto m-{one.private}" for one in machines)
    return f"""\
chain guard {{
    type filter hook postrouting priority 150
    {f'oifname "{OUT}" ip saddr {{ {hidden} }} drop' if hidden else ""}
    oifname != "{PORT}*" accept
    ct state established,related accept
    {f"ip daddr vmap {{ {known} }}" if known else ""}
    drop
}}"""


def _lines(rules: Iterable[str]) -> str:
    return "".join(f"{rule}\n" for rule in rules)
