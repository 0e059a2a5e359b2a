"""Preflight checks of a machine's own network: its address, routes, MTU, and the packet filter that is in force."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from installer.common.text import whole_number
from installer.health.check import Judgement, Subject
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.interfaces import Interfaces, interfaces
from installer.health.preflight.records import listed, records
from installer.health.preflight.system import units
from installer.plan.rules import Level
from installer.steps.evidence import Unreadable

VXLAN_BYTES = 50
"""What flannel's tunnel takes off every packet (14 + 20 + 8 + 8: inner Ethernet, outer IPv4, UDP, VXLAN)."""
LEAST_MTU, ADVISED_MTU = 576 + VXLAN_BYTES, 1280 + VXLAN_BYTES
NODE_PORTS = (30000, 32767)
OWN_TABLE = "inet craton"
_OVERLAY = re.compile(r"cni0|flannel\.\d+|kube-ipvs0|cali\w*|tunl0|vxlan\.calico|weave|cilium_\w+")
"""Interfaces of an overlay: what they occupy is a leftover, and judged as one."""
_FILTERING = ("input", "forward", "output")


def _address(subject: Subject) -> Judgement:
    found, planned = interfaces(subject.evidence), subject.machine.located
    if planned.is_loopback:
        return fails(f"{planned} is a loopback address: no other machine reaches it")
    if planned in found.addresses:
        name = found.addresses[planned]
        return holds(f"{planned} on {brief(name)}" if name != "-" else str(planned))
    own = _own_addresses(found)
    if not own:
        return fails(f"{planned} is not its own, and it has no other address")
    remedy = f"give its own address in the plan, `internal: {own[0]}`, or find out which machine answers at {planned}"
    return fails(f"{planned} is not its own: it has {listed(own)}", remedy)


def _own_addresses(found: Interfaces) -> list[str]:
    """Addresses by which others may reach it, first those of the interface with the default route."""
    first = found.default.link if found.default else ""
    own = [
        (name != first, str(at))
        for at, name in found.addresses.items()
        if not at.is_loopback and not _OVERLAY.fullmatch(name)
    ]
    return [at for _, at in sorted(own, key=lambda one: one[0])]


def _default_route(subject: Subject) -> Judgement:
    found = interfaces(subject.evidence)
    route, own = found.default, found.link(subject.machine.located)
    if route is None:
        return fails("there is no default route: kubeadm and the services' addresses need one")
    if own and own.name != route.link:
        seen = f"the default route leaves by {brief(route.link)}, the plan's address is on {own.name}"
        return warns(f"{seen}: flannel takes the interface of the default route")
    return holds(f"by {brief(route.link)}")


def _overlaps(found: Interfaces, wanted: IPv4Network) -> Iterator[str]:
    for route in found.routes:
        if route.network.prefixlen and route.network.overlaps(wanted) and not _OVERLAY.fullmatch(route.link):
            yield f"{route.network} on {brief(route.link)}"


def _routes(subject: Subject) -> Judgement:
    found, networks = interfaces(subject.evidence), subject.plan.networks
    for name, wanted in (("pods", networks.pods), ("services", networks.services)):
        hit = list(_overlaps(found, wanted))
        if hit:
            return fails(
                f"a route of its own leads to the {name}' network {wanted}: {listed(hit)}",
                f"choose another network for {name} in the plan, one that nothing here uses",
            )
    return holds("nothing here uses the networks of pods and services")


def _mtu(subject: Subject) -> Judgement:
    link = interfaces(subject.evidence).link(subject.machine.located)
    if not link or link.mtu is None:
        raise Unreadable("the interface with the plan's address is not known, nor its MTU")
    seen = f"{link.mtu} on {link.name}; pods get {link.mtu - VXLAN_BYTES}"
    if link.mtu < LEAST_MTU:
        return fails(f"{link.mtu} on {link.name}: no room for VXLAN's {VXLAN_BYTES} bytes")
    if link.mtu < ADVISED_MTU:
        return warns(f"{seen}, less than 1280")
    return holds(seen)


