"""Tests here may reach the double on loopback, and nothing else: no test can reach Google."""

from __future__ import annotations

import pytest

from tests.doubles.gcp.fixtures import gcp, gcp_server

__all__ = ["gcp", "gcp_server"]

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_way_to_google(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not ask for the double finds a port that nobody listens on, and no credentials."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, _NOWHERE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
