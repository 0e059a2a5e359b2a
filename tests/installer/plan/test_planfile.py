"""Plan files: what is read, what is refused and where, and what a new file looks like."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given

from installer.common.errors import ExitCode
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.planfile import PlanFileError, Problem
from tests.nobody import not_as_root
from tests.strategies import COMMENTED, PUBLIC_KEY, plans, repeatable


def _refused(text: str) -> list[str]:
    with pytest.raises(PlanFileError) as caught:
        planfile.loads(text)
    assert caught.value.exit_code is ExitCode.PLAN
    return str(caught.value).splitlines()


def _only(text: str) -> str:
    [line] = _refused(text)
    return line


def _plan(**given: object) -> InstallPlan:
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given})


REFUSED = [
    ("", "1:1 this is an empty file; a plan has fields"),
    ("# nothing\n", "1:1 this is an empty file; a plan has fields"),
    ("---\n", "this is an empty file; a plan has fields"),
    ("- name: demo\n", "1:1 this is a list; a plan has fields"),
    ("demo\n", "1:1 this is a single value; a plan has fields"),
    (COMMENTED.replace("masters: 3", "masters: 2"), "4:1 masters: Enter 1, 3 or 5 instead of 2"),
    (COMMENTED.replace("infra: 1", "infra: 0"), "10:3 ingress.infra: Enter 1 to 80 instead of 0"),
    (COMMENTED.replace("workers", "wrokers"), "7:1 wrokers: unknown key; did you mean 'workers'?"),
    (COMMENTED.replace("- I4", "- M1"), "18:3 may.1: 'M1' can't be switched on or off. You can choose M5, M6"),
    (COMMENTED.replace("name: demo", "# gone"), "3:1 name: Enter a name: up to 20 lowercase letters"),
    (COMMENTED + "name: again\n", "19:1 name: this key is already in line 2"),
    (COMMENTED + "---\nname: other\n", "19:1 a second YAML document"),
    (COMMENTED.replace("masters: 3", "masters: !!int 3"), "4:10 masters: a value with the tag !!int; remove the tag"),
    (
        COMMENTED.replace("masters: 3", "masters: !!python/object/apply:os.system [id]"),
        "4:10 masters: a value with the tag",
    ),
    (COMMENTED.replace("workers: 2", "workers: *two"), "7:10 workers: an alias (*two); write the value out"),
    ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + COMMENTED, "2:8 b.0: an alias"),
    (COMMENTED + "<<: *base\n", "19:5 <<: an alias"),
    (COMMENTED + "x: " + "[" * 5000, "more than 10 levels deep"),
    (COMMENTED + "x: " + "{a: " * 5000, "more than 10 levels deep"),
    (COMMENTED + "? [a, b]\n: 1\n", "19:3 a key of several parts; use a plain name"),
    (COMMENTED.replace("workers: 2", "workers: 010"), "7:1 workers: Enter 0 to 5000 instead of '010'"),
    (COMMENTED.replace("workers: 2", "workers: 0x10"), "7:1 workers: Enter 0 to 5000 instead of '0x10'"),
    (COMMENTED.replace("workers: 2", "workers: 1_0"), "7:1 workers: Enter 0 to 5000 instead of '1_0'"),
    (COMMENTED.replace("workers: 2", "workers: 2.0"), "7:1 workers: Enter 0 to 5000 instead of '2.0'"),
    (COMMENTED.replace("workers: 2", "workers: " + "9" * 5000), "7:1 workers: Enter 0 to 5000 instead of '9999"),
    (COMMENTED.replace("workers: 2", "workers:"), "7:1 workers: Enter 0 to 5000 instead of nothing"),
    (COMMENTED.replace("workers: 2", "workers: true"), "7:1 workers: Enter 0 to 5000 instead of true"),
    (COMMENTED.replace("masters: 3", "masters: true"), "4:1 masters: Enter 1, 3 or 5 instead of true"),
    (COMMENTED.replace("name: demo", "name: 2001-01-01"), "2:1 name: Enter a name"),
    (COMMENTED + "schedulable_masters: yes\n", "19:1 schedulable_masters: Enter true or false instead of 'yes'"),
    ("name: [demo\n", "not YAML: "),
    ("name: 'demo\n", "not YAML: "),
    ("name: a: b\n", "1:8 not YAML: mapping values are not allowed here"),
    ("name:\tdemo\n", "1:6 not YAML: "),
    ("name: \x07\n", "1:7 not YAML: "),
    ('name: "\\U00110000"\n', "not YAML: "),
    ("%YAML 9.9\n---\nname: demo\n", "not YAML: "),
]


@pytest.mark.parametrize(("text", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_a_file_that_is_no_plan_is_refused_with_position_and_words(text: str, words: str) -> None:
    assert any(words in line for line in _refused(text))


def test_one_mistake_makes_one_problem() -> None:
    for text, words in REFUSED:
        if text.startswith("# The demo"):
            assert words in _only(text)


def test_every_problem_is_reported_at_once_in_the_files_order() -> None:
    text = (
        "name: Demo\nsubdomain: example.test\nmasters: 2\nworkers: 0\nwrokers: 1\n"
        "networks:\n  pods: 10.10.0.0/16\n  user: here\nmasters: 3\nssh: !x {}\n"
    )
    places = [line.split()[0] for line in _refused(text)]
    assert places == [
        "plan.yaml:1:1", "plan.yaml:3:1", "plan.yaml:4:1", "plan.yaml:5:1",
        "plan.yaml:7:3", "plan.yaml:8:3", "plan.yaml:9:1", "plan.yaml:10:6",
    ]  # fmt: skip


def test_an_error_reads_as_file_line_column_field_and_words() -> None:
    problem = Problem("plan.yaml", 12, 3, "masters", "2", "1, 3 or 5")
    assert str(problem) == "plan.yaml:12:3 masters: Enter 1, 3 or 5 instead of 2."


def test_an_error_carries_its_problems_as_json() -> None:
    with pytest.raises(PlanFileError) as caught:
        planfile.loads(COMMENTED.replace("masters: 3", "masters: 2"))
    shape = json.loads(json.dumps(caught.value.as_dict()))
    assert shape["exit_code"] == 3
    assert shape["problems"] == [
        {
            "file": "plan.yaml", "line": 4, "column": 1, "field": "masters",
            "found": "2", "allowed": "1, 3 or 5", "hint": "", "text": "Enter 1, 3 or 5 instead of 2.",
        }
    ]  # fmt: skip


def test_escape_sequences_and_secrets_of_a_file_do_not_reach_the_terminal() -> None:
    said = "\n".join(
        _refused('"\\e]0;x\\a\\u202ek": 1\nname: "\\e[31mred"\nsubdomain: abcdef.0123456789abcdef\nq: 1\n')
    )
    assert re.sub(r"[\x20-\x7e\n]", "", said) == ""
    assert "\x1b" not in said
    assert "0123456789abcdef" not in "\n".join(_refused("name: abcdef.0123456789abcdef\n"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("huge", b"# " + b"x" * (1 << 20), "too large for a plan"),
        ("binary", b"name: demo\nx: \xff\xfe\x00", "2:4 byte 0xff isn't UTF-8 text"),
        ("utf16", "name: demo".encode("utf-16"), "1:1 byte 0xff isn't UTF-8 text"),
        ("nul", b"name: de\0mo\n", "1:9 not YAML"),
        ("empty", b"", "1:1 this is an empty file"),
    ],
)
def test_a_file_with_other_content_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlanFileError, match=re.escape(words)):
        planfile.load(tmp_path / name)


def test_a_path_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "missing.yaml", "there is no such file"),
        (tmp_path, "this is a directory, not a plan file"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ]:
        with pytest.raises(PlanFileError, match=words) as caught:
            planfile.load(path)
        assert str(caught.value).startswith(str(path).replace("\0", ""))
        assert ":1:1" not in str(caught.value)
        assert "schema" not in caught.value.hint


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(COMMENTED)
    planfile.load(path)
    path.chmod(0)
    with not_as_root(), pytest.raises(PlanFileError, match="cannot be read: Permission denied"):
        planfile.load(path)


def test_the_shortest_plan_takes_every_default() -> None:
    assert planfile.loads("name: demo\nsubdomain: example.test") == _plan()


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "demo", "subdomain": "example.test"}',
        "\ufeffname: demo\r\nsubdomain: 'example.test'\r\n",
        "%YAML 1.2\n---\nname: |-\n  demo\nsubdomain: >-\n  example.test\n...\n",
        "? name\n: &anchor demo\nsubdomain: example.test",
    ],
)
def test_yaml_may_be_written_in_any_of_its_ways(text: str) -> None:
    assert planfile.loads(text) == _plan()


def test_a_new_file_has_a_comment_above_each_group_and_leaves_out_nothing() -> None:
    text = planfile.dump(_plan(ssh={"public_key": PUBLIC_KEY + " me@here"}))
    for group in text.strip().split("\n\n"):
        assert group.startswith("# ")
    for field in ("craton", "name", "subdomain", "platform", "masters", "schedulable_masters", "workers", "  kind",
                  "  infra", "  user", "  machines", "  pods", "  services", "kubernetes", "  public_key", "may",
                  "  load_balancers"):  # fmt: skip
        assert re.search(rf"^{field}:", text, re.MULTILINE)


@repeatable
@given(plans())
def test_a_dumped_plan_loads_as_the_same_plan(plan: InstallPlan) -> None:
    assert planfile.loads(planfile.dump(plan)) == plan


def test_what_means_nothing_on_a_platform_is_left_out_of_a_new_file() -> None:
    rehearsal = planfile.dump(_plan())
    for field in ("machines:\n", "inventory:", "local:", "artifacts:", "port:", "firewall:"):
        assert field not in rehearsal
    hosts = [{"address": f"10.0.0.{number}"} for number in range(1, 7)]
    own = planfile.dump(_plan(platform="machines", machines={"inventory": hosts}))
    assert "  - {address: 10.0.0.1}\n  - {address: 10.0.0.2}\n" in own
    for field in ("rehearsal:", "  machines:", "local:"):
        assert field not in own
    assert "local:" in planfile.dump(_plan(platform="local"))
    assert "artifacts:" in planfile.dump(_plan(artifacts={"mirror": "https://a.b"}))


MACHINES = """\
name: demo
subdomain: example.test
platform: machines
masters: 1
workers: 1
machines:
  inventory:
  - {address: 10.0.0.1, port: 22}
  - address: 10.0.0.2
    role: worker
  - {address: 10.0.0.3}
