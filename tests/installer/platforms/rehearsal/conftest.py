"""Sites that start at once, for tests that are about what machines do, and not about the sites' processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from installer.platforms.rehearsal import client
from tests.doubles.sites import forked_sites

Launch = Callable[[Path, IO[bytes]], int]


@pytest.fixture(scope="session")
def forks() -> Iterator[Launch]:
    with forked_sites() as launch:
        yield launch


@pytest.fixture
def quick_sites(forks: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "launch", forks)
