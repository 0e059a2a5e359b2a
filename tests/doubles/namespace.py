"""Network namespaces: made, entered, and removed with all that runs in them, also after a crash."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tests.needs import require
from tests.patience import PATIENCE

T = TypeVar("T")

PREFIX = f"craton-{os.getpid()}-"
"""Names of this process's namespaces start so."""

_DIRECTORY = Path("/run/netns")
_OURS = re.compile(r"craton-([0-9]+)-.+")
_NEW_NETWORK = 0x40000000


@contextmanager
def new_namespace(name: str) -> Iterator[str]:
    """A namespace for as long as the context; its loopback is up."""
    require("network namespaces")
    run_tool("ip", "netns", "add", name)
    try:
        run_tool("ip", "-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        _remove(name)


def enter(namespace: str) -> None:
    """Move the calling thread, and it alone, into `namespace`. Sockets that it opens stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(_DIRECTORY / namespace, os.O_RDONLY)
    try:
        if libc.setns(descriptor, _NEW_NETWORK) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot enter the network namespace {namespace}: {os.strerror(number)}")
    finally:
        os.close(descriptor)


def within(namespace: str, act: Callable[[], T]) -> T:
    """What `act` returns, or raises, in a thread of its own inside `namespace`."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            enter(namespace)
            outcome.append(act())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def remove_stale() -> None:
    """Remove namespaces of processes that are no more."""
    for path in _DIRECTORY.iterdir() if _DIRECTORY.is_dir() else ():
        found = _OURS.fullmatch(path.name)
        if found and not Path("/proc", found[1]).exists():
            with suppress(AssertionError):  # another test process was quicker
                _remove(path.name)


def pids(namespace: str) -> list[int]:
    """Processes in `namespace` that are alive, this one aside: its threads go in and out."""
    found = subprocess.run(["ip", "netns", "pids", namespace], text=True, capture_output=True, check=False).stdout
    return [int(pid) for pid in found.split() if int(pid) != os.getpid() and command_line(int(pid))]


def command_line(pid: int) -> str:
    """The words of a process, or nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def run_tool(*command: str, stdin: str = "") -> None:
    """Run a program that has to succeed; else what it said is the failure."""
    result = subprocess.run(command, input=stdin, text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert result.returncode == 0, f"{' '.join(command)}: {result.stderr}{stdin}"


def _remove(namespace: str) -> None:
    kill(namespace)
    run_tool("ip", "netns", "del", namespace)


def kill(namespace: str) -> None:
    """End what runs in `namespace`, and wait until it has ended."""
    left: list[int] = []
    for _ in range(1000):
        left = pids(namespace)
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)
    raise AssertionError(f"processes in {namespace} outlive SIGKILL: {left}")
