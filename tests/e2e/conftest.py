"""A user with an empty home, and nothing left behind afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.craton import Craton
from tests.doubles.installed import Installed


@pytest.fixture
def craton(tmp_path: Path) -> Iterator[Craton]:
    (tmp_path / "home").mkdir()
    user = Craton(tmp_path)
    yield user
    user.end_everything()


@pytest.fixture
def installed(craton: Craton, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Called with the numbers of masters and workers, it gives the user an installed cluster."""
    return Installed(craton, tmp_path_factory, hasattr(request.config, "workerinput"))
