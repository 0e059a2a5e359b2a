"""The terminal's background: asked before the first screen, of terminals that answer well, late, oddly or never."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver

from screens import background, theme
from screens.background import LateAnswers
from tests.patience import PATIENCE

DEVICE = b"\x1b[?62;22c"
WHITE = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"
BLACK = b"\x1b]11;rgb:0000/0000/0000\x07"


@pytest.fixture
def pty(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """The terminal's end and the program's end; Textual's parser is put back in the end."""
    monkeypatch.setattr(linux_driver, "XTermParser", XTermParser)
    terminal, program = os.openpty()
    tty.setraw(program, termios.TCSANOW)
    yield terminal, program
    os.close(terminal)
    os.close(program)


def answering(terminal: int, answer: bytes) -> threading.Thread:
    """A terminal that takes in both questions, and then answers."""

    def body() -> None:
        read = b""
        while not read.endswith(b"\x1b[c"):
            read += os.read(terminal, 64)
        os.write(terminal, answer)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("answer", "light"),
    [
        (WHITE + DEVICE, True),
        (BLACK + DEVICE, False),
        (b"\x1b]11;rgba:ff/ff/dd/ff\x07" + DEVICE, True),
        (b"q" + WHITE + b"x" + DEVICE, True),  # somebody types meanwhile
        (DEVICE, None),  # tmux, and others that know no background
        (b"\x1b]11;rgb:zz/0/0\x1b\\" + DEVICE, None),
        (b"\x1b]11;\x00\xff\x1b\\" + DEVICE, None),
        (b"\x1b]4;1;rgb:ffff/ffff/ffff\x1b\\" + DEVICE, None),
    ],
)
def test_an_answer_decides_at_once_and_leaves_nothing_behind(
    pty: tuple[int, int], answer: bytes, light: bool | None
) -> None:
    terminal, program = pty
    before = termios.tcgetattr(program)
    thread = answering(terminal, answer)
    assert background.asked(program, program, deadline=PATIENCE) is light
    thread.join()
    assert termios.tcgetattr(program) == before
    assert vars(linux_driver)["XTermParser"] is XTermParser
    os.set_blocking(program, False)
    with pytest.raises(BlockingIOError):
        os.read(program, 1)


def test_a_terminal_that_never_answers_costs_the_deadline_and_a_late_answer_is_no_typing(pty: tuple[int, int]) -> None:
    _, program = pty
    before = termios.tcgetattr(program)
    assert background.asked(program, program, deadline=0.01) is None
    assert termios.tcgetattr(program) == before
    parser = vars(linux_driver)["XTermParser"]()
    late = (WHITE + b"a" + DEVICE + b"b").decode()
    events = [event for piece in (late[:7], late[7:20], late[20:]) for event in parser.feed(piece)]
    assert [getattr(event, "key", event) for event in events] == ["a", "b"]


@pytest.mark.parametrize("cut", sorted({*range(2, len(WHITE + DEVICE))} - {len(WHITE) + 1}))  # escape is a key
def test_late_answers_are_left_out_wherever_they_are_cut(cut: int) -> None:
    text, answers = (WHITE + DEVICE).decode(), LateAnswers()
    assert answers.without("x" + text[:cut]) + answers.without(text[cut:] + "y") == "xy"


@pytest.mark.parametrize("text", ["\x1b", "\x1b[A", "\x1b]", "\x1b[200~]11;pasted\x1b[201~", "]11;rgb:", "\x1bOQ"])
def test_what_is_typed_is_passed_on(text: str) -> None:
    answers = LateAnswers()
    assert answers.without(text) + answers.without("z") == text + "z"


@pytest.mark.parametrize(
    ("environ", "is_terminal"),
    [
        ({"TERM": "xterm", "NO_COLOR": "1"}, True),
        ({"TERM": "xterm", "CRATON_THEME": "dark"}, True),
        ({"TERM": "linux"}, True),
        ({"TERM": "dumb"}, True),
        ({}, True),
        ({"TERM": "xterm"}, False),
    ],
)
def test_some_terminals_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], is_terminal: bool
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(background, "asked", fail)
    for name in ("__stdin__", "__stderr__"):
        monkeypatch.setattr(sys, name, SimpleNamespace(isatty=lambda: is_terminal, fileno=lambda: 0))
    assert background.ask(environ) is None


@pytest.mark.parametrize("error", [OSError, termios.error])
def test_a_terminal_that_cannot_be_asked_is_not_one_that_stops_the_screens(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[], Exception]
) -> None:
    def fail(*_: object) -> None:
        raise error()

    monkeypatch.setattr(background, "asked", fail)
    for name in ("__stdin__", "__stderr__"):
        monkeypatch.setattr(sys, name, SimpleNamespace(isatty=lambda: True, fileno=lambda: 0))
    assert background.ask({"TERM": "xterm"}) is None


@pytest.mark.parametrize(
    ("environ", "light", "name"),
    [
        ({}, True, theme.LIGHT.name),
        ({}, False, theme.DARK.name),
        ({"COLORFGBG": "0;15"}, False, theme.DARK.name),  # inherited from another terminal, maybe
        ({"COLORFGBG": "0;15"}, None, theme.LIGHT.name),
        ({"CRATON_THEME": "dark"}, True, theme.DARK.name),
    ],
)
def test_the_terminals_answer_comes_after_the_persons_word(environ: dict[str, str], light: bool, name: str) -> None:
    assert theme.preferred(environ, light) == name
