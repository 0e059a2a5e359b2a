"""Groups and hosts of an Ansible inventory, however it is written, as machines with roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from installer.plan.inventories.reading import Reading, Row, ignored
from installer.plan.inventories.roles import first, role_of

_FIELDS = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_ssh_private_key_file": "key",
    "ansible_private_key_file": "key",
}
_PRIVATE_ADDRESSES = ("ip", "private_ip", "internal_ip", "access_ip")
"""Variables in which Kubespray and others keep the address inside the machines' network, the first that is there."""
ALL = "all"
_AROUND = 100
"""Groups around a host that count; nobody nests so many."""


@dataclass
class Group:
    """`hosts` maps a name to the variables given there; `variables` are for every host in the group."""

    hosts: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)


@dataclass
class Groups:
    """An inventory while it is read: `places` has where each host was first named, `errors` what can't be read."""

    groups: dict[str, Group] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    errors: list[Row] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    def group(self, name: str) -> Group:
        return self.groups.setdefault(name, Group())

    def add(self, group: str, host: str, variables: Mapping[str, str], place: tuple[int, int]) -> None:
        """Note a host; Ansible merges what several places say of one, and so does this."""
        self.places.setdefault(host, place)
        self.group(group).hosts.setdefault(host, {}).update(variables)

    def reading(self, format: str, ignored_too: tuple[str, ...] = ()) -> Reading:
        """Every host once, in the order of the text."""
        chains = _chains(self.groups)
        of = self._groups_of()
        used: set[str] = set()
        local: list[str] = []
        rows: list[Row] = []
        for host, (start, end) in self.places.items():
            given = self._variables(host, of[host], chains)
            used |= given.keys() & {*_FIELDS, *_PRIVATE_ADDRESSES}
            if given.get("ansible_connection") == "local":
                local.append(host)
                continue
            role = first(role_of(outer) for name in of[host] for outer in chains[name])
            rows.append(Row(start, end, _fields(host, given) | ({"role": role} if role else {}), host))
        rows = sorted([*rows, *self.errors], key=lambda row: row.start)
        remarks = (*ignored_too, *ignored("local host", local), *self._ignored(used, chains), *self.other)
        return Reading(format, tuple(rows), remarks)

    def _groups_of(self) -> dict[str, list[str]]:
        """The groups that name each host."""
        found: dict[str, list[str]] = {host: [] for host in self.places}
        for name, group in self.groups.items():
            for host in group.hosts:
                found[host].append(name)
        return found

    def _variables(self, host: str, of: list[str], chains: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
        """What applies to a host in the groups `of`: the groups' variables, outer ones first, then its own."""
        around = dict.fromkeys(outer for name in of for outer in reversed(chains[name]))
        merged = dict(self.groups[ALL].variables) if ALL in self.groups else {}
        for name in around:
            merged |= self.groups[name].variables
        for name in of:
            merged |= self.groups[name].hosts[host]
        return merged

    def _ignored(self, used: set[str], chains: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        every = [name for group in self.groups.values() for name in group.variables]
        every += [name for group in self.groups.values() for host in group.hosts.values() for name in host]
        yield from ignored("variable", (name for name in every if name not in used and name != "ansible_connection"))
        plain = [name for name in self.groups if name not in (ALL, "ungrouped") and not any(map(role_of, chains[name]))]
        yield from ignored("group", plain)


def _chains(groups: Mapping[str, Group]) -> dict[str, tuple[str, ...]]:
    """Each group with every group around it, from the inside out."""
    parents: dict[str, list[str]] = {name: [] for name in groups}
    for name, group in groups.items():
        for child in group.children:
            parents[child].append(name)
    chains = {}
    for name in groups:
        chain = [name]
        for inner in chain:  # grows while it is walked
            chain += [parent for parent in dict.fromkeys(parents[inner][:_AROUND]) if parent not in chain]
            if len(chain) > _AROUND:
                break
        chains[name] = tuple(chain)
    return chains


def _fields(host: str, variables: Mapping[str, str]) -> dict[str, str]:
    found = {field: variables[name] for name, field in _FIELDS.items() if variables.get(name)}
    bare, colon, port = host.rpartition(":")
    if "address" not in found and colon and port.isascii() and port.isdigit() and ":" not in bare:
        found = {"address": bare, "port": port, **found}
    fields = {"address": ranges(host), **found}
    inside = next((variables[name] for name in _PRIVATE_ADDRESSES if variables.get(name)), "")
    return fields | ({"internal": inside} if inside and inside != fields["address"] else {})


def ranges(host: str) -> str:
    """`web[01:10]` as Craton writes it: `web[01-10]`."""
    return re.sub(r"\[(\d+):(\d+)\]", r"[\1-\2]", host)
