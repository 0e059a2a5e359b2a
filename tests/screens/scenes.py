"""Scenes: every screen in every state worth looking at, reached as a user reaches it, the same each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip

from installer.common.paths import ClusterDirectory
from installer.engine import process
from installer.operations import account, clusters, lookup, runs
from installer.operations.login import connection_tests
from installer.plan.model import InstallPlan
from installer.plan.questions import reading
from installer.plan.questions.catalogue import question_of
from screens.app import CratonApp
from screens.models.subject import Subject
from screens.pages import run as run_module
from screens.pages.destroy import DestroyScreen
from screens.pages.health import HealthScreen
from screens.pages.home import HomeScreen
from screens.pages.progress import ProgressScreen
from screens.pages.review import ReviewScreen
from screens.pages.run import RunScreen
from screens.pages.wizard import WizardScreen
from tests.doubles.account_process import FakeAccount, suggestion
from tests.doubles.connection_tester import REFUSED, UNKNOWN, FakeConnectionTester
from tests.screens.stand_ins import summary, visible
from tests.screens.watching import until
from tests.screens.world import World, plan, undo

Start = Callable[[World], Screen[Any]]
Prepare = Callable[[pytest.MonkeyPatch, World], None]
EVERY_LOOK = ("dark", "light", "plain")
MACHINES = "10.0.0.[11-13]\nada@10.0.0.14:2222 role=infra\n10.0.0.15\nweb-1 internal=10.0.0.16"


def _as_it_is(patch: pytest.MonkeyPatch, world: World) -> None:
    """Change nothing."""


@dataclass(frozen=True)
class Scene:
    """`home` names a home of the world; `shows` stands on the screen before `actions` and `keys`, `then` after them.

    `looks` are those in which it is kept: all, or one and the smaller size for what differs only in its words from
    another scene; none where it is not certain what shines through from behind a dialog.
    """

    home: str
    start: Start
    shows: tuple[str, ...]
    keys: tuple[str, ...] = ()
    then: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    looks: tuple[str, ...] = ("dark",)
    prepare: Prepare = _as_it_is
    apart: bool = False
    """Whether each look needs a run of its own: an open palette keeps its colours."""

    def app(self, world: World, patch: pytest.MonkeyPatch) -> CratonApp:
        self.prepare(patch, world)
        return CratonApp(lambda: self.start(world))

    async def play(self, pilot: Pilot[Any], world: World) -> None:
        """Go to the moment that is shown."""
        for text in self.shows:
            await until(pilot, lambda text=text: text in visible(pilot), f"{text!r} on the screen")  # type: ignore[misc]
        for action in self.actions:
            await pilot.app.run_action(action)
            await _all_drawn(pilot)  # what a dialog covers is not drawn again
        if self.keys:
            await _all_drawn(pilot)
            await pilot.press(*self.keys)
        for text in self.then:
            await until(pilot, lambda text=text: text in visible(pilot), f"{text!r} on the screen")  # type: ignore[misc]
        await come_to_rest(pilot, world)


async def come_to_rest(pilot: Pilot[Any], world: World) -> None:
    """Wait until nothing is under way, the feed has nothing more to hand over, and all of it is drawn."""
    workers = pilot.app.workers
    await until(pilot, lambda: all(worker.is_finished for worker in workers), "the end of all work")
    watching = [screen for screen in pilot.app.screen_stack if isinstance(screen, RunScreen) and screen.feed._started]
    for screen in watching * 2:  # which machine's log is read is known only once its events are drawn
        world.quiet = 0
        await until(pilot, lambda: world.quiet > 1, "a quiet journal")
        screen._estimate = None  # it was made when not all events were in
        screen.redraw()
        screen._frame()
    await _all_drawn(pilot)


async def _all_drawn(pilot: Pilot[Any]) -> None:
    """Wait until the screen looks the same three times in a row."""
    looks: list[list[Strip]] = []

    def same() -> bool:
        looks.append(pilot.app.screen._compositor.render_strips())
        return len(looks) >= 3 and looks[-3] == looks[-2] == looks[-1]

    await until(pilot, same, "a screen that stays as it is")


def _home(patch: pytest.MonkeyPatch, world: World) -> None:
    now = world.clock.now
    found = [
        summary("demo", "installed", last_check="warn", last_check_at=now - 240),
        summary("lab", "interrupted", machines=4, created=now - 1400),
        summary("production", "installed", machines=24, created=now - 9e6, last_check="pass", last_check_at=now - 2500),
        summary("scale", "installing", machines=1000, fraction=0.54, phase="join", created=now - 900),
        summary("staging", "failed", machines=9, created=now - 4e5, last_check="fail", last_check_at=now - 86400 * 2),
        summary("throwaway", "partly destroyed", machines=3, created=now - 300_000),
    ]
    patch.setattr(clusters, "summaries", lambda: found)
    patch.setattr(lookup, "load", lambda name: plan())


def _engine_gone(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(process, "running_pid", lambda directory: None)
    patch.setattr(run_module, "LIVENESS", 0.02)


def _failing_check(patch: pytest.MonkeyPatch, world: World) -> None:
    world.failing = True


def _all_undone(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(runs, "start_destroy", lambda *_: undo(world, share=1))


def _progress(world: World) -> Screen[Any]:
    return ProgressScreen(world.directory)


def _replay(world: World) -> Screen[Any]:
    screen = ProgressScreen(world.directory, replay=True)
    assert screen.replay is not None
    screen.replay.paused = True
    return screen


def _review(**changed: Any) -> Start:
    def start(world: World) -> Screen[Any]:
        given = InstallPlan.model_validate(plan().model_dump() | changed)
        return ReviewScreen(Subject(given, path=ClusterDirectory.of("demo").path / "next.yaml"))

    return start


def _installed(world: World) -> Screen[Any]:
    return ReviewScreen(Subject(plan(), world.directory.plan, cluster="demo"))


def _wizard(**answers: Any) -> Start:
    return lambda world: WizardScreen(answers)


def _page(number: int, *then: str, keys: tuple[str, ...] = (), **more: Any) -> Scene:
    actions = (f"screen.page({number - 1})",)
    return Scene("empty", _wizard(name="demo"), ("What is the cluster's name?",), keys, then, actions, **more)


def _reached(patch: pytest.MonkeyPatch, world: World) -> None:
    ends = {
        "10.0.0.12": ("host key", *UNKNOWN),
        "10.0.0.13": ("log in", *REFUSED),
        "10.0.0.15": ("banner", "...", ""),
    }
    patch.setattr(connection_tests, "ConnectionTester", lambda: FakeConnectionTester(ends))


def _account(patch: pytest.MonkeyPatch, world: World) -> None:
    sizes = (
        ("m7g.large", "2 vCPU · 8 GiB · ARM · 0.0979 USD an hour"),
        ("m7i.large", "2 vCPU · 8 GiB · x86 · 0.1208 USD an hour"),
        ("t3.large", "2 vCPU · 8 GiB · x86 · 0.0960 USD an hour"),
        ("r7g.large", "2 vCPU · 16 GiB · ARM · 0.1293 USD an hour"),
        ("m7i.xlarge", "4 vCPU · 16 GiB · x86 · 0.2415 USD an hour · not in eu-central-1c"),
    )
    source = "312 machine types of eu-central-1; prices from AWS's price list, Linux on demand"
    offered = {"found": [suggestion(*one) for one in sizes], "source": source}
    patch.setattr(account, "AccountProcess", lambda: FakeAccount({"aws.master_type": offered}))


def _machines(*keys: str, then: tuple[str, ...] = (), text: str = MACHINES, **more: Any) -> Scene:
    """The page of machines, with this list on it."""
    listed = reading.parse(question_of("machines.inventory"), text)
    answers = {"name": "demo", "platform": "machines", "machines.inventory": listed}
    shown = ("What is the cluster's name?",)
    return Scene("empty", _wizard(**answers), shown, keys, then, ("screen.page(2)",), prepare=_reached, **more)


WIZARD = {
    "wizard-name": _page(1, "demo"),
    "wizard-platform": _page(2, "Where do the machines come from?"),
    "wizard-masters": _page(3, "How many masters?", looks=EVERY_LOOK),
    "wizard-workers": _page(4, "How many workers?"),
    "wizard-ingress": _page(5, "How does web traffic"),
    "wizard-ingress-balancer": _page(5, "A service of the platform", keys=("down",)),
    "wizard-glossary": _page(3, "On this screen", keys=("f3",)),
    "wizard-dns": _page(6, "What DNS domain"),
    "wizard-access": _page(7, "Which account"),
    "wizard-networks": _page(8, "Which network", "The private network that the machines"),
    "wizard-cloud": Scene(
        "empty",
        _wizard(name="demo", platform="aws"),
        ("What is the cluster's name?",),
        ("enter", "enter", "enter"),
        ("312 machine types",),
        ("screen.page(2)",),
        looks=EVERY_LOOK,
        prepare=_account,
    ),
    "wizard-machines": _machines(then=("1 under way",), looks=EVERY_LOOK),
    "wizard-machines-table": _machines("tab", "down", "down", then=("authorized_keys",), looks=EVERY_LOOK),
    "wizard-machines-none": _machines(then=("Which machines should", "admin@host:2222"), text=""),
    "wizard-machines-wrong": _machines(then=("line 2",), text="10.0.0.[11-12]\n10.0.0.300 role=boss\nweb-1\n"),
    "wizard-invalid": _page(4, "✕", keys=("ctrl+u", "m", "a", "n", "y"), looks=EVERY_LOOK),
    "wizard-preview": _page(3, "6 machines", keys=("f2",)),
    "wizard-draft": Scene("draft", _wizard(), ("A draft of prod is kept",), looks=()),
    "wizard-save": _page(3, "Save the plan as", "a new file", keys=("ctrl+s",)),
}
_REVIEWED = ("quorum",)
REVIEW = {
    "review-overview": Scene("empty", _review(), _REVIEWED, looks=EVERY_LOOK),
    "review-machines": Scene("empty", _review(), _REVIEWED, ("2", "down"), ("10.10.0.11",)),
    "review-contract": Scene("empty", _review(), _REVIEWED, ("3", "down", "down", "down"), ("rule",), looks=EVERY_LOOK),
    "review-steps": Scene("empty", _review(), _REVIEWED, ("4", "down"), ("rehearsal site",)),
    "review-dns": Scene("empty", _review(), _REVIEWED, ("5",), ("leads to",)),
    "review-files": Scene("empty", _review(), _REVIEWED, ("6",), ("kubeadm init",)),
    "review-yaml": Scene("empty", _review(), _REVIEWED, ("7",), ("name: demo",)),
    "review-proven": Scene("installed", _installed, _REVIEWED, ("3", "down", "down", "down"), ("configured",)),
    "review-ran": Scene("installed", _installed, _REVIEWED, ("4",), ("took",)),
    "review-differs": Scene("installed", _review(workers=4), ("The installed cluster",), looks=EVERY_LOOK),
    "review-refused": Scene("installed", _review(subdomain="other.test"), ("can't change to",)),
    "review-install": Scene("empty", _review(), (*_REVIEWED, "Install"), ("i",), ("Install now",)),
}
_LOG = ("fetched",)
PROGRESS = {
    "progress-running": Scene("running", _progress, ("worker-2", "%"), looks=EVERY_LOOK),
    "progress-machine": Scene("running", _progress, ("worker-2", "%"), ("end", "tab"), _LOG),
    "progress-sixty": Scene("sixty", _progress, ("60 machines",), ("end", "home"), looks=EVERY_LOOK),
    "progress-thousand": Scene("thousand", _progress, ("1,000 machines",), ("end", "home"), looks=EVERY_LOOK),
    "progress-filtered": Scene(
        "thousand", _progress, ("1,000 machines",), ("slash", *"running", "enter", "end", "home"), ("of 1,000",)
    ),
    "progress-failed": Scene("failed", _progress, ("sha256", "r retry"), looks=EVERY_LOOK),
    "progress-details": Scene("failed", _progress, ("sha256", "r retry"), ("d",), ("what to do",)),
    "progress-timeline": Scene(
        "failed", _progress, ("sha256", "r retry"), ("t",), ("p\u00a0prepare",), looks=EVERY_LOOK
    ),
    "progress-log": Scene("running", _progress, ("worker-2", "%"), ("end", "l"), _LOG, looks=EVERY_LOOK),
    "progress-leave": Scene("running", _progress, ("worker-2", "%"), ("q",), ("Leave it running",), looks=EVERY_LOOK),
    "progress-gone": Scene("running", _progress, ("the engine is gone",), prepare=_engine_gone),
    "progress-replay": Scene("installed", _replay, ("replay paused",)),
    "summary": Scene("installed", _progress, ("demo is installed", "craton check demo"), looks=EVERY_LOOK),
    "progress-done": Scene("installed", _progress, ("demo is installed",), ("escape",), ("done after",)),
}
_CHECKED = ("checked 12:",)
HEALTH = {
    "health": Scene(
        "installed", lambda _: HealthScreen("demo"), _CHECKED, ("down",), (), ("focused.across(2)",), EVERY_LOOK
    ),
    "health-failing": Scene(
        "installed",
        lambda _: HealthScreen("demo"),
        (*_CHECKED, "failure"),
        ("end", "up"),
        actions=("focused.across(15)",),
        looks=EVERY_LOOK,
        prepare=_failing_check,
    ),
    "health-reach": Scene(
        "installed",
        lambda _: HealthScreen("demo"),
        (*_CHECKED, "failure"),
        ("tab", "P", "end", "up", "right", "right"),
        ("port",),
        looks=EVERY_LOOK,
        prepare=_failing_check,
    ),
    "health-contract": Scene(
        "installed",
        lambda _: HealthScreen("demo"),
        (*_CHECKED, "failure"),
        ("shift+tab", "down", "down", "down"),
        ("observed",),
        looks=EVERY_LOOK,
        prepare=_failing_check,
    ),
}
_TYPED = ("d", "e", "m", "o", "enter")
OTHERS = {
    "home-empty": Scene("empty", lambda _: HomeScreen(), ("Welcome",), looks=EVERY_LOOK),
    "home": Scene("empty", lambda _: HomeScreen(), ("throwaway",), looks=EVERY_LOOK, prepare=_home),
    "destroy": Scene("installed", lambda _: DestroyScreen("demo"), ("resources",), looks=EVERY_LOOK),
    "destroy-running": Scene(
        "installed", lambda _: DestroyScreen("demo"), ("resources",), _TYPED, ("destroying", "%"), looks=EVERY_LOOK
    ),
    "destroy-receipt": Scene(
        "installed",
        lambda _: DestroyScreen("demo"),
        ("resources",),
        _TYPED,
        ("is destroyed",),
        looks=EVERY_LOOK,
        prepare=_all_undone,
    ),
    "help": Scene("failed", _progress, ("r retry",), ("question_mark",), ("One row per machine",), looks=EVERY_LOOK),
    "palette": Scene("failed", _progress, ("r retry",), ("ctrl+p",), ("key",), looks=EVERY_LOOK, apart=True),
}
SCENES: dict[str, Scene] = WIZARD | REVIEW | PROGRESS | HEALTH | OTHERS
