"""Fixtures of tests that need Google Cloud: one server for each process of tests, and a new project for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doubles.cloud.delegation import delegate

if TYPE_CHECKING:
    from tests.doubles.gcp.project import Project


@pytest.fixture(scope="session")
def gcp_server() -> Iterator[tuple[Project, str]]:
    from tests.doubles.gcp.server import served

    with served() as found:
        yield found


@pytest.fixture
def gcp(gcp_server: tuple[Project, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A new project, which Google's libraries find by the environment. A request that no document allows fails."""
    from tests.doubles.gcp.environment import environment
    from tests.doubles.gcp.server import renew

    project, endpoint = gcp_server
    for name in ("https_proxy", "http_proxy", "no_proxy", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(endpoint, tmp_path).items():
        monkeypatch.setenv(name, value)
    delegate(monkeypatch)
    renew(project)
    yield project
    refused = list(project.refused)
    renew(project)
    assert not refused, refused[0]
