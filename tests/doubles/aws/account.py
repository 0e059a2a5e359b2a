"""The account that a test holds: what was called, what is to fail, who may do what, and moto's stores behind it."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from moto.backends import get_backend
from moto.core.base_backend import BackendDict

from tests.doubles.aws import faults
from tests.doubles.aws.call import Call, Refused
from tests.doubles.aws.faults import Fault
from tests.doubles.cloud.machines import Machines, NoMachines

ACCOUNT = "123456789012"
KEY, SECRET = "AKIACRATONTESTSONLY0", "known-to-everybody"
"""The only credentials that the account takes."""
REGION = "eu-central-1"
QUOTAS = {
    "L-1216C47A": 64.0,  # vCPUs of standard instances (A, C, D, H, I, M, R, T, Z)
    "L-DB2E81BA": 0.0,  # vCPUs of G and VT instances, of which new accounts have none
    "L-F678F1CE": 5.0,  # VPCs
    "L-0263D0A3": 5.0,  # elastic addresses
    "L-0EA8095F": 60.0,  # rules of a security group, inbound and outbound each
    "L-E79EC296": 2500.0,  # security groups
    "L-69A177A2": 50.0,  # network load balancers
    "L-FE5A380F": 5.0,  # NAT gateways of a zone
    "L-407747CB": 200.0,  # subnets of a VPC
}
"""AWS's defaults for a new account, by the codes that Service Quotas gives them."""


@dataclass
class Lag:
    """After how many looks at the API what was made shows. A look is one call that lists or names such things."""

    unknown: int = 1
    """Looks in which an instance is not known at all."""
    pending: int = 2
    """Further looks in which it is pending, without a public address."""
    ending: int = 2
    """Looks in which a terminated instance is shutting down, and keeps what it uses from being deleted."""
    profile: int = 1
    """RunInstances that are refused because an instance profile is too new."""
    unhealthy: int = 1
    """Looks in which a new target of a load balancer is not healthy yet, whatever it answers."""
    deleting: int = 2
    """Attempts to delete a subnet or group that the interfaces of a deleted load balancer still need."""


@dataclass
class Account:
    """One AWS account. `lock` is held while a call is answered.

    `calls` counts requests by name (`ec2:RunInstances`), those that were refused included. `changed` are the names of
    calls that changed something, in order. `before` and `after` are called around each changing call with its name.
    """

    machines: Machines = field(default_factory=NoMachines)
    next_address: Callable[[], str] = field(default=lambda: "192.0.2.1")
    """Gives out public addresses."""
    calls: Counter[str] = field(default_factory=Counter)
    changed: list[str] = field(default_factory=list)
    quotas: dict[str, float] = field(default_factory=lambda: dict(QUOTAS))
    lag: Lag = field(default_factory=Lag)
    full_zones: set[tuple[str, str]] = field(default_factory=set)
    """Zone and instance type of which there are none left; the type `*` is every type."""
    before: Callable[[str], None] = lambda _name: None
    after: Callable[[str], None] = lambda _name: None
    lock: threading.RLock = field(default_factory=threading.RLock)
    errors: list[str] = field(default_factory=list)
    """Failures of the double itself, with their tracebacks."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What rules remember between calls, each under a key of its own."""
    _faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    _allowed: tuple[str, ...] = ("*",)

    def fail(self, name: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls of this name fail so; `name` may be a pattern (`*:Create*`)."""
        with self.lock:
            self._faults[name] += [fault] * times

    @property
    def pending_faults(self) -> dict[str, list[Fault]]:
        """Faults that were asked for and did not happen yet."""
        return {name: list(left) for name, left in self._faults.items() if left}

    def next_fault(self, call: Call) -> Fault | None:
        """The fault that this call meets, if any. It is used up."""
        for pattern, left in self._faults.items():
            if left and fnmatchcase(call.name, pattern):
                return left.pop(0)
        return None

    def allow(self, actions: Collection[str]) -> None:
        """From now on the caller has a policy of these actions (`ec2:RunInstances`, `ec2:Describe*`) and no other."""
        self._allowed = tuple(actions)

    def check_permission(self, call: Call, *permissions: str) -> None:
        """Raises Refused if the caller lacks one of these permissions."""
        for permission in permissions:
            if not any(fnmatchcase(permission.lower(), allowed.lower()) for allowed in self._allowed):
                raise faults.denied(call, permission)

    def note(self, key: str, empty: Callable[[], Any]) -> Any:
        """What a rule remembers under `key`."""
        return self.notes.setdefault(key, empty())

    def store(self, service: str, region: str = REGION) -> Any:
        """moto's store of a service; global services have one for all regions."""
        stores = get_backend(service)[ACCOUNT]  # type: ignore[call-overload]
        return stores["aws"] if service in ("iam", "route53", "sts") else stores[region]

    def reset(self) -> None:
        """A new account: nothing exists, nothing was called."""
        with self.lock:
            self.machines.close()
            for stores in list(BackendDict._instances):  # type: ignore[misc]
                stores.reset()
            self.__init__(lock=self.lock, next_address=self.next_address)  # type: ignore[misc]

    def counted(self) -> int:
        """How many requests there were in all."""
        return sum(self.calls.values())

    def instances(self, region: str = REGION) -> Iterator[Any]:
        """moto's instances, terminated ones included."""
        for reservation in self.store("ec2", region).reservations.values():
            yield from reservation.instances


def unknown_key(call: Call) -> Refused | None:
    """The answer to credentials that are not the account's."""
    if call.key == KEY:
        return None
    if call.service == "ec2":
        return Refused("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if call.service in ("ssm", "service-quotas", "pricing", "kms", "secretsmanager"):
        return Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    return Refused("InvalidClientTokenId", "The security token included in the request is invalid.", 403)
