"""Interrupted at every call that changes a plan's own zone, in Route 53 or Cloud DNS, whatever its platform."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from installer.common.errors import ExitCode
from installer.engine.events import RunKind
from installer.plan.model import InstallPlan
from tests.bench.crash_clouds import CLOUDS, Engines, endured, room_of, until_done
from tests.bench.crash_story import Outcome
from tests.doubles.account_zones import API, MASTERS, ZONES, Zone, carry_out
from tests.doubles.aws import faults as aws_faults
from tests.doubles.cloud.clusters import CloudCluster
from tests.doubles.cloud.delegation import delegate
from tests.doubles.gcp import faults as gcp_faults

_APPLIES: dict[str, Callable[[str, Any], bool]] = {"aws": aws_faults.applies, "gcp": gcp_faults.applies}
_RECORDS = 4
"""An address and a mark for each of the two names."""


def every_call(provider: str, share: float = 1.0, seed: int = 0) -> Outcome:
    """Names are published, one changes, and all are removed; engines are killed around each call that changes any."""
    name, make = ZONES[provider]
    told = Outcome()
    with CLOUDS[name]() as cloud, room_of(cloud) as room:
        zone = make(cloud.cluster().account)
        engines = Engines(room / "points", share, seed)
        plan = zone.plan()
        smaller = plan.model_copy(update={"masters": 1})
        for wanted, masters in ((plan, MASTERS), (smaller, MASTERS[:1])):
            code = until_done(told, engines, partial(publish, wanted))
            assert code == ExitCode.DONE, f"an engine that publishes exits with {code}"
            told.lost += _lacks(zone, masters)
        code = until_done(told, engines, partial(remove, smaller))
        assert code == ExitCode.DONE, f"an engine that removes exits with {code}"
        told.orphans += [f"{kind} {host}" for host, kind in zone.rrsets()]
        told.points = len(engines.tried)
    return told


def every_fault(provider: str) -> Outcome:
    """Those calls fail, each with each fault."""
    name, make = ZONES[provider]
    told = Outcome()
    with CLOUDS[name]() as cloud:
        for fault in cloud.faults:

            def endure(cluster: CloudCluster, fault: Any = fault) -> int:
                zone = make(cluster.account)
                if not _APPLIES[name](zone.changing, fault):
                    return 0
                for run in (publish, remove):
                    zone.double.fail(zone.changing, fault)
                    ended = [run(zone.plan()) for _ in range(2)]
                    assert ended[-1] is ExitCode.DONE, f"{run.__name__} ends with {ended}"
                    lacks = _lacks(zone, MASTERS) if run is publish else [f"left: {one}" for one in zone.rrsets()]
                    assert not lacks, lacks
                return 2

            endured(told, cloud, f"{fault}, {provider}", endure)
    return told


def publish(plan: InstallPlan) -> ExitCode:
    delegate(pytest.MonkeyPatch())  # this process plays nothing else
    return carry_out(plan)


def remove(plan: InstallPlan) -> ExitCode:
    delegate(pytest.MonkeyPatch())
    return carry_out(plan, RunKind.DESTROY)


def _lacks(zone: Zone, masters: list[str]) -> list[str]:
    found = zone.rrsets()
    seen = [f"{API} leads to {found.get((API, 'A'))}"] if found.get((API, "A")) != masters else []
    return seen + ([f"{len(found)} records"] if len(found) != _RECORDS else [])
