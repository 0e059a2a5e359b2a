"""Every platform by name. Each package in this folder is one: its REGISTRATION is all that a plan needs to know of it.

Adding a package here and one of the same name under `installer/platforms/` adds a platform. Nothing lists them.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from installer.common import discovery

if TYPE_CHECKING:
    from installer.plan.registration import Registration

PLATFORMS: Mapping[str, Registration] = {
    module.__name__.rpartition(".")[2]: module.REGISTRATION for module in discovery.modules(sys.modules[__name__])
}
"""Every platform by its name, which is that of its package; in the order in which people choose."""

DEFAULT = next(iter(PLATFORMS))
"""The platform of a plan that names none."""
