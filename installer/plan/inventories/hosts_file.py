"""Lines of a hosts file: an address, then its names (hosts(5))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.plan import addresses

_NAME = re.compile(r"(?=[^\s]*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?\.?")


@dataclass(frozen=True, slots=True)
class HostsLine:
    """[`start`, `end`) of the line holds an address and its names; `local` if it means the computer itself."""

    start: int
    end: int
    address: str
    names: tuple[str, ...]
    local: bool


def read(line: str) -> HostsLine | None:
    """What a line says if it has the form of hosts(5), else None: commas, ranges and settings are not of that form."""
    entry = line.partition("#")[0]
    address, *names = entry.split() or [""]
    found = addresses.parse(address)
    if found is None or not names or not all(map(_NAME.fullmatch, names)):
        return None
    if any(addresses.parse(name) for name in names):
        return None
    start = len(entry) - len(entry.lstrip())
    local = found.is_loopback or found.is_multicast or found.is_unspecified or address in ("255.255.255.255", "fe00::0")
    return HostsLine(start, len(entry.rstrip()), address, tuple(names), local)
