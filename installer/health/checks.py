"""Every check, in the order in which people read them."""

from __future__ import annotations

from installer.health import cluster, host, network
from installer.health.check import Check

CHECKS: tuple[Check, ...] = (*host.CHECKS, *cluster.CHECKS, *network.CHECKS)
