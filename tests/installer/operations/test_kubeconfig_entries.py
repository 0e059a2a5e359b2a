"""A cluster's entries come into the text of a kubeconfig and go out again, and all else stays as it was."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from installer.cluster.admin_access import AdminAccess
from installer.common import yaml_foreign
from installer.common.errors import ExitCode, InstallerError
from installer.common.yaml_foreign import is_json
from installer.operations.kubeconfig_entries import merged, without
from tests.strategies import examples

WHERE = Path("config")
ACCESS = AdminAccess("demo", "https://demo-k8s.example.test:6443", "QUJD", "REVG", "R0hJ")
OTHER = AdminAccess("on", "https://on-k8s.example.test:6443", "QUJE", "REVH", "R0hK")
"""Of a cluster whose name is a boolean to kubectl, unless it is quoted."""
THEIRS = """\
# my clusters
apiVersion: v1
kind: Config
current-context: work  # every day
clusters:
  # the one at work
  - cluster: {server: "https://work:6443"}
    name: work
contexts:
  - context:
      cluster: work
      user: me
    name: work
  # and that was the last one
users:
  - name: me
    user:
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: get-token
        args: ['--role', 0123]
"""


@pytest.fixture(autouse=True, scope="module")
def _each_text_is_parsed_once() -> Iterator[None]:
    """`check_both_ways` comes by each of four texts several times, and nothing changes a document."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_foreign, "read", lru_cache(maxsize=16)(yaml_foreign.read))
        yield


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def removed(text: str, cluster: str = "demo") -> str:
    return without(text, cluster, WHERE)[0]


def test_entries_are_named_after_the_cluster() -> None:
    assert parsed(merged("", ACCESS, WHERE)) == parsed(ACCESS.kubeconfig())


def test_every_line_of_others_stays_as_it_was() -> None:
    text = merged(THEIRS, ACCESS, WHERE)
    added = [line for line in text.splitlines() if line not in THEIRS.splitlines()]
    assert len(added) == 3
    assert [line for line in text.splitlines() if line not in added] == THEIRS.splitlines()
    assert parsed(text)["current-context"] == "work"


def test_merging_again_changes_nothing_and_removing_what_is_not_there_neither() -> None:
    text = merged(THEIRS, ACCESS, WHERE)
    assert merged(text, ACCESS, WHERE) == text
    assert without(THEIRS, "demo", WHERE) == (THEIRS, ())


def test_a_context_that_was_current_is_current_again() -> None:
    text = merged(THEIRS, ACCESS, WHERE, use=True)
    assert "current-context: demo  # every day\n" in text
    assert removed(text) == THEIRS
    later = merged(merged(THEIRS, ACCESS, WHERE), ACCESS, WHERE, use=True)
    assert removed(later) == THEIRS


def test_a_context_that_the_user_has_chosen_since_stays_current() -> None:
    text = merged(THEIRS, ACCESS, WHERE, use=True).replace("current-context: demo", "current-context: play")
    assert removed(text) == THEIRS.replace("current-context: work", "current-context: play")


def test_new_certificates_replace_the_old_ones_and_a_namespace_stays() -> None:
    text = merged(THEIRS, ACCESS, WHERE).replace("user: demo-admin}", "user: demo-admin, namespace: web}")
    again = merged(text, replace(ACCESS, key="TkVX"), WHERE)
    assert again == text.replace("R0hJ", "TkVX")
    assert "namespace: web" in again


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "clusters:\n- name: demo\n  cluster: {server: https://other}\n",
            "the cluster demo there leads to https://other",
        ),
        ("contexts:\n- name: demo\n  context: {cluster: x, user: y}\n", "the context demo there is of the cluster x"),
        ("users:\n- name: demo-admin\n  user: {exec: {command: sh}}\n", "user demo-admin: exec"),
        ("users:\n- name: demo-admin\n  user: {tokenFile: /x, token: y}\n", "tokenFile, user demo-admin: token"),
        ("clusters:\n- name: demo\n  cluster: {proxy-url: http://x}\n", "cluster demo: proxy-url"),
        ("clusters:\n- name: demo\n  cluster: {insecure-skip-tls-verify: true}\n", "insecure-skip-tls-verify"),
    ],
)  # fmt: skip
def test_entries_of_the_same_name_that_say_more_are_replaced_only_by_force(entry: str, said: str) -> None:
    with pytest.raises(InstallerError, match=said) as caught:
        merged(entry, ACCESS, WHERE)
    assert "--force" in caught.value.hint
    forced, expected = parsed(merged(entry, ACCESS, WHERE, force=True)), parsed(ACCESS.kubeconfig())
    assert {key: forced[key] for key in expected if key in ("clusters", "users", "contexts")} == {
        key: expected[key] for key in ("clusters", "users", "contexts")
    }


