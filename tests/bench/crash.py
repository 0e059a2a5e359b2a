"""Interrupted anywhere: an engine is killed (-9) at every point, run again, and nothing is made twice, left or lost.

A point is just before or just after a write of the journal, an SSH command, or a call that changes something of the
platform, told apart by its step. Small clusters are killed at every point of their life (`crash_story`), on stand-ins
and in a fake cloud; a larger one at a sample. Local machines, whose Kubernetes programs are stand-ins, are installed
and destroyed. A restore of etcd is interrupted at each of its commands. In AWS and Google Cloud engines are killed
around each changing call, and each such call fails once in each way: those about worker pools, OS Login and names in a
plan's own zone, too.

A twin is a machine made twice, or a step applied again after the journal had it as done; an orphan is whatever is left
once a destroy has succeeded; lost is a machine or a node that is gone, or another, although it was done, and a story
that came to no good end.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial

from tests.bench import crash_clouds, crash_names, crash_pools, crash_restore
from tests.bench.crash_story import Outcome, play
from tests.bench.crash_worlds import cloud, local, rehearsal
from tests.doubles.account_zones import ZONES

AT_ONCE = 4
"""Stories that are played beside each other: each waits half of the time."""


def jobs(share: float, seed: int) -> dict[str, Callable[[], Outcome]]:
    """Every story by its title, those that take longest first."""
    found: dict[str, Callable[[], Outcome]] = {
        "local, 1 + 1 + 0": partial(play, local, share, seed, 1, 0),
        "rehearsal, 1 + 1 + 1": partial(play, rehearsal, share, seed),
        "fake cloud, 1 + 1 + 1": partial(play, cloud, share, seed),
        "rehearsal, 3 + 1 + 4, a tenth": partial(play, rehearsal, share / 10, seed, 3, 4),
    }
    for name in crash_clouds.CLOUDS:
        for balancer in (False, True):
            ingress = "load balancer" if balancer else "infra nodes"
            found[f"{name}, {ingress}"] = partial(crash_clouds.every_call, name, balancer, share, seed)
    for name in crash_clouds.CLOUDS:
        found[f"{name}, calls that fail"] = partial(crash_clouds.every_fault, name)
        found[f"{name}, a worker pool"] = partial(crash_pools.every_call, name, share, seed)
        found[f"{name}, calls about a worker pool that fail"] = partial(crash_pools.every_fault, name)
    found["gcp, OS Login"] = partial(crash_clouds.every_call_of_os_login, share, seed)
    found["gcp, calls about OS Login that fail"] = crash_clouds.every_fault_of_os_login
    for provider in ZONES:
        found[f"names in {provider}"] = partial(crash_names.every_call, provider, share, seed)
        found[f"names in {provider}, calls that fail"] = partial(crash_names.every_fault, provider)
    return found | {"restore of etcd": crash_restore.every_point}


def played(title: str, story: Callable[[], Outcome]) -> tuple[Outcome, float]:
    """What became of a story, and its seconds. This process is named after it."""
    multiprocessing.current_process().name = title
    began = time.monotonic()
    try:
        found = story()
    except Exception as error:  # the other stories go on
        found = Outcome(lost=[f"{type(error).__name__}: {' '.join(str(error).split())}"])
    return found, time.monotonic() - began


def main(share: float = 1.0, seed: float = 0) -> int:
    total = Outcome()
    context = multiprocessing.get_context("spawn")  # each story forks its engines: from a process with one thread
    with ProcessPoolExecutor(AT_ONCE, context, max_tasks_per_child=1) as pool:
        titles: dict[Future[tuple[Outcome, float]], str] = {
            pool.submit(played, title, story): title for title, story in jobs(share, int(seed)).items()
        }
        for done in as_completed(titles):
            found, seconds = done.result()
            told = "; ".join(found.faults) or "nothing made twice, left or lost"
            counted = f"{found.points} points, {found.kills} engines killed in {seconds:.0f} s"
            print(f"{titles[done]}: {counted}; {told}", flush=True)
            total.points += found.points
            total.kills += found.kills
            for one, other in ((total.twins, found.twins), (total.orphans, found.orphans), (total.lost, found.lost)):
                one += other
    twins, orphans, lost = (len(one) for one in (total.twins, total.orphans, total.lost))
    print(f"points {total.points}, twins {twins}, orphans {orphans}, lost {lost}")
    value = twins + orphans + lost
    print(json.dumps({"name": "crash", "value": value, "unit": "twins + orphans + lost", "goal": 0}))
    return 0 if value == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*(float(word) for word in sys.argv[1:3])))
