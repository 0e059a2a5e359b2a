"""A thousand machines: what a rehearsal of 5 masters, 1 infra and N workers costs this computer, for N of 10 to 1,000.

Each command is a process of its own. Counted are the processor seconds of the process that is named (user and system),
not those of the stand-ins, which are listed apart; the most memory that it held, and the most threads. Growth is how
much more each further machine costs from 100 to 1,000 workers than it does from 10 to 100. The floor is what paramiko
alone takes, in a bare loop, for as many logins and as many commands as the engine made: what is above it is Craton's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import paramiko

from installer.common import processors
from installer.common.paths import ClusterDirectory
from installer.engine.events import EventType, StepState
from installer.engine.journal import Reader
from installer.engine.lock import running_pid
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.platforms.rehearsal.client import SiteClient
from tests.craton import ROOT, Craton
from tests.patience import eventually

SIZES = (10, 100, 1000)
SPEED = "50"
MASTERS, INFRA = 5, 1
TICKS = os.sysconf("SC_CLK_TCK")
LOOK = 0.05
"""Seconds between two looks at a process that is not this one's child: as much of it may go unseen."""
LONGEST = 3600.0
LOGINS, COMMANDS = 100, 5
"""Machines that are logged in to by paramiko alone, and what it runs on each."""
COUNTED = ROOT / "tests" / "doubles" / "counted"

CPU_GOALS = {"apply": 30.0, "resume": 6.0, "check": 8.0, "replay": 2.0, "list": 0.2}
"""Processor seconds with 1,000 workers."""
MEMORY_GOAL, THREADS_GOAL, JOURNAL_GOAL = 150.0, 64, 15.0
"""MB of memory, threads, and MB of journal, with 1,000 workers, whatever the command."""
GROWTH_GOAL = 1.3


@dataclass
class Use:
    """What one process used: processor seconds, MB of memory at most, threads at most."""

    cpu: float = 0.0
    memory: float = 0.0
    threads: int = 0
    stand_ins: float = 0.0
    """Processor seconds of the stand-ins meanwhile."""
    wall: float = 0.0
    logins: int = 0
    commands: int = 0
    """Of an engine: what it did over SSH."""

    def look(self, pid: int) -> bool:
        """Take in what the process has used by now; whether it is there at all."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return False
        self.cpu = max(self.cpu, (int(fields[11]) + int(fields[12])) / TICKS)
        self.threads = max(self.threads, int(fields[17]))
        peak = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        self.memory = max([self.memory, *(int(kilobytes) / 1024 for kilobytes in peak)])
        return True


@dataclass
class Row:
    """What a cluster of one size cost."""

    workers: int
    uses: dict[str, Use] = field(default_factory=dict)
    journals: dict[str, float] = field(default_factory=dict)
    """MB of journal after a command."""
    troubles: list[str] = field(default_factory=list)
    """Steps that failed, and tries that had to be repeated."""
    login: float = 0.0
    command: float = 0.0
    """Processor milliseconds that paramiko alone takes to log in to a stand-in, and to run a command there."""

    def floor(self, use: Use) -> float:
        """Processor seconds that paramiko alone takes for all that an engine did over SSH."""
        return (use.logins * self.login + use.commands * self.command) / 1000


class Counted(Craton):
    """A user whose engines say what they did over SSH."""

    @property
    def counts(self) -> Path:
        return self.directory / "counts.json"

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"PYTHONPATH": str(COUNTED), "ENGINE_COUNTS": str(self.counts)}


def plan(workers: int) -> InstallPlan:
    return InstallPlan.model_validate(
        {
            "name": "scale",
            "subdomain": "example.test",
            "platform": "rehearsal",
            "masters": MASTERS,
            "ingress": {"kind": "infra", "infra": INFRA},
            "workers": workers,
            "networks": {"pods": "10.128.0.0/9"},
        }
    )


def watched(pid: int, use: Use, ended: Callable[[], bool]) -> None:
    """Look at a process until it is gone."""
    while use.look(pid) and not ended():
        time.sleep(LOOK)


def run(craton: Craton, *arguments: str) -> tuple[Use, int]:
    """One command: what it used, looked at once more when it has ended, before it is gone; and its exit status."""
    use, began = Use(), time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            craton.argv(*arguments),
            cwd=craton.directory,
            env=craton.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            use.look(process.pid)
            assert time.monotonic() - began < LONGEST, f"craton {' '.join(arguments)} did not end"
            time.sleep(LOOK)
        use.look(process.pid)
        status, use.wall = process.wait(), time.monotonic() - began
        if status:
            output.seek(0)
            print("".join(output.readlines()[-20:]), file=sys.stderr)
    return use, status


def run_engine(craton: Counted, directory: ClusterDirectory, *arguments: str) -> tuple[Use, Use, int]:
    """A command that starts an engine and follows it: what the engine used, what the follower did."""
    use, ended = Use(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            pid = running_pid(directory)
            if pid:
                watched(pid, use, ended.is_set)
            time.sleep(LOOK)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        follower, status = run(craton, *arguments)
    finally:
        ended.set()
        watcher.join()
    eventually(craton.counts.exists, "what an engine says as it ends")
    use.wall = follower.wall
    counted = json.loads(craton.counts.read_text())
    craton.counts.unlink()
    use.logins, use.commands = counted["logins"], counted["commands"]
    return use, follower, status


def stand_ins(craton: Craton) -> float:
    """Processor seconds that the stand-ins' process has used."""
    use = Use()
    for path in craton.home.glob("rehearsal/*/site.json"):
        use.look(json.loads(path.read_text())["pid"])
    return use.cpu


