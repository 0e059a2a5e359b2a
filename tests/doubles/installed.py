"""Rehearsed clusters that are installed already: each kind once for all tests of a run, then copied into their homes.

A copy is what a user has who moved a home directory. Its stand-ins listen at ports of their own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from unittest.mock import patch

import pytest

from installer.platforms.rehearsal import client
from tests.craton import Craton
from tests.doubles.forks import launch_site

OLD, NEW = "v1.35.6", "v1.36.2"
_OF_PROCESSES = shutil.ignore_patterns("lock", "site.json", "site.log")


class Installed:
    """Gives a user the cluster `demo`, of a plan that begins with a comment."""

    def __init__(self, craton: Craton, factory: pytest.TempPathFactory, worker: bool) -> None:
        self._craton = craton
        base = factory.getbasetemp()
        self._kept = (base.parent if worker else base) / "installed"  # where all workers of a run find them

    def __call__(self, masters: int = 3, workers: int = 2, release: str = NEW) -> Path:
        """The path of its plan, for `masters`, an infra node and `workers`."""
        made = self._kept / f"{masters}-{workers}-{release}"
        made.mkdir(parents=True, exist_ok=True)
        with (made / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (made / "done").exists():
                _install(Craton(made), masters, workers, release)
                (made / "done").touch()
        shutil.copytree(made / "craton", self._craton.home, ignore=_OF_PROCESSES, dirs_exist_ok=True)
        with patch.dict(os.environ, CRATON_HOME=str(self._craton.home)), patch.object(client, "launch", launch_site):
            client.SiteClient("demo").start()
        return Path(shutil.copy(made / "demo.yaml", self._craton.directory))


def _install(user: Craton, masters: int, workers: int, release: str) -> None:
    path = user.plan(masters=masters, workers=workers)
    path.write_text("# the shop's\n" + path.read_text().replace(NEW, release))
    try:
        user.run("apply", str(path), "--yes", "--speed", "100")
    finally:
        user.end_everything()
