"""Text that attackers write, through every way by which an error or a message comes to a terminal."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from unicodedata import category
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.artifacts.http import Failure
from installer.cli import app
from installer.common import console
from installer.common.errors import FileError, InstallerError
from installer.engine.events import EventType, RunKind, StepState
from installer.engine.journal import Journal, JournalError, Reader
from installer.engine.process import _Formatter
from installer.engine.progress import Progress
from installer.health.check import Verdict
from installer.health.report.html import page
from installer.health.report.text import render
from installer.operations.follow import JsonLines, PlainLines
from installer.plan.planfile import PlanFileError, Problem
from installer.plan.questions.answers import AnswersError
from installer.platforms.rehearsal.client import RefusedError
from installer.ssh.host_keys.verify import HostKeyError
from installer.ssh.transport.login import KeyLocked
from tests.doubles.actions import Effects, fake_step
from tests.installer.health import healthy
from tests.strategies import examples, repeatable

_RANGES = (
    (0x00, 0x08), (0x0B, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160),
    (0x17B4, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800),
    (0x3164, 0x3164), (0xD800, 0xDFFF), (0xE000, 0xE000), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0),
    (0xFFF9, 0xFFFB), (0x1D173, 0x1D17A), (0xE0001, 0xE0001), (0xE0020, 0xE007F), (0xE0100, 0xE01EF),
)  # fmt: skip
_UNSAFE = frozenset(chr(code) for first, last in _RANGES for code in range(first, last + 1))
_SEQUENCES = ("\x1b[2J", "\x1b]0;title\x07", "\x1b]52;c;eA==\x1b\\", "\x1bP$q\x1b\\", "\x9b31m", "\x1b(0", "\r", "\x1b")
HOSTILE = st.lists(
    st.sampled_from(sorted(_UNSAFE)) | st.sampled_from(_SEQUENCES) | st.sampled_from("ab \n[]{}'\"<>&"), max_size=12
).map("".join)

seldom = examples(12)
"""For what takes long."""


def is_safe(text: str) -> None:
    bad = {letter for letter in text if letter in _UNSAFE or category(letter) in ("Cc", "Cf", "Cs")} - {"\n"}
    assert not bad, [f"U+{ord(letter):04X}" for letter in sorted(bad)]


@pytest.fixture(autouse=True, scope="module")
def home() -> Iterator[None]:
    with patch.dict("os.environ", {"CRATON_HOME": "/nonexistent"}):
        yield


def printed(do: Callable[[], object]) -> str:
    """What reaches both standard streams."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "stdout", out), patch.object(sys, "stderr", err):
        do()
    return out.getvalue() + err.getvalue()


def _changed(text: str) -> InstallerError:
    error = InstallerError("x", "y")
    error.operation, error.observed, error.hint, error.machine = text, text, text, text
    return error


ERRORS: dict[str, Callable[[str], Exception]] = {
    "InstallerError": lambda text: InstallerError(text, text, hint=text, machine=text),
    "InstallerError, changed later": _changed,
    "FileError": lambda text: FileError(OSError(2, text, text), text),
    "PlanFileError": lambda text: PlanFileError((Problem(text, 1, 1, text, text, text, text),)),
    "AnswersError": lambda text: AnswersError({"name": text}),
    "HostKeyError": lambda text: HostKeyError(
        text, text, machine=text, name=text, address=text, shown=text, expected=text
    ),
    "KeyLocked": lambda text: KeyLocked(text, (Path("/" + text.replace("\0", "")),), machine=text),
    "JournalError": lambda text: JournalError(text, text),
    "RefusedError": lambda text: RefusedError(text, text, text),
    "an OSError": lambda text: OSError(2, text, text or "x"),
    "an internal error": lambda text: KeyError(text),
}


