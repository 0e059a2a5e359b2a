"""The pictures in the README and the tutorial, taken of the screens themselves: python -m tests.screenshots."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.screens.scenes import SCENES
from tests.screens.taking import pictures

FOLDER = Path(__file__).parent.parent / "assets" / "screenshots"
SIZE = (120, 30)
PICTURES = {
    "home": "home",
    "wizard": "wizard-masters",
    "machines": "wizard-machines-table",
    "review": "review-contract",
    "install": "review-install",
    "progress": "progress-machine",
    "failure": "progress-failed",
    "timeline": "progress-timeline",
    "summary": "summary",
    "health": "health",
    "destroy": "destroy",
    "receipt": "destroy-receipt",
}
"""The scene of each picture."""


def picture(name: str) -> str:
    """One picture as a self-contained SVG document: the same bytes each time."""
    (taken,) = asyncio.run(pictures(SCENES[PICTURES[name]], SIZE, ("dark",))).values()
    return taken


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(picture(name), encoding="utf-8")


if __name__ == "__main__":
    main()
