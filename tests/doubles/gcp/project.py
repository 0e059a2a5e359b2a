"""The project that a test holds: what exists in it, what was called, what is to fail, and how long things take."""

from __future__ import annotations

import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.doubles.cloud.machines import Machines, NoMachines
from tests.doubles.gcp.documents import Method
from tests.doubles.gcp.faults import Fault, Refused

PROJECT, REGION = "craton-test-1", "europe-west3"
ZONES = tuple(f"{REGION}-{letter}" for letter in "abc")
QUOTAS = {
    "CPUS": 72.0, "C4A_CPUS": 8.0, "IN_USE_ADDRESSES": 69.0, "STATIC_ADDRESSES": 21.0, "SSD_TOTAL_GB": 20480.0,
    "INSTANCES": 720.0, "FORWARDING_RULES": 45.0, "NETWORKS": 15.0, "FIREWALLS": 200.0,
    "REGIONAL_INSTANCE_GROUP_MANAGERS": 100.0,
}  # fmt: skip
"""Some of Google's defaults for a project with a billing account that has been there for a while."""
TYPES = {"e2-standard-2": 2, "e2-standard-4": 4, "n2-standard-2": 2, "c4a-standard-1": 1}
SERVICES = ("compute", "dns", "iam", "cloudresourcemanager", "serviceusage", "cloudbilling", "cloudkms",
            "iamcredentials", "oslogin", "oauth2", "secretmanager")  # fmt: skip
ACCOUNT = f"tests@{PROJECT}.iam.gserviceaccount.com"
"""The service account whose key tests have."""
Key = tuple[str, str, str]
"""Collection, scope (`global`, a region or a zone) and name of a thing."""


@dataclass
class Lag:
    """After how many looks at the API what was made shows."""

    operation: int = 3
    """Requests after which an operation is done that nobody waits for."""
    staging: int = 1
    """Lists in which a new machine is staging, without an external address."""
    stopping: int = 2
    """Lists in which a machine that was deleted is stopping, and keeps what it uses from being deleted."""
    service_account: int = 1
    """Requests for machines that are refused because a service account is too new."""
    latest: int = 1
    """Looks at the newest version of a secret that find the one before it."""
    record: int = 1
    """Looks at a change of records in which it is pending."""


@dataclass
class Operation:
    """What a change does once its time has come. `done` makes the effect, and raises Failed if it can't be."""

    name: str
    method: str
    scope: str
    target: Key
    done: Callable[[], None]
    left: int
    status: str = "RUNNING"
    error: tuple[str, str] | None = None


@dataclass
class Member:
    """A machine of a managed instance group. `seen`: the group has looked at it since it is to go."""

    name: str
    zone: str
    made: bool = False
    going: bool = False
    seen: bool = False
    errors: list[dict[str, str]] = field(default_factory=list)
    """Of the last attempt to make it."""


