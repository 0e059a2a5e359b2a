"""Settings of the platform `rehearsal`: stand-in machines."""

from __future__ import annotations

from installer.plan.fields import Part


class Rehearsal(Part):
    """The environment that a rehearsal imitates."""

    load_balancers: bool = True
