"""The rules between the settings of Google Cloud and the rest of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from installer.plan.clouds import conflicts, zones_elsewhere
from installer.plan.conflict import Conflict, ConflictRule

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.gcp.settings import Gcp

_MACHINES = ("networks", "machines")
_RESERVED = 4
"""Addresses of each subnetwork that Google keeps ("Unusable addresses in IPv4 subnet ranges")."""


def _zones(_plan: CommonSettings, gcp: Gcp) -> Iterator[Conflict]:
    yield from zones_elsewhere("gcp", f"{gcp.region}-", gcp.zones)


def _existing(_plan: CommonSettings, gcp: Gcp) -> Iterator[Conflict]:
    if gcp.network and not gcp.subnetwork:
        message = f"Name the subnetwork of {gcp.network} in {gcp.region} that the machines should be in."
        yield ("gcp", "subnetwork"), "no subnetwork", message
    for value in (gcp.subnetwork, gcp.network_project):
        if value and not gcp.network:
            message = f"You named {value}. Name the network that it belongs to, or leave it out."
            yield ("gcp", "network"), "no network", message


def _network_size(plan: CommonSettings, gcp: Gcp) -> Iterator[Conflict]:
    network = plan.networks.machines
    if not 8 <= network.prefixlen <= 29:
        yield _MACHINES, f"'{network}'", f"A subnetwork can't have the range {network}. Use one from /8 to /29."
        return
    room, wanted = network.num_addresses - _RESERVED, plan.masters + plan.infra + plan.workers
    if gcp.network is None and wanted > room:
        message = f"{network} has room for {room} machines; this plan has {wanted}. Use a larger one."
        yield _MACHINES, f"'{network}'", message


CONFLICTS = (
    ConflictRule((("gcp", "zones"), ("gcp", "region")), _zones),
    ConflictRule((("gcp", "network"), ("gcp", "subnetwork"), ("gcp", "network_project")), _existing),
    ConflictRule((_MACHINES, ("masters",), ("workers",), ("ingress",)), _network_size),
    *conflicts("gcp", "Google Cloud"),
)
