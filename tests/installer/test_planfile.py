"""Plan files: what is read, what is refused and where, and what saving leaves as it was."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer import planfile, yamledit
from installer.errors import ExitCode, InstallerError
from installer.plan import InstallPlan
from installer.planfile import PlanFileError, Problem
from tests.strategies import plan_data, plans, repeatable

PLAN = """\
# The demo cluster.
name: demo
subdomain: example.test  # reserved
masters: 3

# Room for the shop.
workers: 2
ingress:
  kind: infra
  infra: 1  # one will do

# Networks stay.
networks:
  user: 10.0.0.0/8
may:
- M6   # etcd
# tolerated
- I4
"""


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
    ("", "1:1 an empty file is not a mapping"),
    ("# nothing\n", "1:1 an empty file is not a mapping"),
    ("---\n", "an empty file is not a mapping"),
    ("- name: demo\n", "1:1 a list is not a mapping"),
    ("demo\n", "1:1 a single value is not a mapping"),
    (PLAN.replace("masters: 3", "masters: 2"), "4:1 masters: 2 is not 1, 3 or 5"),
    (PLAN.replace("infra: 1", "infra: 0"), "10:3 ingress.infra: 0 is not 1 to 80"),
    (PLAN.replace("workers", "wrokers"), "7:1 wrokers: unknown key; did you mean 'workers'?"),
    (PLAN.replace("- I4", "- M1"), "18:3 may.1: 'M1' is not a MAY rule of the contract: M5, M6"),
    (PLAN.replace("name: demo", "# gone"), "3:1 name: missing, expected 1 to 20 lowercase letters"),
    (PLAN + "name: again\n", "19:1 name: a key given twice (first in line 2) is not allowed"),
    (PLAN + "---\nname: other\n", "19:1 a second document is not part of a plan file"),
    (PLAN.replace("masters: 3", "masters: !!int 3"), "4:10 masters: a value with the tag !!int is not"),
    (PLAN.replace("masters: 3", "masters: !!python/object/apply:os.system [id]"), "4:10 masters: a value with the tag"),
    (PLAN.replace("workers: 2", "workers: *two"), "7:10 workers: an alias (*two) is not a value written out"),
    ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + PLAN, "2:8 b.0: an alias"),
    (PLAN + "<<: *base\n", "19:5 <<: an alias"),
    (PLAN + "x: " + "[" * 5000, "nesting of more than 10 levels"),
    (PLAN + "x: " + "{a: " * 5000, "nesting of more than 10 levels"),
    (PLAN + "? [a, b]\n: 1\n", "19:3 a key of several parts is not a name"),
    (PLAN.replace("workers: 2", "workers: 010"), "7:1 workers: '010' is not 0 to 5000"),
    (PLAN.replace("workers: 2", "workers: 0x10"), "7:1 workers: '0x10' is not 0 to 5000"),
    (PLAN.replace("workers: 2", "workers: 1_0"), "7:1 workers: '1_0' is not 0 to 5000"),
    (PLAN.replace("workers: 2", "workers: 2.0"), "7:1 workers: '2.0' is not 0 to 5000"),
    (PLAN.replace("workers: 2", "workers: " + "9" * 5000), "7:1 workers: '9999"),
    (PLAN.replace("workers: 2", "workers:"), "7:1 workers: nothing is not 0 to 5000"),
    (PLAN.replace("workers: 2", "workers: true"), "7:1 workers: true is not 0 to 5000"),
    (PLAN.replace("masters: 3", "masters: true"), "4:1 masters: true is not 1, 3 or 5"),
    (PLAN.replace("name: demo", "name: 2001-01-01"), "2:1 name: '2001-01-01' is not"),
    (PLAN + "schedulable_masters: yes\n", "19:1 schedulable_masters: 'yes' is not true or false"),
    ("name: [demo\n", "not YAML: "),
    ("name: 'demo\n", "not YAML: "),
    ("name: a: b\n", "1:8 not YAML: mapping values are not allowed here"),
    ("name:\tdemo\n", "1:6 not YAML: "),
    ("name: \x07\n", "1:7 not YAML: "),
    ('name: "\\U00110000"\n', "not YAML: "),
    ("%YAML 9.9\n---\nname: demo\n", "not YAML: "),
]


@pytest.mark.parametrize(("text", "words"), REFUSED)
def test_a_file_that_is_no_plan_is_refused_with_position_and_words(text: str, words: str) -> None:
    assert any(words in line for line in _refused(text))


@pytest.mark.parametrize(("text", "words"), [case for case in REFUSED if case[0].startswith("# The demo")])
def test_one_mistake_makes_one_problem(text: str, words: str) -> None:
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
    assert str(problem) == "plan.yaml:12:3 masters: 2 is not 1, 3 or 5"


def test_an_error_carries_its_problems_as_json() -> None:
    with pytest.raises(PlanFileError) as caught:
        planfile.loads(PLAN.replace("masters: 3", "masters: 2"))
    shape = json.loads(json.dumps(caught.value.as_dict()))
    assert shape["exit_code"] == 3
    assert shape["problems"] == [
        {
            "file": "plan.yaml", "line": 4, "column": 1, "field": "masters",
            "found": "2", "allowed": "1, 3 or 5", "hint": "", "text": "2 is not 1, 3 or 5",
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
        ("huge", b"# " + b"x" * (1 << 20), "is not a plan file"),
        ("binary", b"name: demo\nx: \xff\xfe\x00", "2:4 byte 0xff is not UTF-8 text"),
        ("utf16", "name: demo".encode("utf-16"), "1:1 byte 0xff is not UTF-8 text"),
        ("nul", b"name: de\0mo\n", "1:9 not YAML"),
        ("empty", b"", "1:1 an empty file"),
    ],
)
def test_a_file_with_other_content_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PlanFileError, match=re.escape(words)):
        planfile.load(tmp_path / name)


def test_a_path_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    for path, words in [
        (tmp_path / "missing.yaml", "there is no such file"),
        (tmp_path, "a directory is not a plan file"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 300), "cannot be read"),
    ]:
        with pytest.raises(PlanFileError, match=words) as caught:
            planfile.load(path)
        assert (caught.value.problems[0].line, caught.value.problems[0].column) == (1, 1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(PLAN)
    path.chmod(0)
    with pytest.raises(PlanFileError, match="cannot be read: Permission denied"):
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
    text = planfile.dump(_plan(ssh={"public_key": "ssh-ed25519 AAAA me@here"}))
    for group in text.strip().split("\n\n"):
        assert group.startswith("# ")
    for field in ("craton", "name", "subdomain", "platform", "masters", "schedulable_masters", "workers", "  kind",
                  "  infra", "  user", "  machines", "  pods", "  services", "kubernetes", "  public_key", "may",
                  "  load_balancers"):  # fmt: skip
        assert re.search(rf"^{field}:", text, re.MULTILINE)


@repeatable
@given(plans(5000))
def test_a_dumped_plan_loads_as_the_same_plan(plan: InstallPlan) -> None:
    assert planfile.loads(planfile.dump(plan)) == plan


def _save(path: Path, text: str, plan: InstallPlan) -> str:
    path.write_bytes(text.encode())
    planfile.save(path, plan)
    saved = path.read_bytes().decode()
    assert planfile.loads(saved) == plan
    return saved


def test_saving_an_unchanged_plan_leaves_the_file_byte_for_byte(tmp_path: Path) -> None:
    for text in (PLAN, PLAN.replace("\n", "\r\n"), PLAN.rstrip("\n"), "\ufeff" + PLAN, f"---\n{PLAN}...\n"):
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
    expected = PLAN
    for old, new in replaced.items():
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    given = {"networks": {"user": "10.0.0.0/8"}, **change}
    text = PLAN.replace("\n", newline)
    assert _save(tmp_path / "plan.yaml", text, _plan(**given)) == expected.replace("\n", newline)


INLINE = [
    ("{name: demo, subdomain: example.test, masters: 1}", "{name: demo, subdomain: example.test, masters: 5}"),
    ('{"name":"demo","masters":1,"subdomain":"a.b"}', '{"name":"demo","masters": 5,"subdomain":"example.test"}'),
    ("{name: demo, subdomain: example.test}", "{masters: 5, name: demo, subdomain: example.test}"),
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
        ("ssh:\n  public_key: ssh-rsa AAAA # mine\n", "ssh:\n  public_key: null # mine\n"),
        ("ssh: {public_key: ssh-rsa AAAA, user: craton}\n", "ssh: {user: craton}\n"),
        ("ssh: {user: craton, public_key: ssh-rsa AAAA}\n", "ssh: {user: craton}\n"),
        ("ssh:\n  public_key:\n    ssh-rsa AAAA\n  user: craton\n", "ssh:\n  user: craton\n"),
    ]:
        assert _save(tmp_path / "plan.yaml", base + part, _plan()) == base + expected
    key = _plan(ssh={"public_key": "ssh-rsa AAAA"})
    assert _save(tmp_path / "plan.yaml", f"{base}ssh:\n  public_key:  # none\n", key) == (
        f"{base}ssh:\n  public_key: ssh-rsa AAAA  # none\n"
    )


def _commented(text: str) -> str:
    """A comment above and behind each line."""
    lines = text.splitlines()
    return "".join(f"# above {number}\n{line}  # behind {number}\n" for number, line in enumerate(lines) if line)


@settings(repeatable, max_examples=200)
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
    dropped = sum(part is None for part in (other.ingress.infra, other.ssh.public_key))
    assert len(gone) <= dropped


@repeatable
@given(plan_data(), plans())
def test_any_plan_is_saved_over_one_written_on_one_line(data: dict[str, Any], other: InstallPlan) -> None:
    for text in (json.dumps(data), yamledit.flow(data), yamledit.block(data)):
        present, root = planfile._read(text, "plan.yaml")
        assert planfile.loads(planfile._updated(text, root, present, other)) == other


def test_saving_makes_a_new_file_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "plan.yaml"
    planfile.save(path, _plan())
    assert path.read_text() == planfile.dump(_plan())
    assert path.stat().st_mode & 0o777 == 0o600


def test_saving_keeps_the_files_mode_and_the_link_that_leads_to_it(tmp_path: Path) -> None:
    path, link = tmp_path / "plan.yaml", tmp_path / "link.yaml"
    path.write_text(PLAN)
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


def _sound(text: str) -> None:
    """`text` is a plan, or is refused with positions that exist; nothing else happens."""
    for problem in _problems(text):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.line <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text))
        assert problem.text
        assert str(problem).isprintable()


def _problems(text: str) -> tuple[Problem, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            planfile.loads(text)
        except PlanFileError as error:
            return error.problems
    return ()


_PIECES = st.sampled_from(
    ["`", "\n", " ", ": ", "- ", "#", "'", '"', "[", "]", "{", "}", ",", "&a ", "*a", "!!int ", "!x ", "|", ">", "%", 
     "---\n", "...\n", "? ", "<<: ", "\t", "\r", "\0", "\x85", "\u2028", "\ufeff", "~", "null", "0x", "1e9", "é", "🙂", "\\",
     "@", "workers: ", "masters", "infra: 9\n", "%YAML 1.1\n", "%TAG ! x\n", '"\\x', '"\\U0011ffff"', "2001-01-01"]
)  # fmt: skip


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    """A valid file with pieces put in, cut out and moved."""
    text = draw(st.sampled_from([PLAN, planfile.dump(_plan()), '{"name": "demo", "subdomain": "a.b", "may": ["M6"]}']))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 12, len(text))))
        text = text[:start] + draw(_PIECES | st.text(max_size=3)) + text[end:]
    return text


_STRUCTURES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4) | st.sampled_from(["name", "workers", "ingress", "networks", "pods", "may", "ssh"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(repeatable, max_examples=600)
@given(_mutated())
def test_a_damaged_plan_is_refused_in_words(text: str) -> None:
    _sound(text)


@settings(repeatable, max_examples=400)
@given(st.text(max_size=80) | st.lists(_PIECES, max_size=12).map("".join))
def test_random_text_is_refused_in_words(text: str) -> None:
    _sound(text)


@settings(repeatable, max_examples=400)
@given(_STRUCTURES.map(lambda data: json.dumps(data, ensure_ascii=True)))
def test_a_random_structure_is_refused_in_words(text: str) -> None:
    _sound(text)


@settings(repeatable, max_examples=200)
@given(st.binary(max_size=60))
def test_random_bytes_in_a_file_are_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "random.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanFileError):
        planfile.load(path)


def test_the_schema_describes_every_field_with_its_bounds() -> None:
    schema = planfile.schema()
    assert schema["required"] == ["name", "subdomain"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["workers"]["maximum"] == 5000
    assert schema["properties"]["masters"]["enum"] == [1, 3, 5]
    assert "rule M1" in schema["$defs"]["Networks"]["properties"]["user"]["description"]
    json.dumps(schema)


def test_reading_yaml_is_imported_only_when_a_plan_is_read() -> None:
    code = "import sys, installer.planfile; sys.exit('ruamel.yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
