"""Settings of the platform `local`: machines on this computer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from installer.plan.fields import Part


class Local(Part):
    """Settings of the platform `local`."""

    engine: Literal["auto", "podman", "docker"] = "auto"
    memory: Annotated[int, Field(ge=256, le=1_048_576)] | None = None
    """MiB that each machine may use; None for as much as there is."""
    raise_limits: bool = True
    """Raise the kernel's limits of inotify while there are machines, if they need more than there is."""
    firewall: bool = True
    """Enforce the contract's rules on the machines themselves, as on own machines."""
