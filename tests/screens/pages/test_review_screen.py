"""The review screen: what each tab shows, and what each key does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from installer.artifacts import checksum_files, checksums
from installer.artifacts.http import Failure
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.events import Outcome
from installer.health.report.model import save_report
from installer.operations import pipeline, runs
from installer.plan import planfile
from installer.plan.model import InstallPlan
from screens.app import CratonApp
from screens.dialogs.choice import ChoiceDialog
from screens.dialogs.failure import FailureDialog
from screens.dialogs.help import HelpDialog
from screens.dialogs.save import SaveDialog
from screens.models.subject import Subject
from screens.pages.review import TABS, ReviewScreen
from tests.doubles.mirror import published, running_mirror
from tests.patience import PATIENCE
from tests.screens import journals
from tests.screens.stand_ins import ProgressScreen, WizardScreen, footer, plan, replace, settle, visible
from tests.screens.watching import until, words

Review = Callable[[Subject], CratonApp]
ALWAYS = {"Tabs", "Edit", "Save as", "Close", "Help"}


@pytest.fixture
def review(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Review:
    """An application that starts with a review, in a home directory of its own."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "install_steps", journals.steps_of)
    replace(monkeypatch, ProgressScreen, WizardScreen)
    return lambda subject: CratonApp(lambda: ReviewScreen(subject))


@pytest.fixture
def installed(tmp_path: Path) -> InstallPlan:
    """The plan of a cluster that was installed and checked."""
    with journals.run(tmp_path, plan()) as run:
        run.begin()
        journals.finish(run)
    save_report(ClusterDirectory(tmp_path / "clusters" / "demo"), journals.report(plan()))
    return plan()


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("overview", ["demo-k8s.example.test", "6 machines", "survives the loss of 1 master", "2 of 3 masters"]),
        ("machines", ["demo-infra-1", "10.10.0.101", "in udp 4789 from masters, workers (M2)"]),
        ("contract", ["M3", "not applicable", "obsolete", "The API server's name is"]),
        ("steps", ["control plane", "start the first master", "prepare demo-worker-2", "check/tools"]),
        ("dns", ["demo.example.test", "10.10.0.21"]),
        ("files", ["kubeadm init --config", "kind: ClusterConfiguration"]),
        ("yaml", ["name: demo", "subdomain: example.test"]),
    ],
)
async def test_a_number_opens_its_tab(review: Review, tab: str, expected: list[str]) -> None:
    async with review(Subject(plan())).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press(str(list(TABS).index(tab) + 1))
        await pilot.pause()
        shown = visible(pilot)
        assert [words for words in expected if words not in shown] == []


@pytest.mark.parametrize(
    ("addons", "label"), [({}, "console"), ({"console": False}, "ingress"), ({"ingress": False, "sign_in": False}, "")]
)
async def test_the_overview_names_a_console_only_where_the_plan_has_one(
    addons: dict[str, bool], label: str, review: Review
) -> None:
    changed = plan(addons={**({"console": False} if addons else {}), **addons})
    async with review(Subject(changed)).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        facts = str(pilot.app.screen.query_one("#facts", Static).render())
        named = [line.split() for line in facts.splitlines() if line.endswith(" demo.example.test")]
        assert named == ([[label, "demo.example.test"]] if label else [])


async def test_left_and_right_turn_the_tabs_around(review: Review) -> None:
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        await pilot.press("left")
        await pilot.pause()
        assert "name: demo" in visible(pilot)
        await pilot.press("right", "right")
        await pilot.pause()
        assert "demo-master-1" in visible(pilot)


async def test_the_row_under_the_cursor_is_explained(review: Review) -> None:
    async with review(Subject(plan())).run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "down", "down")
        await pilot.pause()
        assert "M1 Masters accept SSH (TCP 22) from the user network." in visible(pilot)
        assert "realised as firewall of 3 masters" in visible(pilot)


async def test_an_installed_cluster_shows_the_contract_in_three_columns(review: Review, installed: InstallPlan) -> None:
    async with review(Subject(installed, cluster="demo")).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await pilot.pause()
        shown = visible(pilot)
        assert "planned  configured  observed" in shown
        assert "12 of 12 pairs" in shown


async def test_an_installed_cluster_shows_what_ran_and_for_how_long(review: Review, installed: InstallPlan) -> None:
    async with review(Subject(installed, cluster="demo")).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("4")
        await pilot.pause()
        assert "● applied" in visible(pilot)
        assert "0:00" in visible(pilot)


@pytest.mark.parametrize(
    ("fields", "words", "installs"),
    [
        ({"workers": 3}, ["● workers: 2 → 3", "safe", "new workers join"], True),
        ({"may": ["M6"]}, ["▲ may: M6, I4 → M6", "careful"], True),
        ({"masters": 1}, ["can't change to this plan", "✕ masters: 3 → 1", "refused"], False),
    ],
)
async def test_a_plan_that_differs_from_the_installed_one_says_what_would_change(
    review: Review, installed: InstallPlan, fields: dict[str, Any], words: list[str], installs: bool
) -> None:
    async with review(Subject(plan(**fields), path=Path("other.yaml"))).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        assert [word for word in words if word not in visible(pilot)] == []
        assert footer(pilot) == (ALWAYS | {"Install"} if installs else ALWAYS)


