"""The kernel's limits are raised for machines of this computer, and set back when the last of them is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform, platform_steps
from installer.platforms.local import limits
from installer.platforms.local.engine import Engine
from installer.platforms.local.platform import LocalPlatform

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")


class Ps(Engine):
    """An engine that lists these containers: those of Craton's clusters, by the filter that asks for them."""

    def __init__(self, **containers: str) -> None:
        super().__init__("podman")
        object.__setattr__(self, "containers", containers)

    def call(self, *arguments: str, **_options: Any) -> str:
        known: dict[str, str] = self.containers  # type: ignore[attr-defined]
        assert arguments[:4] == ("ps", "--all", "--quiet", "--filter"), arguments
        return known[arguments[4]]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the kernel's, with the usual limit; and a home."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir(mode=0o700)
    file = tmp_path / "max_user_instances"
    file.write_text("128\n")
    monkeypatch.setattr(limits, "path", lambda _name: file)
    return file


def found(monkeypatch: pytest.MonkeyPatch, **containers: str) -> list[str]:
    platform = open_platform(PLAN, None)
    assert isinstance(platform, LocalPlatform)
    monkeypatch.setattr(LocalPlatform, "engine", Ps(**containers))
    return [f"{resource.kind} {resource.name} {resource.detail}" for resource in platform._limits()]


def test_a_limit_that_was_raised_twice_is_set_back_to_what_it_was_first(kernel: Path) -> None:
    limits.raise_to(limits.INSTANCES, 512)
    assert kernel.read_text() == "512\n"
    limits.raise_to(limits.INSTANCES, 600)
    assert limits.raised() == {limits.INSTANCES: (128, 600)}
    assert limits.set_back() == [f"{limits.INSTANCES} is 128 again"]
    assert kernel.read_text() == "128\n"
    assert limits.raised() == {}
    assert limits.set_back() == []


def test_what_somebody_else_has_set_since_stays(kernel: Path) -> None:
    limits.raise_to(limits.INSTANCES, 512)
    kernel.write_text("8192\n")
    assert limits.raised() == {}
    assert limits.set_back() == []
    assert kernel.read_text() == "8192\n"


def test_a_record_that_cannot_be_read_changes_nothing(kernel: Path) -> None:
    limits.raise_to(limits.INSTANCES, 512)
    limits._file().write_bytes(b'{"x": [1')
    assert limits.set_back() == []
    assert kernel.read_text() == "512\n"


def test_a_limit_that_cannot_be_written_is_an_error_with_the_command(kernel: Path) -> None:
    kernel.unlink()
    kernel.mkdir()  # which not even root can write to as to a file
    with pytest.raises(InstallerError) as failed:
        limits.raise_to(limits.INSTANCES, 512)
    assert failed.value.hint == f"sudo sysctl {limits.INSTANCES}=512"
    assert failed.value.exit_code is ExitCode.PREFLIGHT


def test_the_last_cluster_sets_it_back(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = "label=craton.cluster=demo"
    alone = {"label=craton.cluster": "a\nb", own: "a\nb"}
    assert found(monkeypatch, **alone) == [], "nothing was raised"
    limits.raise_to(limits.INSTANCES, 512)
    assert found(monkeypatch, **alone) == [f"limit {limits.INSTANCES} raised from 128 to 512"]
    assert found(monkeypatch, **{"label=craton.cluster": "a\nb\nc", own: "a\nb"}) == [], "others need it"
    assert found(monkeypatch, **{"label=craton.cluster": "", own: ""}) != [], "its own machines are gone by then"


def test_nothing_is_made_before_the_limits_are_high_enough() -> None:
    steps = {step.id: step for step in platform_steps(PLAN, topology(PLAN))}
    assert steps["network/bridge"].needs == steps["machines/image"].needs == ("check/limits",)
    assert steps["check/limits"].needs == ("check/computer",)
