"""The command line itself: quick to start, honest about mistakes, quiet where machines read."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.craton import Craton
from tests.doubles.installed import Installed

HEAVY = (
    "textual", "paramiko", "asyncssh", "cryptography", "ruamel.yaml", "stamina",
    "boto3", "botocore", "google.cloud",
)  # fmt: skip


def cpu_seconds(argv: list[str], runs: int = 9) -> float:
    """The least of several runs, in seconds of CPU: what else the computer does meanwhile doesn't count."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    found = []
    for _ in range(runs):
        before = spent()
        subprocess.run(argv, check=True, capture_output=True)
        found.append(spent() - before)
    return min(found)


def test_version_takes_less_than_five_times_a_bare_python() -> None:
    command = Path(sys.executable).with_name("craton")
    assert cpu_seconds([str(command), "--version"]) < 5 * cpu_seconds([sys.executable, "-c", "pass"])


def imports(craton: Craton, *arguments: str) -> set[str]:
    """The modules that a command line imports, beyond those of a bare Python."""
    script = (
        "import sys; bare = set(sys.modules); sys.argv = ['craton', *sys.argv[1:]]\n"
        "from installer.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('imported', *(set(sys.modules) - bare), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=craton.environment, capture_output=True, text=True, check=True
    )
    return set(done.stderr.split()[1:])


def test_version_imports_nothing_but_what_guards_the_standard_streams(craton: Craton) -> None:
    own = {"installer", "installer.__main__", "installer.common", "installer.common.streams"}
    assert imports(craton, "--version") <= own | {"__future__", "errno", "select"}


def test_version_is_the_packages_own(craton: Craton) -> None:
    from installer import __version__

    assert craton.run("--version").stdout == f"craton {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["new", "--help"], ["apply", "--help"], ["destroy", "--help"], ["list", "--plain"]]
)
def test_help_imports_nothing_heavy(craton: Craton, arguments: list[str]) -> None:
    found = imports(craton, *arguments)
    assert "typer" in found
    assert not [name for name in HEAVY if name in found]
    if arguments == ["--help"]:
        assert not {"pydantic", "sqlite3", "installer.plan.model"} & found


def test_a_list_imports_neither_what_parses_commands_nor_what_reads_plans(craton: Craton) -> None:
    assert not {*HEAVY, "typer", "pydantic", "installer.plan.model"} & imports(craton, "list")


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


def test_a_damaged_cluster_hides_no_other(craton: Craton, installed: Installed) -> None:
    damaged = craton.home / "clusters/damaged"
    damaged.mkdir(parents=True)
    (damaged / "journal.db").touch()
    (damaged / "plan.yaml").write_text("masters: [")
    installed(masters=1, workers=1)
    states = {one["name"]: one["state"] for one in craton.json("list")}
    assert states == {"damaged": "unreadable", "demo": "installed"}
    assert "plan.yaml:1:" in craton.run("resume", "damaged", expect=3).stderr


def test_a_plan_of_any_platform_is_rehearsed_under_a_name_of_its_own(craton: Craton) -> None:
    path = craton.directory / "shop.yaml"
    craton.run(
        "new", "--yes", "--name", "shop", "--subdomain", "example.test", "--platform", "machines", "--masters", "1",
        "--workers", "1", "--ingress", "infra", "--infra", "1", "--machines", "10.0.0.[1-3]", "-o", str(path),
    )  # fmt: skip
    craton.run("rehearse", str(path), "--yes", "--speed", "100")
    assert [cluster["name"] for cluster in craton.json("list")] == ["shop-rehearsal"]
    again = craton.run("rehearse", "shop-rehearsal", "--yes", expect=2)
    assert "is a rehearsal already" in again.stderr
