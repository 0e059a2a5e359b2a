"""What tests of runs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from installer.common.paths import ClusterDirectory
from installer.engine import process


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The assignments of the engines that were started."""
    assignments: list[dict[str, Any]] = []

    def launch(argv: Sequence[str], _directory: ClusterDirectory, **_secrets: object) -> int:
        assignments.append(json.loads(argv[-1]))
        return 1

    monkeypatch.setattr(process, "launch", launch)
    return assignments
