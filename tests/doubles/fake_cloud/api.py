"""The API of a cloud that is slow to say what exists. Its clock is the number of listings, never the time of day.

A new machine is missing from the first listings, then it is pending, then it runs, and its address comes last. The
balancer has a host name and no address. Machines are stand-ins of a rehearsal's site, behind real SSH.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from installer.common.errors import InstallerError
from installer.platforms.rehearsal.client import SiteClient

UNLISTED, PENDING, UNADDRESSED = 2, 3, 4
"""Listings since its creation in which a machine is missing, then pending, then without an address."""


class DependencyViolationError(InstallerError):
    """A deletion was refused: something that exists needs it."""


@dataclass(frozen=True)
class CloudResource:
    """One resource as a listing shows it; `needs` are ids of what cannot be deleted before it."""

    id: str
    kind: str
    name: str
    tags: Mapping[str, str]
    zone: str = ""
    machine: str | None = None
    needs: tuple[str, ...] = ()
    state: str = "running"
    address: str = ""
    host: str = ""
    port: int = 0
    host_key: str = ""
    value: Any = None
    born: int = 0


@dataclass
class FakeCloud:
    """One account. Safe from many threads. `calls` counts requests; `after` runs once an effect is there, by method.

    `throttled` is how many of the next requests are refused for their number, by method; each is counted, too.
    """

    site: SiteClient
    calls: Counter[str] = field(default_factory=Counter)
    after: dict[str, Callable[[], None]] = field(default_factory=dict)
    throttled: Counter[str] = field(default_factory=Counter)
    _entries: dict[str, CloudResource] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _listings: int = 0
    _made: int = 0

    def exists(self, kind: str) -> list[CloudResource]:
        """What really exists, listed or not: for tests, and no request."""
        return [entry for entry in self._entries.values() if entry.kind == kind]

    def list_resources(self, tag: str, value: str) -> list[CloudResource]:
        """Everything with the tag that is listed by now."""
        with self._request("list_resources"):
            self._listings += 1
            views = {view.name: view for view in self.site.machines()}
            found = []
            for entry in self._entries.values():
                age = self._listings - entry.born
                if entry.tags.get(tag) != value or (entry.kind == "machine" and age <= UNLISTED):
                    continue
                if entry.kind == "machine":
                    view = views[entry.name]
                    running = age > PENDING and view.state == "running"
                    address = entry.address if running and age > UNADDRESSED else ""
                    key = view.host_key if address else ""
                    entry = replace(
                        entry,
                        state="running" if running else "pending",
                        address=address,
                        port=view.port,
                        host_key=key,
                    )
                found.append(entry)
            return found

    def create(
        self, kind: str, name: str, tags: Mapping[str, str], *, needs: Sequence[str] = (), value: Any = None
    ) -> CloudResource:
        """A network, firewall group, balancer, record or volume. Names of one kind are unique, listed or not."""
        with self._request("create"):
            for other in self._entries.values():
                if (other.kind, other.name) == (kind, name):
                    raise InstallerError(f"create {kind}", f"there is a {kind} {name} already")
            host = f"{name}.cloud.invalid" if kind == "load-balancer" else ""
            entry = self._add(kind, name, tags, needs, host=host, value=value)
            if kind in ("firewall", "dns", "load-balancer"):
                self.site.call("put", kind=kind, name=name, value=value)
            return entry

    def create_machines(
        self,
        role: str,
        names: Sequence[str],
        token: str,
        tags: Mapping[str, str],
        *,
        group: CloudResource,
        network: CloudResource,
        user: str,
        keys: Sequence[str],
    ) -> list[str]:
        """Machines, all in one request; return their ids. Of a token and name there is one as long as it lives.

        Names are not unique: with another token, a name is given twice.
        """
        with self._request("create_machines"):
            ids = []
            for name in names:
                if (token, name) not in self._tokens:
                    address = f"10.20.{self._made // 200}.{self._made % 200 + 10}"
                    if not any(one.name == name for one in self.exists("machine")):
                        self.site.call(
                            "create", name=name, role=role, address=address, firewall=group.name, user=user,
                            authorized_keys=list(keys),
                        )  # fmt: skip
                    needs, zone = (network.id, group.id), "ab"[self._made % 2]
                    entry = self._add("machine", name, tags, needs, machine=name, address=address, zone=zone)
                    self._tokens[token, name] = entry.id
                ids.append(self._tokens[token, name])
            return ids

    def delete(self, ids: Collection[str]) -> None:
        """Things of one kind, all in one request; no error for what is gone. Raises DependencyViolationError."""
        with self._request("delete"):
            going = [self._entries[id] for id in ids if id in self._entries]
            for entry in going:
                users = [other.name for other in self._entries.values() if entry.id in other.needs]
                if users:
                    raise DependencyViolationError(f"delete {entry.kind} {entry.name}", f"{', '.join(users)} need it")
            for entry in going:
                del self._entries[entry.id]
                if entry.kind == "machine":
                    self._tokens = {token: id for token, id in self._tokens.items() if id != entry.id}
                    self.site.call("delete", name=entry.name)
                elif entry.kind in ("firewall", "dns", "load-balancer"):
                    self.site.call("remove", kind=entry.kind, name=entry.name)

    def _add(self, kind: str, name: str, tags: Mapping[str, str], needs: Sequence[str], **more: Any) -> CloudResource:
        self._made += 1
        entry = CloudResource(
            f"{kind}-{self._made:04d}", kind, name, dict(tags), needs=tuple(needs), born=self._listings, **more
        )
        self._entries[entry.id] = entry
        return entry

    @contextmanager
    def _request(self, method: str) -> Iterator[None]:
        with self._lock:
            self.calls[method] += 1
            if self.throttled[method]:
                self.throttled[method] -= 1
                raise InstallerError(f"ask the cloud to {method}", "rate exceeded", retryable=True)
            yield
        if happens := self.after.pop(method, None):
            happens()
