"""Entries of `no_proxy`: which host is to be reached without a proxy. Pure.

An entry is `*`, a name (which covers the names below it), `.name`, `*.name`, an address, a network (10.0.0.0/8 or
fd00::/8), or a name or an address with a port. Networks cover addresses alone: no name is looked up to compare it.
curl (since 7.86) and programs written in Go read them the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_PORT = re.compile(r"[0-9]{1,5}")
_NAME = re.compile(r"(\*?\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def entries(text: str) -> tuple[str, ...]:
    """The entries of a variable's value, which commas or blanks separate."""
    return tuple(entry for entry in re.split(r"[,\s]+", text) if entry)


def matching(host: str, port: int, listed: Iterable[str]) -> str | None:
    """The first entry that covers `host` (an address without brackets, or a name) at `port`; None if none does."""
    return next((entry for entry in listed if _covers(entry, host, port)), None)


def is_entry(text: str) -> bool:
    """Whether `text` is an entry that can match anything."""
    if "%" in text:
        return False
    if text == "*" or _network(text) is not None:
        return True
    name, port = _split(text)
    if text.endswith(":") or (port and not (_PORT.fullmatch(port) and 0 < int(port) <= 65535)):
        return False
    return _address(name) is not None or _NAME.fullmatch(name) is not None


def canonical(entry: str) -> str:
    """An entry in the form that curl and programs written in Go understand."""
    network = _network(entry)
    if network is not None:
        return str(network)
    name, port = _split(entry)
    if _address(name) is not None and not port:
        return name
    return entry.removeprefix("*") if entry != "*" else entry


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        network = _network(entry)
        return network is not None and address is not None and address in network
    name, wanted_port = _split(entry)
    if wanted_port not in ("", str(port)):
        return False
    if address is not None:
        return _address(name) == address
    name, host = name.removeprefix("*").strip(".").lower(), host.rstrip(".").lower()
    return name != "" and (host == name or host.endswith(f".{name}"))


def _split(entry: str) -> tuple[str, str]:
    """Name and port; the port is empty where the entry has none."""
    if entry.startswith("[") and "]" in entry:
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    if entry.count(":") == 1:
        name, _, port = entry.partition(":")
        return name, port
    return entry, ""


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ip_network(re.sub(r"[][]", "", text), strict=False)
    except ValueError:
        return None
