"""A machine's interfaces, addresses, routes and neighbours as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network

from installer.common.text import whole_number
from installer.health.preflight import probes
from installer.health.preflight.records import Records, address, records
from installer.steps.evidence import Evidence, Unreadable

_UP, _COMPLETE = 0x1, 0x2
_NO_MAC = ("-", "", "00:00:00:00:00:00")


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface; `mac` is empty where it has none."""

    name: str
    mtu: int | None
    mac: str


@dataclass(frozen=True, slots=True)
class Route:
    """A route of IPv4's main table that is up."""

    link: str
    network: IPv4Network
    metric: int


@dataclass(frozen=True, slots=True)
class Interfaces:
    """`addresses` to the name of the interface that has each (`-`: not known), `neighbours` to MAC addresses."""

    links: Mapping[str, Link]
    addresses: Mapping[IPv4Address, str]
    routes: tuple[Route, ...]
    neighbours: Mapping[IPv4Address, str]

    @property
    def default(self) -> Route | None:
        """The default route that is taken."""
        routes = [route for route in self.routes if route.network.prefixlen == 0]
        return min(routes, key=lambda route: route.metric, default=None)

    def link(self, at: IPv4Address) -> Link | None:
        """The interface that has an address, as far as it is known."""
        return self.links.get(self.addresses.get(at, ""))


def interfaces(evidence: Evidence) -> Interfaces:
    """Raises Unreadable."""
    found = _read(records(evidence, probes.NETWORK))
    if not found.addresses:
        raise Unreadable("the machine named no address of its own")
    return found


@lru_cache(maxsize=256)
def _read(reported: Records) -> Interfaces:
    """Many checks read what the one probe printed."""
    links = {name: Link(name, whole_number(mtu), _mac(mac)) for name, mtu, _, mac in reported.rows("link", 4)}
    found = {at: name for name, text in reported.rows("address", 2) if (at := address(text))}
    return Interfaces(links, found, _routes(reported), _neighbours(reported))


def _mac(text: str) -> str:
    return "" if text in _NO_MAC else text.lower()


def _routes(reported: Records) -> tuple[Route, ...]:
    routes = []
    for name, destination, _, flags, mask, metric in reported.rows("route", 6):
        to, bits = _little_endian(destination), _little_endian(mask)
        if to is None or bits is None or not re.fullmatch(r"[0-9A-Fa-f]{1,8}", flags) or not int(flags, 16) & _UP:
            continue
        prefix = int(bits).bit_count()
        routes.append(Route(name, IPv4Network((int(to), prefix), strict=False), whole_number(metric) or 0))
    return tuple(routes)


def _little_endian(text: str) -> IPv4Address | None:
    """An address as /proc/net/route has it."""
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", text):
        return None
    return IPv4Address(bytes.fromhex(text)[::-1])


def _neighbours(reported: Records) -> dict[IPv4Address, str]:
    found = {}
    for text, flags, mac, _ in reported.rows("neighbour", 4):
        at = address(text)
        if at and re.fullmatch(r"0x[0-9a-fA-F]{1,4}", flags) and int(flags, 16) & _COMPLETE and _mac(mac):
            found[at] = _mac(mac)
    return found
