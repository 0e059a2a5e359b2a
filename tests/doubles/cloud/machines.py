"""The machines behind a cloud's instances: a back end starts one for each instance, and ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Protocol


@dataclass(frozen=True)
class Launch:
    """An instance as its machine sees it. `index` is its place among those of one request; `kind` its type."""

    id: str
    index: int
    private: str
    public: str
    """Where its SSH server is reached from outside; empty if nowhere."""
    user_data: bytes = field(repr=False)
    zone: str
    region: str
    kind: str
    image: str
    architecture: str
    groups: tuple[str, ...]
    """Ids of its security groups."""
    tokens_required: bool
    """Whether the metadata service answers only to those who have a token (IMDSv2)."""
    hop_limit: int
    tags: Mapping[str, str]
    account: str = ""
    role: str = ""
    """The identity that the cloud gives it, with which it may ask the cloud's API."""
    credentials: str = field(default="", repr=False)
    """What the metadata service shows of that identity."""

    @property
    def mac(self) -> str:
        """The hardware address of its network interface."""
        return ":".join(f"{octet:02x}" for octet in (0x02, 0x42, *IPv4Address(self.private).packed))


@dataclass(frozen=True)
class Opening:
    """One rule of a security group: who may come in, by the ids of groups and by networks."""

    text: str
    """Its description."""
    protocol: str
    """`tcp`, `udp` or `all`."""
    first: int
    last: int
    groups: tuple[str, ...]
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Listener:
    """A port of a load balancer. `targets` are ids of instances, each with a port."""

    port: int
    targets: tuple[tuple[str, int], ...]
    check: int = 0
    """The port that a health check asks; 0 for the target's own."""
    path: str = ""
    """What it asks for by HTTP; empty if a connection is enough."""


@dataclass(frozen=True)
class Balancer:
    """A load balancer that leaves clients their addresses. `address` is empty if the back end may choose."""

    host: str
    """Its DNS name, if it has one."""
    address: str
    prober: str
    """The address from which it asks after its targets' health."""
    listeners: tuple[Listener, ...]


class Machines(Protocol):
    """Safe from many threads. Addresses are the API's to give."""

    def start(self, launch: Launch) -> None:
        """Switch on the machine of a new instance; return before it has booted."""

    def stop(self, id: str) -> None:
        """End a machine for good; no error for one that is gone."""

    def attach(self, id: str, public: str) -> None:
        """From now on the machine is reached at another public address, or at none."""

    def protect(self, groups: Mapping[str, tuple[Opening, ...]]) -> None:
        """These are all security groups by id, with what they let in."""

    def lead_out(self, ways: Mapping[str, str]) -> None:
        """From these networks, machines without a public address get out, and are seen at these addresses."""

    def name(self, records: Mapping[str, tuple[str, ...]]) -> None:
        """These are all host names of public zones, with their addresses or the host of a load balancer."""

    def balance(self, balancers: Mapping[str, Balancer]) -> None:
        """These are all load balancers by id."""

    def console(self, id: str) -> str:
        """What it printed on its console so far."""

    def listens(self, id: str, port: int) -> bool:
        """Whether a load balancer's health check of a port would pass."""

    def close(self) -> None:
        """End all machines."""


class NoMachines:
    """Instances without an inside, for tests of the API alone. Nothing listens, and consoles are empty."""

    def start(self, launch: Launch) -> None:
        return

    def stop(self, id: str) -> None:
        return

    def attach(self, id: str, public: str) -> None:
        return

    def protect(self, groups: Mapping[str, tuple[Opening, ...]]) -> None:
        return

    def lead_out(self, ways: Mapping[str, str]) -> None:
        return

    def name(self, records: Mapping[str, tuple[str, ...]]) -> None:
        return

    def balance(self, balancers: Mapping[str, Balancer]) -> None:
        return

    def console(self, id: str) -> str:
        return ""

    def listens(self, id: str, port: int) -> bool:
        return False

    def close(self) -> None:
        return


class Printing(NoMachines):
    """Instances of which nothing is known but what they print."""

    def console(self, id: str) -> str:
        return "\n".join(f"{id} line {number}" for number in range(5000))
