"""A cluster's entries come into the user's own kubeconfig and go out again, and all else stays as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from installer.common import yaml_editor
from installer.common.errors import ExitCode, InstallerError
from installer.operations import kubeconfig
from installer.operations.kubeconfig import Access
from tests.strategies import repeatable

WHERE = Path("config")
OWN = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: QUJD
    server: https://demo-k8s.example.test:6443
  name: demo
contexts:
- context:
    cluster: demo
    user: kubernetes-admin
  name: kubernetes-admin@demo
current-context: kubernetes-admin@demo
kind: Config
users:
- name: kubernetes-admin
  user:
    client-certificate-data: REVG
    client-key-data: R0hJ
"""
ACCESS = kubeconfig.read_access("demo", OWN, WHERE)
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


def parsed(text: str) -> dict[str, object]:
    loaded: dict[str, object] = YAML(typ="safe", pure=True).load(text)
    return loaded


def test_entries_are_named_after_the_cluster() -> None:
    config = parsed(kubeconfig.merged("", ACCESS, WHERE))
    assert config == {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "demo",
                "cluster": {"certificate-authority-data": "QUJD", "server": "https://demo-k8s.example.test:6443"},
            }
        ],
        "users": [{"name": "demo-admin", "user": {"client-certificate-data": "REVG", "client-key-data": "R0hJ"}}],
        "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "demo-admin"}}],
        "current-context": "demo",
    }


def test_every_line_of_others_stays_as_it_was() -> None:
    merged = kubeconfig.merged(THEIRS, ACCESS, WHERE)
    added = [line for line in merged.splitlines() if line not in THEIRS.splitlines()]
    assert len(added) == 3
    assert [line for line in merged.splitlines() if line not in added] == THEIRS.splitlines()
    assert parsed(merged)["current-context"] == "work"


def test_merging_again_changes_nothing_and_removing_leaves_what_was_there() -> None:
    merged = kubeconfig.merged(THEIRS, ACCESS, WHERE)
    assert kubeconfig.merged(merged, ACCESS, WHERE) == merged
    assert kubeconfig.without(merged, "demo", WHERE, ACCESS.server) == (THEIRS, ())
    assert kubeconfig.without(THEIRS, "demo", WHERE) == (THEIRS, ())


def test_the_context_becomes_the_current_one_when_asked_and_no_context_is_current_after_it_went() -> None:
    merged = kubeconfig.merged(THEIRS, ACCESS, WHERE, use=True)
    assert "current-context: demo  # every day\n" in merged
    assert 'current-context: ""  # every day\n' in kubeconfig.without(merged, "demo", WHERE)[0]


@pytest.mark.parametrize("empty", ["null", "[]", "", "null # none"])
def test_lists_that_are_empty_are_filled(empty: str) -> None:
    text = f'apiVersion: v1\nclusters: {empty}\ncontexts: {empty}\ncurrent-context: ""\nkind: Config\nusers: {empty}\n'
    merged = kubeconfig.merged(text, ACCESS, WHERE)
    assert parsed(merged) == parsed(kubeconfig.merged("", ACCESS, WHERE))
    assert kubeconfig.without(merged, "demo", WHERE)[0].count("[]") == 3


def test_new_certificates_replace_the_old_ones_and_what_the_user_added_stays() -> None:
    merged = kubeconfig.merged(THEIRS, ACCESS, WHERE).replace("user: demo-admin}", "user: demo-admin, namespace: web}")
    renewed = Access("demo", ACCESS.settings, {**ACCESS.credentials, "client-key-data": "TkVX"})
    again = kubeconfig.merged(merged, renewed, WHERE)
    assert again == merged.replace("R0hJ", "TkVX")
    assert "namespace: web" in again


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "clusters:\n- name: demo\n  cluster: {server: https://other}\n",
            "the cluster demo there leads to https://other",
        ),
        ("contexts:\n- name: demo\n  context: {cluster: x, user: y}\n", "the context demo there is of the cluster x"),
    ],
)
def test_entries_of_the_same_name_that_lead_elsewhere_are_replaced_only_by_force(entry: str, said: str) -> None:
    with pytest.raises(InstallerError, match=said) as caught:
        kubeconfig.merged(entry, ACCESS, WHERE)
    assert "--force" in caught.value.hint
    forced = parsed(kubeconfig.merged(entry, ACCESS, WHERE, force=True))
    expected = parsed(kubeconfig.merged("", ACCESS, WHERE))
    assert {key: forced[key] for key in ("clusters", "users")} == {key: expected[key] for key in ("clusters", "users")}


def test_another_clusters_entries_are_not_taken_out() -> None:
    text = kubeconfig.merged("", ACCESS, WHERE)
    assert kubeconfig.without(text, "demo", WHERE, "https://another:6443") == (text, ())


