"""Standard streams as shells and daemons leave them: closed, on a full device, without a reader. Never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.craton import Craton
from tests.patience import PATIENCE

COMMANDS = [
    "--version", "--help", "list --json", "review plan.yaml", "review plan.yaml --json", "schema", "diagnose plan.yaml",
    "watch nobody --json", "nonsense", "new --yes --name more --subdomain example.test --force -o more.yaml",
]  # fmt: skip
FULL = os.strerror(errno.ENOSPC)


@pytest.fixture(scope="module")
def craton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Craton]:
    craton = Craton(tmp_path_factory.mktemp("streams"))
    craton.plan("plan")
    yield craton
    craton.end_everything()


def shell(craton: Craton, arguments: str, redirections: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command of a shell."""
    argv = ["sh", "-c", f'"$@" {redirections}', "sh", *craton.argv(*arguments.split())]
    done = subprocess.run(
        argv,
        cwd=craton.directory,
        env=craton.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, (arguments, redirections, done.stderr)
    assert "internal error" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", COMMANDS)
def test_a_result_that_cannot_be_written_is_an_error(craton: Craton, arguments: str) -> None:
    status, _, errors = shell(craton, arguments, ">&-")
    assert status == 2
    assert errors.startswith("error: write the result: standard output is closed\nwhat to do: ")
    status, _, errors = shell(craton, arguments, ">/dev/full")
    assert status == 2
    if "nobody" not in arguments and arguments != "nonsense":  # which are errors before
        assert f"error: write the result: standard output: {FULL}\n" in errors


@pytest.mark.parametrize("redirections", ["2>&-", "2>/dev/full", "<&-", "2>&- <&-"])
def test_no_other_stream_is_needed(craton: Craton, redirections: str) -> None:
    for arguments, usual in (("list", 0), ("review plan.yaml", 0), ("watch nobody", 2)):
        status, said, _ = shell(craton, arguments, redirections)
        assert status == usual
        assert bool(said) == (usual == 0)


def test_without_any_stream_the_exit_status_tells(craton: Craton) -> None:
    assert shell(craton, "list", ">&- 2>&- <&-")[0] == 2
    assert shell(craton, "list --json", ">/dev/full 2>/dev/full")[0] == 2


@pytest.mark.parametrize("arguments", ["--version", "review plan.yaml --json", "--help"])
def test_a_reader_that_went_away_is_no_error(craton: Craton, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            craton.argv(*arguments.split()), cwd=craton.directory, env=craton.environment, stdout=writer,
            stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_follows_a_run_ends_with_its_reader_and_the_run_goes_on(craton: Craton) -> None:
    argv = craton.argv("apply", "plan.yaml", "--yes", "--json", "--speed", "20")
    done = subprocess.run(
        ["sh", "-c", '{ "$@"; echo "status $?" >&2; } | head -n 1', "sh", *argv], cwd=craton.directory,
        env=craton.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "status 8" in done.stderr
    assert "Traceback" not in done.stderr
    craton.run("watch", "plan", "--plain", expect=0)


def test_a_run_whose_lines_cannot_be_written_goes_on(craton: Craton, tmp_path: Path) -> None:
    other = Craton(tmp_path)
    other.plan("demo")
    try:
        status, _, errors = shell(other, "apply demo.yaml --yes --plain --speed 20", ">/dev/full")
        assert status == 2
        assert f"error: write the result: standard output: {FULL}\n" in errors
        other.run("watch", "demo", "--plain", expect=0)
    finally:
        other.end_everything()


def test_files_that_are_opened_later_take_no_streams_place(craton: Craton, tmp_path: Path) -> None:
    """What is printed would land in them."""
    status, _, _ = shell(craton, "kubeconfig nobody", "2>&-")
    assert status == 2
    for path in craton.home.rglob("*"):
        assert not path.is_file() or b"error: " not in path.read_bytes(), path
