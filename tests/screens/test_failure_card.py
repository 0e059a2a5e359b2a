"""A failure card in as many lines as it has."""

from __future__ import annotations

import pytest

from screens.widgets.failure import fitted

LONG = "install kubelet: " + "sha256 differs from the plan's " * 20
HINT = "Usually a proxy that rewrites downloads. Set artifacts.proxy, or name a mirror."


@pytest.mark.parametrize("width", [46, 76, 116])
@pytest.mark.parametrize("room", [3, 5])
def test_what_was_seen_is_cut_so_that_what_to_do_fits(width: int, room: int) -> None:
    seen, hint = fitted([LONG, HINT], width, room)
    lines = [*seen.split("\n"), *hint.split("\n")]
    assert len(lines) <= room
    assert max(map(len, lines)) <= width
    assert " ".join(hint.split("\n")) == HINT
    assert seen.endswith("…")


def test_what_fits_is_not_cut() -> None:
    assert fitted(["refused", "start it"], 76, 5) == ["refused", "start it"]
    assert fitted([], 76, 5) == []


def test_a_hint_that_is_too_long_by_itself_leaves_a_line_for_what_was_seen() -> None:
    seen, hint = fitted([LONG, LONG], 40, 4)
    assert len(seen.split("\n")) == 1
    assert len(hint.split("\n")) == 3
