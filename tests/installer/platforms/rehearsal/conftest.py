"""Sites that start at once, for tests that are about what machines do, and not about the sites' processes."""

from __future__ import annotations

import pytest

from installer.platforms.rehearsal import client
from tests.doubles.forks import launch_site


@pytest.fixture
def quick_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "launch", launch_site)
