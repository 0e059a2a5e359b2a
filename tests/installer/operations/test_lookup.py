"""A cluster that a destroy makes known stays known only if that destroy begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory, write_private
from installer.engine.events import RunRecord
from installer.engine.journal import Reader
from installer.operations import lookup
from installer.operations.worker import forget

PLAN = "name: demo\nsubdomain: example.test\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    (tmp_path / "shop.yaml").write_text(PLAN)
    return ClusterDirectory.of("demo")


def test_a_destroy_that_does_not_begin_leaves_no_plan_and_every_other_file(directory: ClusterDirectory) -> None:
    write_private(directory.key, "the only key that the machines accept")
    with lookup.known_if_begun(lambda: _adopted(directory)):
        assert directory.plan.exists()
    assert not directory.plan.exists()
    assert directory.key.exists()


def test_the_directory_may_go_at_the_moment_that_its_journal_is_read(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destroy's engine removes it as the last thing it does, and whoever began the destroy doesn't wait for that."""

    def removed_meanwhile(_reader: Reader) -> list[RunRecord]:
        forget(directory)
        return []

    monkeypatch.setattr(Reader, "runs", removed_meanwhile)
    with lookup.known_if_begun(lambda: _adopted(directory)):
        pass
    assert not directory.path.exists()


def _adopted(directory: ClusterDirectory) -> str:
    return lookup.adopt(directory.path.parents[2] / "shop.yaml")
