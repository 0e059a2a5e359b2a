"""Faults that a test asks for, and how Google words a refusal: as an HTTP error, or in an operation that is done.

https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation, ".../resource-availability-errors"
"""

from __future__ import annotations

import json
from enum import StrEnum


class Fault(StrEnum):
    """How a call fails. `LOST` loses the answer after the call took effect; `UNREACHABLE` loses the question."""

    THROTTLING = "throttling"
    CAPACITY = "capacity"
    PERMISSION = "permission"
    QUOTA = "quota"
    EXPIRED = "expired"
    UNREACHABLE = "unreachable"
    LOST = "lost"


class Refused(Exception):  # noqa: N818 (an answer of the service)
    """An HTTP error. `reason` is Google's own word, as HTTP errors spell it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message

    @property
    def body(self) -> bytes:
        listed = [{"domain": "global", "reason": self.reason, "message": self.message}]
        return json.dumps({"error": {"code": self.status, "message": self.message, "errors": listed}}).encode()


class Failed(Exception):  # noqa: N818 (an operation's end)
    """An operation that is done and went wrong. `code` is Google's own word, as operations spell it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Lost(Exception):  # noqa: N818 (what a network does)
    """The answer gets lost on its way: the connection ends without one."""


_QUOTAS = {
    "compute.networks.insert": "NETWORKS", "compute.subnetworks.insert": "SUBNETWORKS",
    "compute.firewalls.insert": "FIREWALLS", "compute.addresses.insert": "STATIC_ADDRESSES",
    "compute.instances.bulkInsert": "CPUS", "compute.forwardingRules.insert": "FORWARDING_RULES",
    "compute.regionBackendServices.insert": "BACKEND_SERVICES", "compute.regionHealthChecks.insert": "HEALTH_CHECKS",
    "compute.instanceGroups.insert": "INSTANCE_GROUPS", "compute.routers.insert": "ROUTERS",
    "compute.regionInstanceTemplates.insert": "INSTANCE_TEMPLATES",
    "compute.regionInstanceGroupManagers.insert": "REGIONAL_INSTANCE_GROUP_MANAGERS",
}  # fmt: skip


def applies(name: str, fault: Fault) -> bool:
    """Whether a call (`compute.networks.insert`) can fail so at all."""
    if fault is Fault.CAPACITY:
        return name == "compute.instances.bulkInsert"
    return fault is not Fault.QUOTA or name in _QUOTAS


def error(name: str, fault: Fault, region: str) -> Exception:
    """What the service answers to the call."""
    if fault is Fault.THROTTLING:
        return Refused(403, "rateLimitExceeded", f"Quota exceeded for quota metric 'Queries' of {name} per minute.")
    if fault is Fault.PERMISSION:
        return Refused(403, "forbidden", f"Required '{name.replace('.insert', '.create')}' permission for 'this'")
    if fault is Fault.EXPIRED:
        return Refused(401, "authError", "Request had invalid authentication credentials.")
    if fault is Fault.QUOTA:
        return Failed("QUOTA_EXCEEDED", f"Quota '{_QUOTAS[name]}' exceeded.  Limit: 0.0 in region {region}.")
    if fault is Fault.CAPACITY:
        return Failed("ZONE_RESOURCE_POOL_EXHAUSTED", "The zone does not have enough resources available.")
    return Lost()
