"""What every test may say of itself: which programs and rights it needs (`tests/needs.py`)."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from socketserver import TCPServer
from typing import Any

import pytest

from tests import needs

NO_AWS = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true",
          "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}  # fmt: skip
"""Where every process of the tests looks for AWS, and for the user's credentials: nowhere."""
CREDENTIALS = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until pytest_collection_finish
    os.environ.update(NO_AWS)
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"  # nobody's own keyring is touched
    for name in CREDENTIALS:
        os.environ.pop(name, None)
    home = tempfile.TemporaryDirectory(prefix="craton-tests-")  # for tests that choose none: nobody's own clusters
    os.environ["CRATON_HOME"] = home.name
    config.add_cleanup(home.cleanup)
    text = "needs(*names): programs and rights that the test needs, by their names in tests/needs.py"
    config.addinivalue_line("markers", text)
    config.addinivalue_line("markers", "waits: for machines that boot, or for a deadline, longer than it works")
    for number in (signal.SIGINT, signal.SIGHUP):  # ignored under nohup and in the background of a script,
        if signal.getsignal(number) is signal.SIG_IGN:  # which commands that tests start would inherit
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each of several workers as many tests in whole modules, those first that wait: others work meanwhile.

    Next are modules of few tests, which take long, and last those of many: workers that have ended take from there.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    if workers == 1:
        return
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    piles: list[list[list[pytest.Item]]] = [[] for _ in range(workers)]
    for module in sorted(modules.values(), key=lambda module: (not _waits(module), -len(module))):
        min(piles, key=lambda pile: sum(map(len, pile))).append(module)
    for pile in piles:
        pile.sort(key=lambda module: (not _waits(module), len(module)))
    items[:] = [item for pile in piles for module in pile for item in module]


def _waits(module: list[pytest.Item]) -> bool:
    return any(item.get_closest_marker("waits") for item in module)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Look for garbage more seldom: an application of a test makes so many objects that it took a third of the time.

    Modules and collected tests live to the end: garbage is not looked for among them, nor while they are made.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needs.require(*(name for marker in item.iter_markers("needs") for name in marker.args))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Refuse a server that was closed and still serves: its thread spins once something else has its port's number."""
    yield
    for thread in threading.enumerate():
        target: Any = getattr(thread, "_target", None)
        server = getattr(target, "__self__", None)
        # Its threads of single connections may stay: they wait for what nobody sends any more, and take no time.
        if isinstance(server, TCPServer) and target.__name__ == "serve_forever" and server.fileno() < 0:
            thread.join(30)  # one that was told to end does at once
            assert not thread.is_alive(), f"{type(server).__name__} was closed before it was shut down"


@pytest.fixture
def quick_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sites of rehearsals that start at once, for tests that are not about the sites' processes."""
    from installer.platforms.rehearsal import client
    from tests.doubles.forks import launch_site

    monkeypatch.setattr(client, "launch", launch_site)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Give every skip the same place, whichever test or double asked: pytest then counts them by their reasons."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (needs.__file__, 1, report.longrepr[2])
    return report
