"""IP addresses and networks of a plan: which of them a machine, a pod or a service can have, and how SSH finds one."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

_SPECIAL = (
    (IPv4Network("0.0.0.0/8"), "has no hosts"),
    (IPv4Network("127.0.0.0/8"), "is loopback"),
    (IPv4Network("169.254.0.0/16"), "is link-local"),
    (IPv4Network("224.0.0.0/4"), "is multicast"),
    (IPv4Network("240.0.0.0/4"), "is reserved"),
)
"""Networks in which nothing of a cluster can have an address (RFC 6890, RFC 5771)."""
_NOBODY = ("has no hosts", "is multicast", "is reserved")
"""What is said of networks in which not even people are."""
_ZONE = re.compile(r"[A-Za-z0-9._-]{1,15}")
"""The name of a network interface."""


def reason_against(place: IPv4Address | IPv4Network) -> str:
    """Why no machine, pod or service can have this address, or one in this network; empty if one can."""
    network = IPv4Network(place)
    return next((f"{special} {why}" for special, why in _SPECIAL if network.overlaps(special)), "")


def reason_against_people(network: IPv4Network) -> str:
    """Why no computer that people use can be in this network; empty if one can."""
    found = next(((special, why) for special, why in _SPECIAL if network.subnet_of(special)), None)
    return f"{found[0]} {found[1]}" if found and found[1] in _NOBODY else ""


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """An address, IPv4 also where IPv6 only wraps it (`::ffff:10.0.0.1`); None if it is none."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def reason_against_ssh(address: IPv4Address | IPv6Address) -> str:
    """What is wrong with an address as the place of an SSH server; empty if nothing is.

    A loopback address may be a tunnel's end, and a link-local one a neighbour's: the plan gives such a machine another
    address for the cluster.
    """
    if isinstance(address, IPv4Address):
        reason = reason_against(address)
        return reason if reason.endswith(_NOBODY) else ""
    if address.is_unspecified or address.is_multicast:
        return f"{address} is {'multicast' if address.is_multicast else 'no address of a machine'}"
    if address.is_link_local and address.scope_id is None:
        return f"{address} is link-local: add this computer's interface, such as {address}%eth0"
    if address.scope_id is not None and not (address.is_link_local and _ZONE.fullmatch(address.scope_id)):
        return "only a link-local address has an interface behind a '%'"
    return ""
