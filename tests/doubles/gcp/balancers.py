"""Load balancers of Compute Engine as machines have them: forwarding rules with what is behind each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.doubles.cloud.machines import Balancer, Listener
from tests.doubles.gcp.calls import last
from tests.doubles.gcp.project import Project

_PROBER = "35.191.0.1"
"""One of the addresses that health checks come from ("Probe IP ranges and firewall rules")."""


def balance(project: Project) -> None:
    """What an operation changed is so when it is done."""
    services = {one["name"]: one for one in project.of("regionBackendServices")}
    checks = {one["name"]: one for one in project.of("regionHealthChecks")}
    project.machines.balance({
        rule["name"]: Balancer("", rule["IPAddress"], _PROBER, tuple(_listeners(project, rule, services, checks)))
        for rule in project.of("forwardingRules")
        if rule.get("ports")  # one that a test put there leads nowhere
    })  # fmt: skip


def _listeners(
    project: Project, rule: dict[str, Any], services: dict[str, Any], checks: dict[str, Any]
) -> Iterator[Listener]:
    """A passthrough balancer delivers a connection to the port that it came to."""
    service = services[last(rule["backendService"])]
    check = checks[last(service["healthChecks"][0])]
    http = check.get("httpHealthCheck")
    asked, path = (http["port"], http["requestPath"]) if http else (check["tcpHealthCheck"]["port"], "")
    members = list(_members(project, service))
    for port in rule["ports"]:
        yield Listener(int(port), tuple((id, int(port)) for id in members), int(asked), path)


def _members(project: Project, service: dict[str, Any]) -> Iterator[str]:
    """Ids of the instances in a backend service's groups."""
    ids = {one["name"]: one["id"] for one in project.of("instances")}
    for backend in service.get("backends") or ():
        zone, name = backend["group"].split("/")[-3], last(backend["group"])
        for member in project.thing("instanceGroups", zone, name).get("members", ()):
            if member in ids:
                yield ids[member]