def test_another_clusters_entries_are_not_taken_out() -> None:
    text = merged("", ACCESS, WHERE)
    assert without(text, "demo", WHERE, "https://another:6443") == (text, ())
    assert without(text, "demo", WHERE, ACCESS.server) == ("", ())


def test_entries_that_another_context_needs_stay() -> None:
    text = merged("", ACCESS, WHERE)
    text = text.replace("contexts:\n", "contexts:\n- {name: mine, context: {cluster: demo, user: me}}\n")
    after, stayed = without(text, "demo", WHERE)
    assert stayed == ("cluster demo",)
    assert [entry["name"] for entry in parsed(after)["clusters"]] == ["demo"]
    assert parsed(after)["users"] == []


BROKEN = [
    ("clusters:\n- name: a\n  cluster: {server: x\nusers: []\n", "config: line 4, column 6: not YAML: "),
    ("kind: Config\nkind: Config\n", "config: line 2, column 1: kind: this key is already in line 1"),
    ("clusters:\n- name: a\n  name: b\n", "config: line 3, column 3: clusters.0.name: this key is already in line 2"),
    ("kind: Config\nclusters: 3\n", "config: line 2: clusters is not a list"),
    ("clusters: {}\n", "config: line 1: clusters is not a list"),
    ("kind: Config\nusers:\n- user: {}\n", "config: line 3: an item of users has no name"),
    ("kind: Config\nusers:\n- name: x\n  user: 3\n", "config: line 4: user is not a mapping"),
    ("- a\n", "config: line 1: not a kubeconfig"),
    ("hello\n", "config: line 1: not a kubeconfig"),
    ("kind: Pod\n", "config: not a kubeconfig: its kind is Pod"),
    ("clusters: &a []\nusers: *a\n", "config: line 2: users is not a list"),
    ("kind: Config\n---\nkind: Config\n", "config: line 2, column 1: a second YAML document"),
    ("users:\n- *nobody\n", "config: line 2: an item of users has no name"),
    ("users:\n- &a\n  <<: *a\n", "config: line 2: an item of users has no name"),
    ("a: " + "[" * 60 + "]" * 60, "config: line 1, column 54: "),
    ("\x00", "config: line 1, column 1: not YAML"),
    ("kind: Config\n\tclusters: []\n", "config: line 2, column 1: not YAML"),
    ("? a\n: b\n", "config is written in a way that Craton can't change"),
    ("kind: Config\rclusters: []\r", "config is written in a way that Craton can't change"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BROKEN)
def test_a_file_that_cannot_be_changed_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InstallerError) as caught:
        merged(text, ACCESS, WHERE)
    assert caught.value.observed.startswith(said)
    assert caught.value.exit_code is ExitCode.USAGE
    assert caught.value.hint


def test_an_entry_of_ours_that_is_an_alias_is_not_changed() -> None:
    text = "x: &a {name: demo, context: {cluster: demo, user: demo-admin}}\ncontexts:\n- *a\n"
    with pytest.raises(InstallerError, match=r"the context demo is given by an alias, \*a"):
        merged(text, ACCESS, WHERE)


