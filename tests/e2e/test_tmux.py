"""Two stories in tmux: a first install from its failure to the destroy, and one full of a newcomer's mistakes."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.craton import ROOT, Craton
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.needs("tmux")


UNTAKEN = 30.0
"""Seconds after which a key that had no effect is pressed again."""


class Tmux:
    """A tmux server of its own with one window: what is typed goes in, what is shown comes out."""

    def __init__(self, craton: Craton, columns: int, rows: int) -> None:
        self._socket = craton.directory / "tmux"
        self._environment = craton.environment | {"PYTHONPATH": str(ROOT), "PS1": "$ "}
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c",
                   str(craton.directory), "sh")  # fmt: skip
        self._craton = shlex.join(craton.argv())

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments],
            env=self._environment, capture_output=True, text=True, check=True, timeout=PATIENCE,
        )  # fmt: skip
        return done.stdout

    def command(self, arguments: str) -> None:
        """Type a `craton` command at the shell's prompt."""
        self._tmux("send-keys", "-l", f"clear; {self._craton} {arguments}; echo exit=$?")
        self.keys("Enter")

    def keys(self, *names: str) -> None:
        self._tmux("send-keys", *names)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def settled(self) -> str:
        """The screen, once it has stayed as it is for a moment."""
        looks = [""]

        def same() -> bool:
            time.sleep(0.2)
            looks.append(self.screen)
            return looks[-1] == looks[-2]

        eventually(same, "a screen that stays as it is")
        return looks[-1]

    def expect(self, pattern: str) -> None:
        if not self._comes(pattern, PATIENCE):
            raise AssertionError(f"{pattern!r} did not appear on this screen:\n{self.screen}")

    def press(self, key: str, pattern: str) -> None:
        """Press a key until it has its effect: a screen that was just drawn may not take it yet."""
        self._repeat(lambda: self.keys(key), pattern)

    def come_to(self, pattern: str, key: str) -> None:
        """Wait for what keys typed ahead lead to; those that a screen ignored are pressed once more, one by one."""
        if not self._comes(pattern):
            self.press(key, pattern)

    def fill(self, text: str) -> None:
        """Put `text`, which is nowhere else on the screen, in a field instead of what it holds."""

        def enter() -> None:
            self.keys("C-u")
            self.type(text)

        self._repeat(enter, text)

    def _repeat(self, act: Callable[[], None], pattern: str) -> None:
        """Do something until it leads to `pattern`."""

        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            act()
            if self._comes(pattern):
                return
        raise AssertionError(f"{pattern!r} did not appear on this screen:\n{self.screen}")

    def _comes(self, pattern: str, patience: float = UNTAKEN) -> bool:
        """Whether the screen shows `pattern` within so many seconds."""
        until = time.monotonic() + patience
        while not re.search(pattern, self.screen):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def tmux(craton: Craton, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    window = Tmux(craton, 120, 40)
    yield window
    window.close()


def test_a_persons_whole_story(craton: Craton, tmux: Tmux) -> None:
    tmux.command("new --name story")
    tmux.expect("What is the cluster's name")
    for _ in range(40):
        before = tmux.settled()
        if "Install" in before:
            break
        tmux.keys("Enter")
        eventually(lambda before=before: tmux.screen != before, "an answer to the key")  # type: ignore[misc]
    tmux.expect("6 machines")
    tmux.keys("C-q")
    tmux.expect(r"exit=\d")
    assert Path(craton.directory / "story.yaml").exists()

    tmux.command("apply story.yaml --yes --speed 10 --fault worker-1:prepare:disk-full")
    tmux.expect("rehearsal")
    tmux.expect("No space left on device")
    tmux.expect(r"r [Rr]etry")
    eventually(lambda: craton.cluster("story")["state"] == "failed", "the end of the failed install")
    tmux.expect("story · failed")  # the screen knows it, too
    tmux.press("r", "story · installing")
    tmux.keys("C-q")
    tmux.expect("[Ll]eave it running")
    tmux.keys("Enter")
    tmux.expect("exit=0")

    tmux.command("watch story")
    tmux.expect("story is installed")
    tmux.press("h", "story · health[^$]*healthy")
    tmux.press("q", "story is installed")
    tmux.press("q", "exit=0")

    tmux.command("review story")
    tmux.expect("Contract")
    tmux.keys("C-q")
    tmux.expect("exit=0")

    tmux.command("destroy story")
    tmux.expect("story-worker-2")
    tmux.type("story")
    tmux.keys("Enter")
    tmux.expect("story is destroyed")
    tmux.press("q", "exit=0")
    assert craton.json("list") == []
    assert not (craton.home / "rehearsal" / "story").exists()


def test_a_newcomers_mistakes_are_answered_and_cost_nothing(craton: Craton, tmux: Tmux) -> None:
    tmux.command("instal")
    tmux.expect(r"No such command 'instal'[^$]*exit=2")
    tmux.command("watch shop")
    tmux.expect(r"there is no cluster 'shop'[^$]*`craton new` makes a plan[^$]*exit=2")

    tmux.resize(80, 24)
    tmux.command("new")
    tmux.expect("What is the cluster's name")
    tmux.keys("C-u")
    tmux.type("kubectl get nodes -o wide | grep NotReady")  # pasted
    tmux.expect("Enter a name: up to 20 lowercase letters")
    tmux.keys("Enter", "Enter")
    tmux.expect("What is the cluster's name")  # not past an invalid answer
    tmux.press("C-c", r"Press ctrl\+q to leave")
    tmux.fill("shop")
    tmux.keys("Enter", "Enter", "Enter", "Enter")  # ahead of what is drawn
    tmux.come_to("May your workloads run on masters", "Enter")
    tmux.resize(50, 12)
    tmux.expect(r"3/13 Masters")
    tmux.press("Escape", "2/13 Platform")
    tmux.resize(120, 40)
    tmux.expect("6 machines")  # the diagram is back
    tmux.type("z")  # a key that means nothing here
    tmux.keys("C-q")
    tmux.expect("exit=8")
    tmux.command("new")
    tmux.expect("A draft of shop is kept")
    tmux.press("c", "Where do the machines come from")
    tmux.press("C-r", "Before you install")
    assert (craton.directory / "shop.yaml").exists()

    tmux.type("zx")
    tmux.press("i", "Install shop: 6 machines")
    tmux.keys("Escape")
    tmux.expect("Before you install")
    tmux.keys("C-q")
    tmux.expect(r"exit=\d")
    tmux.command("apply shop.yaml --yes --speed 20")
    tmux.type("worker-9")  # while the screen opens
    tmux.expect("shop · ")
    tmux.resize(50, 12)
    tmux.resize(80, 24)
    tmux.expect("shop is installed")
    tmux.press("q", "exit=0")

    tmux.command("destroy shop")
    tmux.expect("Type shop and press enter")
    tmux.expect("shop-worker-2")  # what it deletes is listed, so the field takes keys by now
    tmux.type("shp")
    tmux.keys("Enter")
    tmux.expect("That is not shop")
    assert craton.cluster("shop")["state"] == "installed"
    tmux.keys("C-u")
    tmux.type("shop")
    tmux.keys("Enter")
    tmux.expect("shop is destroyed")
    tmux.press("q", "exit=0")
    assert craton.json("list") == []
