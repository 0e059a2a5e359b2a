"""A verb of craton-node is run: what it prints is logged, and what a secret one prints is nobody's to see."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from installer.common.errors import InstallerError
from installer.node.program import run_program
from installer.ssh.connection import Result
from installer.steps.answers import Answers
from installer.steps.step import Context

TOO_LONG = "9" * 3900


class _Machine:
    """Says lines, and remembers how it was asked."""

    user = "root"

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.secret: bool | None = None

    def run(self, command: str, *, on_line: Any, secret: bool, **_options: Any) -> Result:
        self.secret = secret
        for line in self.lines:
            if on_line:
                on_line(line)
        return Result(0, "\n".join(self.lines), "")


class _Context(SimpleNamespace):
    def __init__(self, machine: _Machine) -> None:
        self.seen: list[Any] = []
        super().__init__(
            world=SimpleNamespace(connect=lambda _name, _deadline: machine, answers=Answers()),
            check_stop=lambda: None,
            remaining=lambda: 60.0,
            log=self.seen.append,
            stage=lambda *stage: self.seen.append(stage),
        )


def test_what_a_verb_prints_is_logged_and_its_stages_are_told() -> None:
    context = _Context(_Machine("one", "stage 2 3 install kubeadm"))
    run_program(cast(Context, context), "m", "prepare")
    assert context.seen == ["one", (2, 3, "install kubeadm"), "[2/3] install kubeadm"]


def test_what_a_secret_verb_prints_is_returned_and_nowhere_else() -> None:
    machine = _Machine("token=opaque", "stage 1 2 three")
    context = _Context(machine)
    assert run_program(cast(Context, context), "m", "invite", secret=True).startswith("token=opaque")
    assert context.seen == []
    assert machine.secret is True


@pytest.mark.parametrize(
    "line", ["stage ² 3 x", "stage 1 ٣ x", f"stage {TOO_LONG} 3 x", "stage 1 2", "stage -1 2 x", "stage"]
)
def test_a_line_that_only_looks_like_a_stage_is_a_line(line: str) -> None:
    context = _Context(_Machine(line))
    run_program(cast(Context, context), "m", "prepare")
    assert context.seen == [line]


def test_the_error_of_a_verb_is_clean_and_names_no_secret() -> None:
    class Failing(_Machine):
        def run(self, command: str, **_options: Any) -> Result:
            return Result(1, "", "craton-node: \x1b[2Jpassword=hunter2-Zq8\u202e")

    with pytest.raises(InstallerError) as caught:
        run_program(cast(Context, _Context(Failing())), "m", "prepare")
    assert caught.value.observed == "exit status 1: password=***"
