"""A user with an empty home, and nothing left behind afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.craton import Craton


@pytest.fixture
def craton(tmp_path: Path) -> Iterator[Craton]:
    (tmp_path / "home").mkdir()
    user = Craton(tmp_path)
    yield user
    user.end_everything()
