"""Machines that a list has twice: by the address they are reached at, or by the name the list gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address

from installer.common.text import shown
from installer.plan import addresses
from installer.plan.host import Host

_SSH_PORT = 22
"""Of machines that are listed without a port."""


@dataclass
class Seen:
    """What is listed so far, each with the words for where, such as `line 3`."""

    _where: dict[object, str] = field(default_factory=dict)

    def twin(self, host: Host, names: Sequence[str], where: str) -> str:
        """What to say of a machine that is listed already, "" of a new one, which is then listed itself.

        Behind a tunnel one address leads to several machines: port and jump host tell them apart.
        """
        signs = list(_signs(host, names))
        for key, what in signs:
            if first := self._where.get(key):
                return f"{shown(what)} is already listed in {first}. List each machine once."
        self._where |= {key: where for key, _ in signs}
        return ""


@lru_cache(maxsize=8192)  # every machine is looked at again with each key that is pressed in the list
def _its_own(address: IPv4Address) -> bool:
    return not addresses.reason_against(address)


def _signs(host: Host, names: Sequence[str]) -> list[tuple[object, str]]:
    """What no two machines have in common, each with how people write it."""
    login = (host.address.lower(), host.port or _SSH_PORT, host.jump)
    signs: list[tuple[object, str]] = [(login, host.address)]
    at = host.node_address
    if at is not None and _its_own(at):
        signs.append((at, str(at)))
    return signs + [(("name", name.lower()), name) for name in names]