async def test_a_new_plan_can_be_installed_and_an_installed_one_not_again(
    review: Review, installed: InstallPlan
) -> None:
    async with review(Subject(plan(name="new"))).run_test() as pilot:
        await settle(pilot)
        assert footer(pilot) == ALWAYS | {"Install"}
    async with review(Subject(installed, cluster="demo")).run_test() as pilot:
        await settle(pilot)
        assert footer(pilot) == ALWAYS


async def test_an_install_that_stopped_can_be_installed_to_its_end(review: Review, tmp_path: Path) -> None:
    with journals.run(tmp_path, plan()) as run:
        journals.halfway(run)
        run.end(Outcome.STOPPED, ExitCode.INTERRUPTED)
    async with review(Subject(plan(), cluster="demo")).run_test() as pilot:
        await settle(pilot)
        assert "Install" in footer(pilot)


async def test_install_asks_starts_the_engine_on_the_file_and_shows_it(
    review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[Path] = []

    def start(path: Path, *_: object) -> ClusterDirectory:
        started.append(path)
        return ClusterDirectory.of("demo")

    monkeypatch.setattr(runs, "start_install", start)
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        await pilot.press("i")
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChoiceDialog)
        assert "Install demo: 6 machines (Rehearsal)?" in visible(pilot)
        await pilot.press("i")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ProgressScreen)
    assert started == [tmp_path / "demo.yaml"]
    assert planfile.load(started[0]) == plan()


@pytest.mark.parametrize("key", ["n", "escape"])
async def test_an_install_that_is_not_confirmed_does_not_start(
    review: Review, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    def start(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(runs, "start_install", start)
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        await pilot.press("i", key)
        await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)


async def test_a_refused_install_says_why(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object) -> None:
        raise InstallerError("start the install", "another engine runs, pid 42", exit_code=ExitCode.LOCKED)

    monkeypatch.setattr(runs, "start_install", start)
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        await pilot.press("i", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, FailureDialog)
        assert "another engine runs, pid 42" in visible(pilot)


async def test_edit_opens_the_wizard_on_this_plan_and_its_file(review: Review) -> None:
    async with review(Subject(plan(), path=Path("a.yaml"))).run_test() as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, WizardScreen)
        assert screen.given == (plan(), Path("a.yaml"))


async def test_save_as_writes_the_file_and_says_so(review: Review, tmp_path: Path) -> None:
    async with review(Subject(plan())).run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, SaveDialog)
        await pilot.press("ctrl+u", *str(tmp_path / "copy.yaml"), "enter")
        await settle(pilot)
        assert planfile.load(tmp_path / "copy.yaml") == plan()
        assert "copy.yaml" in visible(pilot)


