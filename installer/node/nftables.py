"""The contract's rules of one machine as an nftables table of our own, and the way back from what nft lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, collapse_addresses
from typing import Any

from installer.common import json_reader
from installer.plan import rules as contract
from installer.plan.model import InstallPlan
from installer.plan.rules import Peer, Role, Traffic
from installer.plan.topology import FirewallRule, Machine, Topology

TABLE = "inet craton"
POLICY = "policy"
"""Used instead of a rule's id where a chain lets everything through."""

_SETS = {
    Peer.MASTERS: "masters",
    Peer.INFRA: "infra",
    Peer.WORKERS: "workers",
    Peer.USER: "users",
    Peer.LOAD_BALANCER: "balancer",
}
_PEERS = {name: peer for peer, name in _SETS.items()}
_EVERY_PORT = Traffic("all", 1, 65535)

# What an IPv4 host needs to hear for its connections to work, and to be found by ping; what an IPv6 host needs as
# well (RFC 4890, 4.4): neighbours and routers are discovered by ICMPv6, and nothing else announces them.
_ICMP = "destination-unreachable, echo-request, parameter-problem, time-exceeded"
_ICMPV6 = (
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, mld-listener-query, "
    "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert"
)

_HEAD = f"""\
# The Generic Platform contract's rules for {{machine}}: Craton's own table, and nobody else's.
# A packet that this table accepts may still be dropped by another one's rules: they all have their say.
table {TABLE}
delete table {TABLE}
table {TABLE} {{{{
"""

# Before the contract's rules: established connections, and what a host cannot do without.
# Leases come by DHCP from servers that connection tracking cannot match to a broadcast request.
_BASE = (
    'iifname "lo" accept comment "craton:loopback"',
    'ct state established,related accept comment "craton:established"',
    f'icmp type {{ {_ICMP} }} accept comment "craton:icmp"',
    f'icmpv6 type {{ {_ICMPV6} }} accept comment "craton:icmpv6"',
    'ct state invalid counter drop comment "craton:invalid"',
    'udp sport 67 udp dport 68 accept comment "craton:dhcp"',
    'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept comment "craton:dhcpv6"',
)

_TAIL = """\
	}

	# The contract says what a machine must be able to open to others, and forbids nothing: names, time, mirrors,
	# proxies and whatever pods call stay reachable. Traffic of pods is forwarded, and not looked at here.
	chain output {
		type filter hook output priority filter + 10; policy accept;
	}
}
"""


def ruleset(
    plan: InstallPlan,
    topology: Topology,
    machine: Machine,
    ssh_port: int = 22,
    clients: Iterable[IPv4Address | IPv6Address] = (),
) -> str:
    """Text for `nft -f` that replaces table `inet craton` on `machine`, in one transaction.

    SSH is open to the user's network, on the contract's port and on `ssh_port`, where the server is really found;
    and there to `clients` as well, so that whoever loads this can come again.
    """
    rules = [rule for rule in machine.firewall if rule.direction == "in"]
    peers = [peer for peer in _SETS if any(peer in rule.peers and Peer.ALL not in rule.peers for rule in rules)]
    own = (*_BASE, _pods(plan), *_ssh(plan, ssh_port, clients), *_vrrp(topology, machine))
    lines = (*own, *(line for rule in rules for line in _accept(rule)))
    return "".join(
        (
            _HEAD.format(machine=machine.name),
            *(_set(_SETS[peer], _elements(peer, plan, topology), interval=peer in _NETWORKS) for peer in peers),
            "\tchain input {\n\t\ttype filter hook input priority filter + 10; policy drop;\n",
            *(f"\t\t{line}\n" for line in lines),
            '\t\tcounter comment "craton:dropped"\n',
            _TAIL,
        )
    )


def users(plan: InstallPlan) -> tuple[IPv4Network, ...]:
    """The user's network as machines see it: this computer may come from their bridge's address."""
    bridge = (IPv4Network(plan.networks.machines[1]),) if plan.traits.bridge else ()
    return tuple(collapse_addresses((plan.networks.user, *bridge)))


_NETWORKS = (Peer.USER, Peer.LOAD_BALANCER)
"""Peers that are known by their network; the others by each one's address."""


def _elements(peer: Peer, plan: InstallPlan, topology: Topology) -> tuple[str, ...]:
    if peer is Peer.USER:
        return tuple(str(network) for network in users(plan))
    if peer is Peer.LOAD_BALANCER:
        return (str(plan.networks.machines),)
    roles = FirewallRule("", "in", _EVERY_PORT, (peer,)).peer_roles
    return tuple(str(machine.located) for machine in topology.machines if machine.role in roles)


