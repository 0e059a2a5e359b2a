"""An account of AWS on this computer, and boto3 as Craton uses it."""

from __future__ import annotations

import pytest

from tests.aws.user import User
from tests.doubles.aws.account import Account
from tests.doubles.aws.fixtures import aws, aws_server

__all__ = ["aws", "aws_server"]


@pytest.fixture
def user(aws: Account) -> User:
    """Whoever has the account's credentials."""
    return User(aws)


@pytest.fixture
def subnet(user: User) -> tuple[str, str]:
    vpc = user.network()
    return user.subnet(vpc), user.group(vpc)