def journal_size(directory: ClusterDirectory) -> float:
    return sum(path.stat().st_size for path in directory.path.glob(f"{directory.journal.name}*")) / 1e6


def troubles(directory: ClusterDirectory) -> list[str]:
    with Reader(directory.journal) as reader:
        return [
            f"{event.step}: {event.data.get('error', {}).get('observed', '')}"
            for event in reader.events()
            if event.type is EventType.RETRY
            or (event.type is EventType.STEP and event.data["state"] in (StepState.FAILED, StepState.BLOCKED))
        ]


@contextmanager
def user() -> Iterator[Counted]:
    """An empty home; what was started in it is ended with it."""
    with tempfile.TemporaryDirectory(prefix="craton-bench-scale-") as temporary:
        craton = Counted(Path(temporary))
        (craton.directory / "home").mkdir()
        try:
            yield craton
        finally:
            craton.end_everything()


def measure(workers: int) -> Row:
    """Install, resume, check, replay and list; stops at the first command that does not end well."""
    row = Row(workers)
    with user() as craton:
        directory = ClusterDirectory(craton.home / "clusters" / "scale")
        path = craton.directory / "scale.yaml"
        planfile.save(path, plan(workers))
        pace = ("--plain", "--speed", SPEED)
        for name, arguments in {
            "apply": ("apply", str(path), "--yes", *pace),
            "resume": ("resume", "scale", *pace),
            "check": ("check", "scale", "--plain"),
            "replay": ("watch", "scale", "--replay", "--plain"),
            "list": ("list",),
        }.items():
            before = stand_ins(craton)
            if name in ("apply", "resume"):
                use, follower, status = run_engine(craton, directory, *arguments)
                row.uses[f"{name}: follower"] = follower
                row.journals[name] = journal_size(directory)
            else:
                use, status = run(craton, *arguments)
            use.stand_ins = stand_ins(craton) - before
            row.uses[name] = use
            if status:
                row.troubles.append(f"craton {' '.join(arguments)} ended with status {status}")
                break
        row.troubles += troubles(directory)
        row.login, row.command = alone(craton, directory)
    return row


