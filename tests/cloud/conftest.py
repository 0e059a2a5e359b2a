"""Both clouds on this computer, each with system containers as machines."""

from __future__ import annotations

from collections.abc import Iterator
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


def containers(system: System) -> Containers:
    from tests.doubles.cloud.containers import Containers
    from tests.doubles.machines import machine_image, the_engine

    return Containers(system, the_engine(), machine_image())


@pytest.fixture
def ec2(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    """The containers behind the account's instances."""
    from tests.doubles.cloud.systems import EC2

    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    with containers(EC2) as found:
        aws.machines = found
        monkeypatch.setattr(aws, "next_address", found.fabric.next_address)
        yield found


@pytest.fixture
def compute(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Containers]:
    """The containers behind the project's instances."""
    from tests.doubles.cloud.systems import GOOGLE

    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    with containers(GOOGLE) as found:
        gcp.machines = found
        monkeypatch.setattr(gcp, "next_address", found.fabric.next_address)
        yield found
