"""A person at a real terminal: the wizard by keys, an install on its screens, leaving and coming back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from installer.plan.questions.answers import complete
from installer.plan.questions.catalogue import PAGES
from tests.craton import Craton
from tests.patience import PATIENCE, eventually
from tests.terminal import Terminal

Open = Callable[..., Terminal]


@pytest.fixture
def terminal(craton: Craton) -> Iterator[Open]:
    """Opens terminals, as many as a test wants, and closes them in the end."""
    opened: list[Terminal] = []

    def open_(*arguments: str, columns: int = 120, rows: int = 40, user: Craton = craton) -> Terminal:
        one = Terminal(user.argv(*arguments), user.environment, str(user.directory), columns, rows)
        opened.append(one)
        return one

    yield open_
    for one in opened:
        one.child.close(force=True)


def retype(screen: Terminal, text: str, wrong: str = "") -> None:
    """Empty the field, see that it is empty, and type: in a burst, keys that edit come after keys that write.

    An empty field is a mistake, and so is what was there before if it is given as `wrong`.
    """
    screen.press("ctrl+a", "ctrl+k")
    screen.expect(rf"(?s)\A(?!.*{wrong})" if wrong else "✕")
    screen.press(text)


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_a_newcomer_goes_from_the_home_screen_to_a_running_cluster_by_keys(
    craton: Craton, terminal: Open, columns: int, rows: int
) -> None:
    screen = terminal(columns=columns, rows=rows)
    screen.expect("Welcome to Craton")
    screen.expect("n New")
    screen.press("n")
    screen.expect("What is the cluster's name")
    retype(screen, "2fast")
    screen.expect("✕ Enter a name")
    retype(screen, "first", wrong="2fast")
    screen.press("enter")
    screen.expect("Where do the machines come from")
    screen.press("enter", "enter")
    screen.expect("How many masters")
    screen.press("enter", "enter")
    screen.expect("How many workers")
    retype(screen, "1")
    screen.press("enter")
    screen.expect("How does web traffic enter the cluster")
    screen.press("enter", "enter")
    screen.expect("What DNS domain")
    screen.press("enter")
    screen.expect("Which account")
    screen.press("enter", "enter", "enter")
    screen.expect("Which network should the machines be in")
    screen.press("ctrl+r")  # the other answers stay as they are
    screen.expect("5 machines")
    screen.expect("Install")
    assert (craton.directory / "first.yaml").exists()


def test_a_wizard_that_is_left_goes_on_where_it_was(craton: Craton, terminal: Open) -> None:
    first = terminal("new")
    first.expect("What is the cluster's name")
    retype(first, "kept")
    first.press("enter")
    first.expect("Where do the machines come from")
    first.press("ctrl+q")
    assert first.wait() == 8

    again = terminal("new")
    again.expect("[Cc]ontinue|kept")
    again.press("enter")
    again.expect("Where do the machines come from")
    again.expect("kept")


def test_an_install_is_watched_left_running_and_watched_again(craton: Craton, terminal: Open) -> None:
    stopped = craton.signalled(signal.SIGSTOP, 20)
    screen = terminal("apply", str(craton.plan()), "--yes", "--speed", "20", user=stopped)
    screen.expect("installing")
    screen.expect("rehearsal")
    screen.expect("worker-2")
    screen.press("ctrl+q")
    screen.expect("[Ll]eave it running")
    screen.press("enter")
    assert screen.wait() == 0
    os.kill(craton.stopped_engine(), signal.SIGCONT)

    watched = terminal("watch", "demo", columns=80, rows=24)
    watched.expect("demo is (up|installed)")
    watched.press("q")
    assert watched.wait() == 0
    assert craton.cluster()["state"] == "installed"


def test_an_install_goes_on_when_its_terminal_is_closed(craton: Craton, terminal: Open) -> None:
    screen = terminal("apply", str(craton.plan()), "--yes", "--speed", "10")
    screen.expect("installing")
    screen.hang_up()
    eventually(lambda: craton.cluster()["state"] == "installed", "the end of the install")


def test_a_screen_closes_by_itself_with_the_runs_exit_code_when_asked_to(craton: Craton, terminal: Open) -> None:
    plan = craton.plan(masters=1, workers=1)
    screen = terminal("apply", str(plan), "--yes", "--close", "--speed", "20")
    assert screen.wait(PATIENCE) == 0
    failing = terminal(
        "apply", str(craton.plan("other")), "--yes", "--close", "--speed", "50", "--fault", "worker-1:prepare:exit"
    )
    assert failing.wait(PATIENCE) == 5


def test_ctrl_c_stops_a_plain_install_at_a_safe_point_and_a_second_one_leaves_it_running(
    craton: Craton, terminal: Open
) -> None:
    plan = str(craton.plan())
    stopped = terminal("apply", plan, "--yes", "--plain", "--speed", "40", user=craton.signalled(signal.SIGSTOP, 20))
    stopped.expect("create demo-")
    engine = craton.stopped_engine()
    stopped.press("ctrl+c")
    stopped.expect("stopping at the next safe point")
    os.kill(engine, signal.SIGCONT)
    stopped.expect("demo: stopped at .*craton resume demo")
    assert stopped.wait() == 8

    left = terminal("resume", "demo", "--plain", user=craton.signalled(signal.SIGSTOP, 1))
    left.expect("the engine is pid")
    craton.stopped_engine()
    left.press("ctrl+c")
    left.expect("stopping at the next safe point")
    left.press("ctrl+c")
    left.expect("left running")
    assert left.wait() == 8


def test_plain_prompts_ask_the_same_questions_without_screens(craton: Craton, terminal: Open) -> None:
    screen = terminal("new", "--plain")
    screen.expect("What is the cluster's name")
    screen.press("enter")
    screen.expect("Where do the machines come from")
    screen.press("ctrl+c")
    assert screen.wait() == 8
    with_flags = terminal("new", "--plain", "--name", "quick", "--platform", "rehearsal", rows=60)
    answers = complete({"name": "quick", "platform": "rehearsal"})
    asked = [question for page in PAGES for question in page.questions if question.applies(answers)]
    first, *others = [question.prompt[:40] for question in asked if question.field not in ("name", "platform")]
    with_flags.expect(re.escape(first))
    for prompt in others:
        with_flags.press("enter")
        with_flags.expect(re.escape(prompt))
    with_flags.press("enter")
    assert with_flags.wait() == 0
    assert (craton.directory / "quick.yaml").exists()
