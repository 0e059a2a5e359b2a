"""ssh-agents: OpenSSH's own, and a double that holds what OpenSSH's takes from hardware alone."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from installer.ssh.keys.wire import Reader, string
from tests.needs import require
from tests.patience import PATIENCE

Answer = Callable[[bytes], bytes]
"""A request's message to the bytes that are sent back, their length included."""


@contextmanager
def running_agent(directory: Path, *keys: Path) -> Iterator[str]:
    """OpenSSH's ssh-agent with these keys (and the certificates beside them); yields its socket."""
    require("ssh-agent", "ssh-add")
    path = directory / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says where it listens once it does
        for key in keys:
            environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            subprocess.run(["ssh-add", "-q", str(key)], check=True, env=environment)
        yield str(path)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


@contextmanager
def answering_agent(directory: Path, answer: Answer) -> Iterator[str]:
    """An agent that answers one request on each connection by `answer`; yields its socket."""
    path = str(directory / "double")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
        thread.start()
        try:
            yield path
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)


def _serve(listener: socket.socket, answer: Answer) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            size = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
            connection.sendall(answer(connection.recv(size, socket.MSG_WAITALL)))


class HardwareKey:
    """A key of type sk-ssh-ed25519@openssh.com (PROTOCOL.u2f), and its agent; `touched` counts signatures."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(b"sk-ssh-ed25519@openssh.com") + string(public) + string(b"ssh:")
        self.touched = 0

    def __call__(self, request: bytes) -> bytes:
        if request[0] == 11:
            return string(bytes([12]) + (1).to_bytes(4, "big") + string(self.blob) + string(b"token"))
        reader = Reader(request[1:])
        assert reader.string() == self.blob
        self.touched += 1
        state = b"\x01" + self.touched.to_bytes(4, "big")  # a person was there; the counter
        data = hashlib.sha256(b"ssh:").digest() + state + hashlib.sha256(reader.string()).digest()
        signature = string(b"sk-ssh-ed25519@openssh.com") + string(self._key.sign(data)) + state
        return string(bytes([14]) + string(signature))
