"""Tests here may reach the double on loopback, and nothing else: no test can reach AWS."""

from __future__ import annotations

import pytest

from tests.doubles.aws.fixtures import aws, aws_server

__all__ = ["aws", "aws_server"]

_NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _no_way_to_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not ask for the double finds a port that nobody listens on, and no credentials."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ENDPOINT_URL", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, _NOWHERE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
