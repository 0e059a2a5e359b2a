"""Saving a plan over an existing file: what differs is changed, and the rest stays as it was."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.common import yaml_editor
from installer.common.errors import InstallerError
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.planfile import PlanFileError
from tests.strategies import COMMENTED, PUBLIC_KEY, examples, plan_data, plans, repeatable


def _plan(**given: object) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given})


def _save(path: Path, text: str, plan: InstallPlan) -> str:
    path.write_bytes(text.encode())
    planfile.save(path, plan)
    saved = path.read_bytes().decode()
    assert planfile.loads(saved) == plan
    return saved


def test_a_plan_that_replaces_a_file_leaves_nothing_of_it_and_does_no_harm_where_it_cannot(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("no plan, but precious")
    planfile.save(path, _plan(), replace=True)
    assert path.read_text() == planfile.dump(_plan())
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InstallerError, match=r"save the plan: .*not a regular file"):
        planfile.save(tmp_path / "fifo", _plan(), replace=True)
    assert (tmp_path / "fifo").is_fifo()


def test_saving_an_unchanged_plan_leaves_the_file_byte_for_byte(tmp_path: Path) -> None:
    for text in (
        COMMENTED,
        COMMENTED.replace("\n", "\r\n"),
        COMMENTED.rstrip("\n"),
        "\ufeff" + COMMENTED,
        f"---\n{COMMENTED}...\n",
    ):
        assert _save(tmp_path / "plan.yaml", text, planfile.loads(text)) == text


CHANGES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a number", {"masters": 5}, {"masters: 3": "masters: 5"}),
    ("a text with a comment behind it", {"subdomain": "a.b"}, {"example.test  #": "a.b  #"}),
    ("an inner value", {"ingress": {"kind": "infra", "infra": 3}}, {"infra: 1  #": "infra: 3  #"}),
    (
        "an inner value that goes",
        {"ingress": {"kind": "load-balancer"}},
        {"kind: infra\n  infra: 1  # one will do\n": "kind: load-balancer\n"},
    ),
    (
        "an inner value that comes",
        {"networks": {"user": "10.0.0.0/8", "pods": "10.128.0.0/16"}},
        {"user: 10.0.0.0/8\n": "user: 10.0.0.0/8\n  pods: 10.128.0.0/16\n"},
    ),
    ("a list's item that goes", {"may": ["I4"]}, {"- M6   # etcd\n": ""}),
    ("a list's item that comes", {"may": ["M5", "M6", "I4"]}, {"- I4\n": "- I4\n- M5\n"}),
    ("a list that is emptied", {"may": []}, {"- M6   # etcd\n# tolerated\n- I4\n": " []\n"}),
    ("a field that comes", {"schedulable_masters": True}, {"- I4\n": "- I4\nschedulable_masters: true\n"}),
    ("a part that comes", {"ssh": {"user": "core"}}, {"- I4\n": "- I4\nssh:\n  user: core\n"}),
    ("an ambiguous word", {"name": "on"}, {"name: demo": 'name: "on"'}),
]


@pytest.mark.parametrize(("change", "replaced"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_saving_changes_what_differs_and_nothing_else(
    tmp_path: Path, change: dict[str, Any], replaced: dict[str, str], newline: str
) -> None:
    expected = COMMENTED
    for old, new in replaced.items():
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    given = {"networks": {"user": "10.0.0.0/8"}, **change}
    text = COMMENTED.replace("\n", newline)
    assert _save(tmp_path / "plan.yaml", text, _plan(**given)) == expected.replace("\n", newline)


INLINE = [
    ("{name: demo, subdomain: example.test, masters: 1}", "{name: demo, subdomain: example.test, masters: 5}"),
    ('{"name":"demo","masters":1,"subdomain":"a.b"}', '{"name":"demo","masters":5,"subdomain":"example.test"}'),
    ("{name: demo, subdomain: example.test}", "{name: demo, subdomain: example.test, masters: 5}"),
    ("name: demo\nsubdomain: example.test", "name: demo\nsubdomain: example.test\nmasters: 5"),
    ("name: demo\nsubdomain: example.test\n...\n", "name: demo\nsubdomain: example.test\nmasters: 5\n...\n"),
    ("# top\n--- # doc\nname: demo\nsubdomain: example.test\n# end\n",
     "# top\n--- # doc\nname: demo\nsubdomain: example.test\nmasters: 5\n# end\n"),
    ("\ufeffname: demo\nsubdomain: example.test\n", "\ufeffname: demo\nsubdomain: example.test\nmasters: 5\n"),
    ("name: |-\n  demo\nmasters: 1\nsubdomain: |-\n  a.b\n", "name: |-\n  demo\nmasters: 5\nsubdomain: example.test\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), INLINE)
def test_saving_keeps_the_way_in_which_a_file_is_written(tmp_path: Path, text: str, expected: str) -> None:
    assert _save(tmp_path / "plan.yaml", text, _plan(masters=5)) == expected


def test_saving_without_a_public_key_takes_it_out_or_leaves_null_alone_in_its_part(tmp_path: Path) -> None:
    base = "name: demo\nsubdomain: example.test\n"
    for part, expected in [
        (
            "ssh:\n  public_key: " + PUBLIC_KEY + " # mine\n",
            "ssh:\n  public_key: null # mine\n",
        ),
        (
            "ssh: {public_key: " + PUBLIC_KEY + ", user: craton}\n",
            "ssh: {user: craton}\n",
        ),
        (
            "ssh: {user: craton, public_key: " + PUBLIC_KEY + "}\n",
            "ssh: {user: craton}\n",
        ),
        (
            "ssh:\n  public_key:\n    " + PUBLIC_KEY + "\n  user: craton\n",
            "ssh:\n  user: craton\n",
        ),
    ]:
        assert _save(tmp_path / "plan.yaml", base + part, _plan()) == base + expected
    key = _plan(ssh={"public_key": PUBLIC_KEY})
    assert _save(tmp_path / "plan.yaml", f"{base}ssh:\n  public_key:  # none\n", key) == (
        f"{base}ssh:\n  public_key: " + PUBLIC_KEY + "  # none\n"
    )


def _commented(text: str) -> str:
    """A comment above and behind each line but those of machines and sums, which come and go with their comments."""
    lines = text.splitlines()
    return "".join(
        f"{line}\n" if line.startswith(("  - ", "    ")) else f"# above {number}\n{line}  # behind {number}\n"
        for number, line in enumerate(lines)
        if line
    )


@examples(50)
@given(plans(), plans())
def test_any_plan_is_saved_over_any_other_with_the_comments_kept(one: InstallPlan, other: InstallPlan) -> None:
    text = _commented(planfile.dump(one).replace("\n# ", "\n#: "))
    document, root = planfile._read(text, "plan.yaml")
    assert document == one
    saved = planfile._updated(text, root, one, other)
    assert planfile.loads(saved) == other
    above = set(re.findall("# above [0-9]+", text))
    assert above == set(re.findall("# above [0-9]+", saved))
    gone = set(re.findall("# behind [0-9]+", text)) - set(re.findall("# behind [0-9]+", saved))
    left_out = (other.ingress.infra, other.ssh.public_key, other.ssh.key, other.ssh.jump, other.artifacts.mirror,
                other.artifacts.proxy, other.artifacts.no_proxy)  # fmt: skip
    assert len(gone) <= sum(part is None for part in left_out)


MACHINES = """\
name: demo
subdomain: example.test
platform: machines
masters: 1
workers: 2
machines:
  # The room in the cellar.
  inventory:
  - {address: 10.0.0.1}  # one
  # The noisy one.
  - address: 10.0.0.2  # two
    port: 2222
  - {address: 10.0.0.3, user: ada}  # three

  - address: web  # four
    internal: 10.0.0.4
