"""Where the stories of killed engines play: stand-ins of a rehearsal, a fake cloud, and machines of this computer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from unittest.mock import patch

from installer.common.errors import ExitCode
from installer.plan.fields import Part
from installer.plan.model import InstallPlan
from installer.plan.platforms import PLATFORMS
from installer.plan.registration import Registration
from installer.platforms.local import machine
from installer.platforms.rehearsal.client import SiteClient
from installer.steps.platform import RunOptions
from tests.bench.crash_story import OLD, OPTIONS, World
from tests.doubles.fake_cloud import platform as cloud_platform
from tests.doubles.fake_cloud import steps as cloud_steps
from tests.doubles.fake_cloud.platform import ACCOUNTS, NAME, TRAITS
from tests.doubles.fake_cloud.served import served_cloud
from tests.doubles.local import bridge_mirror, local_plan, traces
from tests.doubles.machines import CACHE, machine_image, the_engine

_INFRA = {"kind": "infra", "infra": 1}
_KINDS = ("machine", "load-balancer", "dns", "volume", "firewall", "network")


def _plan(platform: str, masters: int, workers: int) -> InstallPlan:
    fields = {"name": "demo", "subdomain": "example.test", "platform": platform, "kubernetes": OLD}
    numbers = {"masters": masters, "workers": workers, "ingress": _INFRA}
    return InstallPlan.model_validate({**fields, **numbers})


@contextmanager
def rehearsal(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """Stand-ins of a rehearsal."""
    plan = _plan("rehearsal", masters, workers)
    with patch.dict(os.environ, CRATON_HOME=str(home)):
        try:
            yield World("rehearsal", plan, lambda: [str(path) for path in (home / "rehearsal").glob("*")])
        finally:
            SiteClient(plan.name).stop()


@contextmanager
def cloud(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """The fake cloud, which lists new machines late and gives addresses later still."""
    modules = {f"installer.platforms.{NAME}.platform": cloud_platform, f"installer.platforms.{NAME}.steps": cloud_steps}
    registered = {NAME: Registration(TRAITS, lambda: Part)}
    with (
        patch.dict(os.environ, CRATON_HOME=str(home)),
        patch.dict(cast("dict[str, Registration]", PLATFORMS), registered),
        patch.dict(sys.modules, modules),
    ):
        plan = _plan(NAME, masters, workers)
        site = SiteClient(plan.name)
        site.start()
        site.call("options", speed=OPTIONS.speed, seed=0, faults=[])
        try:
            with (
                served_cloud(plan.name, home) as account,
                patch.dict(cast("dict[str, object]", ACCOUNTS), demo=account),
            ):

                def remains() -> list[str]:
                    return [f"{kind} {one.name}" for kind in _KINDS for one in account.exists(kind)]

                def made() -> list[str]:
                    return [one.name for one in account.exists("machine")]

                yield World(NAME, plan, remains, made=made)
        finally:
            site.stop()


@contextmanager
def local(home: Path, masters: int = 1, workers: int = 1) -> Iterator[World]:
    """Real machines on this computer, of the image that all tests share (root, podman)."""
    with patch.dict(os.environ, CRATON_HOME=str(home)):
        (home / "local").symlink_to(CACHE)
        machine_image()
        fields = {"masters": masters, "workers": workers, "schedulable_masters": not workers, "ingress": _INFRA}
        with bridge_mirror(local_plan(**fields)) as (_, plan):
            name = plan.name

            def found() -> dict[str, str]:
                return {one.name: one.host_key for one in machine.find_all(the_engine(), name)}

            yield World("local", plan, lambda: traces(name), ExitCode.CLUSTER, RunOptions(), found)
