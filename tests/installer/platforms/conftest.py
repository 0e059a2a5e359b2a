from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.plan.model import InstallPlan
from installer.plan.sections import Ingress
from tests.doubles.rehearsal import Rehearsal


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    """A rehearsal of one master, one infra node and one worker, of which nothing was created yet."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    plan = InstallPlan(
        name="demo", subdomain="example.com", masters=1, workers=1, ingress=Ingress(kind="infra", infra=1)
    )
    opened = Rehearsal(plan)
    yield opened
    opened.close()
