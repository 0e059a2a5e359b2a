"""What the documents say is so."""

from __future__ import annotations

import re
import subprocess

import pytest

from installer.cli import app
from installer.contract import RULES
from installer.errors import ExitCode
from tests.craton import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_readme_lists_every_command_and_no_other() -> None:
    known = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    listed = set(re.findall(r"^\| `craton ([a-z]+)", README, re.MULTILINE))
    assert listed == known


def test_the_readme_lists_every_exit_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def test_the_contract_page_has_every_rule_with_its_level() -> None:
    page = (ROOT / "docs/contract.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z]\d+) \| ([A-Z]+) \|", page, re.MULTILINE)
    assert rows == [(rule.id, str(rule.level)) for rule in RULES.values()]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/contract.md"])
def test_links_between_documents_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), f"{page} leads to {target}"


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