@pytest.mark.parametrize("make", ERRORS.values(), ids=ERRORS)
@repeatable
@given(text=HOSTILE)
def test_an_error_is_safe_to_print_with_and_without_a_traceback(make: Callable[[str], Exception], text: str) -> None:
    for arguments in (["craton"], ["craton", "--json"]):
        for debug in ("", "1"):
            with patch.object(sys, "argv", arguments), patch.dict("os.environ", {"CRATON_DEBUG": debug}):
                is_safe(printed(lambda: app.report(make(text))))
    error = make(text)
    if isinstance(error, InstallerError):
        is_safe(str(error))
        is_safe(f"{error.operation}{error.observed}{error.hint}{error.machine}")


@repeatable
@given(text=HOSTILE)
def test_a_failure_of_a_download_is_safe_to_show(text: str) -> None:
    is_safe(Failure(text).observed)
    is_safe(str(Failure(text)))


@seldom
@given(text=HOSTILE.filter(lambda text: "\0" not in text))
def test_a_command_line_that_is_refused_is_safe_to_print(text: str) -> None:
    for arguments in ([text], ["check", "demo", f"--{text}"], ["new", "--platform", text, "--yes"], ["review", text]):
        with patch.object(sys, "argv", ["craton", *arguments]):
            is_safe(printed(app.run))


@repeatable
@given(text=HOSTILE)
def test_whatever_is_told_asked_or_printed_is_safe(text: str) -> None:
    is_safe(printed(lambda: console.notify(text)))
    is_safe(printed(lambda: console.result(text)))
    is_safe(printed(lambda: console.result_json({text: [text]})))
    with patch.object(sys, "stdin", io.StringIO("")):
        is_safe(printed(lambda: console.ask_line(text)))


def _recorded(path: Path, text: str) -> None:
    """A run in which everything that a step can say is hostile."""
    step = replace(fake_step(Effects(), "prepare/one", machine="demo-worker-1"), title=text)
    error = InstallerError(text, text, hint=text, machine=text)
    with Journal(path) as journal:
        journal.begin(RunKind.INSTALL, [step], {"odd": text})
        journal.log(step, text)
        journal.record(EventType.STAGE, step, number=1, of=2, title=text)
        journal.record(EventType.WAIT, step, what=text, seen=text, until=1.5)
        journal.record(EventType.RETRY, step, attempt=1, of=2, error=error.as_dict(), **{"in": 1.0})
        journal.record(EventType.RESULT, step, topic="odd", seen=[text])
        journal.transition(step, StepState.FAILED, error={"operation": text, "observed": text, "hint": text}).result()


def _followed(path: Path) -> None:
    with Reader(path) as reader:
        progress = Progress.of(reader.steps())
        followers: list[Any] = [PlainLines(sys.stdout), JsonLines()]
        for event in reader.events():
            progress.extend([event])
            for follower in followers:
                follower.event(event, progress)
        for line in reader.logs():
            is_safe(line.text)
            followers[1].log(line)


@seldom
@given(text=HOSTILE)
def test_what_a_run_records_is_safe_to_store_and_to_follow(text: str) -> None:
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "journal.db"
        _recorded(path, text)
        is_safe(printed(lambda: _followed(path)))


@seldom
@given(text=HOSTILE)
def test_what_health_finds_is_safe_to_print_and_to_open_in_a_browser(text: str) -> None:
    report = healthy.report()
    finding = replace(report.findings[0], verdict=Verdict.FAIL, seen=text, remedy=text)
    report = replace(report, findings=(finding, *report.findings[1:]))
    is_safe(printed(lambda: console.result(render(report))))
    is_safe(printed(lambda: console.result_json(report.as_dict())))
    is_safe(unescape(page(report)))


@repeatable
@given(text=HOSTILE)
def test_a_library_that_logs_is_safe_to_read(text: str) -> None:
    record = logging.LogRecord("paramiko", logging.WARNING, text, 1, text.replace("%", ""), (), None, text)
    is_safe(_Formatter("%(levelname)s %(name)s %(funcName)s: %(message)s").format(record))
