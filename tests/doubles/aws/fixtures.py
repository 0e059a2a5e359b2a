"""Fixtures of tests that need AWS: one server for each process of tests, and a new account for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doubles.cloud.delegation import delegate

if TYPE_CHECKING:
    from tests.doubles.aws.account import Account


@pytest.fixture(scope="session")
def aws_server() -> Iterator[tuple[Account, str]]:
    # moto takes seconds to import: only processes that run such tests pay for it.
    from tests.doubles.aws.server import served

    with served() as found:
        yield found


@pytest.fixture
def aws(aws_server: tuple[Account, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A new account, which boto3 finds by the environment."""
    from tests.doubles.aws.environment import environment
    from tests.doubles.aws.remains import renew

    account, endpoint = aws_server
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "https_proxy", "http_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(endpoint, tmp_path).items():
        monkeypatch.setenv(name, value)
    delegate(monkeypatch)
    renew(account)
    yield account
    errors = list(account.errors)
    account.reset()
    assert not errors, errors[0]