"""
IN_A_LIST = [
    (("port: 22", "port: 0"), "8:25 machines.inventory.0.port: Enter 1 to 65535 instead of 0"),
    (("role: worker", "role: boss"), "10:5 machines.inventory.1.role: Enter master, infra or worker instead of 'boss'"),
    (("role: worker", "rloe: worker"), "10:5 machines.inventory.1.rloe: unknown key; did you mean 'role'?"),
    (("{address: 10.0.0.3}", "{}"), "11:5 machines.inventory.2.address: missing"),
    (
        ("{address: 10.0.0.3}", "10.0.0.3"),
        "11:5 machines.inventory.2: Enter a mapping of address, internal, role",
    ),
    (("{address: 10.0.0.3}", "{address: web}"), "11:5 machines.inventory.2.internal: Add internal=ADDRESS"),
    (("10.0.0.3", "10.0.0.1"), "11:6 machines.inventory.2.address: 10.0.0.1 is the same machine as 10.0.0.1 above"),
    (("  - {address: 10.0.0.3}\n", ""), "7:3 machines.inventory: You listed 2 machines; this plan needs"),
]


@pytest.mark.parametrize(("change", "words"), IN_A_LIST, ids=[words for _, words in IN_A_LIST])
def test_a_mistake_in_a_list_of_machines_has_its_line_and_column(change: tuple[str, str], words: str) -> None:
    assert MACHINES.count(change[0]) == 1
    assert _only(MACHINES.replace(*change)).startswith(f"plan.yaml:{words}")


def test_the_schema_describes_every_field_with_its_bounds() -> None:
    schema = planfile.schema()
    assert schema["required"] == ["name", "subdomain"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["workers"]["maximum"] == 5000
    assert schema["properties"]["masters"]["enum"] == [1, 3, 5]
    assert "rule M1" in schema["$defs"]["Networks"]["properties"]["user"]["description"]
    json.dumps(schema)


def test_reading_yaml_is_imported_only_when_a_plan_is_read() -> None:
    code = "import sys, installer.plan.planfile; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
