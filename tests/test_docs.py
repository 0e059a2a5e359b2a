"""What the documents say is so."""

from __future__ import annotations

import re
import subprocess
from itertools import takewhile
from typing import Any

import pytest
import typer

from installer.cli.app import app
from installer.common.errors import ExitCode
from installer.plan.rules import RULES
from installer.ssh.diagnosis import STAGES
from tests.craton import ROOT
from tests.needs import require

PAGES = ("README.md", "CONTRIBUTING.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tracked() -> list[str]:
    require("git")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_readme_lists_every_command_and_no_other() -> None:
    known = {words[0] for words in commands(typer.main.get_command(app)) if words}
    listed = set(re.findall(r"^\| `craton ([a-z]+)", README, re.MULTILINE))
    assert listed == known


def test_the_readme_lists_every_exit_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def test_the_contract_page_has_every_rule_with_its_level() -> None:
    page = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z]\d+) \| ([A-Z]+) \|", page, re.MULTILINE)
    assert rows == [(rule.id, str(rule.level)) for rule in RULES.values()]


@pytest.mark.parametrize("page", PAGES)
def test_links_between_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target, _, anchor in re.findall(r"\]\(([^)#:]*)(#([a-z0-9-]+))?\)", text):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page} leads to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {anchor_of(heading) for heading in headings}, f"{page} leads to {target}#{anchor}"


def anchor_of(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def commands(command: Any, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """The flags of every command, by the words that it is called with."""
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    found = {words: flags | {"--help", "-h"}}
    for name, inner in getattr(command, "commands", {}).items():
        if inner.hidden:
            continue
        found |= commands(inner, (*words, name))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_document_exists_with_its_flags(page: str) -> None:
    known = commands(typer.main.get_command(app))
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in re.findall(r"(?:`|^ {4}.*?|PATH )craton( [a-z-][^`#|\n\\]*)", text, re.MULTILINE):
        words = line.split()
        called = tuple(takewhile(lambda word: re.fullmatch("[a-z]+", word), words))
        called = next(called[:size] for size in range(len(called), -1, -1) if called[:size] in known)
        assert called or words[0].startswith("-"), f"{page}: craton{line}"
        strange = {word for word in words if word.startswith("--")} - known[called]
        assert not strange, f"{page}: craton{line}"


@pytest.mark.parametrize("package", ["installer", "screens"])
def test_every_command_that_a_message_names_exists(package: str) -> None:
    known = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    known.add("cluster")  # no command: the description of what belongs to one
    for file in sorted((ROOT / package).rglob("*.py")):
        named = re.findall(r"[`(\"]craton ([a-z]+)[^a-z:]|craton ([a-z]+) \{", file.read_text(encoding="utf-8"))
        strange = {word for words in named for word in words if word} - known
        assert not strange, f"{file.relative_to(ROOT)} names commands that don't exist: {strange}"


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_in_a_document_exists(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", text, re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_document_names_exists(page: str) -> None:
    """NAME is the reader's choice: one such file must exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:installer|assets|tests|screens|docs)/[^`{} ]*)`", text):
        assert list(ROOT.glob(name.replace("NAME", "*"))), f"{page} names {name}"


@pytest.mark.parametrize("page", ["docs/own-machines.md", "docs/local.md"])
def test_exit_codes_in_a_troubleshooting_table_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"exit (?:code )?(\d+)", text)} <= {int(code) for code in ExitCode}


def test_own_machines_names_every_stage_and_every_stage() -> None:
    text = (ROOT / "docs/own-machines.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    program = (ROOT / "assets/node/craton-node").read_text(encoding="utf-8")
    stages = re.findall(r"^ +stage \d+ \$of '?([A-Za-z ]+?)'? [a-z_]+$", program, re.MULTILINE)
    assert len(stages) == 13
    for names in ([stage.id for stage in STAGES], stages):
        assert "\n".join(names) in "\n".join(rows)


def test_no_file_names_a_package_index() -> None:
    hosts = re.compile(
        rb"(pypi|pythonhosted|npmjs|debian)\.(org|com|net)|^--(extra-)?index-url", re.IGNORECASE | re.MULTILINE
    )
    told = [name for name in tracked() if hosts.search((ROOT / name).read_bytes()) and name != "tests/test_docs.py"]
    assert told == []
    assert "uv.lock" not in tracked()


def test_every_requirement_is_pinned_with_hashes() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        entries = re.split(r"\n(?=[a-z])", (ROOT / name).read_text())
        for entry in entries:
            assert "==" in entry.splitlines()[0], entry
            assert "--hash=sha256:" in entry, entry
