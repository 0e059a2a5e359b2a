"""Every way in which a server can be none, each with a message of its own, and none past the deadline."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Endpoint
from installer.ssh.keys.cluster_key import ensure_key
from tests.patience import FOREVER, PATIENCE, with_enough_time

Serve = Callable[[socket.socket], None]


@contextmanager
def _server(serve: Serve) -> Iterator[int]:
    """Serve every connection with `serve` on a thread; the connection stays open until the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    open_connections: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_connections.append(connection)
            threading.Thread(target=_quietly, args=(serve, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in open_connections:
            connection.close()


def _quietly(serve: Serve, connection: socket.socket) -> None:
    try:
        serve(connection)
    except OSError:
        return


def _say(text: bytes) -> Serve:
    return lambda connection: connection.sendall(text)


def _flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 65536)


def _drip(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x")
        time.sleep(0.1)


def _close(connection: socket.socket) -> None:
    connection.close()


def _close_after_banner(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-double\r\n")
    connection.recv(64)
    connection.close()


def _failure(tmp_path: Path, endpoint: Endpoint, deadline: float) -> InstallerError:
    directory = ClusterDirectory(tmp_path / "demo")
    ensure_key(directory)
    with pytest.raises(InstallerError) as caught:
        SSHConnections(lambda _machine: endpoint, directory).get("demo-worker-1", deadline)
    assert caught.value.machine == "demo-worker-1"
    return caught.value


CASES: dict[str, tuple[Serve, str, bool]] = {
    "says nothing": (lambda _connection: None, "said nothing for ", True),
    "speaks HTTP": (_say(b"HTTP/1.1 400 Bad Request\r\n\r\n\x1b[31m"), "it says 'HTTP/1.1 400 Bad Request'", False),
    "floods": (_flood, "no SSH server answers there", False),
    "drips": (_drip, "no SSH server answers there", False),
    "closes at once": (_close, "closed the connection before it said anything", True),
    "hangs after its banner": (_say(b"SSH-2.0-double\r\n"), "didn't finish the key exchange within ", True),
    "closes after its banner": (_close_after_banner, "closed the connection during the key exchange", True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_server_that_is_none_is_told_apart(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    serve, message, retryable = CASES[case]
    started = time.monotonic()
    with _server(serve) as port:
        endpoint = Endpoint("127.0.0.1", port, "craton", "ssh-ed25519 AAAA")
        error = with_enough_time(
            lambda seconds: _failure(tmp_path, endpoint, seconds), lambda error: message in error.observed
        )
    assert message in error.observed
    assert error.retryable is retryable
    assert time.monotonic() - started < PATIENCE
    assert capfd.readouterr().err == ""


def test_a_refused_connection_names_the_address(tmp_path: Path) -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can answer there meanwhile
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        error = _failure(tmp_path, Endpoint("127.0.0.1", port, "craton", "ssh-ed25519 AAAA"), 1)
    assert error.observed == f"connection refused by 127.0.0.1:{port}"
    assert error.retryable


def test_a_name_that_does_not_resolve_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = _failure(tmp_path, Endpoint("worker.invalid", 22, "craton", "ssh-ed25519 AAAA"), 1)
    assert error.observed == "the name worker.invalid does not resolve: Name or service not known"
    assert not error.retryable


def test_a_name_server_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: release.wait(FOREVER))
    started = time.monotonic()
    error = _failure(tmp_path, Endpoint("worker.example.com", 22, "craton", "ssh-ed25519 AAAA"), 0.3)
    release.set()
    assert "does not resolve" in error.observed
    assert time.monotonic() - started < PATIENCE