def test_entries_that_another_context_needs_stay() -> None:
    text = kubeconfig.merged("", ACCESS, WHERE)
    text = text.replace("contexts:\n", "contexts:\n- {name: mine, context: {cluster: demo, user: me}}\n")
    after, stayed = kubeconfig.without(text, "demo", WHERE)
    assert stayed == ("cluster demo",)
    assert [entry["name"] for entry in parsed(after)["clusters"]] == ["demo"]  # type: ignore[attr-defined]
    assert parsed(after)["users"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("clusters:\n- name: a\n  cluster: {server: x\nusers: []\n", "config: line 4, column 6: not YAML: "),
        ("kind: Config\nkind: Config\n", "config: line 2, column 1: kind: a key given twice"),
        ("kind: Config\nclusters: 3\n", "config: line 2: clusters is no list"),
        ("kind: Config\nusers:\n- user: {}\n", "config: line 3: an item of users without a name"),
        ("kind: Config\nusers:\n- name: x\n  user: 3\n", "config: line 4: user is no mapping"),
        ("- a\n", "config: line 1: not a kubeconfig"),
        ("clusters: &a []\nusers: *a\n", "config: line 2, column 8: users: an alias"),
    ],
)
def test_a_broken_file_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(InstallerError) as caught:
        kubeconfig.merged(text, ACCESS, WHERE)
    assert caught.value.observed.startswith(said)
    assert caught.value.exit_code is ExitCode.USAGE


names = st.text(st.sampled_from("abcdemo-.@:/ 01"), min_size=1, max_size=8)
entries = st.lists(st.fixed_dictionaries({"name": names}), max_size=3)


@repeatable
@given(entries, entries, st.one_of(st.none(), names))
def test_whatever_is_there_is_there_after_a_merge_and_a_removal(
    clusters: list[dict[str, object]], users: list[dict[str, object]], current: str | None
) -> None:
    others = {"clusters": [one for one in clusters if one["name"] != "demo"], "users": users}
    text = yaml_editor.block({"kind": "Config", **others, "current-context": current or ""})
    merged = kubeconfig.merged(text, ACCESS, WHERE)
    after, _ = kubeconfig.without(merged, "demo", WHERE, ACCESS.server)
    found = parsed(after)
    assert {key: found[key] for key in others} == others
    assert found["current-context"] == ("" if current == "demo" else current or "")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "kube" / "config"


def test_a_changed_file_is_private_and_what_was_there_is_kept_beside_it(config: Path) -> None:
    def merge(text: str) -> str:
        return kubeconfig.merged(text, ACCESS, config)

    assert kubeconfig.change(config, merge) == kubeconfig.Changed(True)
    config.write_text(THEIRS)
    config.chmod(0o644)
    backup = config.with_name("config.before-craton")
    assert kubeconfig.change(config, merge) == kubeconfig.Changed(True, backup)
    assert backup.read_text() == THEIRS
    assert config.stat().st_mode & 0o777 == backup.stat().st_mode & 0o777 == 0o600
    before = config.stat().st_ino
    assert kubeconfig.change(config, merge) == kubeconfig.Changed(False)
    assert config.stat().st_ino == before
    assert sorted(path.name for path in config.parent.iterdir()) == ["config", "config.before-craton"]


def test_a_link_stays_a_link(config: Path, tmp_path: Path) -> None:
    config.parent.mkdir()
    config.symlink_to(tmp_path / "elsewhere")
    kubeconfig.change(config, lambda text: kubeconfig.merged(text, ACCESS, config))
    assert config.is_symlink()
    assert "demo-admin" in (tmp_path / "elsewhere").read_text()


def test_another_program_that_changes_the_file_is_waited_for(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "_PATIENCE", 0.0)
    config.parent.mkdir()
    lock = config.with_name("config.lock")
    lock.touch()
    with pytest.raises(InstallerError, match=r"config\.lock is there"):
        kubeconfig.change(config, lambda text: text + "kind: Config\n")
    assert not config.exists()
    assert lock.exists()


def test_a_file_that_is_not_text_or_cannot_be_written_is_told(config: Path) -> None:
    config.parent.mkdir()
    config.write_bytes(b"kind: Config\n\xff")
    with pytest.raises(InstallerError, match="line 2: not UTF-8"):
        kubeconfig.change(config, str)
    with pytest.raises(InstallerError, match="Not a directory"):
        kubeconfig.save(config / "below", OWN, force=True)


def test_a_file_of_its_own_replaces_nothing_else_unless_forced(config: Path) -> None:
    assert kubeconfig.save(config, OWN, force=False)
    assert not kubeconfig.save(config, OWN, force=False)
    config.write_text(THEIRS)
    with pytest.raises(InstallerError, match="is there already"):
        kubeconfig.save(config, OWN, force=False)
    assert config.read_text() == THEIRS
    assert kubeconfig.save(config, OWN, force=True)
    assert config.read_text() == OWN
    assert config.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("given_", "found"), [("", ".kube/config"), ("one:two", "one"), (":two", "two"), ("~/mine", "mine")]
)
def test_the_file_is_the_one_that_kubectl_reads_first(
    given_: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(given_.split(":")))
    assert str(kubeconfig.user_file()).endswith(found)
