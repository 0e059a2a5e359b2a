"""What a run came to, in words and as a receipt."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from installer.cluster.administrator import made_file
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory, write_private
from installer.engine.events import Event, EventType, Outcome, RunKind, StepRecord, StepState
from installer.engine.journal import Journal
from installer.engine.progress import Progress
from installer.health.report.model import save_report
from installer.operations import resource_groups
from installer.operations.outcome import (
    console_lines,
    destroyed_lines,
    outcome_lines,
    outside_lines,
    receipt,
    resource_lines,
    took,
)
from installer.plan.model import InstallPlan
from installer.plan.planfile import dump
from installer.plan.sections import Ingress
from installer.steps.platform import Resource
from tests.installer.health import healthy

RECORDS = tuple(
    StepRecord(id, f"make {id}", "prepare", None, needs, 1.0, 60.0)
    for id, needs in (("a", ()), ("b", ()), ("c", ("b",)), ("d", ("c",)))
)
ERROR = {"operation": "install packages", "machine": "demo-worker-1", "observed": "no space", "hint": "Make space."}
BARE = {"operation": "look", "machine": None, "observed": "nothing", "hint": ""}
D, F, B, G = StepState.DONE, StepState.FAILED, StepState.BLOCKED, StepState.UNDONE

Told = tuple[str, StepState, dict[str, Any]]
"""What became of a step: its id, its state, and the data that came with it."""


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return ClusterDirectory.of("demo")


def ran(
    *steps: Told,
    kind: RunKind = RunKind.INSTALL,
    ended: tuple[Outcome, ExitCode] | None = None,
    left: list[dict[str, str]] | None = None,
    results: Sequence[dict[str, Any]] = (),
) -> Progress:
    """A run of 12 s in which the steps came to the states given."""
    told: list[tuple[float, EventType, str | None, dict[str, Any]]] = [
        (100.0, EventType.RUN_STARTED, None, {"kind": kind, "pid": 42, "steps": [step.id for step in RECORDS]})
    ]
    told += [(101.0, EventType.STEP, id, {"state": state, **data}) for id, state, data in steps]
    if left is not None:
        told.append((102.0, EventType.RESULT, None, {"topic": "receipt", "left": left}))
    told += [(103.0, EventType.RESULT, None, result) for result in results]
    if ended:
        told.append((112.0, EventType.RUN_ENDED, None, {"outcome": ended[0], "exit_code": ended[1]}))
    progress = Progress.of(RECORDS)
    progress.extend(Event(seq, at, 1, type, step, None, data) for seq, (at, type, step, data) in enumerate(told, 1))
    return progress


def done(*ids: str, state: StepState = D) -> list[Told]:
    return [(id, state, {"how": "applied"}) for id in ids]


FAILURES: list[Told] = [
    ("b", F, {"error": ERROR}),
    ("a", F, {"error": BARE}),
    ("c", B, {"because": ""}),
    ("d", B, {"because": ""}),
]


def test_what_an_install_took_counts_the_runs_that_it_was_begun_with(directory: ClusterDirectory) -> None:
    for outcome, kind in [
        (Outcome.DONE, RunKind.INSTALL),
        (Outcome.FAILED, RunKind.UPGRADE),
        (Outcome.STOPPED, RunKind.UPGRADE),
    ]:
        with Journal(directory.journal) as journal:
            journal.begin(kind, [], {})
            journal.end(outcome, 0)
    last = ran(*done("a", "b", "c", "d"), kind=RunKind.UPGRADE, ended=(Outcome.DONE, ExitCode.DONE))
    last.run = 4
    seconds, runs = took(directory, last)
    assert runs == 3
    assert seconds >= 12.0
    assert took(ClusterDirectory(directory.path / "nowhere"), last) == (12.0, 1)


def test_a_run_whose_engine_died_took_until_it_was_last_heard_of(directory: ClusterDirectory) -> None:
    with Journal(directory.journal) as journal:
        journal.begin(RunKind.INSTALL, [], {})
        silent = journal.begin(RunKind.INSTALL, [], {})
    with sqlite3.connect(directory.journal) as database:
        database.execute("UPDATE runs SET started = 1000, ended = NULL")
        database.execute("UPDATE events SET at = 1001")
        database.execute("DELETE FROM events WHERE run = ?", (silent,))
        database.execute("INSERT INTO logs (seq, at, run, step, text) VALUES (900, 1030, 1, 'a', 'the last it said')")
    last = ran(*done("a", "b", "c", "d"), ended=(Outcome.DONE, ExitCode.DONE))
    last.run = 3
    assert took(directory, last) == (12.0 + 30.0, 3)


def test_a_run_that_was_left_says_how_far_it_is_and_how_to_see_it_again(directory: ClusterDirectory) -> None:
    assert outcome_lines(directory, ran(*done("a"))) == [
        "demo: left running at 25%; `craton watch demo` shows it again."
    ]


def test_a_stopped_run_says_how_to_go_on(directory: ClusterDirectory) -> None:
    lines = outcome_lines(directory, ran(*done("a", "b"), ended=(Outcome.STOPPED, ExitCode.INTERRUPTED)))
    assert lines == ["demo: stopped at 50%. Nothing is lost: `craton resume demo` goes on."]


def test_a_failed_run_tells_every_failure_with_its_remedy_and_what_was_not_tried(directory: ClusterDirectory) -> None:
    assert outcome_lines(directory, ran(*FAILURES, ended=(Outcome.FAILED, ExitCode.MACHINES))) == [
        "demo: 2 failed, 2 not tried because of that.",
        "  a",
        "    look: nothing",
        "  b",
        "    demo-worker-1: install packages: no space",
        "    what to do: Make space.",
        "What is done stays done: `craton resume demo` does the rest.",
    ]


def test_a_failure_that_was_tried_again_and_mended_is_told_no_more(directory: ClusterDirectory) -> None:
    again: list[Told] = [("a", StepState.WAITING, {}), *done("a")]
    lines = outcome_lines(directory, ran(*FAILURES, *again, ended=(Outcome.FAILED, ExitCode.MACHINES)))
    assert lines[0] == "demo: 1 failed, 2 not tried because of that."
    assert "  a" not in lines


@pytest.mark.parametrize(
    ("masters", "ingress", "waits"), [(3, "infra", True), (1, "infra", False), (3, "load-balancer", False)]
)
def test_clients_outside_are_told_of_the_wait_that_a_load_balancer_spares_them(
    masters: Literal[1, 3, 5], ingress: str, waits: bool
) -> None:
    plan = InstallPlan.model_validate(
        {"name": "demo", "subdomain": "example.test", "platform": "local", "masters": masters}
        | {"ingress": {"kind": ingress}}
    )
    assert any("up to 10 s" in line for line in outside_lines(plan)) is waits


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize(("ingress", "words"), [("infra", "1 infra node"), ("load-balancer", "a load balancer")])
def test_an_installed_cluster_is_told_with_its_addresses_kubeconfig_health_and_what_comes_next(
    directory: ClusterDirectory, ingress: str, words: str, checked: bool
) -> None:
    plan = InstallPlan(name="demo", subdomain="example.test", ingress=Ingress.model_validate({"kind": ingress}))
    write_private(directory.plan, dump(plan))
    if checked:
        save_report(directory, healthy.report())
    lines = outcome_lines(directory, ran(*done("a", "b", "c", "d"), ended=(Outcome.DONE, ExitCode.DONE)))
    assert lines[0] == f"demo is up: 3 masters, {words}, 2 workers, Kubernetes {plan.kubernetes}, in 12 s"
    assert lines[1:3] == [
        f"  API server   https://{plan.api_host}:6443  (D1)",
        f"  kubeconfig   {directory.kubeconfig}  (a stand-in's: kubectl finds nothing there)",
    ]
    assert "console" not in "\n".join(lines)
    assert "  survives     the loss of 1 of 3 masters" in lines
    assert ("  health       healthy" in lines) is checked
    assert any(line.endswith("craton check demo") for line in lines)
    assert "rehearsal" in lines[-1]


@pytest.mark.parametrize(
    ("addons", "lines"),
    [
        ({}, {"console": "https://demo.example.test  (D2)"}),
        ({"console": False}, {"console": "none", "ingress": "https://demo.example.test  (D2)"}),
        ({"sign_in": False}, {"sign-in": "with a token: kubectl create token ACCOUNT"}),
        ({"ingress": False, "sign_in": False, "console": False},
         {"console": "none; nothing answers at demo.example.test"}),
    ],
)  # fmt: skip
def test_the_end_of_an_install_names_what_answers_and_who_signs_in(
    directory: ClusterDirectory, addons: dict[str, bool], lines: dict[str, str]
) -> None:
    given = {"name": "demo", "subdomain": "example.test", "platform": "local", "addons": addons}
    found = dict(console_lines(directory, InstallPlan.model_validate(given)))
    assert found.items() >= lines.items()
    assert ("trust" in found) is ("nothing answers" not in found["console"])


def test_a_password_that_craton_made_is_named_by_its_file_alone(directory: ClusterDirectory) -> None:
    write_private(made_file(directory), "a-secret-password\n")
    plan = InstallPlan(name="demo", subdomain="example.test", platform="local")
    found = dict(console_lines(directory, plan))
    assert found["sign-in"] == f"admin@example.test; the password is in {made_file(directory)}"


LEFT = [{"kind": "volume", "name": "demo-1", "detail": "20 GB"}, {"kind": "record", "name": "demo-k8s", "detail": ""}]
EXISTED = [*(Resource("machine", f"w-{number}") for number in range(10, 0, -1)), Resource("network", "demo")]
DESTROYED = ran(
    *done("a", "b", "c", "d", state=G),
    kind=RunKind.DESTROY,
    ended=(Outcome.DONE, ExitCode.DONE),
    left=[],
    results=[{"topic": "existed", **resource_groups.record(EXISTED)}],
)
NOT_DESTROYED = ran(
    *done("a", state=G), ("b", F, {"error": ERROR}), kind=RunKind.DESTROY,
    ended=(Outcome.FAILED, ExitCode.LEFTOVERS), left=LEFT,
)  # fmt: skip


def test_a_destroyed_cluster_has_a_receipt(directory: ClusterDirectory) -> None:
    lines = [
        "demo is destroyed: 11 resources deleted. Craton looked again and found nothing left.",
        "  machine     10  w-1, w-2, w-3, w-4, w-5, w-6, w-7, w-8 and 2 more",
        "  network      1  demo",
    ]
    assert destroyed_lines("demo", DESTROYED) == outcome_lines(directory, DESTROYED) == lines
    assert resource_lines("demo", EXISTED)[1:] == lines[1:]
    assert receipt("demo", DESTROYED) == {
        "cluster": "demo", "destroyed": True, "deleted": {"machine": 10, "network": 1},
        "undone": ["a", "b", "c", "d"], "failed": [], "left": [],
        "left_on_machines": [],
    }  # fmt: skip


def test_what_a_destroy_left_is_named_in_words_and_in_the_receipt() -> None:
    assert destroyed_lines("demo", NOT_DESTROYED) == [
        "demo: not everything could be destroyed.",
        "  left: volume demo-1 20 GB",
        "  left: record demo-k8s",
        "  b: no space",
        "Fix what is named above, then run `craton destroy demo` again.",
    ]
    assert receipt("demo", NOT_DESTROYED) == {
        "cluster": "demo", "destroyed": False, "deleted": {}, "undone": ["a"],
        "failed": [{"step": "b", "error": ERROR}], "left": LEFT,
        "left_on_machines": [],
    }  # fmt: skip


def test_what_own_machines_keep_is_named_though_all_is_done(directory: ClusterDirectory) -> None:
    words = "file /etc/crictl.yaml it was changed since"
    kept = ran(
        *done("a", state=G), kind=RunKind.DESTROY, ended=(Outcome.DONE, ExitCode.DONE), left=[],
        results=[{"topic": "undo/m", "machine": "m", "removed": ["swapoff"], "left": [words]}],
    )  # fmt: skip
    assert destroyed_lines("demo", kept)[1:] == [f"  left on m: {words}"]
    assert receipt("demo", kept)["left_on_machines"] == [{"machine": "m", "left": words}]


def test_what_a_destroy_would_take_is_listed_before_anyone_is_asked() -> None:
    assert resource_lines("demo", [Resource("machine", "demo-master-1", "running"), Resource("network", "demo")]) == [
        "This deletes 2 resources and everything Craton has stored about demo:",
        "  machine      1  demo-master-1",
        "  network      1  demo",
    ]
    assert resource_lines("demo", []) == ["This deletes 0 resources and everything Craton has stored about demo."]
