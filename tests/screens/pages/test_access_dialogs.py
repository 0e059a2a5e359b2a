"""The dialogs before a run: host keys, rebuilt machines, passphrases; and what leads through them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.widgets import Input

from installer.common.paths import ClusterDirectory
from installer.operations import runs
from installer.operations.login.questions import Passphrase
from installer.operations.login.survey import FoundKey
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys import identities
from screens.app import CratonApp
from screens.dialogs.choice import ChoiceDialog
from screens.dialogs.failure import FailureDialog
from screens.dialogs.host_keys import HostKeysDialog, RebuiltDialog
from screens.dialogs.passphrase import PassphraseDialog
from screens.dialogs.password import PasswordDialog
from screens.dialogs.reaching import ReachingDialog
from screens.models.subject import Subject
from screens.pages.review import ReviewScreen
from tests.doubles.fleet import INFRA, MASTER, PASSPHRASE, WORKER, Fleet, running_fleet
from tests.patience import PATIENCE
from tests.screens.stand_ins import ProgressScreen, footer, replace, visible
from tests.screens.watching import shows, until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA"
OTHER = "ssh-rsa AAAAB3NzaC1yc2E="
KEYS = (
    FoundKey("demo-master-1", "10.0.0.11:22", KEY, ("demo-master-1",)),
    FoundKey("demo-worker-1", "worker.example.test:2222", OTHER, ("demo-worker-1",)),
    FoundKey("jump:[10.0.0.1]:22", "10.0.0.1:22", KEY, ("demo-worker-2", "demo-worker-3")),
)
CHANGED = FoundKey("demo-worker-1", "10.0.0.14:22", KEY, ("demo-worker-1",), OTHER, "~/.ssh/known_hosts line 7")


class Asking(Screen[None]):
    """Opens one dialog and keeps its answers."""

    def __init__(self, dialog: ModalScreen[Any], answers: list[Any]) -> None:
        super().__init__()
        self.dialog, self.answers = dialog, answers

    def on_mount(self) -> None:
        self.app.push_screen(self.dialog, self.answers.append)


def asking(dialog: ModalScreen[Any], answers: list[Any]) -> CratonApp:
    return CratonApp(lambda: Asking(dialog, answers))


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_new_keys_stand_on_one_page_with_whole_fingerprints(size: tuple[int, int]) -> None:
    async with asking(HostKeysDialog(KEYS), []).run_test(size=size) as pilot:
        await shows(pilot, "Are these 3 keys those of your machines?", "jump host", "ssh-keygen -lf")
        for key in KEYS:
            await shows(pilot, key.title, key.fingerprint)
        await shows(pilot, "demo-master-1 at 10.0.0.11:22, ssh-ed25519")
        await pilot.press("down", "down")
        await shows(pilot, "on the way to demo-worker-2, demo-worker-3")
        assert footer(pilot) == {"Trust these keys", "Leave one out", "No"}


@pytest.mark.parametrize(
    ("keys", "trusted"),
    [
        ("y", {key.name for key in KEYS}),
        ("n", set()),
        ("escape", set()),
        ("down space y", {KEYS[0].name, KEYS[2].name}),
        ("space space y", {key.name for key in KEYS}),
        ("enter escape", set()),
    ],
)
async def test_keys_are_trusted_together_or_left_out_one_by_one(keys: str, trusted: set[str]) -> None:
    answers: list[Any] = []
    async with asking(HostKeysDialog(KEYS), answers).run_test() as pilot:
        await shows(pilot, "Are these 3 keys")
        await pilot.press(*keys.split())
        await until(pilot, lambda: answers)
    assert answers == [trusted]


async def test_hundreds_of_new_keys_can_be_scrolled_through() -> None:
    keys = [FoundKey(f"demo-worker-{n}", f"10.0.1.{n}:22", KEY, (f"demo-worker-{n}",)) for n in range(1, 201)]
    async with asking(HostKeysDialog(keys), []).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "Are these 200 keys", "demo-worker-1 at 10.0.1.1:22", "Trust")
        await pilot.press("end")
        await shows(pilot, "demo-worker-200 at 10.0.1.200:22")


@pytest.mark.parametrize(
    ("keys", "rebuilt"), [("enter", False), ("n", False), ("escape", False), ("y", True), ("down enter", True)]
)
async def test_a_changed_key_shows_old_and_new_and_asks_for_a_yes(keys: str, rebuilt: bool) -> None:
    answers: list[Any] = []
    async with asking(RebuiltDialog(CHANGED), answers).run_test(size=(80, 30)) as pilot:
        await shows(pilot, "The host key of demo-worker-1 changed", "10.0.0.14:22", "~/.ssh/known_hosts line 7")
        await shows(pilot, FoundKey("", "", OTHER, ()).fingerprint, CHANGED.fingerprint, "was rebuilt")
        await pilot.press(*keys.split())
        await until(pilot, lambda: answers)
    assert answers == [rebuilt]


@pytest.mark.parametrize(("keys", "answer"), [("s e s a m e enter", "sesame"), ("enter", None), ("a escape", None)])
async def test_a_passphrase_is_typed_hidden(monkeypatch: pytest.MonkeyPatch, keys: str, answer: str | None) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    answers: list[Any] = []
    dialog = PassphraseDialog(Passphrase(Path("/home/ada/.ssh/id_rsa"), ("demo-worker-1",), wrong=True))
    async with asking(dialog, answers).run_test() as pilot:
        await shows(pilot, "Passphrase of ~/.ssh/id_rsa", "demo-worker-1", "that isn't the passphrase")
        *typed, last = keys.split()
        await pilot.press(*typed)
        assert "sesame" not in visible(pilot)
        await pilot.press(last)
        await until(pilot, lambda: answers)
    assert answers == [answer]


Review = Callable[[], CratonApp]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with running_fleet(tmp_path) as fleet:
        yield fleet


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The plans of the installs that were started."""
    plans: list[Path] = []

    def start(path: Path, *_: object) -> ClusterDirectory:
        plans.append(path)
        return ClusterDirectory.of("demo")

    monkeypatch.setattr(runs, "start_install", start)
    replace(monkeypatch, ProgressScreen)
    return plans


