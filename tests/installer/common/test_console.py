"""What commands print is safe for a terminal, whoever wrote it; what programs read is whole."""

from __future__ import annotations

import io
import json
import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common import console
from installer.common.scrub import safe
from tests.installer.common.secret_lines import PASSWORD
from tests.strategies import repeatable

HOSTILE = "a\x1b]0;t\x07b\x1b[2J\u202ec\u200bd\x9b1Ae\x7ff\udcff password=" + PASSWORD
SAFE = "abcdef\ufffd password=***"


def test_sentences_go_to_stderr_and_results_to_stdout_and_both_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    console.notify(HOSTILE)
    console.result(HOSTILE)
    assert capsys.readouterr() == (f"{SAFE}\n", f"{SAFE}\n")


def test_a_question_is_safe_and_its_answer_is_as_typed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert console.ask_line(HOSTILE) == "yes\n"
    assert capsys.readouterr() == ("", f"{SAFE} ")


@repeatable
@given(st.text())
def test_json_is_printable_ascii_and_loses_nothing(text: str) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        console.result_json({"text": text})
    assert json.loads(out.getvalue()) == {"text": text}
    assert out.getvalue().rstrip("\n").isprintable()
    assert out.getvalue().isascii()


@repeatable
@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name and not name.endswith(b"\n")))
def test_a_path_for_a_shell_is_safe_to_print_and_names_the_same_file(name: bytes) -> None:
    word = console.shell_word(os.fsdecode(name))
    assert safe(word) == word
    shown = subprocess.run(["sh", "-c", f"printf %s {word}"], capture_output=True, check=True).stdout
    assert shown == name
