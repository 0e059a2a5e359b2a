"""Pinned host keys."""

from __future__ import annotations

import base64
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory, write_private
from installer.ssh.host_keys import known_hosts, pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from tests.patience import eventually


def key(number: int) -> str:
    """A public key that is nobody's, as `TYPE BASE64`."""
    name = b"ssh-ed25519"
    blob = len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + bytes([number]) * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@pytest.fixture
def directory(tmp_path: Path) -> ClusterDirectory:
    return ClusterDirectory(tmp_path / "demo")


def test_a_pin_is_kept_replaced_and_forgotten(directory: ClusterDirectory) -> None:
    assert pinned_keys.pinned(directory, "demo-worker-1") is None
    pinned_keys.pin(directory, "demo-worker-1", key(1))
    pinned_keys.pin(directory, "demo-worker-2", key(2))
    pinned_keys.pin(directory, "demo-worker-1", key(3))
    assert pinned_keys.pinned(directory, "demo-worker-1") == key(3)
    pinned_keys.unpin(directory, "demo-worker-1")
    pinned_keys.unpin(directory, "demo-worker-1")
    assert directory.known_hosts.read_text() == f"demo-worker-2 {key(2)}\n"
    assert stat.S_IMODE(directory.known_hosts.stat().st_mode) == 0o600


def test_steps_that_pin_at_once_lose_nothing(directory: ClusterDirectory) -> None:
    names = [f"demo-worker-{number}" for number in range(30)]
    threads = [threading.Thread(target=pinned_keys.pin, args=(directory, name, key(1))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(pinned_keys.pinned(directory, name) for name in names)


def test_machines_that_are_pinned_while_another_is_share_one_write(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"demo-worker-{number}" for number in range(30)]
    writes: list[Path] = []
    write = write_private

    def count(path: Path, content: bytes) -> None:
        writes.append(path)
        write(path, content)

    monkeypatch.setattr(pinned_keys, "write_private", count)
    threads = [threading.Thread(target=pinned_keys.pin, args=(directory, name, key(1))) for name in names]
    with pinned_keys._lock:
        for thread in threads:
            thread.start()
        eventually(lambda: len(pinned_keys._wanted) == len(names), "a key of every machine")
    for thread in threads:
        thread.join()
    assert len(writes) == 1
    assert all(pinned_keys.pinned(directory, name) == key(1) for name in names)


def test_keys_that_could_not_be_written_are_an_error_to_each_who_waits(
    directory: ClusterDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    names, failed = [f"demo-worker-{number}" for number in range(5)], []

    def pin(name: str) -> None:
        try:
            pinned_keys.pin(directory, name, key(1))
        except OSError:
            failed.append(name)

    monkeypatch.setattr(pinned_keys, "write_private", fail)
    threads = [threading.Thread(target=pin, args=(name,)) for name in names]
    with pinned_keys._lock:
        for thread in threads:
            thread.start()
        eventually(lambda: len(pinned_keys._wanted) == len(names), "a key of every machine")
    for thread in threads:
        thread.join()
    assert sorted(failed) == names
    assert not pinned_keys._wanted


@pytest.mark.needs("ssh-keygen")
def test_the_fingerprint_is_the_one_that_openssh_prints(directory: ClusterDirectory) -> None:
    public = ensure_key(directory)
    said = subprocess.run(
        ["ssh-keygen", "-lf", f"{directory.key}.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert pinned_keys.fingerprint(public) == said.split()[1]


def test_what_people_wrote_into_the_file_stays(directory: ClusterDirectory) -> None:
    directory.path.mkdir()
    directory.known_hosts.write_text(
        f"# pinned by hand\ndemo-worker-1,demo-worker-2 {key(1)} both\n@revoked * {key(9)}\nbroken line\n"
    )
    pinned_keys.pin(directory, "demo-worker-1", key(2))
    assert directory.known_hosts.read_text() == (
        f"# pinned by hand\ndemo-worker-2 {key(1)}\n@revoked * {key(9)}\nbroken line\ndemo-worker-1 {key(2)}\n"
    )
    assert pinned_keys.pinned(directory, "demo-worker-2") == key(1)


@pytest.mark.needs("ssh-keygen")
def test_a_file_that_openssh_hashed_is_read_and_changed(directory: ClusterDirectory) -> None:
    pinned_keys.pin(directory, "demo-worker-1", key(1))
    pinned_keys.pin(directory, "demo-worker-2", key(2))
    subprocess.run(["ssh-keygen", "-H", "-f", str(directory.known_hosts)], check=True, capture_output=True)
    assert "demo" not in directory.known_hosts.read_text()
    assert pinned_keys.pinned(directory, "demo-worker-2") == key(2)
    pinned_keys.pin(directory, "demo-worker-2", key(3))
    assert pinned_keys.pinned(directory, "demo-worker-2") == key(3)
    pinned_keys.unpin(directory, "demo-worker-1")
    assert directory.known_hosts.read_text() == f"demo-worker-2 {key(3)}\n"


def test_a_key_replaced_twice_within_a_clock_tick_is_the_last_one(directory: ClusterDirectory) -> None:
    for number in range(1, 50):
        pinned_keys.pin(directory, "demo-worker-1", key(number))
        assert pinned_keys.pinned(directory, "demo-worker-1") == key(number)


def test_lines_that_are_not_text_stay_as_they_are(directory: ClusterDirectory) -> None:
    pinned_keys.pin(directory, "demo-worker-1", key(1))
    theirs = b"# caf\xe9\x0b\x85 of mine\n@revoked * ssh-ed25519 AAAA \xff\n"
    directory.known_hosts.write_bytes(theirs + directory.known_hosts.read_bytes())
    pinned_keys.pin(directory, "demo-worker-1", key(2))
    assert directory.known_hosts.read_bytes() == theirs + f"demo-worker-1 {key(2)}\n".encode()


def test_what_is_known_after_a_pin_is_what_the_file_says(directory: ClusterDirectory) -> None:
    write_private(directory.known_hosts, "# a comment\nother,alias KEY\n*.example.com ssh-ed25519 AAAA\n")
    pins = [("demo-worker-1", key(1)), ("Demo-Worker-2", key(2)), ("demo-worker-1", key(2)), ("jump:[a]:22", key(1))]
    for machine, pinned in pins:
        known_hosts.read(directory.known_hosts)
        pinned_keys.pin(directory, machine, pinned)
        before = known_hosts.read(directory.known_hosts), pinned_keys.lines(directory, machine)
        known_hosts.forget()
        assert before == (known_hosts.read(directory.known_hosts), pinned_keys.lines(directory, machine))
        assert pinned_keys.pinned(directory, machine) == pinned
