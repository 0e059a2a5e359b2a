"""An installed cluster changes while it runs: machines join and leave, a new release comes, engines are killed."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from typing import Any
from unittest.mock import patch

from installer.platforms.rehearsal.client import SiteClient
from tests.craton import Craton
from tests.doubles.installed import NEW, OLD, Installed

SPEED = ("--speed", "40")


def nodes(craton: Craton) -> dict[str, dict[str, Any]]:
    """The Node objects, by the short names of their machines, as kubectl on a master has them."""
    asked = "sudo -n /usr/local/sbin/craton-node kubectl get nodes -o json"
    found = json.loads(craton.run("ssh", "demo", "master-1", asked).stdout)
    return {item["metadata"]["name"].removeprefix("demo-"): item for item in found["items"]}


def machines(craton: Craton) -> list[str]:
    with patch.dict(os.environ, CRATON_HOME=str(craton.home)):
        return sorted(machine.name.removeprefix("demo-") for machine in SiteClient("demo").machines())


def lose(craton: Craton, machine: str) -> None:
    with patch.dict(os.environ, CRATON_HOME=str(craton.home)):
        SiteClient("demo").call("delete", name=f"demo-{machine}")


def plan_of(craton: Craton) -> str:
    return (craton.home / "clusters/demo/plan.yaml").read_text()


def applied(events: list[dict[str, Any]]) -> list[str]:
    return [event["step"] for event in events if event["type"] == "step" and event["state"] == "applying"]


def killed_at(craton: Craton, record: int, *command: str) -> None:
    """A command whose engine is killed right after it wrote a record, counted as `Craton.signalled` does."""
    craton.signalled(signal.SIGKILL, record).run(*command, "--json", *SPEED, expect=8)
    assert craton.cluster()["state"] == "interrupted"


def killed_again_and_again(craton: Craton, *command: str) -> None:
    """Three engines are killed on the way, the fourth comes to the end. `make crash` kills at each step."""
    chance = random.Random(33)
    for _ in range(3):
        killed = craton.signalled(signal.SIGKILL, chance.randint(2, 7), chance.choice(("before", "after")))
        killed.run(*command, "--json", *SPEED, expect=8)
        assert craton.cluster()["state"] == "interrupted"
        command = ("resume", "demo")
    craton.run(*command, "--plain", *SPEED)
    assert craton.cluster()["state"] == "installed"


def test_machines_join_and_the_last_ones_leave_again(craton: Craton, installed: Installed) -> None:
    installed(masters=1, workers=1)
    events = craton.events("nodes", "add", "demo", "--workers", "1", "--masters", "3", "--yes", *SPEED)
    joined = {"master-2", "master-3", "worker-2"}
    assert {id.rpartition("/")[2] for id in applied(events) if id.startswith("machines/create/")} == {
        f"demo-{name}" for name in joined
    }
    assert set(nodes(craton)) == {"master-1", "infra-1", "worker-1", *joined}
    assert "# the shop's" in plan_of(craton)

    refused = craton.run("nodes", "remove", "demo", "worker-1", "--yes", expect=3)
    assert "worker-1 cannot go while demo-worker-2 stays" in refused.stderr
    assert "demo-worker-2, demo-master-3 with demo-master-2" in refused.stderr

    craton.run("nodes", "remove", "demo", "worker-2", "demo-master-2", "master-3", "--yes", "--plain", *SPEED)
    assert set(nodes(craton)) == {"master-1", "infra-1", "worker-1"}
    assert machines(craton) == ["infra-1", "master-1", "worker-1"]
    assert craton.cluster()["state"] == "installed"
    assert "masters: 1" in plan_of(craton)
    assert craton.json("check", "demo")["verdict"] in ("pass", "warn")


def test_a_removal_whose_engine_is_killed_again_and_again_comes_to_its_end(
    craton: Craton, installed: Installed
) -> None:
    installed()
    killed_again_and_again(craton, "nodes", "remove", "demo", "worker-2", "master-2", "master-3", "--yes")
    assert set(nodes(craton)) == {"master-1", "infra-1", "worker-1"}
    assert machines(craton) == ["infra-1", "master-1", "worker-1"]


def test_a_machine_that_is_lost_leaves_by_force_alone(craton: Craton, installed: Installed) -> None:
    installed(masters=1)
    lose(craton, "worker-2")
    refused = craton.run("nodes", "remove", "demo", "worker-2", "--yes", "--plain", *SPEED, expect=5)
    assert "does not answer" in refused.stdout
    assert "--force" in refused.stdout
    craton.run("nodes", "remove", "demo", "worker-2", "--force", "--yes", "--plain", *SPEED)
    assert set(nodes(craton)) == {"master-1", "infra-1", "worker-1"}


def test_an_upgrade_brings_the_release_machine_by_machine_and_leaves_cordoned_what_somebody_else_cordoned(
    craton: Craton, installed: Installed
) -> None:
    installed(release=OLD)
    refused = craton.run("upgrade", "demo", "--to", "v1.35.6", "--yes", expect=3)
    assert "runs that release already" in refused.stderr
    craton.run("ssh", "demo", "master-1", "sudo -n /usr/local/sbin/craton-node kubectl cordon demo-worker-1")

    events = craton.events("upgrade", "demo", "--to", NEW, "--yes", *SPEED)

    order = [id.rpartition("/demo-")[2] for id in applied(events) if id.startswith("upgrade/kubeadm/")]
    assert order == ["master-1", "master-2", "master-3", "infra-1", "worker-1", "worker-2"]
    drained = [id.rpartition("/demo-")[2] for id in applied(events) if id.startswith("upgrade/drain/")]
    assert drained == ["worker-1", "worker-2"]
    after = nodes(craton)
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in after.values()} == {NEW}
    assert [name for name, node in after.items() if node["spec"].get("unschedulable")] == ["worker-1"]
    assert f"kubernetes: {NEW}" in plan_of(craton)
    assert (craton.cluster()["state"], craton.cluster()["kubernetes"]) == ("installed", NEW)


def test_an_upgrade_whose_engine_is_killed_again_and_again_comes_to_its_end_and_leaves_nothing_cordoned(
    craton: Craton,
    installed: Installed,
) -> None:
    installed(masters=1, release=OLD)
    killed_again_and_again(craton, "upgrade", "demo", "--to", NEW, "--yes")
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes(craton).values()} == {NEW}
    assert not any(node["spec"].get("unschedulable") for node in nodes(craton).values())
    assert not any("craton/cordoned" in node["metadata"]["labels"] for node in nodes(craton).values())


def test_an_upgrade_comes_to_its_end_before_anything_else_and_no_plan_brings_a_release(
    craton: Craton, installed: Installed
) -> None:
    installed(masters=1, release=OLD)
    own = craton.directory / "demo.yaml"
    newer = craton.directory / "newer.yaml"
    newer.write_text(own.read_text().replace(OLD, NEW))
    refused = craton.run("apply", str(newer), "--yes", expect=3)
    assert "craton upgrade" in refused.stderr

    killed_at(craton, 14, "upgrade", "demo", "--to", NEW, "--yes")  # the images are there, and the plan is saved
    refused = craton.run("apply", str(own), "--yes", expect=2)
    assert f"the upgrade from {OLD} to {NEW} hasn't finished" in refused.stderr
    craton.run("upgrade", "demo", "--to", NEW, "--yes", "--plain", *SPEED)
    assert craton.cluster()["state"] == "installed"


def test_an_upgrade_whose_journal_is_lost_changes_no_two_machines_at_once_and_can_go_on(
    craton: Craton, installed: Installed
) -> None:
    installed(masters=1, release=OLD)
    killed_at(craton, 14, "upgrade", "demo", "--to", NEW, "--yes")
    before = {name: node["status"]["nodeInfo"]["kubeletVersion"] for name, node in nodes(craton).items()}
    assert OLD in before.values(), "it was killed half-way"
    for file in (craton.home / "clusters" / "demo").glob("journal.db*"):
        file.unlink()

    refused = craton.run("resume", "demo", "--yes", "--plain", *SPEED, expect=5)
    assert f"a node of demo that runs {OLD}, and the plan says {NEW}" in refused.stdout
    assert f"craton upgrade demo --to {NEW}" in refused.stdout
    assert {name: node["status"]["nodeInfo"]["kubeletVersion"] for name, node in nodes(craton).items()} == before

    events = craton.events("upgrade", "demo", "--to", NEW, "--yes", *SPEED)
    order = [id.rpartition("/demo-")[2] for id in applied(events) if id.startswith("upgrade/kubelet/")]
    assert order == [name for name in ("master-1", "infra-1", "worker-1", "worker-2") if name in order]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes(craton).values()} == {NEW}
    assert not any(node["spec"].get("unschedulable") for node in nodes(craton).values())
    assert craton.cluster()["state"] == "installed"


def test_a_removal_that_is_given_up_leaves_every_machine_in_service(craton: Craton, installed: Installed) -> None:
    installed(masters=1)
    killed_at(craton, 3, "nodes", "remove", "demo", "worker-2", "--yes")
    craton.run("apply", str(craton.directory / "demo.yaml"), "--yes", *SPEED)
    found = nodes(craton)
    assert set(found) == {"master-1", "infra-1", "worker-1", "worker-2"}
    assert not any(node["spec"].get("unschedulable") for node in found.values())


def test_a_renewal_of_certificates_whose_engine_is_killed_goes_on_where_it_was(craton: Craton) -> None:
    path = craton.plan(masters=3, workers=1)
    old = ("--fault", "master-2:control-plane:expiring", "--fault", "worker-1:join:expiring")
    craton.run("apply", str(path), "--yes", *old, *SPEED)
    assert craton.cluster()["expiry"].startswith("certificate of demo-master-2 (API server): ")
    warned = craton.run("check", "demo", "--plain").stdout
    assert "craton certs renew demo" in warned

    killed_at(craton, 2, "certs", "renew", "demo", "--yes")
    renewed = applied(craton.events("resume", "demo", *SPEED))
    assert renewed
    assert all(step.startswith("renew/") for step in renewed)
    shown = craton.json("certs", "show", "demo")
    [ingress] = [row for row in shown["certificates"] if row["where"] == "demo.example.test"]
    assert (ingress["title"], ingress["renewed_by"]) == ("ingress (demo.example.test)", "craton certs renew")
    days = {row["where"]: int((row["ends"] - time.time()) // 86400) for row in reversed(shown["certificates"])}
    assert min(days.values()) >= 364
    assert {"this computer", "demo-master-2", "demo-worker-1"} <= days.keys()
    assert craton.json("check", "demo")["verdict"] == "pass"
    assert craton.cluster()["expiry"] == ""