def _port_range(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.NETWORK)
    bounds = [
        whole_number(word) for word in reported.need("ip_local_port_range", "from which ports it connects").split()
    ]
    if len(bounds) != 2 or bounds[0] is None or bounds[1] is None:
        raise Unreadable("the machine didn't say from which ports it connects")
    first, last = max(bounds[0], NODE_PORTS[0]), min(bounds[1], NODE_PORTS[1])
    reserved = [_range(part) for part in reported.get("ip_local_reserved_ports").split(",")]
    if first > last or any(one and one[0] <= first and last <= one[1] for one in reserved):
        return holds(f"{bounds[0]}-{bounds[1]}, which doesn't overlap node ports")
    return warns(f"connections leave from {bounds[0]}-{bounds[1]}, and node ports are {NODE_PORTS[0]}-{NODE_PORTS[1]}")


def _range(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"\s*([0-9]{1,5})(?:-([0-9]{1,5}))?\s*", text)
    return (int(found[1]), int(found[2] or found[1])) if found else None


@dataclass(frozen=True, slots=True)
class Filter:
    """A chain through which packets have to pass; `rules` and `drops` (rules that drop or reject) are its table's."""

    table: str
    hook: str
    policy: str
    rules: int
    drops: int

    def __str__(self) -> str:
        return f"{self.table} {self.hook} (policy {self.policy}, {self.rules} rules)"


def filters(subject: Subject) -> list[Filter]:
    """Chains of others than Craton that may drop what the contract wants through. Raises Unreadable."""
    found = []
    for _, family, table, _, hook, policy, rules, drops in records(subject.evidence, probes.FIREWALL).rows("chain", 8):
        one = Filter(brief(f"{family} {table}"), hook, policy, whole_number(rules) or 0, whole_number(drops) or 0)
        if hook in _FILTERING and one.table != OWN_TABLE and (policy == "drop" or one.drops):
            found.append(one)
    return found


def _firewall(subject: Subject) -> Judgement:
    reported, known = records(subject.evidence, probes.FIREWALL), _units(subject)
    active = [name for name in ("firewalld", "ufw") if known.get(name) == "active"]
    if "ufw" in active and not reported.get("ufw"):
        active.remove("ufw")  # its service runs also where it is switched off
    found = filters(subject)
    if not active and not found and reported.get("unread"):
        raise Unreadable("there is no nft to say which packet filters are in force")
    if not active and not found:
        return holds("no packet filter drops anything")
    tools = active or [name for name in ("nftables", "netfilter-persistent") if known.get(name) == "active"]
    seen = f"{listed(tools)} is in force" if tools else "a packet filter is in force"
    if found:
        seen += f": {listed([str(one) for one in found], 2)}"
    off = {"firewalld": "systemctl disable --now firewalld", "ufw": "ufw disable"}
    undone = (
        " and ".join(off.get(name, f"systemctl disable --now {name}") for name in tools) or "nft list ruleset shows it"
    )
    return warns(seen, f"let the contract's ports through (`craton review` lists them), or switch it off: {undone}")


def _units(subject: Subject) -> dict[str, str]:
    try:
        return {name: block.get("ActiveState", "") for name, block in units(subject).items()}
    except Unreadable:
        return {}


CHECKS = (
    PreflightCheck("address", "address", Level.NEEDED, _address, (probes.NETWORK,),
        what="the plan's address is on one of the machine's interfaces",
        remedy="give an address of the machine's own in the plan, as `internal`"),
    PreflightCheck("default-route", "default route", Level.NEEDED, _default_route, (probes.NETWORK,),
        what="there is a default route, by the interface that has the plan's address",
        remedy="give the interface of the plan's address the default route: ip route replace default via GATEWAY"),
    PreflightCheck("routes", "routes", Level.NEEDED, _routes, (probes.NETWORK,),
        what="no route leads to the networks of pods and services",
        remedy="choose other networks for pods and services in the plan"),
    PreflightCheck("mtu", "MTU", Level.NEEDED, _mtu, (probes.NETWORK,),
        what="room for VXLAN's 50 bytes and 1280 more", remedy="ip link set dev INTERFACE mtu 1500"),
    PreflightCheck("port-range", "outgoing ports", Level.SHOULD, _port_range, (probes.NETWORK,),
        what="the local port range doesn't overlap the node ports (30000-32767)",
        remedy="sysctl -w net.ipv4.ip_local_port_range='32768 60999', and in /etc/sysctl.d"),
    PreflightCheck("firewall", "packet filter", Level.SHOULD, _firewall, (probes.FIREWALL, probes.SOFTWARE),
        what="no firewalld, ufw, nftables or iptables rule drops packets",
        remedy="let the contract's ports through, or switch the firewall off"),
)  # fmt: skip