_JSON: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "w", "cluster": {"server": "https://w"}}, {"name": "v", "cluster": {"server": "é\u2028\t"}}],
    "contexts": [],
    "users": None,
    "current-context": "",
    "preferences": {},
}
SHAPES = [
    "", "null", "~", "Null # remark", "null\n# remark\n", "--- null\n", "--- ~ # remark", "!!null ''\n", "&a null\n",
    "# remark", "# remark\n", "# a\n\n# b", "---", "---\n", "--- # remark", "--- # a\n# b", "---\n...\n", "   ", "\n\n",
    "\ufeff", "\ufeff# remark", "\ufeffnull", "%YAML 1.1\n---\n", "\r\n# remark\r\n",
    "{}", "{ }\n", "{\n}\n", "{\n # remark\n}", "--- {}\n", "{kind: Config}", "{kind: Config,}\n",
    "kind: Config", "kind: Config\n", "kind: Config # a\n# end", "kind: Config\n...\n", "kind: Config\n  # deep\n",
    "  kind: Config\n  clusters: []\n", "'kind': \"Config\"\n\"clusters\": [ ]\n", "kind:\tConfig\t# tab\n",
    THEIRS, THEIRS.rstrip("\n"), THEIRS.replace("\n", "\r\n"), THEIRS.replace("\n", "\r\n").rstrip(), "\ufeff" + THEIRS,
    "---\n" + THEIRS + "...\n", "# top\n\n" + THEIRS + "\n\n# end",
    THEIRS.replace("current-context: work  # every day\n", ""), THEIRS.replace("work  # every", "# every"),
    THEIRS.replace("work  # every", "''  # every"), THEIRS.replace(" work  # every day", ""),
    json.dumps(_JSON), json.dumps(_JSON, indent=4), json.dumps(_JSON, indent="\t") + "\n", json.dumps({}),
    json.dumps(_JSON, indent=2).replace("\n", "\r\n"), json.dumps(_JSON, separators=(",", ":")),
    json.dumps(_JSON, ensure_ascii=False, indent=1), '{"clusters":[]}', '{"kind":"Config"}\n',
    'clusters: [\n  {name: w, cluster: {server: "https://w"}}, # first\n  {name: v, cluster: {}} # last\n  # end\n]\n'
    "users: [ ] # none\ncontexts: [ # nobody\n ]\n",
    'clusters: [{name: w, cluster: {server: "https://w"}},]\n', "clusters: [ {name: w} ]\nusers:\n\n\n",
    'clusters:\n- &a\n  name: w\n  cluster: &c {server: "https://w"}\n- name: x\n  cluster: *c\n- <<: *a\n  name: y\n',
    'x: &a {name: w, cluster: {server: "https://w"}}\nclusters:\n- *a\n',
    "clusters:\n- name: &n w\nusers:\n- name: *n\n",
    "clusters: !!seq\n- !mine\n  name: w\n  cluster: !!map {server: !!str x}\nusers: &u []\n",
    "users:\n- name: me\n  user: {token: !!binary aGVsbG8=, x: !!timestamp 2001-01-01, y: 0o7, z: 1.50}\n",
    "clusters:\n  - # remark\n    name: w\n    cluster:\n      server: x\n  # tail\n",
    "users:\n-\n  name: me\n  user: {}\n",
    "users:\n- name: me\n  user:\n    exec:\n      command: |\n        a\n        b\n\n\ncontexts: null\n",
    "users:\n- name: me\n  user:\n    exec:\n      command: |+\n        a\n\n\n",
    "contexts: ~ # none\nclusters:\n# none\n",
    "users:\n- name: me\n  user:\n    token: 'a\n      b'",
    "users:\n\n- name: a\n  user:\n\n# x\n- name: b\n  user: {}\n\n\n",
    "extensions: []\nkind: Config\n", "extensions:\n- name: mine\n  extension: {a: 1}\nkind: Config\n",
    "contexts:\n- name: demo-2\n  context: {cluster: demo-2, user: demo-2-admin}\ncurrent-context: demo-2\n",
]  # fmt: skip


def check_both_ways(text: str) -> None:
    """Merge two clusters and take them out in both orders: each step gives back every byte, and JSON stays JSON."""
    one = merged(text, ACCESS, WHERE)
    both = merged(one, OTHER, WHERE, use=True)
    for found in (one, both):
        assert is_json(text) <= is_json(found)
        assert {line.partition("#")[2] for line in text.splitlines()} <= {
            line.partition("#")[2] for line in found.splitlines()
        }
    assert merged(one, ACCESS, WHERE) == one
    assert removed(one) == text
    assert removed(both, "on") == one
    assert removed(removed(both), "on") == text


@pytest.mark.parametrize("text", SHAPES, ids=range(len(SHAPES)))
def test_removing_gives_back_every_byte(text: str) -> None:
    check_both_ways(text)


@pytest.mark.needs("kubectl")
def test_kubectl_finds_what_was_there_and_what_came(tmp_path: Path) -> None:
    path = tmp_path / "config"

    def view(text: str) -> Any:
        path.write_bytes(text.encode())
        argv = ["kubectl", "config", "view", "--raw", "-o", "json", "--kubeconfig", str(path)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    for text in SHAPES[::3]:
        before = view(text)
        after = view(merged(merged(text, ACCESS, WHERE), OTHER, WHERE, use=True))
        if before is None:
            continue  # not a file that kubectl takes, such as one whose tokens are numbers
        assert after is not None, text
        assert after["current-context"] == "on"
        for kind, names in (
            ("clusters", ["demo", "on"]),
            ("users", ["demo-admin", "on-admin"]),
            ("contexts", ["demo", "on"]),
        ):
            kept = before[kind] or []
            assert [entry for entry in after[kind] if entry not in kept and entry["name"] not in names] == [], text
            assert sorted(entry["name"] for entry in after[kind] if entry not in kept) == names, text


@pytest.mark.needs("kubectl")
def test_what_was_there_is_given_back_after_kubectl_wrote_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        merged("clusters: null\nusers: []\ncurrent-context: work\ncontexts:\n- name: work\n", ACCESS, WHERE, use=True)
    )
    argv = ["kubectl", "--kubeconfig", str(path), "config", "set-context", "play", "--namespace", "web"]
    subprocess.run(argv, check=True, capture_output=True)
    after = parsed(removed(path.read_text()))
    assert after["current-context"] == "work"
    assert [context["name"] for context in after["contexts"]] == ["play", "work"]
    assert not after["clusters"]
    assert not after["users"]
    assert "extensions" not in after or not after["extensions"]