"""
FOUR: list[dict[str, Any]] = [
    {"address": "10.0.0.1"},
    {"address": "10.0.0.2", "port": 2222},
    {"address": "10.0.0.3", "user": "ada"},
    {"address": "web", "internal": "10.0.0.4"},
]
FIVE = {"address": "10.0.0.5", "role": "worker"}
LISTS: list[tuple[str, list[dict[str, Any]], dict[str, str]]] = [
    ("nothing", FOUR, {}),
    ("one that comes last", [*FOUR, FIVE], {"10.0.0.4\n": "10.0.0.4\n  - {address: 10.0.0.5, role: worker}\n"}),
    ("one that comes first", [FIVE, *FOUR], {"  - {address: 10.0.0.1}": "  - {address: 10.0.0.5, role: worker}\n"
     "  - {address: 10.0.0.1}"}),
    ("one that comes between", [*FOUR[:2], FIVE, *FOUR[2:]],
     {"2222\n": "2222\n  - {address: 10.0.0.5, role: worker}\n"}),
    ("one that goes", [FOUR[0], *FOUR[2:]], {"  - address: 10.0.0.2  # two\n    port: 2222\n": ""}),
    ("a role that comes", [{**FOUR[0], "role": "master"}, *FOUR[1:]],
     {"{address: 10.0.0.1}": "{address: 10.0.0.1, role: master}"}),
    ("a port that changes", [FOUR[0], {**FOUR[1], "port": 22}, *FOUR[2:]], {"port: 2222": "port: 22"}),
    ("a port that goes", [FOUR[0], {"address": "10.0.0.2"}, *FOUR[2:]], {"    port: 2222\n": ""}),
    ("a user that goes", [*FOUR[:2], {"address": "10.0.0.3"}, FOUR[3]], {", user: ada": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("hosts", "replaced"), [case[1:] for case in LISTS], ids=[case[0] for case in LISTS])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_saving_a_list_of_machines_changes_the_lines_of_those_that_differ(
    tmp_path: Path, hosts: list[dict[str, Any]], replaced: dict[str, str], newline: str
) -> None:
    expected = MACHINES
    for old, new in replaced.items():
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    plan = _plan(platform="machines", masters=1, workers=len(hosts) - 2, machines={"inventory": hosts})
    expected = expected.replace("workers: 2", f"workers: {len(hosts) - 2}")
    saved = _save(tmp_path / "plan.yaml", MACHINES.replace("\n", newline), plan)
    assert saved == expected.replace("\n", newline)


@repeatable
@given(st.lists(st.integers(1, 6), unique=True, min_size=3), st.lists(st.integers(1, 6), unique=True, min_size=3))
def test_any_list_of_machines_is_saved_over_any_other_and_the_rest_of_the_file_stays(
    one: list[int], other: list[int]
) -> None:
    def plan(numbers: list[int]) -> InstallPlan:
        hosts = [{"address": f"10.0.0.{number}"} for number in numbers]
        return _plan(platform="machines", masters=1, workers=len(hosts) - 2, machines={"inventory": hosts})

    text = planfile.dump(plan(one)).replace("# Workers run", "# MINE\n# Workers run")
    present, root = planfile._read(text, "plan.yaml")
    saved = planfile._updated(text, root, present, plan(other))
    assert planfile.loads(saved) == plan(other)
    assert "# MINE" in saved


def test_a_list_of_machines_that_comes_stands_line_by_line(tmp_path: Path) -> None:
    plan = _plan(platform="machines", masters=1, workers=1, machines={"inventory": FOUR[:3]})
    lines = "  - {address: 10.0.0.1}\n  - {address: 10.0.0.2, port: 2222}\n  - {address: 10.0.0.3, user: ada}"
    head = "name: demo\nsubdomain: example.test\nplatform: machines\nmasters: 1\nworkers: 1\n"
    old = head.replace("machines", "rehearsal")
    assert _save(tmp_path / "a.yaml", old, plan) == f"{head}machines:\n  inventory:\n{lines}\n"
    text = f"{old}machines:\n  inventory: [] # none\n  firewall: false\n"
    saved = _save(tmp_path / "b.yaml", text, plan)
    assert saved == f"{head}machines:\n  inventory: \n{lines} # none\n  firewall: false\n"


def test_a_plan_that_is_rehearsed_keeps_what_its_own_platform_needs(tmp_path: Path) -> None:
    """Settings of a platform that the plan does not name stay as they are, comments and all."""
    text = planfile.dump(_plan(platform="machines", masters=1, workers=1, machines={"inventory": FOUR[:3]}))
    text = text.replace("  inventory:", "  # Rack 4.\n  inventory:")
    rehearsed = _plan(platform="rehearsal", masters=1, workers=1)
    path = tmp_path / "plan.yaml"
    saved = _save(path, text, rehearsed)
    assert saved == text.replace("platform: machines", "platform: rehearsal")
    real = _plan(platform="machines", masters=1, workers=1, machines={"inventory": FOUR[:3], "firewall": True})
    assert _save(path, saved, real) == text.replace("firewall: false", "firewall: true")


@repeatable
@given(plan_data(), plans())
def test_any_plan_is_saved_over_one_written_on_one_line(data: dict[str, Any], other: InstallPlan) -> None:
    for text in (json.dumps(data), yaml_editor.flow(data), yaml_editor.block(data)):
        present, root = planfile._read(text, "plan.yaml")
        assert planfile.loads(planfile._updated(text, root, present, other)) == other


def test_saving_makes_a_new_file_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plan.yaml"
    planfile.save(path, _plan())
    assert path.read_text() == planfile.dump(_plan())
    assert path.stat().st_mode & 0o777 == 0o600


def test_saving_keeps_the_files_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "plan.yaml", tmp_path / "link.yaml"
    path.write_text(COMMENTED)
    path.chmod(0o644)
    link.symlink_to(path)
    planfile.save(link, _plan())
    assert link.is_symlink()
    assert planfile.load(path) == _plan()
    assert path.stat().st_mode & 0o777 == 0o644


def test_saving_never_overwrites_a_file_that_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(PlanFileError):
        planfile.save(path, _plan())
    assert path.read_text() == "my notes\n"


def test_saving_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "plan.yaml", tmp_path / ("x" * 300), tmp_path / "a\0b"):
        with pytest.raises(InstallerError) as caught:
            planfile.save(path, _plan())
        assert caught.value.hint