async def test_a_directory_is_no_place_for_a_plan(review: Review, tmp_path: Path) -> None:
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        await pilot.press("ctrl+s")
        await pilot.pause()  # until the dialog's own field has the keys
        await pilot.press("ctrl+u", *str(tmp_path), "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, SaveDialog)
        # Not from the picture: where a long path wraps the line, what lies left and right of the dialog is in between.
        assert "is a directory" in str(pilot.app.screen.query_one("#remark", Static).content)


@pytest.mark.parametrize("key", ["q", "escape"])
async def test_close_ends_what_started_here(review: Review, key: str) -> None:
    app = review(Subject(plan()))
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
    assert app.return_value == 0


async def test_help_explains_the_tab_that_has_the_focus(review: Review) -> None:
    async with review(Subject(plan())).run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("3", "question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpDialog)
        assert "Every rule of the Generic Platform contract" in visible(pilot)


async def test_a_thousand_machines_are_reviewed_without_a_wait(review: Review) -> None:
    large = plan(workers=1000, networks={"pods": "10.128.0.0/12"})
    async with review(Subject(large)).run_test() as pilot:
        await settle(pilot)
        await pilot.press("2", "end")
        await pilot.pause()
        assert "demo-worker-1000" in visible(pilot)
        await pilot.press("4", "end")
        await pilot.pause()
        assert "check demo-worker-1000" in visible(pilot)


OWN = {
    "platform": "machines",
    "masters": 1,
    "workers": 1,
    "machines": {"inventory": [{"address": f"10.0.0.{host}"} for host in (11, 12, 13)]},
}


def sums_line(pilot: Pilot[Any]) -> str:
    """The line about checksums below the tabs. It never covers the plan, as a notification would."""
    assert not list(pilot.app._notifications)
    return words(pilot, "#sums")


async def test_a_review_says_what_it_waits_for_and_until_when_and_its_keys_stay(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, go_on = tmp_path / "demo.yaml", threading.Event()
    refused = InstallerError("read checksums", "no answer from the publishers", hint="look at your proxy")

    def record(*_: object, **__: object) -> checksums.Recorded:
        go_on.wait(PATIENCE)
        raise refused

    monkeypatch.setattr(checksums, "record", record)
    own = plan(**OWN)
    planfile.save(path, own)
    async with review(Subject(own, path=path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Reading checksums from the publishers until " in sums_line(pilot), "the wait")
        await until(pilot, lambda: "i Install" in visible(pilot), "the keys")
        go_on.set()
        await until(pilot, lambda: "no answer from the publishers" in sums_line(pilot), "what came of it")
        assert "i Install" in visible(pilot)


async def test_a_review_records_the_sums_that_the_file_lacks_and_shows_them(review: Review, tmp_path: Path) -> None:
    with running_mirror(published(plan(**OWN))) as mirror:
        path = tmp_path / "demo.yaml"
        mirrored = plan(**OWN, artifacts={"mirror": mirror.url})
        planfile.save(path, mirrored)
        async with review(Subject(mirrored, path=path)).run_test(size=(120, 50)) as pilot:
            await settle(pilot)
            assert "recorded the sums of 14 artifacts" in sums_line(pilot)
            assert f"The mirror {mirror.url} is not encrypted" in visible(pilot)
            await pilot.press(str(list(TABS).index("artifacts") + 1))
            await pilot.pause()
            shown = visible(pilot)
    sums = planfile.load(path).artifacts.sums
    assert len(sums) == 14
    assert f"{mirror.url}/containerd/containerd/releases" in shown
    first = min(name for name in sums if "containerd-" in name)
    assert f"sha256 {sums[first]}" in shown


async def test_a_review_without_network_says_what_is_missing(review: Review, tmp_path: Path) -> None:
    with running_mirror({}) as mirror:
        path = tmp_path / "demo.yaml"
        mirrored = plan(**OWN, artifacts={"mirror": mirror.url})
        planfile.save(path, mirrored)
        async with review(Subject(mirrored, path=path)).run_test(size=(120, 50)) as pilot:
            await settle(pilot)
            assert "the sums are not recorded" in sums_line(pilot)
            await pilot.press(str(list(TABS).index("artifacts") + 1))
            await pilot.pause()
            assert "not recorded yet" in visible(pilot)
    assert planfile.load(path) == mirrored


async def test_the_reason_why_sums_are_missing_is_seen_with_what_to_do(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a mirror that takes the longest addresses, on a terminal of the usual size."""

    def silent(url: str, _work: object) -> str:
        raise checksum_files._unread(url, Failure("no answer within 30 s"))

    monkeypatch.setattr(checksum_files, "_get", silent)
    path = tmp_path / "demo.yaml"
    mirrored = plan(**OWN, artifacts={"mirror": "https://mirror.example.test:8443/kubernetes"})
    planfile.save(path, mirrored)
    async with review(Subject(mirrored, path=path)).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "no answer within 30 s" in " ".join(visible(pilot).split()))
        assert "or use `craton apply --artifacts DIR`" in " ".join(visible(pilot).split())


async def test_an_offline_review_asks_nobody(review: Review, tmp_path: Path) -> None:
    with running_mirror({}) as mirror:
        path = tmp_path / "demo.yaml"
        planfile.save(path, plan(**OWN, artifacts={"mirror": mirror.url}))
        async with review(Subject(planfile.load(path), path=path, offline=True)).run_test() as pilot:
            await settle(pilot)
        assert mirror.asked == []


async def test_a_rehearsal_has_no_tab_of_artifacts(review: Review) -> None:
    async with review(Subject(plan())).run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        assert "Artifacts" not in visible(pilot)
        await pilot.press(str(list(TABS).index("artifacts") + 1))
        await pilot.pause()
        assert "demo-k8s.example.test" in visible(pilot)


async def test_a_plan_for_real_machines_can_be_rehearsed_first(
    review: Review, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rehearsed: list[str] = []

    def start(path: Path, *_: object) -> ClusterDirectory:
        rehearsed.append(planfile.load(path).name)
        return ClusterDirectory.of("demo")

    monkeypatch.setattr(runs, "start_install", start)
    real = InstallPlan(name="shop", subdomain="example.test", platform="local")
    async with review(Subject(real, offline=True)).run_test() as pilot:
        await settle(pilot)
        assert "Rehearse" in footer(pilot)
        await pilot.press("r")
        await pilot.pause()
        assert "It downloads nothing" in visible(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ProgressScreen)
    assert rehearsed == ["shop-rehearsal"]


async def test_a_rehearsal_is_not_rehearsed(review: Review) -> None:
    async with review(Subject(plan())).run_test() as pilot:
        await settle(pilot)
        assert "Rehearse" not in footer(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
