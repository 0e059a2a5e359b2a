"""Machines for `craton-node`, bare and prepared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.doubles.node_bench import Bench, Benches, node_benches


@pytest.fixture(scope="session")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "*")
        with node_benches(tmp_path_factory.mktemp("benches")) as made:
            yield made


@pytest.fixture
def bench(benches: Benches) -> Iterator[Bench]:
    """A bare machine."""
    with benches.begun() as bench:
        yield bench


@pytest.fixture
def ready(benches: Benches) -> Iterator[Bench]:
    """A machine that was prepared already."""
    with benches.begun(Bench.prepared) as bench:
        yield bench
