"""The list of clusters."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from installer.__main__ import main
from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome, RunKind, StepState
from installer.engine.journal import Journal, Reader
from installer.health.report import glance
from installer.health.report.model import Report, last_report, save_report
from installer.operations import clusters, plan_row
from installer.operations.clusters import ClusterSummary, clusters_table
from installer.plan import planfile
from installer.steps.step import Phase, Step
from tests.doubles.actions import Effects, fake_step
from tests.installer.health import healthy


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return ClusterDirectory(tmp_path / "clusters" / "demo")


def _record(directory: ClusterDirectory, states: dict[str, StepState], ended: Outcome | None = None) -> None:
    """The journal of a run whose steps, one of each phase, have come to these states."""
    phases = iter((Phase.CHECK, Phase.PREPARE, Phase.JOIN))
    steps: list[Step] = [fake_step(Effects(), id, phase=next(phases)) for id in states]
    with Journal(directory.journal) as journal:
        journal.begin(RunKind.INSTALL, steps, {})
        for step, state in zip(steps, states.values(), strict=True):
            journal.transition(step, StepState.OBSERVING, durable=False)
            journal.transition(step, state, durable=False)
        if ended:
            journal.end(ended, 0)


@pytest.mark.parametrize(
    ("states", "ended", "expected"),
    [
        ("done done done", Outcome.DONE, ("installed", 1.0, "")),
        ("done failed blocked", Outcome.FAILED, ("failed", 0.333333, "prepare")),
        ("done applying waiting", None, ("interrupted", 0.333333, "prepare")),
        ("done done waiting", Outcome.STOPPED, ("interrupted", 0.666667, "join")),
    ],
)
def test_a_list_says_where_each_run_stands_and_reads_no_events(
    states: str,
    ended: Outcome | None,
    expected: tuple[str, float, str],
    directory: ClusterDirectory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def read_events(*_: object) -> None:
        raise AssertionError("a list needs no events")

    _record(directory, dict(zip("abc", map(StepState, states.split()), strict=True)), ended)
    whole = clusters.progress(directory)
    monkeypatch.setattr(Reader, "events", read_events)
    standing = clusters._standing(directory)
    said = clusters.cluster_state(standing.last_run, running=False)
    assert (said, round(standing.fraction, 6), str(standing.unfinished or "")) == expected
    assert standing.fraction == pytest.approx(whole.fraction)
    assert (standing.last_run.started, standing.last_run.ended) == (whole.started, whole.ended)


def _begin(directory: ClusterDirectory, kind: RunKind, state: StepState, ended: Outcome | None) -> None:
    with Journal(directory.journal) as journal:
        [step] = [fake_step(Effects(), "a", phase=Phase.PREPARE)]
        journal.begin(kind, [step], {})
        journal.transition(step, state, durable=False)
        if ended:
            journal.end(ended, 0)


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        ([], ""),
        ([(RunKind.INSTALL, StepState.DONE, Outcome.DONE)], ""),
        (
            [(RunKind.INSTALL, StepState.FAILED, Outcome.FAILED)],
            "demo isn't installed yet: it stopped in the phase prepare. `craton resume demo` goes on.",
        ),
        (
            [(RunKind.INSTALL, StepState.APPLYING, None)],
            "demo isn't installed yet: it stopped in the phase prepare. `craton resume demo` goes on.",
        ),
        (
            [(RunKind.INSTALL, StepState.DONE, Outcome.DONE), (RunKind.UPGRADE, StepState.FAILED, Outcome.FAILED)],
            "The upgrade of demo isn't finished: it stopped in the phase prepare. `craton resume demo` goes on.",
        ),
        (
            [(RunKind.DESTROY, StepState.FAILED, Outcome.FAILED)],
            "demo is partly destroyed. `craton destroy demo` goes on.",
        ),
    ],
)
def test_what_is_not_finished_is_said_with_the_way_on(
    directory: ClusterDirectory, runs: list[tuple[RunKind, StepState, Outcome | None]], words: str
) -> None:
    for kind, state, ended in runs:
        _begin(directory, kind, state, ended)
    assert clusters.unfinished(directory) == words


def test_what_is_at_work_is_said_with_the_way_to_watch_it(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin(directory, RunKind.INSTALL, StepState.APPLYING, None)
    monkeypatch.setattr(clusters, "running_pid", lambda _: 4711)
    words = "demo isn't installed yet: it is in the phase prepare now. `craton watch demo` shows it."
    assert clusters.unfinished(directory) == words


def test_a_cluster_that_was_never_run_has_come_nowhere(directory: ClusterDirectory) -> None:
    standing = clusters._standing(directory)
    assert (standing.last_run.started, standing.fraction, standing.unfinished) == (None, 0.0, None)


@pytest.fixture
def installed(directory: ClusterDirectory) -> ClusterDirectory:
    """A cluster with a plan, a run that recorded it, and a report."""
    planfile.save(directory.plan, healthy.PLAN)
    options = {plan_row.FIELD: plan_row.to_record(healthy.PLAN, directory.plan.read_bytes())}
    with Journal(directory.journal) as journal:
        journal.begin(RunKind.INSTALL, [fake_step(Effects(), "a")], options)
        journal.end(Outcome.DONE, 0)
    save_report(directory, healthy.report())
    return directory


def _refuse(*_: object) -> None:
    raise AssertionError("a list needs neither the plan nor what machines said")


def test_a_list_shows_plan_and_report_without_reading_them(
    installed: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = last_report(installed)
    assert report is not None
    monkeypatch.setattr(planfile, "load", _refuse)
    monkeypatch.setattr(Report, "from_dict", _refuse)
    (found,) = clusters.summaries()
    plan = healthy.PLAN
    assert (found.platform, found.kubernetes, found.machines) == (plan.platform, plan.kubernetes, plan.machine_count)
    assert (found.notice, found.trouble) == (plan.traits.notice, "")
    assert (found.last_check, found.last_check_at) == (report.verdict, report.checked_at)


def test_a_list_reads_a_plan_that_was_changed_since_its_run(installed: ClusterDirectory) -> None:
    planfile.save(installed.plan, healthy.PLAN.model_copy(update={"workers": healthy.PLAN.workers + 4}))
    assert clusters.summaries()[0].machines == healthy.PLAN.machine_count + 4


def test_a_list_says_what_is_wrong_with_a_plan_that_was_damaged_since_its_run(installed: ClusterDirectory) -> None:
    installed.plan.write_text("masters: many")
    (found,) = clusters.summaries()
    assert (found.state, found.platform) == ("unreadable", "?")
    assert "masters" in found.trouble


@pytest.mark.parametrize("damage", ["verdict", "checked_at", "findings", "half", "empty"])
def test_a_damaged_report_is_no_check(installed: ClusterDirectory, damage: str) -> None:
    text = installed.report.read_text()
    damaged = {"half": text[:-1], "empty": ""}.get(damage, text.replace(f'"{damage}"', '"other"'))
    installed.report.write_text(damaged)
    assert (clusters.summaries()[0].last_check, clusters.summaries()[0].last_check_at) == ("", None)


@pytest.mark.parametrize("options", [{}, {"about": 3}, {"about": {"sha256": "0"}}, {"about": {"platform": 1}}])
def test_what_a_run_recorded_of_another_plan_is_not_shown(options: dict[str, Any]) -> None:
    assert plan_row.recorded(options, b"plan") is None


def test_the_quick_list_prints_what_the_command_prints(
    installed: ClusterDirectory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["craton", "list"])
    with pytest.raises(SystemExit) as quick:
        main()
    printed = capfd.readouterr()
    assert (quick.value.code, printed.err) == (0, "")
    assert printed.out.splitlines()[1].split()[:3] == ["demo", "rehearsal", "installed"]
    monkeypatch.setattr(sys, "argv", ["craton", "list", "--plain"])
    with pytest.raises(SystemExit) as command:
        main()
    assert (command.value.code, capfd.readouterr().out) == (0, printed.out)
    installed.path.parent.chmod(0o777)
    monkeypatch.setattr(sys, "argv", ["craton", "list"])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == ExitCode.USAGE
    assert capfd.readouterr().err.startswith("error: ")


def summary(name: str, **given: Any) -> ClusterSummary:
    fields: dict[str, Any] = {
        "platform": "rehearsal", "state": "installed", "phase": "", "fraction": 1.0, "pid": None, "created": 0.0,
        "updated": 0.0, "kubernetes": "v1.36.2", "machines": 6, "last_check": "", "last_check_at": None, "notice": "",
    }  # fmt: skip
    return ClusterSummary(name=name, **{**fields, **given})


def test_clusters_stand_in_a_table_one_a_line() -> None:
    busy = summary("busy-one", state="installing", phase="prepare", fraction=0.5, pid=42, machines=1000)
    checked = summary("demo", last_check="pass", last_check_at=1000.0)
    head, first, second = clusters_table([busy, checked]).splitlines()
    assert head.split("  ")[0] == "name"
    assert first.split() == [
        "busy-one", "rehearsal", "installing", "50%", "prepare", "1000", "v1.36.2", "never", "pid", "42",
    ]  # fmt: skip
    assert second.split()[:7] == ["demo", "rehearsal", "installed", "100%", "-", "6", "v1.36.2"]
    assert second.split()[7] == "pass"
    assert {line.index("rehearsal") for line in (first, second)} == {head.index("platform")}


def test_without_clusters_the_table_says_what_to_do() -> None:
    assert "craton new" in clusters_table([])


def test_a_list_says_which_certificate_ends_soon_until_the_next_report(directory: ClusterDirectory) -> None:
    everyone = dict(healthy.evidence())
    near = healthy.certificates(300, 12, 3000)
    everyone["demo-worker-1"] = healthy.spoiled(everyone["demo-worker-1"], "expiry", near)
    directory.path.mkdir(parents=True)
    save_report(directory, healthy.report(everyone))
    seen = glance.last_glance(directory)
    assert seen
    assert seen.ending
    words = "certificate of demo-worker-1 (kubelet): 12 days left; `craton certs renew demo` renews it"
    assert seen.ending.warning("demo", healthy.NOW) == words
    assert seen.ending.warning("demo", healthy.NOW - 20 * 86400) == ""
    loaded = last_report(directory)
    assert loaded
    assert loaded.ending == seen.ending


def test_the_ingress_certificate_counts_among_those_that_end_soon() -> None:
    everyone = dict(healthy.evidence())
    spoiled = everyone["demo-master-1"].probes["console"].output.replace("Nov 20 06:35:00 2027", "Dec 5 06:35:00 2026")
    everyone["demo-master-1"] = healthy.spoiled(everyone["demo-master-1"], "console", spoiled)
    ending = healthy.report(everyone).ending
    assert ending
    warning = ending.warning("demo", healthy.NOW)
    assert warning.startswith(f"certificate of {healthy.PLAN.console_host} (ingress): ")
    assert warning.endswith("`craton certs show demo` says who renews it")