_REMARKS = st.sampled_from(["", "  # remark", " #", "\t# tab"])
_NAMES = st.sampled_from(["work", "a.b", "off", "demo-1", "7", "é", "a b", "x:y", "'q'", "no"])
_EMPTY = st.sampled_from([None, "", " null", " ~", " []", " [ ]", " [ # none\n ]", " &a []", " !!seq []"])


FEW = examples(20)
_NAMED = st.fixed_dictionaries({"name": _NAMES})


@st.composite
def _lists(draw: st.DrawFn, key: str, inner: str) -> str:
    """A list of a kubeconfig in one of the ways in which people and programs write them; maybe none."""
    names = draw(st.lists(_NAMES, max_size=3, unique=True))
    remarks = [draw(_REMARKS) for _ in range(len(names) + 1)]
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    if not names:
        empty = draw(_EMPTY)
        return "" if empty is None else f"{key}:{empty}{remarks[0]}\n"
    if draw(st.booleans()):
        comma = draw(st.sampled_from([",", ", ", ",\n  ", ", # between\n  "]))
        items = comma.join(f"{{name: {name}, {inner}: {{x: {name}}}}}" for name in quoted)
        opening, closing = draw(
            st.sampled_from([("[", "]"), ("[ ", " ]"), ("[\n  ", "\n  ]"), ("[", ",]"), ("[ # a\n ", " # z\n ]")])
        )
        return f"{key}: {opening}{items}{closing}{remarks[0]}\n"
    indent = draw(st.sampled_from(["", "  ", "    "]))
    lines = [f"{key}:{remarks[-1]}"]
    for name, remark in zip(quoted, remarks, strict=False):
        style = draw(st.integers(0, 3))
        if style == 0:
            lines.append(f"{indent}- {{name: {name}, {inner}: {{x: 1}}}}{remark}")
        elif style == 1:
            lines += [f"{indent}- name: {name}{remark}", f"{indent}  {inner}:", f"{indent}      x: 'y'{remark}"]
        elif style == 2:
            lines += [f"{indent}-   {inner}: {{}}{remark}", f"{indent}    name: {name}"]
        else:
            lines += [f"{indent}-{remark}", f"{indent}   name: {name}", f"{indent}   {inner}:{remark}"]
        lines += draw(st.sampled_from([[], [""], [f"{indent}# below"]]))
    return "".join(f"{line}\n" for line in lines)


@st.composite
def _configs(draw: st.DrawFn) -> str:
    parts = [
        draw(_lists(kind, inner))
        for kind, inner in (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))
    ]
    parts.append(
        draw(st.sampled_from(["", "current-context:\n", "current-context: work # it\n", 'current-context: ""\n']))
    )
    parts += draw(
        st.sampled_from([[], ["kind: Config\n"], ["apiVersion: v1\n", "kind: Config\n", "preferences: {}\n"]])
    )
    parts += draw(st.sampled_from([[], ["# alone\n"], ["\n"]]))
    text = "".join(draw(st.permutations(parts)))
    text = draw(st.sampled_from(["", "---\n", "# top\n", "\ufeff", "--- # doc\n"])) + text
    text += draw(st.sampled_from(["", "...\n" if any(parts) else "", "# end", "\n\n"]))
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


@FEW
@given(_configs())
def test_however_a_file_is_written_removing_gives_back_every_byte(text: str) -> None:
    check_both_ways(text)


@FEW
@given(
    st.fixed_dictionaries(
        {},
        optional={
            **{
                kind: st.none() | st.lists(_NAMED, max_size=2)
                for kind in ("clusters", "users", "contexts", "extensions")
            },
            "current-context": st.none() | st.just("") | _NAMES,
            "kind": st.just("Config"),
        },
    ),
    st.sampled_from([None, 0, 2, "\t"]),
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
)
def test_json_stays_json_and_comes_back(config: dict[str, Any], indent: Any, separators: tuple[str, str]) -> None:
    text = json.dumps(config, indent=indent, separators=separators)
    check_both_ways(text)
