"""Both clouds on this computer, each with system containers as machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.doubles.aws.fixtures import aws, aws_server
from tests.doubles.gcp.fixtures import gcp, gcp_server

if TYPE_CHECKING:
    from tests.doubles.aws.account import Account
    from tests.doubles.cloud.containers import Containers
    from tests.doubles.cloud.systems import System
    from tests.doubles.gcp.project import Project

__all__ = ["aws", "aws_server", "gcp", "gcp_server"]


@contextmanager
def behind(
    account: Account | Project, system: System, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Containers]:
    """System containers of that kind behind the account's instances."""
    from tests.doubles.cloud.containers import Containers
    from tests.doubles.machines import machine_image, the_engine

    monkeypatch.setenv("CRATON_HOME", str(home))
    with Containers(system, the_engine(), machine_image()) as found:
        account.machines = found
        monkeypatch.setattr(account, "next_address", found.fabric.next_address)
        yield found


@pytest.fixture
def ec2(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    from tests.doubles.cloud.systems import EC2

    with behind(aws, EC2, tmp_path / "home", monkeypatch) as found:
        yield found


@pytest.fixture
def compute(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    from tests.doubles.cloud.systems import GOOGLE

    with behind(gcp, GOOGLE, tmp_path / "home", monkeypatch) as found:
        yield found
