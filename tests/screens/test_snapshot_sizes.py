"""The main screens on the smallest terminal that is any use and on a very large one, in every theme.

`test_snapshots` has all screens in the two usual sizes. Here one application is resized from size to size.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache

import pytest

from tests.screens.scenes import EVERY_LOOK, SCENES
from tests.screens.taking import resized_pictures
from tests.screens.test_snapshots import Taken

SIZES = {"200x60": (200, 60), "50x12": (50, 12)}
MAIN = (
    "home-empty",
    "home",
    "wizard-ingress",
    "wizard-machines",
    "review-overview",
    "review-install",
    "progress-running",
    "progress-failed",
    "summary",
    "health-failing",
    "destroy",
)
CASES = [(name, size, look) for name in MAIN for look in EVERY_LOOK for size in SIZES]


@cache
def taken(name: str) -> dict[tuple[str, str], str]:
    return asyncio.run(resized_pictures(SCENES[name], SIZES, EVERY_LOOK))


@pytest.mark.parametrize(("name", "size", "look"), CASES, ids=["-".join(case) for case in CASES])
def test_looks_as_it_was_approved(name: str, size: str, look: str, snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(Taken(taken(name)[size, look]))
