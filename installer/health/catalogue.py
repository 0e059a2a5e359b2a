"""Every check, in the order in which people read them: the CHECKS of each module in `checks/`. Nothing lists them."""

from __future__ import annotations

from installer.common import discovery
from installer.health import checks
from installer.health.check import Check

CHECKS: tuple[Check, ...] = tuple(check for module in discovery.modules(checks) for check in module.CHECKS)
