"""Every check, in the order in which people read them."""

from __future__ import annotations

from installer.health.check import Check
from installer.health.checks import cluster, host, network

CHECKS: tuple[Check, ...] = (*host.CHECKS, *cluster.CHECKS, *network.CHECKS)
