"""What is said before an install (how long, how much, for how much), and the commands after it."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from installer.artifacts import sizes
from installer.common.paths import ClusterDirectory
from installer.operations import durations, next_steps, pipeline
from installer.operations.durations import Expected
from installer.operations.outlook import Outlook, outlook
from installer.plan import releases
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.platforms import planning
from installer.steps.estimate import Estimate

OWN: dict[str, Any] = {
    "platform": "machines",
    "masters": 1,
    "workers": 1,
    "machines": {"inventory": tuple(Host(address=f"10.0.0.{number}") for number in (1, 2, 3))},
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    return tmp_path / "craton"


def plan(**changed: Any) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **changed})


def ahead(found: InstallPlan) -> Outlook:
    return outlook(found, pipeline.install_steps(found))


def test_the_first_install_is_estimated_from_its_steps_weights() -> None:
    steps = pipeline.install_steps(plan())
    assert durations.expected("rehearsal", steps) == Expected(durations.longest_chain(steps))
    assert durations.longest_chain(steps) > 5
    assert "a rough estimate" in ahead(plan()).takes
    assert "downloads" not in ahead(plan()).takes
    assert "and the time that the downloads take, a rough estimate" in ahead(plan(**OWN)).takes


def test_later_ones_are_judged_by_the_newest_installs_on_the_same_platform() -> None:
    steps = pipeline.install_steps(plan())
    chain = durations.longest_chain(steps)
    durations.keep("rehearsal", steps, chain * 100)
    for _ in range(5):
        durations.keep("rehearsal", steps, chain * 3)
    durations.keep("local", steps, chain * 50)
    found = durations.expected("rehearsal", steps)
    assert found.earlier == 5
    assert found.seconds == pytest.approx(chain * 3)
    assert ahead(plan()).takes.endswith("judging by 5 earlier installs on this platform")


@pytest.mark.parametrize("speed", [0.5, 300.0])
def test_a_rehearsal_at_another_speed_says_nothing_about_the_next_one(speed: float) -> None:
    steps = pipeline.install_steps(plan())
    durations.keep("rehearsal", steps, 3, speed)
    assert durations.expected("rehearsal", steps) == Expected(durations.longest_chain(steps))


@pytest.mark.parametrize(
    "damage", ["", "{", "[1]", '[{"platform": "rehearsal", "expected": 0, "seconds": 4}]', '[{"a": 1}]']
)
def test_a_damaged_record_of_durations_counts_as_none_and_is_replaced(home: Path, damage: str) -> None:
    steps = pipeline.install_steps(plan())
    home.mkdir(mode=0o700)
    (home / "durations.json").write_text(damage)
    assert durations.expected("rehearsal", steps).earlier == 0
    durations.keep("rehearsal", steps, 60)
    assert durations.expected("rehearsal", steps).earlier == 1
    assert len(json.loads((home / "durations.json").read_text())) == 1


def test_a_rehearsal_needs_downloads_and_costs_nothing() -> None:
    found = ahead(plan())
    assert (found.needs, found.downloads) == ("nothing but this computer", "nothing")
    assert found.costs == "nothing, on this computer"


def test_own_machines_cost_nothing_and_are_told_what_they_need() -> None:
    found = ahead(plan(**OWN))
    assert (
        found.needs
        == "2 CPUs, 2 GB of memory and 22 GB of disk for each master; 1 CPU, 1 GB and 14 GB for each other machine"
    )
    assert found.downloads == "about 460 MB for each master and 350 MB for each other machine: 1.2 GB"
    older = ahead(plan(**OWN, kubernetes="v1.35.9"))
    assert older.downloads.endswith("1.2 GB, as measured with v1.36.2")
    assert found.costs == "nothing, on your own machines"
    assert found.undo == "`craton destroy demo` undoes every change on your machines and proves that nothing is left"


def test_every_download_of_every_release_has_a_size() -> None:
    for minor in releases.MINORS:
        found = plan(**OWN, kubernetes=minor.newest)
        master, worker = sizes.of_machine(found, Role.MASTER), sizes.of_machine(found, Role.WORKER)
        assert 300e6 < worker < master < 600e6


def test_a_cluster_without_sign_in_or_console_is_not_told_of_them() -> None:
    bare = commands(plan(platform="local", addons={"sign_in": False, "console": False}))
    assert not [command for command in bare if "login" in command or "open " in command]


def test_a_mirror_is_named_as_the_source() -> None:
    mirrored = plan(**OWN, artifacts={"mirror": "https://mirror.test/k8s"})
    assert ahead(mirrored).downloads.endswith("GB from https://mirror.test/k8s")


def test_a_platform_that_can_estimate_its_cost_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Planning:
        @staticmethod
        def estimate(_plan: InstallPlan) -> Estimate:
            return Estimate(0.42, 306.6, quota=("12 vCPUs",))

    assert planning.estimate(plan()) is None
    monkeypatch.setattr(planning, "find_spec", lambda _: object())
    monkeypatch.setattr(planning, "import_module", lambda _: Planning)
    words = "about 0.42 USD an hour, 307 a month; your account needs a quota of 12 vCPUs"
    assert ahead(plan()).costs == words


def commands(found: InstallPlan) -> list[str]:
    return [step.command for step in next_steps.next_steps(found, ClusterDirectory.of("demo"))]


def test_the_commands_lead_from_kubeconfig_to_a_first_application_and_on_to_destroy() -> None:
    found = commands(plan(platform="local"))
    assert found[0] == f"export KUBECONFIG={ClusterDirectory.of('demo').kubeconfig}"
    assert found[1] == "kubectl get nodes"
    assert "kubectl create deployment hello" in found[2]
    assert found[3].startswith("kubectl port-forward deployment/hello")
    assert found[4:] == [
        "craton login demo",
        f"{'open' if sys.platform == 'darwin' else 'xdg-open'} https://demo.example.test",
        "craton check demo",
        "craton nodes add demo --workers 1",
        "craton etcd backup demo",
        "craton destroy demo",
    ]
    assert "craton nodes add demo --machine ADDRESS" in commands(plan(**OWN))


def test_a_rehearsal_offers_no_kubectl_and_no_backup() -> None:
    assert not any("kubectl" in command or "backup" in command for command in commands(plan()))
    assert "craton new" in commands(plan())  # where applications run is a cluster of another platform


@pytest.mark.parametrize(
    ("cloud", "page"), [("aws", "calculator.aws"), ("gcp", "cloud.google.com/products/calculator")]
)
def test_of_a_cloud_the_page_that_says_what_it_costs_is_named(cloud: str, page: str) -> None:
    assert page in ahead(plan(platform=cloud, networks={"user": "203.0.113.7/32"})).costs


def test_a_worker_pool_gets_a_machine_by_being_scaled() -> None:
    pooled = plan(platform="aws", workers=3, networks={"user": "203.0.113.0/24"}, aws={"worker_pool": True})
    assert "craton nodes scale demo --workers 4" in commands(pooled)


def test_the_commands_are_kept_in_a_file_of_the_cluster() -> None:
    directory = ClusterDirectory.of("demo")
    path = next_steps.save(plan(platform="local"), directory)
    assert path == directory.path / "next-steps.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    lines = path.read_text().splitlines()
    assert lines[:5] == [
        "# use it in this terminal",
        f"export KUBECONFIG={directory.kubeconfig}",
        "",
        "# see its machines",
        "kubectl get nodes",
    ]