async def install(pilot: Pilot[Any]) -> None:
    """Ask the review for an install, and confirm it."""
    await until(pilot, lambda: "Install" in footer(pilot), "an install to ask for")
    await pilot.press("i")
    await opens(pilot, ChoiceDialog)
    await pilot.press("i")


async def opens(pilot: Pilot[Any], dialog: type[Screen[Any]]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, dialog) and pilot.app.screen.is_mounted, str(dialog))
    await pilot.pause()


async def test_an_install_from_the_review_asks_all_there_is_to_ask_and_starts(
    fleet: Fleet, started: list[Path]
) -> None:
    fleet.know(INFRA, fleet.servers[MASTER].host_key)
    fleet.lock()
    async with CratonApp(lambda: ReviewScreen(Subject(fleet.plan, fleet.path))).run_test(size=(130, 40)) as pilot:
        await install(pilot)
        await opens(pilot, HostKeysDialog)
        await shows(pilot, fleet.fingerprint(MASTER), fleet.fingerprint(WORKER), fleet.address(WORKER))
        await pilot.press("y")
        await opens(pilot, RebuiltDialog)
        await shows(pilot, fleet.fingerprint(INFRA))
        await pilot.press("y")
        for given in ("wrong", PASSPHRASE):
            await until(
                pilot,
                lambda given=given: (
                    isinstance(pilot.app.screen, PassphraseDialog)  # type: ignore[misc]
                    and pilot.app.screen.query(Input)
                    and ("isn't the passphrase" in visible(pilot)) is (given == PASSPHRASE)
                ),
            )
            pilot.app.screen.query_one(Input).value = given
            await pilot.press("enter")
        await opens(pilot, ProgressScreen)
    assert started == [fleet.path]
    assert PASSPHRASE in identities.passphrases.values()
    assert {pinned_keys.pinned(fleet.cluster, name) for name in fleet.servers} == {
        server.host_key for server in fleet.servers.values()
    }


async def test_keys_that_are_not_trusted_start_nothing_and_say_so(fleet: Fleet, started: list[Path]) -> None:
    async with CratonApp(lambda: ReviewScreen(Subject(fleet.plan, fleet.path))).run_test(size=(130, 40)) as pilot:
        await install(pilot)
        await opens(pilot, HostKeysDialog)
        await pilot.press("n")
        await opens(pilot, FailureDialog)
        await shows(pilot, "check host keys", "3 host keys are new, and not accepted")
        await pilot.press("escape")
        await opens(pilot, ReviewScreen)
    assert started == []


async def test_looking_at_machines_can_be_given_up(
    fleet: Fleet, started: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from installer.operations.login import survey
    from installer.ssh.diagnose import STAGES
    from installer.ssh.diagnosis import Diagnosis

    release = threading.Event()

    def diagnose(machine: str, *_: object, **__: object) -> Diagnosis:
        if machine != MASTER:
            release.wait(PATIENCE)
        return Diagnosis(machine, STAGES)

    monkeypatch.setattr(survey, "diagnose", diagnose)
    async with CratonApp(lambda: ReviewScreen(Subject(fleet.plan, fleet.path))).run_test(size=(80, 24)) as pilot:
        await install(pilot)
        await opens(pilot, ReachingDialog)
        await shows(pilot, "Looking at 3 machines over SSH", "1 of 3 reached")
        await pilot.press("escape")
        await opens(pilot, ReviewScreen)
        release.set()
        await until(pilot, lambda: all(worker.is_finished for worker in pilot.app.workers), "the end of all work")
        assert isinstance(pilot.app.screen, ReviewScreen)
    assert started == []


@pytest.mark.parametrize(
    ("keys", "words", "answers"),
    [
        (["short", "enter"], "It has 5 bytes. Use 12 to 72.", []),
        (["correct horse", "enter", "correct house", "enter"], "The two are not the same.", []),
        (["correct horse", "enter", "correct horse", "enter"], "", ["correct horse"]),
        (["correct horse", "escape"], "", [None]),
    ],
)
async def test_a_password_is_typed_twice_and_never_shown(keys: list[str], words: str, answers: list[Any]) -> None:
    given: list[Any] = []
    async with asking(PasswordDialog("ada@example.test"), given).run_test() as pilot:
        await shows(pilot, "Password with which ada@example.test will sign in")
        for key in keys:
            await pilot.press(*([key] if key in ("enter", "escape") else list(key)))
            assert key not in visible(pilot)
        if words:
            await shows(pilot, words)
        else:
            await until(pilot, lambda: given)
    assert given == answers
