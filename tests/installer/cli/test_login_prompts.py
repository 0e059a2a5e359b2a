"""The questions before a run on a plain terminal."""

from __future__ import annotations

import getpass
import io
from pathlib import Path

import pytest

from installer.cli import login_prompts
from installer.operations.login.questions import NewHostKeys, Passphrase, Rebuilt
from installer.operations.login.survey import FoundKey

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAA"
KEYS = (
    FoundKey("demo-master-1", "10.0.0.11:22", KEY, ("demo-master-1",)),
    FoundKey("demo-worker-1", "worker.example.test:2222", "ssh-rsa AAAAB3NzaC1yc2E=", ("demo-worker-1",)),
    FoundKey("jump:[10.0.0.1]:22", "10.0.0.1:22", KEY, ("demo-worker-2", "demo-worker-3")),
)
ALL = {key.name for key in KEYS}


def typing(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_new_keys_are_a_table_of_machine_address_type_and_fingerprint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typing(monkeypatch, "yes\n")
    assert login_prompts.ask(NewHostKeys(KEYS)) == ALL
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line.split() for line in captured.err.splitlines()]
    assert ["machine", "address", "key", "type", "fingerprint"] in lines
    for key in KEYS:
        assert [*key.title.split(), key.address, key.type, key.fingerprint] in lines
    assert "ssh-keygen -lf" in captured.err


@pytest.mark.parametrize(
    ("typed", "accepted"),
    [
        ("yes\n", ALL),
        ("Y\n", ALL),
        ("no\n", set()),
        ("n\n", set()),
        ("\n", set()),
        ("", set()),
        ("maybe\nyes\n", ALL),
        ("show\nyes\nno\ny\n", {KEYS[0].name, KEYS[2].name}),
        ("s\ny\n", {KEYS[0].name}),
    ],
)
def test_new_keys_are_trusted_if_one_says_so(monkeypatch: pytest.MonkeyPatch, typed: str, accepted: set[str]) -> None:
    typing(monkeypatch, typed)
    assert login_prompts.ask(NewHostKeys(KEYS)) == accepted


def test_shown_by_itself_a_jump_host_names_the_machines_behind_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typing(monkeypatch, "show\n\n\n\n")
    login_prompts.ask(NewHostKeys(KEYS))
    assert "jump host at 10.0.0.1:22, on the way to demo-worker-2, demo-worker-3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "rebuilt"), [("yes\n", True), ("y\n", True), ("no\n", False), ("\n", False), ("", False)]
)
def test_a_changed_key_is_shown_old_and_new_and_no_is_the_answer_unless_one_says_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, rebuilt: bool
) -> None:
    typing(monkeypatch, typed)
    key = FoundKey(
        *(KEYS[0].name, KEYS[0].address, KEYS[0].key, KEYS[0].machines), KEYS[1].key, "~/.ssh/known_hosts line 7"
    )
    assert login_prompts.ask(Rebuilt(key)) is rebuilt
    said = capsys.readouterr().err
    assert f"before  ssh-rsa {KEYS[1].fingerprint} (~/.ssh/known_hosts line 7)" in said
    assert f"now     ssh-ed25519 {KEYS[0].fingerprint}" in said
    assert "Was demo-master-1 rebuilt?" in said


def test_a_passphrase_is_asked_hidden_and_a_wrong_one_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts: list[str] = []

    def hidden(prompt: str) -> str:
        prompts.append(prompt)
        return "sesame" if len(prompts) == 1 else ""

    monkeypatch.setattr(getpass, "getpass", hidden)
    monkeypatch.setenv("HOME", "/home/ada")
    path, machines = Path("/home/ada/.ssh/id_rsa"), tuple(f"demo-worker-{number}" for number in range(1, 8))
    assert login_prompts.ask(Passphrase(path, machines, wrong=False)) == "sesame"
    assert "isn't the passphrase" not in capsys.readouterr().err
    assert login_prompts.ask(Passphrase(path, machines, wrong=True)) is None
    assert "isn't the passphrase" in capsys.readouterr().err
    assert prompts[0].startswith("Passphrase of ~/.ssh/id_rsa, for demo-worker-1, demo-worker-2")
