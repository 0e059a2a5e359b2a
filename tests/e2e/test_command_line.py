"""The command line itself: quick to start, honest about mistakes, quiet where machines read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.craton import ROOT, Craton

HEAVY = ("textual", "boto3", "paramiko", "google.cloud", "asyncssh", "questionary", "ruamel.yaml")


def seconds(argv: list[str], runs: int = 9) -> float:
    """The quickest of several runs: the one that the machine disturbed least."""
    best = float("inf")
    for _ in range(runs):
        begin = time.perf_counter()
        subprocess.run(argv, check=True, capture_output=True)
        best = min(best, time.perf_counter() - begin)
    return best


def test_version_takes_less_than_five_times_a_bare_python() -> None:
    command = Path(sys.executable).with_name("craton")
    assert seconds([str(command), "--version"]) < 5 * seconds([sys.executable, "-c", "pass"])


def test_version_is_the_packages_own(craton: Craton) -> None:
    from installer import __version__

    assert craton.run("--version").stdout == f"craton {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["new", "--help"], ["apply", "--help"], ["list"]])
def test_help_imports_nothing_heavy(craton: Craton, arguments: list[str]) -> None:
    script = (
        "import sys; sys.argv = ['craton', *sys.argv[1:]]\n"
        "from installer.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"found = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=craton.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_without_a_terminal_the_bare_command_prints_help(craton: Craton) -> None:
    said = craton.run()
    for command in ("new", "review", "apply", "resume", "watch", "list", "check", "destroy", "gather", "ssh", "schema"):
        assert command in said.stdout


def test_plain_is_understood_where_nothing_else_is_printed_anyway(craton: Craton) -> None:
    assert "no clusters yet" in craton.run("list", "--plain").stdout


def test_schema_is_a_json_schema_of_the_plan(craton: Craton) -> None:
    schema = json.loads(craton.run("schema").stdout)
    assert schema["type"] == "object"
    assert {"name", "subdomain", "masters", "workers", "ingress"} <= set(schema["properties"])


def test_a_bad_plan_is_told_whole_with_positions(craton: Craton) -> None:
    plan = craton.directory / "bad.yaml"
    plan.write_text("name: demo\nsubdomain: example.test\nmasters: 2\nworkerz: 3\nnetworks:\n  pods: 10.10.0.0/8\n")
    refused = craton.run("review", str(plan), expect=3)
    assert f"{plan}:3:" in refused.stderr or "bad.yaml:3:" in refused.stderr
    assert "1, 3 or 5" in refused.stderr
    assert "workers" in refused.stderr
    assert ":6:" in refused.stderr
    assert refused.stdout == ""


def test_with_json_an_error_is_a_document_too(craton: Craton) -> None:
    error = json.loads(craton.run("apply", "nowhere.yaml", "--yes", "--json", expect=3).stdout)["error"]
    assert "nowhere.yaml" in error["observed"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["apply", "plan.yaml", "--yes", "--fault", "worker-1:prepare:explode"], "explode"),
        (["apply", "plan.yaml", "--yes", "--fault", "nonsense"], "nonsense"),
        (["apply", "plan.yaml", "--yes", "--speed", "fast"], "--speed"),
        (["apply", "plan.yaml"], "--yes"),
        (["resume", "nobody"], "nobody"),
        (["ssh", "nobody", "worker-1"], "nobody"),
        (["check"], "craton new"),
        (["frobnicate"], "frobnicate"),
        (["new"], "--yes"),
        (["new", "--yes", "--masters", "2"], "1, 3 or 5"),
    ],
)
def test_a_mistake_on_the_command_line_is_named_and_exits_with_2(
    craton: Craton, arguments: list[str], named: str
) -> None:
    craton.plan().rename(craton.directory / "plan.yaml")
    assert named in craton.run(*arguments, expect=2).stderr


def test_new_asks_nothing_with_yes_and_overwrites_nothing_unasked(craton: Craton) -> None:
    plan = craton.plan()
    before = plan.read_bytes()
    refused = craton.run("new", "--yes", "--name", "demo", "--subdomain", "example.test", "-o", str(plan), expect=2)
    assert str(plan) in refused.stderr or plan.name in refused.stderr
    assert plan.read_bytes() == before


def test_a_reader_that_goes_away_is_no_error(craton: Craton) -> None:
    plan = craton.plan()
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m installer review {plan} | head -1"],
        env=craton.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""


def test_the_wheel_installs_beside_nothing_and_runs(tmp_path: Path) -> None:
    """Built without isolation from this tree; run from its own files alone, with this environment's libraries."""
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [sys.executable, "-m", "pip", "--quiet"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, env=environment, check=True, capture_output=True)
    built = next(tmp_path.glob("*.whl"))
    target = tmp_path / "site"
    install = [*pip, "install", "--no-deps", "--target", str(target), str(built)]
    subprocess.run(install, env=environment, check=True, capture_output=True)
    script = "import installer, screens, assets; print(installer.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={**environment, "PYTHONPATH": str(target)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(target))
    help_ = subprocess.run(
        [sys.executable, "-m", "installer", "--help"], cwd=tmp_path, env={**environment, "PYTHONPATH": str(target)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "apply" in help_.stdout


def test_a_damaged_cluster_hides_no_other(craton: Craton) -> None:
    damaged = craton.home / "clusters/damaged"
    damaged.mkdir(parents=True)
    (damaged / "journal.db").touch()
    (damaged / "plan.yaml").write_text("masters: [")
    craton.run("apply", str(craton.plan(masters=1, workers=1)), "--yes", "--speed", "100")
    states = {one["name"]: one["state"] for one in craton.json("list")}
    assert states == {"damaged": "unreadable", "demo": "installed"}
    assert "plan.yaml:1:" in craton.run("resume", "damaged", expect=3).stderr
