"""The fake cloud in a process of its own, as a real one is: what an engine asked for goes on once it is killed."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.platforms.rehearsal.client import SiteClient
from tests.doubles.fake_cloud.api import CloudResource, DependencyViolationError, FakeCloud

_ERRORS: dict[str, type[InstallerError]] = {"DependencyViolationError": DependencyViolationError}


class _Server:
    """Answers with (result, None) or (None, error), which pickle can carry."""

    def __init__(self, cluster: str) -> None:
        self._cloud = FakeCloud(SiteClient(cluster))

    def request(self, method: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any]:
        try:
            return getattr(self._cloud, method)(*given, **named), None
        except InstallerError as error:
            return None, (type(error).__name__, error.as_dict(), error.retryable)


class _Manager(BaseManager):
    server: Callable[[], Any]


class ServedCloud:
    """The client: the methods of `FakeCloud`."""

    def __init__(self, request: Callable[..., tuple[Any, Any]]) -> None:
        self._request = request

    def exists(self, kind: str) -> list[CloudResource]:
        return list(self._ask("exists", kind))

    def list_resources(self, tag: str, value: str) -> list[CloudResource]:
        return list(self._ask("list_resources", tag, value))

    def create(self, *given: Any, **named: Any) -> CloudResource:
        found: CloudResource = self._ask("create", *given, **named)
        return found

    def create_machines(self, *given: Any, **named: Any) -> list[str]:
        return list(self._ask("create_machines", *given, **named))

    def delete(self, ids: Any) -> None:
        self._ask("delete", list(ids))

    def _ask(self, method: str, *given: Any, **named: Any) -> Any:
        result, error = self._request(method, given, named)
        if error is not None:
            name, words, retryable = error
            code = words.pop("exit_code")
            kind = _ERRORS.get(name, InstallerError)
            raise kind(**words, exit_code=None if code is None else ExitCode(code), retryable=retryable)
        return result


@contextmanager
def served_cloud(cluster: str, directory: Path) -> Iterator[ServedCloud]:
    """A cloud whose process lives as long as the context. `CRATON_HOME` says where its machines are."""
    only = _Server(cluster)
    _Manager.register("server", callable=lambda: only, exposed=["request"])
    fork = multiprocessing.get_context("fork")  # what it serves can't be pickled
    manager = _Manager(address=str(directory / "cloud"), authkey=b"of this test alone", ctx=fork)
    manager.start()
    try:
        yield ServedCloud(lambda *asked: manager.server().request(*asked))
    finally:
        manager.shutdown()
