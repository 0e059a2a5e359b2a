"""What is added in one place shows up everywhere: a platform, its question, its step, a check and a command.

`added/` holds them, and nothing in the product knows. Each test is of a process that has them (`with_toy.py`).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from tests.craton import ROOT, Craton
from tests.patience import PATIENCE

DRIVER = Path(__file__).with_name("with_toy.py")


@dataclass(frozen=True)
class WithToy(Craton):
    """A user whose Craton has what `added/` holds."""

    @property
    def python(self) -> Path:
        return self.directory / "python"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "COLUMNS": "200"}  # help is not wrapped

    def argv(self, *arguments: str) -> list[str]:
        return [str(self.python), "-m", "installer", *arguments]

    def _run(self, arguments: tuple[str, ...], stdin: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*arguments),
            cwd=self.directory,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def new(self, *flags: str, expect: int = 0) -> str:
        """What `craton new` says on stderr; the plan is in shop.yaml."""
        given = ("--name", "shop", "--platform", "toy", "--masters", "1", "--workers", "1", "--force")
        return self.run("new", "--yes", *given, *flags, expect=expect).stderr


@pytest.fixture
def user(tmp_path: Path) -> Iterator[WithToy]:
    (tmp_path / "home").mkdir()
    found = WithToy(tmp_path)
    found.python.write_text(f'#!/bin/sh\nexec {sys.executable} {DRIVER} "$0" "$@"\n')
    found.python.chmod(0o755)
    yield found
    found.end_everything()


def test_the_product_itself_knows_no_toy() -> None:
    modules = [path for top in ("installer", "screens") for path in (ROOT / top).rglob("*.py")]
    assert modules
    assert [path for path in modules if re.search(r"\b(toys?|wheels|honk)\b", path.read_text(encoding="utf-8"))] == []


def test_a_question_is_a_flag_which_is_read_and_judged(user: WithToy) -> None:
    assert re.search(r"--colour +CHOICE +Which colour have the machines\?", user.run("new", "--help").stdout)
    user.new("--colour", "blue")
    assert "# The colour of every machine.\ntoy:\n  colour: blue\n" in (user.directory / "shop.yaml").read_text()
    assert "--colour: Enter red or blue instead of 'pink'" in user.new("--colour", "pink", expect=ExitCode.USAGE)
    said = user.new("--colour", "blue", "--workers", "0", "--schedulable-masters", expect=ExitCode.PLAN)
    assert "toy.colour: A cluster without workers must be red." in said


def test_a_platforms_section_is_in_the_schema_and_a_mistake_in_it_has_its_line(user: WithToy) -> None:
    assert "toy" in json.loads(user.run("schema").stdout)["properties"]
    user.new()
    path = user.directory / "shop.yaml"
    path.write_text(path.read_text().replace("colour: red", "colour: pink"))
    line = path.read_text().splitlines().index("  colour: pink") + 1
    said = user.run("review", str(path), expect=ExitCode.PLAN).stderr
    assert f"shop.yaml:{line}:3 toy.colour: Enter red or blue instead of 'pink'" in said


def test_a_command_is_in_the_help_and_its_result_and_error_are_those_of_every_command(user: WithToy) -> None:
    shown = user.run("--help").stdout
    assert re.search(r"honk +Sound the horn of a cluster\.", shown)
    assert user.run("honk", "shop").stdout == "shop honks\n"
    failed = user.run("honk", "mute", expect=ExitCode.CLUSTER)
    assert failed.stdout == ""
    assert failed.stderr.splitlines() == ["error: honk: it has no horn", "what to do: fit one"]


def test_the_wizard_asks_the_question_on_its_own_page(user: WithToy) -> None:
    asked = subprocess.run(
        [str(user.python), "-m", "tests.recipes.wizard"],
        cwd=user.directory, env=user.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    page, _, after = asked.stdout.partition("--- next")
    for words in ("Which colour have the machines?", "It is seen from afar.", "Red", "like the sky", "only toys"):
        assert words in page
    assert "How many masters?" in after


def test_an_added_platform_check_and_step_are_reviewed_installed_reported_and_destroyed(user: WithToy) -> None:
    user.new("--colour", "blue")
    review = user.json("review", "shop.yaml")
    assert "network/paint" in [step["id"] for step in review["steps"]]
    plain = user.run("review", "shop.yaml").stdout
    assert "shop on toy" in plain
    assert "paint the box blue" in plain

    events = user.events("apply", "shop.yaml", "--yes", "--speed", "100")
    done = {event["step"] for event in events if event["type"] == "step" and event["state"] == "done"}
    assert done == {step["id"] for step in review["steps"]}
    assert (user.home / "box-of-shop").read_text() == "blue"
    assert user.cluster("shop")["state"] == "installed"

    report = user.json("check", "shop")
    wheels = [one for one in report["findings"] if one["check"] == "wheels"]
    assert [(one["machine"], one["verdict"], one["seen"]) for one in wheels] == [
        (f"shop-{role}-1", "pass", "4 wheels") for role in ("master", "infra", "worker")
    ]
    assert "wheels" in user.run("check", "shop", "--html", "report.html").stdout
    assert "wheels" in (user.directory / "report.html").read_text(encoding="utf-8")

    path = user.directory / "shop.yaml"
    path.write_text(path.read_text().replace("colour: blue", "colour: red"))
    assert "paint does not come off" in user.run("apply", "shop.yaml", "--yes", expect=None).stderr

    user.run("destroy", "shop", "--yes")
    assert not (user.home / "box-of-shop").exists()
    assert user.json("list") == []
