"""The main job, as a user does it with commands: plan, review, install, interrupt, resume, check, destroy."""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections import Counter
from typing import Any
from unittest.mock import patch

from installer.platforms.rehearsal.client import SiteClient
from tests.craton import Craton, alive
from tests.doubles.installed import Installed
from tests.patience import PATIENCE, eventually

SPEED = ("--speed", "40")


def steps_of(events: list[dict[str, Any]], state: str) -> list[str]:
    return [event["step"] for event in events if event["type"] == "step" and event["state"] == state]


def recorded(craton: Craton, name: str = "demo") -> list[dict[str, Any]]:
    """Every event of every run that the journal holds."""
    import sqlite3

    with sqlite3.connect(f"file:{craton.home}/clusters/{name}/journal.db?mode=ro", uri=True) as journal:
        rows = journal.execute("SELECT run, type, step, data FROM events ORDER BY seq").fetchall()
    return [{"run": run, "type": type_, "step": step, **json.loads(data)} for run, type_, step, data in rows]


def assert_nothing_done_twice(craton: Craton) -> None:
    done: set[str] = set()
    for event in recorded(craton):
        if event["type"] != "step":
            continue
        if event["state"] == "applying":
            assert event["step"] not in done, f"{event['step']} was applied again although it was done"
        elif event["state"] == "done":
            done.add(event["step"])
    assert set(creations(craton).values()) == {1}


def creations(craton: Craton, name: str = "demo") -> dict[str, int]:
    """How often each stand-in machine was ever created, as the site itself counted."""
    with patch.dict(os.environ, CRATON_HOME=str(craton.home)):
        return {machine.name: machine.creations for machine in SiteClient(name).machines()}


def test_a_review_shows_exactly_what_an_install_then_runs(craton: Craton) -> None:
    plan = craton.plan()
    review = craton.json("review", str(plan))
    assert [machine["name"] for machine in review["machines"]] == [
        "demo-master-1", "demo-master-2", "demo-master-3", "demo-infra-1", "demo-worker-1", "demo-worker-2",
    ]  # fmt: skip
    assert set(review["names"].values()) >= {"demo-k8s.example.test", "demo.example.test"}
    assert {"M1", "M2", "M13", "I1", "I4", "W1", "W9", "N1"} <= {r["id"] for r in review["rules"] if r["applies"]}
    assert not {"M3", "M10", "W6"} & {r["id"] for r in review["rules"] if r["applies"]}

    events = craton.events("apply", str(plan), "--yes", *SPEED)

    assert events[0]["type"] == "run-started"
    assert events[-1]["type"] == "run-ended"
    assert {step["id"] for step in review["steps"]} == {event["step"] for event in events if event["type"] == "step"}
    assert Counter(steps_of(events, "done")) == Counter(step["id"] for step in review["steps"])


def test_an_installed_cluster_is_listed_checked_reached_and_destroyed_without_a_trace(
    craton: Craton, installed: Installed
) -> None:
    installed()
    assert craton.cluster() | {"pid": None} == craton.cluster()
    assert (craton.cluster()["state"], craton.cluster()["progress"]) == ("installed", 1.0)

    report = craton.json("check", "demo")
    assert report["verdict"] in ("pass", "warn")
    assert {finding["machine"] for finding in report["findings"]} >= {"demo-master-1", "demo-worker-2"}
    assert craton.run("ssh", "demo", "worker-1", "hostname").stdout.strip() == "demo-worker-1"

    site = json.loads((craton.home / "rehearsal/demo/site.json").read_text())
    receipt = craton.json("destroy", "demo", "--yes", *SPEED)
    assert receipt["destroyed"] is True
    assert receipt["left"] == []
    eventually(lambda: not alive(site["pid"]), "the end of the rehearsal's process")
    assert craton.json("list") == []
    assert [path for path in craton.home.rglob("*") if "demo" in path.name] == []


def test_a_rehearsed_cluster_keeps_the_benchmark_and_says_that_it_is_a_rehearsal(
    craton: Craton, installed: Installed
) -> None:
    installed(masters=1, workers=1)
    found = craton.json("check", "demo", "--benchmark")
    assert found["holds"]
    assert "rehearsal" in found["notice"]
    items = {item["id"]: item for item in found["items"]}
    assert {item["status"] for item in items.values() if item["kind"] == "automated"} == {"pass"}
    assert all(item["reason"] for item in items.values() if item["status"] == "left out")
    assert items["5.2.2"]["status"] == "pass"
    assert {seen["machine"] for seen in items["4.2.1"]["machines"]} == {
        "demo-master-1",
        "demo-infra-1",
        "demo-worker-1",
    }
    assert "rehearsal" in craton.run("check", "demo", "--benchmark", "--plain").stdout.splitlines()[1]