@processors.one()  # as an engine
def alone(craton: Craton, directory: ClusterDirectory) -> tuple[float, float]:
    """What a login and a command cost with nothing of Craton's around them, in processor milliseconds."""
    with patch.dict(os.environ, CRATON_HOME=str(craton.home)):
        machines = [machine for machine in SiteClient("scale").machines() if machine.state == "running"][:LOGINS]
    key = paramiko.Ed25519Key.from_private_key_file(str(directory.key))
    logins = commands = 0.0
    for machine in machines:
        began = time.process_time()
        transport = paramiko.Transport(("127.0.0.1", machine.port))
        transport.connect(username=machine.user, pkey=key)
        logged_in = time.process_time()
        for _ in range(COMMANDS):
            channel = transport.open_session()
            channel.exec_command("true")
            channel.recv_exit_status()
            channel.close()
        done = time.process_time()
        transport.close()
        commands += done - logged_in
        logins += logged_in - began + time.process_time() - done
    return logins * 1000 / len(machines), commands * 1000 / (len(machines) * COMMANDS)


def show(row: Row) -> None:
    machines = row.workers + MASTERS + INFRA
    print(f"\n{machines} machines         cpu s  of it floor  of stand-ins  wall s   memory MB  threads  journal MB")
    for name, use in row.uses.items():
        others = f"{use.stand_ins:12.2f}" if use.stand_ins else " " * 12
        floor = f"{row.floor(use):11.2f}" if use.logins else " " * 11
        held = f"{use.memory:10.0f}  {use.threads:7}"
        journal = f"{row.journals[name]:10.2f}" if name in row.journals else ""
        print(
            f"  {name:18} {use.cpu:7.2f}  {floor}  {others}  {use.wall:6.1f}  {held}  {journal}",
            flush=True,
        )
    print(f"  paramiko alone takes {row.login:.1f} ms for a login, {row.command:.2f} ms for a command")
    for name, use in row.uses.items():
        if use.logins:
            each = f"{use.logins / machines:.2f} logins and {use.commands / machines:.1f} commands a machine"
            print(f"  {name}: {each}, which it does in {row.floor(use):.1f} s")
    for trouble in row.troubles[:10]:
        print(f"  {trouble}")


def growth(rows: list[Row]) -> float:
    """How many times as much a further machine costs between the larger two sizes as between the smaller two."""
    (few, some, many) = rows
    costs = [row.uses["apply"].cpu for row in rows]
    return ((costs[2] - costs[1]) / (many.workers - some.workers)) / (
        (costs[1] - costs[0]) / (some.workers - few.workers)
    )


def missed(rows: list[Row]) -> list[str]:
    """The goals that were not met, in words."""
    found = [f"{row.workers} workers: {len(row.troubles)} steps or commands failed" for row in rows if row.troubles]
    last = rows[-1]
    for name, goal in CPU_GOALS.items():
        use = last.uses.get(name)
        if use is None or use.cpu > goal:
            found.append(f"{name}: {use.cpu if use else float('nan'):.1f} s of processor, goal {goal:g}")
    for name, use in last.uses.items():
        if use.memory > MEMORY_GOAL:
            found.append(f"{name}: {use.memory:.0f} MB, goal {MEMORY_GOAL:g}")
        if use.threads > THREADS_GOAL:
            found.append(f"{name}: {use.threads} threads, goal {THREADS_GOAL}")
    found += [
        f"journal after {name}: {size:.1f} MB, goal {JOURNAL_GOAL:g}"
        for name, size in last.journals.items()
        if size > JOURNAL_GOAL
    ]
    return found


def main(sizes: tuple[int, ...]) -> int:
    rows = []
    for workers in sizes:
        rows.append(measure(workers))
        show(rows[-1])
    not_met = missed(rows)
    if len(rows) == len(SIZES):
        grown = growth(rows)
        print(f"\na further machine costs {grown:.2f} times as much with many (goal {GROWTH_GOAL})")
        not_met += [f"growth {grown:.2f}, goal {GROWTH_GOAL}"] if grown > GROWTH_GOAL else []
    for line in not_met:
        print(f"not met: {line}")
    value = rows[-1].uses["apply"].cpu
    print(json.dumps({"name": "scale", "value": round(value, 1), "unit": "s cpu", "goal": CPU_GOALS["apply"]}))
    return 1 if not_met else 0


if __name__ == "__main__":
    sys.exit(main(tuple(map(int, sys.argv[1:])) or SIZES))
