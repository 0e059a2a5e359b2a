"""A server that lets one in and then answers nothing: paramiko would wait for ever, a connection does not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import paramiko
import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Endpoint
from installer.ssh.keys.cluster_key import ensure_key
from tests.patience import FOREVER, PATIENCE, with_enough_time


class _Mute(paramiko.ServerInterface):
    """Accepts every key and every channel; a request for a command, or a login, gets no answer until `released`."""

    def __init__(self, *, at_login: bool) -> None:
        self.released = threading.Event()
        self._at_login = at_login

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        if self._at_login:
            self.released.wait(FOREVER)
        return paramiko.AUTH_SUCCESSFUL  # type: ignore[attr-defined,no-any-return]

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return 0

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.released.wait(FOREVER)
        return False


@pytest.fixture(params=["login", "command"])
def mute(request: pytest.FixtureRequest) -> Iterator[tuple[str, Endpoint]]:
    key = paramiko.ECDSAKey.generate()
    server = _Mute(at_login=request.param == "login")
    listener = socket.create_server(("127.0.0.1", 0))
    transports: list[paramiko.Transport] = []

    def accept() -> None:
        with suppress(OSError):  # the listener closes at the end
            while True:
                transport = paramiko.Transport(listener.accept()[0])
                transports.append(transport)
                transport.add_server_key(key)
                transport.start_server(event=threading.Event(), server=server)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    host_key = f"{key.get_name()} {key.get_base64()}"
    yield request.param, Endpoint("127.0.0.1", listener.getsockname()[1], "craton", host_key)
    server.released.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for transport in transports:
        transport.close()


def test_a_server_that_falls_silent_is_left_at_the_deadline(mute: tuple[str, Endpoint], tmp_path: Path) -> None:
    where, endpoint = mute
    directory = ClusterDirectory(tmp_path / "demo")
    ensure_key(directory)
    pool = SSHConnections(lambda _machine: endpoint, directory)
    message = "didn't answer the login within" if where == "login" else "did not end within"

    def left(seconds: float) -> str:
        with pytest.raises(InstallerError) as caught:
            pool.get("demo-worker-1", seconds).run("true", deadline=seconds)
        return caught.value.observed

    started = time.monotonic()
    assert message in with_enough_time(left, lambda observed: message in observed)
    assert time.monotonic() - started < PATIENCE
    pool.close()
