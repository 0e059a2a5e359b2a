"""Which cluster a command means if none is named."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
import typer
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from typer.main import get_command

from installer.cli import common
from installer.cli.app import app
from installer.common import paths
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory, write_private
from installer.engine import process

PLAN = "craton: 1\nname: {}\nsubdomain: example.test\nplatform: rehearsal\n"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))


def _known(*names: str) -> None:
    for name in names:
        write_private(ClusterDirectory.of(name).plan, PLAN.format(name))


def _running(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(process, "running_pid", lambda found: 4711 if found.cluster in names else None)


def test_the_only_cluster_is_meant() -> None:
    _known("demo")
    assert common.pick(None) == "demo"


@pytest.mark.parametrize(("at_work", "meant"), [(("shop",), "shop"), ((), None), (("demo", "shop"), None)])
def test_what_is_to_be_watched_is_the_only_cluster_that_runs(
    monkeypatch: pytest.MonkeyPatch, at_work: tuple[str, ...], meant: str | None
) -> None:
    _known("demo", "lab", "shop")
    _running(monkeypatch, *at_work)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    if meant:
        assert common.pick(None, running=True) == meant
        return
    with pytest.raises(InstallerError) as caught:
        common.pick(None, running=True)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.hint == f"name one of them: {', '.join(at_work or ('demo', 'lab', 'shop'))}"


def test_of_several_a_person_at_a_terminal_picks_one_by_its_number(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _known("demo", "lab", "shop")
    _running(monkeypatch, "demo", "shop")
    monkeypatch.setattr(sys, "stdin", _Terminal("2\n"))
    assert common.pick(None, running=True) == "shop"
    shown = capsys.readouterr().err
    assert "  1. demo: " in shown
    assert "  2. shop: " in shown
    assert "lab" not in shown


@pytest.mark.parametrize(("keys", "meant"), [("\r", "demo"), ("\x1b[B\r", "shop"), ("la\r", "lab")])
def test_on_a_full_terminal_arrow_keys_or_letters_pick_from_a_menu(
    monkeypatch: pytest.MonkeyPatch, keys: str, meant: str
) -> None:
    _known("demo", "shop", "lab")
    monkeypatch.setattr(sys, "stdin", _Terminal())
    order = ["demo", "lab", "shop"] if meant == "lab" else ["demo", "shop"]
    monkeypatch.setattr(paths, "clusters", lambda: [ClusterDirectory.of(name) for name in order])
    with create_pipe_input() as typed, create_app_session(typed, DummyOutput()):
        typed.send_text(keys)
        assert common.pick(None, common.Mode.SCREEN) == meant


def test_a_menu_that_is_left_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    _known("demo", "shop")
    monkeypatch.setattr(sys, "stdin", _Terminal())
    with create_pipe_input() as typed, create_app_session(typed, DummyOutput()):
        typed.send_text("\x03")
        with pytest.raises(InstallerError) as caught:
            common.pick(None, common.Mode.SCREEN)
    assert caught.value.exit_code is ExitCode.INTERRUPTED


@pytest.mark.parametrize("asked", [{"mode": common.Mode.JSON}, {"asks": False}])
def test_nobody_is_asked_where_a_program_reads_or_who_said_yes(
    monkeypatch: pytest.MonkeyPatch, asked: dict[str, object]
) -> None:
    _known("demo", "shop")
    monkeypatch.setattr(sys, "stdin", _Terminal("1\n"))
    with pytest.raises(InstallerError, match="there are 2 clusters"):
        common.pick(None, **asked)  # type: ignore[arg-type]


ASKS = (
    "new", "apply", "rehearse", "resume", "watch", "check", "diagnose", "gather", "upgrade", "nodes add",
    "nodes remove", "destroy", "etcd backup", "etcd restore", "kubeconfig",
)  # fmt: skip


@pytest.mark.parametrize("command", ASKS)
def test_every_command_that_may_ask_has_yes(command: str) -> None:
    found = get_command(app)
    for name in command.split():
        found = found.get_command(typer.Context(found), name)  # type: ignore[attr-defined]
    assert "--yes" in {option for parameter in found.params for option in parameter.opts}
