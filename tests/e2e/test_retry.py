"""A person sees a machine fail while the install goes on, and tries that machine again without waiting for the rest."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from subprocess import Popen
from typing import Any
from unittest.mock import patch

from installer.engine.reader import Reader
from installer.operations import runs
from tests.craton import Craton
from tests.patience import PATIENCE, eventually

FAULT = ("--fault", "worker-1:prepare:exit")
"""In force for the whole run: what is tried again within it fails again."""


def events(terminal: Popen[str]) -> Iterator[dict[str, Any]]:
    assert terminal.stdout
    for line in terminal.stdout:
        event = json.loads(line)
        if event["type"] != "log":
            yield event


def retry(craton: Craton, *steps: str) -> None:
    with patch.dict(os.environ, craton.environment):
        runs.retry("demo", steps or None)


def test_a_failed_machine_is_tried_again_while_the_install_runs_and_once_more_when_it_has_ended(craton: Craton) -> None:
    stopped = craton.signalled(signal.SIGSTOP, "failed")
    terminal = stopped.start("apply", str(craton.plan()), "--yes", "--json", "--speed", "40", *FAULT)
    following = events(terminal)
    failed = next(event for event in following if event.get("state") == "failed")["step"]
    engine = craton.stopped_engine()
    with ThreadPoolExecutor() as pool, Reader(craton.home / "clusters/demo/journal.db") as journal:
        asked = pool.submit(retry, craton, failed)
        eventually(journal.requests, "the request")
        os.kill(engine, signal.SIGCONT)
        asked.result()
    rest = list(following)
    assert terminal.wait(PATIENCE) == 5

    states = [event["state"] for event in rest if event.get("step") == failed and event["type"] == "step"]
    assert states == ["waiting", "observing", "applying", "failed"]
    assert {event["run"] for event in rest} == {1}
    blocked = Counter(event["step"] for event in rest if event.get("state") == "blocked")
    assert blocked["join/demo-worker-1"] == 2, "what needs it waited for it, and was blocked again"
    assert (rest[-1]["type"], rest[-1]["outcome"]) == ("run-ended", "failed")

    retry(craton)
    craton.run("watch", "demo", "--plain")
    assert craton.cluster()["state"] == "installed"
