"""What both packages of the toy platform need: they have no module name before they are added."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from installer.common.paths import home
from installer.plan.fields import Part


class Toy(Part):
    """The toy's section of a plan."""

    colour: Literal["red", "blue"] = "red"


def box(cluster: str) -> Path:
    """The file that is a cluster's box; it holds the colour."""
    return home() / f"box-of-{cluster}"