def test_applying_again_observes_everything_and_does_nothing(craton: Craton, installed: Installed) -> None:
    plan = installed()
    again = craton.events("apply", str(plan), "--yes", *SPEED)
    assert steps_of(again, "applying") == []
    assert_nothing_done_twice(craton)


def test_five_killed_engines_later_the_install_completes_and_nothing_was_done_twice(craton: Craton) -> None:
    """Each time, more steps are begun and done; then, whatever goes on, the engine is killed."""
    chance = random.Random(2026)
    command: tuple[str, ...] = ("apply", str(craton.plan()), "--yes")
    for _ in range(5):
        killed = craton.signalled(signal.SIGKILL, chance.randint(1, 15), chance.choice(("before", "after")))
        killed.run(*command, "--json", *SPEED, expect=8)
        assert craton.cluster()["state"] == "interrupted"
        command = ("resume", "demo")
    craton.run("resume", "demo", *SPEED)
    assert craton.cluster()["state"] == "installed"
    assert_nothing_done_twice(craton)


def test_an_install_outlives_its_terminal_and_refuses_a_second_engine(craton: Craton) -> None:
    plan = craton.plan()
    terminal = craton.signalled(signal.SIGSTOP, 20).start("apply", str(plan), "--yes", "--json", *SPEED)
    assert terminal.stdout
    assert terminal.stdout.readline()
    os.killpg(terminal.pid, signal.SIGHUP)
    terminal.communicate(timeout=PATIENCE)
    pid = craton.stopped_engine()
    refused = craton.run("apply", str(plan), "--yes", expect=9)
    os.kill(pid, signal.SIGCONT)
    assert str(pid) in refused.stderr

    watched = craton.events("watch", "demo")
    assert watched[-1]["type"] == "run-ended"
    assert watched[-1]["outcome"] == "done"
    assert craton.cluster()["state"] == "installed"


def test_a_stopped_install_leaves_at_a_safe_point_and_resumes(craton: Craton) -> None:
    craton.signalled(signal.SIGTERM, 5).run("apply", str(craton.plan()), "--yes", "--json", *SPEED, expect=8)
    assert craton.cluster()["state"] == "interrupted"
    craton.run("resume", *SPEED)
    assert_nothing_done_twice(craton)


FAULTS: list[tuple[int, dict[str, str]]] = [
    (5, {
        "worker-1:machines:refuse": "create: the machine's creation was refused",
        "master-1:connect:refuse": "connection refused",
        "master-2:connect:hostkey": "check host key: host key changed",
        "worker-2:connect:hang": "",
        "infra-1:prepare:disk-full": "craton-node prepare: exit status 28: write /var/lib/craton: No space left",
    }),
    (5, {
        "master-1:prepare:exit": "craton-node prepare: exit status 1",
        "worker-1:prepare:hang": "",
        "worker-2:prepare:drop": "",
    }),
    (6, {"master-1:control-plane:exit": "craton-node init: exit status 1"}),
    (6, {
        "master-3:control-plane:drop": "",
        "worker-2:join:disk-full": "craton-node join: exit status 28: write /var/lib/craton: No space left",
    }),
    (7, {"infra-1:verify:drop": "", "worker-1:verify:hang": ""}),
]  # fmt: skip
"""Runs of one cluster, each of which goes on from the last: exit code, and operation and observation of each fault.

What is observed of a connection that drops or hangs depends on the moment.
"""


def test_faults_are_told_with_machine_operation_observation_and_next_action_and_mended_by_resume(
    craton: Craton,
) -> None:
    command: tuple[str, ...] = ("apply", str(craton.plan()), "--yes")
    for exit_code, faults in FAULTS:
        flags = [flag for fault in faults for flag in ("--fault", fault)]
        failed = craton.run(*command, "--speed", "100", *flags, expect=exit_code)
        assert craton.cluster()["state"] == "failed"
        assert f"demo: {len(faults)} failed" in failed.stdout
        lines = [line.strip() for line in failed.stdout.rpartition("because of that.")[2].splitlines()]
        for fault, observed in faults.items():
            machine, phase, _ = fault.split(":")
            step = next(number for number, line in enumerate(lines) if re.fullmatch(rf"{phase}/.*demo-{machine}", line))
            assert re.match(r"demo-\S+: \w.*: \w", lines[step + 1])
            assert observed in lines[step + 1]
            assert lines[step + 2].startswith("what to do: ")
        command = ("resume", "demo")

    craton.run("resume", "demo", "--speed", "100")
    assert craton.cluster()["state"] == "installed"
    assert_nothing_done_twice(craton)


