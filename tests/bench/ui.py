"""Key to paint: how long a screen takes to answer a key while a journal receives 10,000 log lines a second.

A writer process plays the engine of an install of 1,000 machines; `craton watch` runs in a real pseudo-terminal; keys
go in one at a time, and the clock stops when the bytes that show the next machine's name have left the terminal.
"""

from __future__ import annotations

import json
import os
import queue
import re
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyte

from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.engine.lock import hold_lock
from installer.operations.pipeline import install_steps
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.steps.step import Phase
from tests.craton import Craton
from tests.terminal import KEYS, Terminal

GOAL_MS = 33.0
LINES_PER_SECOND = 10_000
KEYS_PRESSED = 200
LOOK = 0.15
"""Seconds from a key to the first look at what came of it."""
COLUMNS, ROWS = 120, 40
SELECTED = re.compile(r"[○◐●✕▲–] (\S+-\d+) · (?:master|infra|worker)")


def plan() -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": "load",
            "subdomain": "example.test",
            "masters": 5,
            "ingress": {"kind": "infra", "infra": 10},
            "workers": 985,
            "networks": {"pods": "10.128.0.0/9"},
        }
    )


def write(directory: ClusterDirectory) -> None:
    """Be the engine of a busy install until killed: machines prepare, stages pass, every machine logs."""
    steps = install_steps(plan())
    prepare = [step for step in steps if step.phase is Phase.PREPARE]
    with hold_lock(directory), Journal(directory.journal) as journal:
        journal.begin(RunKind.INSTALL, steps, {})
        for step in steps:
            if step.phase in (Phase.CHECK, Phase.NETWORK, Phase.MACHINES, Phase.CONNECT):
                journal.transition(step, StepState.DONE, durable=False, how="applied")
        for step in prepare:
            journal.transition(step, StepState.APPLYING, durable=False)
        print("writing", flush=True)
        number, began = 0, time.monotonic()
        while True:
            due = int((time.monotonic() - began) * LINES_PER_SECOND)
            while number < due:
                step = prepare[number % len(prepare)]
                journal.log(step, f"line {number}: fetched layer {number % 97} of image {number % 13}, sha256 matches")
                if number % 100 == 0:
                    stage = number // 5000 % 9 + 1
                    journal.record(EventType.STAGE, step, number=stage, of=9, title="container images")
                number += 1
            time.sleep(0.02)


class Painted:
    """What the terminal shows, with the time at which each chunk of it arrived."""

    def __init__(self, descriptor: int) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._chunks: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    def _read(self, descriptor: int) -> None:
        while True:
            select.select([descriptor], [], [])
            try:
                chunk = os.read(descriptor, 65536)
            except OSError:
                return
            self._chunks.put((time.perf_counter(), chunk))

    def selected_after(self, before: str | None, deadline: float) -> tuple[float, str] | None:
        """When the selected machine came to be another than `before`, and which; None if it did not in time.

        Chunks are looked at in batches: emulating a terminal all the while would take the time that is measured.
        """
        until = time.perf_counter() + deadline
        while time.perf_counter() < until:
            time.sleep(LOOK)
            while not self._chunks.empty():
                at, chunk = self._chunks.get()
                self._stream.feed(chunk)
                found = SELECTED.search("\n".join(self._screen.display))
                if found and found[1] != before:
                    return at, found[1]
        return None

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)


def measure(craton: Craton) -> list[float]:
    """Milliseconds from key to paint, one for each key that moved the selection."""
    with Terminal(craton.argv("watch", "load"), craton.environment, str(craton.directory), COLUMNS, ROWS) as terminal:
        painted = Painted(terminal.child.child_fd)
        first = painted.selected_after(None, 30.0)
        assert first, f"no machine is selected on this screen:\n{painted.text()}"
        selected, taken = first[1], []
        for number in range(KEYS_PRESSED):
            pressed = time.perf_counter()
            os.write(terminal.child.child_fd, KEYS["down" if number % 20 < 10 else "up"].encode())
            answer = painted.selected_after(selected, 2.0)
            if answer:
                taken.append((answer[0] - pressed) * 1000)
                selected = answer[1]
        assert len(taken) > KEYS_PRESSED * 0.8, (
            f"{len(taken)} of {KEYS_PRESSED} keys moved the selection:\n{painted.text()}"
        )
        return taken


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        craton = Craton(Path(temporary))
        (craton.directory / "home").mkdir()
        directory = ClusterDirectory(craton.home / "clusters" / "load")
        directory.path.mkdir(parents=True)
        planfile.save(directory.plan, plan())
        argv = [sys.executable, "-m", "tests.bench.ui", "write", str(directory.path)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "writing\n"
            with Reader(directory.journal) as reader:
                before, began = reader.logs(limit=1)[-1:], time.monotonic()
                taken = measure(craton)
                after, seconds = reader.logs(limit=1)[-1], time.monotonic() - began
            writer.send_signal(signal.SIGKILL)
    written = (after.seq - (before[0].seq if before else 0)) / seconds
    p95 = statistics.quantiles(taken, n=20)[-1]
    print(f"{len(taken)} keys while {written:,.0f} log lines a second came from 1,000 machines")
    median = statistics.median(taken)
    print(f"key to paint: median {median:.1f} ms, 95th percentile {p95:.1f} ms, most {max(taken):.1f} ms")
    good = p95 < GOAL_MS and written > 0.9 * LINES_PER_SECOND
    print(json.dumps({"name": "ui", "value": round(p95, 1), "unit": "ms", "goal": GOAL_MS}))
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(ClusterDirectory(Path(sys.argv[2])))
    sys.exit(main())
