"""Tokens are in the user's keyring where there is one that can be used, else in a private file, and go from both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations import worker
from installer.operations.sign_in import tokens
from installer.operations.sign_in.tokens import Tokens
from installer.plan import planfile
from installer.plan.model import InstallPlan
from tests.doubles.keyring_backend import FakeKeyring

TOKENS = Tokens("https://demo.example.test/dex", "a.e30.b", "refresh-me", time.time() + 600)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDirectory:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    found = ClusterDirectory.of("demo")
    planfile.save(found.plan, InstallPlan(name="demo", subdomain="example.test"))
    return found


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeKeyring]:
    monkeypatch.delenv("PYTHON_KEYRING_BACKEND", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    before = keyring.get_keyring()
    found = FakeKeyring()
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(before)


def test_a_keyring_has_the_tokens_and_the_file_only_says_so(directory: ClusterDirectory, fake: FakeKeyring) -> None:
    tokens.save(directory, TOKENS)
    file = tokens.place(directory)
    assert file.stat().st_mode & 0o777 == 0o600
    assert TOKENS.refresh_token not in file.read_text()
    [((service, key), text)] = fake.kept.items()
    assert (service, key) == ("craton", str(directory.path))
    assert TOKENS.refresh_token in text
    assert tokens.load(directory) == TOKENS


def test_signing_out_removes_them_from_the_keyring_and_the_file(directory: ClusterDirectory, fake: FakeKeyring) -> None:
    tokens.save(directory, TOKENS)
    assert tokens.forget(directory)
    assert not fake.kept
    assert not tokens.place(directory).exists()
    assert not tokens.forget(directory)
    assert tokens.load(directory) is None


def test_what_somebody_removed_from_the_keyring_is_nobody_signed_in(
    directory: ClusterDirectory, fake: FakeKeyring
) -> None:
    tokens.save(directory, TOKENS)
    fake.kept.clear()
    assert tokens.load(directory) is None
    assert tokens.forget(directory)


def test_a_keyring_that_refuses_leaves_the_tokens_to_the_file(directory: ClusterDirectory, fake: FakeKeyring) -> None:
    fake.locked = True
    tokens.save(directory, TOKENS)
    assert tokens.load(directory) == TOKENS
    assert tokens.place(directory).stat().st_mode & 0o777 == 0o600


def test_a_keyring_that_was_locked_since_says_so_and_keeps_the_session(
    directory: ClusterDirectory, fake: FakeKeyring
) -> None:
    tokens.save(directory, TOKENS)
    fake.locked = True
    with pytest.raises(InstallerError, match="your keyring: Failed to unlock the collection!"):
        tokens.load(directory)
    with pytest.raises(InstallerError, match="your keyring"):
        tokens.forget(directory)
    fake.locked = False
    assert tokens.load(directory) == TOKENS


def test_without_a_screen_no_keyring_is_asked(
    directory: ClusterDirectory, fake: FakeKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    tokens.save(directory, TOKENS)
    assert tokens.load(directory) == TOKENS
    assert tokens.forget(directory)
    assert fake.asked == 0


def test_tokens_go_with_the_cluster(directory: ClusterDirectory, fake: FakeKeyring) -> None:
    tokens.save(directory, TOKENS)
    worker.forget(directory)
    assert not fake.kept
    assert not directory.path.exists()
