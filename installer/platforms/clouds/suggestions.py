"""What every cloud's suggestions have in common: how machine types and zones are told, and the caller's own address."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Generic, TypeVar

from installer.common.text import count
from installer.plan.question import Answers
from installer.plan.suggestions import Suggestion, Suggestions

CHECK_IP = "https://checkip.amazonaws.com"
"""Says in one line from which address it is asked."""
_SECONDS = 10.0
_LEAST_VCPUS, _LEAST_MEMORY = 2, 2
"""Smaller machine types aren't suggested: kubeadm asks for two processors and 2 GiB."""
_SPREAD = 3
"""Zones that masters are spread over where there are as many."""
A = TypeVar("A")

Suggests = Mapping[str, Callable[[Answers], Suggestions]]
"""What looks up the answers of a field."""
Zone = tuple[str, str, str]
"""A public DNS zone: its id, its domain, and a detail."""


class Accounts(Generic[A]):
    """Accounts, each opened once by what answers say of it: making its clients takes longer than asking."""

    def __init__(self, opened: Callable[..., A]) -> None:
        self._opened = opened
        self._lock = threading.Lock()
        self._known: dict[tuple[object, ...], A] = {}

    def of(self, *place: object) -> A:
        with self._lock:
            if place not in self._known:
                self._known[place] = self._opened(*place)
            return self._known[place]


@dataclass(frozen=True, slots=True)
class MachineType:
    """A machine type as the cloud lists it; `hourly` is None where its price isn't known."""

    name: str
    vcpus: float
    memory: float
    """GiB."""
    architecture: str
    absent: tuple[str, ...] = ()
    """Zones in use that don't offer it."""
    hourly: float | None = None

    @property
    def detail(self) -> str:
        price = f"{self.hourly:.4f} USD an hour" if self.hourly is not None else ""
        absent = f"not in {', '.join(self.absent)}" if self.absent else ""
        return words(f"{self.vcpus:g} vCPU", f"{self.memory:g} GiB", self.architecture, price, absent)


def machine_types(found: Iterable[MachineType], place: str, prices: str) -> Suggestions:
    """Types by size: those that every zone offers come first. `prices` says where prices come from, or why not."""
    usable = [one for one in found if one.vcpus >= _LEAST_VCPUS and one.memory >= _LEAST_MEMORY]
    ordered = sorted(usable, key=lambda one: (bool(one.absent), one.vcpus, one.memory, one.name))
    return Suggestions(
        tuple(Suggestion(one.name, one.detail) for one in ordered),
        f"{count(len(ordered), 'machine type')} of {place}; {prices}",
    )


def spread_zones(names: Sequence[str], details: Mapping[str, str], place: str) -> Suggestions:
    """Zones, and before them the first three together: what masters need to survive the loss of one."""
    together = ", ".join(names[:_SPREAD])
    spread = [Suggestion(together, "masters survive the loss of one")] if len(names) >= _SPREAD else []
    each = [Suggestion(name, details.get(name, "")) for name in names]
    return Suggestions((*spread, *each), f"{count(len(names), 'zone')} of {place}", several=True)


def words(*parts: object) -> str:
    """What is known of something, in one line."""
    return " · ".join(str(part) for part in parts if part)


def in_any_cloud(field: str, public: Callable[[Answers], Iterable[Zone]], place: str, noun: str) -> Suggests:
    """What every cloud suggests: domains of its `public` DNS zones, for `field` those zones, and the own address."""
    return {
        field: lambda answers: _zones(public(answers), str(answers.get("subdomain", "")), place, noun),
        "subdomain": lambda answers: _domains(public(answers), place, noun),
        "networks.user": lambda _answers: own_network(),
    }


def _domains(found: Iterable[Zone], place: str, noun: str) -> Suggestions:
    names = sorted({name for _, name, _ in found})
    return Suggestions(tuple(Suggestion(name) for name in names), f"{count(len(names), f'public {noun}')} of {place}")


def _zones(found: Iterable[Zone], subdomain: str, place: str, noun: str) -> Suggestions:
    """DNS zones that the subdomain is in, the most specific first."""
    wanted = f".{subdomain}"
    fitting = sorted((one for one in found if wanted.endswith(f".{one[1]}")), key=lambda one: -len(one[1]))
    source = f"{count(len(fitting), f'public {noun}')} of {place} for {subdomain}"
    return Suggestions(tuple(Suggestion(id, words(name, detail)) for id, name, detail in fitting), source)


def own_network(url: str = CHECK_IP) -> Suggestions:
    """The address that this computer is seen at, as a network of one. Asked past any proxy, which SSH won't use."""
    import httpx2 as httpx

    host = url.partition("://")[2]
    try:
        with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
            address = IPv4Address(client.get(url).raise_for_status().text.strip()[:64])
    except (httpx.HTTPError, AddressValueError, OSError) as error:
        why = str(error) or type(error).__name__
        return Suggestions(problem=f"{host} can't say what your public address is: {why}.")
    return Suggestions((Suggestion(f"{address}/32", "this computer, from outside"),), f"Your address as {host} sees it")