def _set(name: str, elements: tuple[str, ...], *, interval: bool) -> str:
    lines = ["type ipv4_addr"]
    if interval:
        lines.append("flags interval")
    if elements:
        lines.append(f"elements = {{ {', '.join(elements)} }}")
    return "".join((f"\tset {name} {{\n", *(f"\t\t{line}\n" for line in lines), "\t}\n\n"))


def _pods(plan: InstallPlan) -> str:
    """From pods to their own node, and over flannel to another: DNS, host network pods, what a service leads to."""
    return f'iifname {{ "cni0", "flannel.1" }} ip saddr {plan.networks.pods} accept comment "craton:pods"'


def _vrrp(topology: Topology, machine: Machine) -> Iterator[str]:
    """Between masters, who holds the API's virtual address."""
    masters = [str(master.located) for master in topology.of_role(Role.MASTER) if master.name != machine.name]
    if topology.virtual_address and machine.role is Role.MASTER:
        yield f'ip saddr {{ {", ".join(masters)} }} ip protocol vrrp accept comment "craton:virtual-address"'


def _ssh(plan: InstallPlan, port: int, clients: Iterable[IPv4Address | IPv6Address]) -> Iterator[str]:
    for network in users(plan):
        yield f'ip saddr {network} tcp dport {port} accept comment "craton:ssh"'
    for client in sorted(set(clients), key=str):
        if not any(client in network for network in users(plan)):
            family = "ip" if client.version == 4 else "ip6"
            yield f'{family} saddr {client} tcp dport {port} accept comment "craton:ssh"'


def _accept(rule: FirewallRule) -> Iterator[str]:
    """One line per peer: a line can name one set alone."""
    end = f'accept comment "craton:{rule.rule}"'
    ports = _ports(rule.traffic)
    if Peer.ALL in rule.peers:
        yield f"{ports}{end}"
        return
    for peer in rule.peers:
        yield f"ip saddr @{_SETS[peer]} {ports}{end}"


def _ports(traffic: Traffic) -> str:
    if traffic.protocol == "all":
        return ""
    last = f"-{traffic.last}" if traffic.last != traffic.first else ""
    return f"{traffic.protocol} dport {traffic.first}{last} "


def parse(text: str) -> tuple[FirewallRule, ...]:
    """The rules in force, from what `nft -j list table inet craton` printed; none if it printed nothing.

    Only what is understood to the last word counts: a line that asks for more than a peer and a port opens less
    than its comment promises. Raises ValueError if `text` is not nft's JSON.
    """
    if not text.strip():
        return ()
    try:
        items = json_reader.parse(text)["nftables"]
        chains = [item["chain"] for item in items if "chain" in item]
        rules = [item["rule"] for item in items if "rule" in item]
        opened = any(chain["name"] == "output" and chain.get("policy") == "accept" for chain in chains)
        found = [read for rule in rules if rule["chain"] == "input" and (read := _read(rule))]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"not a table as nft lists it: {error}") from None
    everything = FirewallRule(POLICY, "out", _EVERY_PORT, (Peer.ALL,))
    return (*_joined(found), *((everything,) if opened else ()))


def _read(rule: dict[str, Any]) -> FirewallRule | None:
    """The contract rule that one line of the input chain is, or None if it is another or does not just accept."""
    *matches, verdict = rule["expr"]
    id = str(rule.get("comment", "")).removeprefix("craton:")
    if id not in contract.RULES or verdict != {"accept": None}:
        return None
    peer, traffic = Peer.ALL, _EVERY_PORT
    for expression in matches:
        match = expression.get("match", {})
        field, right = match.get("left", {}).get("payload"), match.get("right")
        if match.get("op") != "==":
            return None
        if field == {"protocol": "ip", "field": "saddr"} and str(right).removeprefix("@") in _PEERS:
            peer = _PEERS[str(right).removeprefix("@")]
        elif field in _DESTINATIONS and (ports := _span(right)):
            traffic = Traffic(field["protocol"], *ports)
        else:
            return None
    return FirewallRule(id, "in", traffic, (peer,))


_DESTINATIONS = tuple({"protocol": protocol, "field": "dport"} for protocol in ("tcp", "udp"))


def _span(right: Any) -> tuple[int, int] | None:
    """First and last of the ports that a match is about, or None if it is about others than one or a range."""
    ends = right.get("range", ()) if isinstance(right, dict) else (right, right)
    return (ends[0], ends[1]) if len(ends) == 2 and all(isinstance(end, int) for end in ends) else None


def _joined(rules: Iterable[FirewallRule]) -> Iterator[FirewallRule]:
    """Lines of one rule and traffic as one, whose peers are theirs together, in the order of `Peer`."""
    peers: dict[tuple[str, Traffic], set[Peer]] = {}
    for rule in rules:
        peers.setdefault((rule.rule, rule.traffic), set()).update(rule.peers)
    for (id, traffic), found in peers.items():
        yield FirewallRule(id, "in", traffic, tuple(peer for peer in Peer if peer in found))