@dataclass
class Project:
    """One project. `lock` is held while a call is answered.

    `calls` counts requests by name (`compute.networks.insert`), those that were refused included. `changed` are the
    names of calls that changed something, in order; `after` is called with the name after each.
    """

    machines: Machines = field(default_factory=NoMachines)
    next_address: Callable[[], str] = field(default_factory=lambda: (f"127.9.0.{n}" for n in range(1, 255)).__next__)
    calls: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Requests that Google's documents don't allow, and failures of the double itself: a test fails on any."""
    quotas: dict[str, float] = field(default_factory=lambda: dict(QUOTAS))
    lag: Lag = field(default_factory=Lag)
    full_zones: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=lambda: set(SERVICES))
    """APIs that are enabled."""
    permissions: tuple[str, ...] = ("*",)
    """What the caller may do; `compute.*` is all of Compute Engine."""
    withheld: set[str] = field(default_factory=set)
    """And what not, all the same."""
    policies: set[str] = field(default_factory=set)
    """Constraints of the organisation in force, such as compute.vmExternalIpAccess."""
    creators: set[str] = field(default_factory=set)
    """Service accounts that the credentials may act as."""
    user: str = ACCOUNT
    """Whose the credentials are; empty where Google doesn't tell their address."""
    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of OS Login, by their users' addresses."""
    metadata: dict[str, str] = field(default_factory=dict)
    """The project's own."""
    host: str = ""
    """The host project of a shared VPC that the project is attached to."""
    enabling: list[Any] = field(default_factory=list)
    """How many more looks an operation takes that enables APIs, and which."""
    after: Callable[[str], None] = lambda _name: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    things: dict[Key, dict[str, Any]] = field(default_factory=dict)
    reserved: set[Key] = field(default_factory=set)
    """Names that operations in progress are about to fill."""
    operations: dict[str, Operation] = field(default_factory=dict)
    requests: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Method and operation of each requestId."""
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Service accounts by their address."""
    bindings: list[dict[str, Any]] = field(default_factory=list)
    """Of the project's IAM policy."""
    roles: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The project's own, by their ids, those that were deleted included."""
    members: dict[str, list[Member]] = field(default_factory=dict)
    """Machines of each managed instance group."""
    leaving: set[str] = field(default_factory=set)
    """Groups that are being deleted."""
    secrets: dict[str, Any] = field(default_factory=dict)
    """Of Secret Manager, by their ids."""
    tokens: dict[str, str] = field(default_factory=dict)
    """What machines have been given, each with the service account that they are with it."""
    etag: int = 0
    nat_addresses: dict[str, str] = field(default_factory=dict)
    """That Google chose for Cloud NAT, by its router."""
    zones: dict[str, dict[str, Any]] = field(default_factory=dict)
    """DNS zones by name: `dnsName`, `rrsets` by name and type, and `changes`."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(4_000_000_000_001))
    _faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))

    def number(self) -> str:
        """An id that nothing else has."""
        return str(next(self._numbers))

    def fail(self, name: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls of this name fail so; `name` may be a pattern (`compute.*.insert`)."""
        with self.lock:
            self._faults[name] += [fault] * times

    @property
    def pending_faults(self) -> dict[str, list[Fault]]:
        """Faults that were asked for and did not happen yet."""
        return {name: list(left) for name, left in self._faults.items() if left}

    def next_fault(self, name: str) -> Fault | None:
        """The fault that this call meets, if any. It is used up."""
        for pattern, left in self._faults.items():
            if left and fnmatchcase(name, pattern):
                return left.pop(0)
        return None

    def permits(self, permission: str) -> bool:
        return permission not in self.withheld and any(fnmatchcase(permission, known) for known in self.permissions)

    def counted(self) -> int:
        """How many requests there were in all."""
        return sum(self.calls.values())

    def of(self, collection: str, scope: str | None = None) -> list[dict[str, Any]]:
        """Things of a collection, in one place or in all."""
        return [one for (kind, where, _), one in self.things.items() if kind == collection and scope in (None, where)]

    def thing(self, collection: str, scope: str, name: str) -> dict[str, Any]:
        """Raises Refused if there is none."""
        found = self.things.get((collection, scope, name))
        if found is None:
            where = f"projects/{PROJECT}/{scope}/{collection}/{name}"
            raise Refused(404, "notFound", f"The resource '{where}' was not found")
        return found

    def begin(self, method: Method, target: Key, done: Callable[[], None], request: str) -> dict[str, Any]:
        """An operation that is going on; the answer to the call that began it."""
        name = f"operation-{self.number()}"
        operation = Operation(name, method.id, target[1], target, done, self.lag.operation)
        self.operations[name] = operation
        if request:
            self.requests[request] = (method.id, name)
        return self.shown(operation)

    def looked(self) -> None:
        """Somebody looks at machines: what groups keep comes closer to what they want."""
        from tests.doubles.gcp.group_managers import keep_sizes

        keep_sizes(self)

    def pass_time(self) -> None:
        """One more request: what goes on by itself comes closer to its end."""
        for operation in list(self.operations.values()):
            if operation.status != "DONE":
                operation.left -= 1
                if operation.left <= 0:
                    self.complete(operation)

    def complete(self, operation: Operation) -> None:
        from tests.doubles.gcp.faults import Failed

        if operation.status == "DONE":
            return
        operation.status = "DONE"
        self.reserved.discard(operation.target)
        try:
            operation.done()
        except Failed as failed:
            operation.error = (failed.code, failed.message)

    def shown(self, operation: Operation) -> dict[str, Any]:
        """An operation as Compute Engine shows it."""
        scope, host = operation.scope, "https://www.googleapis.com/compute/v1"
        where = scope if scope == "global" else f"{'zones' if scope in ZONES else 'regions'}/{scope}"
        found: dict[str, Any] = {
            "kind": "compute#operation", "id": operation.name.rpartition("-")[2], "name": operation.name,
            "operationType": operation.method.rpartition(".")[2], "status": operation.status,
            "selfLink": f"{host}/projects/{PROJECT}/{where}/operations/{operation.name}",
            "progress": 100 if operation.status == "DONE" else 0,
        }  # fmt: skip
        if scope != "global":
            kind = "zone" if scope in ZONES else "region"
            found[kind] = f"{host}/projects/{PROJECT}/{where}"
        if operation.error:
            code, message = operation.error
            found["error"] = {"errors": [{"code": code, "message": message}]}
            found |= {"httpErrorStatusCode": 400, "httpErrorMessage": "BAD REQUEST"}
        return found

    def remains(self) -> list[str]:
        """What exists that costs money, takes a name or gives rights, sorted."""
        found = [f"{collection} {name}" for collection, _, name in self.things]
        found += [f"service account {mail}" for mail in self.accounts]
        found += [f"secret {id}" for id in self.secrets]
        found += [f"binding {one['role']} {name}" for one in self.bindings for name in one["members"]]
        found += [f"login key {one['key'].split()[-1]}" for profile in self.profiles.values()
                  for one in profile["sshPublicKeys"].values()]  # fmt: skip
        found += [f"record {name} {kind}" for zone in self.zones.values() for name, kind in zone["rrsets"]]
        return sorted(found)