def test_a_slow_machine_delays_the_install_and_fails_nothing(craton: Craton) -> None:
    plan = craton.plan(masters=1, workers=1)
    craton.run("apply", str(plan), "--yes", "--speed", "100", "--fault", "worker-1:prepare:slow")


def test_a_load_balancer_serves_instead_of_infra_nodes(craton: Craton) -> None:
    plan = craton.plan("demo", "--ingress", "load-balancer", masters=1, workers=1)
    review = craton.json("review", str(plan))
    assert "M3" in {rule["id"] for rule in review["rules"] if rule["applies"]}
    craton.run("apply", str(plan), "--yes", *SPEED)
    craton.run("check", "demo")
    assert craton.json("destroy", "demo", "--yes", *SPEED)["left"] == []


def test_a_cluster_whose_directory_was_lost_is_destroyed_from_its_plan_alone(
    craton: Craton, installed: Installed
) -> None:
    import shutil

    plan = installed()
    shutil.rmtree(craton.home / "clusters/demo")
    craton.run("destroy", str(plan), "--plain", expect=None, stdin="no\n")
    assert craton.printed("list", "--json").strip() == "[]", "who declines has changed nothing"
    assert craton.json("destroy", str(plan), "--yes", *SPEED)["destroyed"] is True
    assert not (craton.home / "rehearsal/demo").exists()


def test_machines_that_a_smaller_plan_no_longer_names_are_destroyed_too(craton: Craton, installed: Installed) -> None:
    installed(masters=1)
    saved = craton.home / "clusters/demo/plan.yaml"
    saved.write_text(saved.read_text().replace("workers: 2", "workers: 1"))
    craton.run("resume", "demo", *SPEED, expect=None)
    receipt = craton.json("destroy", "demo", "--yes", *SPEED)
    assert receipt["left"] == []
    assert receipt["destroyed"] is True
    assert not (craton.home / "rehearsal/demo").exists()


def test_more_machines_may_be_added_and_other_changes_are_refused(craton: Craton, installed: Installed) -> None:
    plan = installed(masters=1, workers=1)
    plan.write_text(plan.read_text().replace("workers: 1", "workers: 2").replace("masters: 1", "masters: 3"))
    craton.run("apply", str(plan), "--yes", *SPEED)
    assert craton.cluster()["machines"] == 6
    plan.write_text(plan.read_text().replace("masters: 3", "masters: 1"))
    refused = craton.run("apply", str(plan), "--yes", *SPEED, expect=3)
    assert "masters: 3 -> 1: `craton nodes remove`" in refused.stderr


def test_rules_switched_on_and_off_later_change_the_nodes_and_nothing_else(
    craton: Craton, installed: Installed
) -> None:
    plan = installed(masters=1, workers=2)  # with two, addons have all their replicas
    before = plan.read_text()
    plan.write_text(
        before.replace("schedulable_masters: false", "schedulable_masters: true").replace("[M6, I4]", "[M14, I4]")
    )
    changed = craton.events("apply", str(plan), "--yes", *SPEED)
    assert set(steps_of(changed, "applying")) == {"network/firewall/master", "join/roles/demo-master-1"}
    rules = {rule["id"]: rule for rule in craton.json("check", "demo")["rules"]}
    assert (rules["M14"]["planned"], rules["M14"]["observed"]) == ("on", "pass")
    assert rules["M6"]["planned"] == "off"

    plan.write_text(before)
    craton.run("apply", str(plan), "--yes", *SPEED)
    report = craton.json("check", "demo")
    assert report["verdict"] == "pass"
    assert {rule["id"]: rule["planned"] for rule in report["rules"]}["M14"] == "off"


def test_a_support_bundle_holds_the_story_and_no_secret(craton: Craton, installed: Installed) -> None:
    import tarfile

    installed()
    craton.run("gather", "demo", "-o", "bundle.tar.gz")
    with tarfile.open(craton.directory / "bundle.tar.gz") as archive:
        names = archive.getnames()
        files = [archive.extractfile(name) for name in names]
        text = "".join(file.read().decode() for file in files if file)
    assert {"demo/plan.yaml", "demo/events.jsonl", "demo/logs/demo-worker-1.log"} <= set(names)
    assert "PRIVATE KEY" not in text
    key = (craton.home / "clusters/demo/id_ed25519").read_text().splitlines()[1]
    assert key not in text


def test_files_that_matter_are_private(craton: Craton, installed: Installed) -> None:
    installed(masters=1, workers=1)
    directory = craton.home / "clusters/demo"
    for name in ("plan.yaml", "journal.db", "known_hosts", "id_ed25519", "kubeconfig", "health.json", "engine.log"):
        assert (directory / name).stat().st_mode & 0o077 == 0, name
    assert directory.stat().st_mode & 0o077 == 0
