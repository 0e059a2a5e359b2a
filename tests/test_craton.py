"""The double of a user with a home ends what its own commands started, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.craton import Craton, alive

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_only_processes_of_this_home_are_ended(tmp_path: Path) -> None:
    """Files keep the pids of processes that are long gone, and the system gives those pids to others."""
    craton = Craton(tmp_path)
    pids = {}
    with (
        subprocess.Popen(SLEEP, env=craton.environment) as own,
        subprocess.Popen(SLEEP, env={**os.environ, "CRATON_HOME": str(tmp_path)}) as stranger,
    ):
        for name, process in (("own", own), ("stranger", stranger)):
            for path, text in (
                (craton.home / "clusters" / name / "lock", str(process.pid)),
                (craton.home / "rehearsal" / name / "site.json", json.dumps({"pid": process.pid})),
            ):
                path.parent.mkdir(parents=True)
                path.write_text(text)
            pids[name] = process.pid
        assert craton.engines() == [pids["own"]]
        craton.end_everything()
        own.wait(60)
        assert alive(pids["stranger"])
        stranger.kill()
