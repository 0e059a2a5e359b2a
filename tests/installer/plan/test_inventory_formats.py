"""Lists of machines as other programs write them: every machine, what was left out, and mistakes with their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.plan.host import Host
from installer.plan.inventory import parse, replaced
from tests.installer.plan.pasted_lists import BROKEN, PASTED, Broken, Pasted


@pytest.mark.parametrize("case", PASTED, ids=lambda case: case.name)
def test_every_machine_is_read_and_what_was_left_out_is_said(case: Pasted) -> None:
    inventory = parse(case.text)
    assert inventory.errors == ()
    assert [entry.line for entry in inventory.entries] == list(case.lines)
    assert tuple(map(_brief, inventory.hosts)) == case.machines
    assert inventory.note == case.note


@pytest.mark.parametrize("case", PASTED, ids=lambda case: case.name)
def test_a_file_is_read_like_the_same_text_pasted(case: Pasted, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(case.text)
    inventory = parse(f"@{tmp_path}/list")
    assert inventory.errors == ()
    assert tuple(map(_brief, inventory.hosts)) == case.machines
    assert inventory.note.endswith(case.note)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_a_mistake_is_said_with_its_line_in_every_format(case: Broken) -> None:
    assert [error[: len(case.error)] for error in parse(case.text).errors] == [case.error]


@pytest.mark.parametrize("case", [case for case in PASTED if not parse(case.text).plain], ids=lambda case: case.name)
def test_a_list_becomes_a_plain_one_when_one_of_its_machines_is_changed(case: Pasted) -> None:
    before = parse(case.text).hosts
    host = Host(address="10.9.9.9", role="infra")
    after = parse(replaced(case.text, 0, host))
    assert (after.plain, after.note, after.errors) == (True, "", ())
    assert after.hosts == (host, *before[1:])


def test_a_list_with_a_mistake_is_not_rewritten() -> None:
    text = "[masters]\na ansible_host=10.0.0.1\nb oops\n"
    assert replaced(text, 0, Host(address="10.0.0.1", role="infra")) == text


def _brief(host: Host) -> str:
    words = [host.address, host.role or "-"]
    words += [f"{name}={value}" for name in ("internal", "user", "port", "key") if (value := getattr(host, name))]
    return " ".join(words)
