"""The ssh-agent: which keys it holds, and signatures by them (draft-ietf-sshm-ssh-agent)."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from installer.common.deadline import Deadline
from installer.ssh.keys.wire import Reader, string

_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN, _SIGNATURE = 13, 14
_LONGEST = 256 * 1024
"""Bytes of one message, OpenSSH's own limit."""
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}


class AgentError(Exception):
    """No agent answers, or it refuses."""


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent behind a socket. Every request is a connection of its own, so any thread may ask at any time."""

    path: Path

    def keys(self, deadline: Deadline) -> tuple[tuple[bytes, str], ...]:
        """Blob and comment of each key and certificate that it holds. Raises AgentError."""
        answer = self._ask(bytes([_IDENTITIES]), _IDENTITIES_ANSWER, deadline)
        try:
            return tuple((answer.string(), answer.string().decode("utf-8", "replace")) for _ in range(answer.number()))
        except ValueError as error:
            raise AgentError(f"it sends invalid answers: {error}") from None

    def sign(self, blob: bytes, data: bytes, algorithm: str, deadline: Deadline) -> bytes:
        """The signature of `data`, in SSH's wire format. Raises AgentError, also if a person says no."""
        flags = next((flag for name, flag in _FLAGS.items() if algorithm.startswith(name)), 0)
        request = bytes([_SIGN]) + string(blob) + string(data) + flags.to_bytes(4, "big")
        try:
            return self._ask(request, _SIGNATURE, deadline).string()
        except ValueError as error:
            raise AgentError(f"it sends invalid answers: {error}") from None

    def _ask(self, request: bytes, expected: int, deadline: Deadline) -> Reader:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(deadline.patience)
                connection.connect(str(self.path))
                connection.sendall(string(request))
                size = int.from_bytes(_receive(connection, 4, deadline), "big")
                answer = Reader(_receive(connection, min(size, _LONGEST), deadline))
        except TimeoutError:
            raise AgentError(f"it did not answer within {deadline.seconds:.0f} s") from None
        except OSError as error:
            raise AgentError(error.strerror or str(error)) from None
        if size == 0 or answer.take(1)[0] != expected:
            raise AgentError("it refused")
        return answer


def _receive(connection: socket.socket, count: int, deadline: Deadline) -> bytes:
    data = b""
    while len(data) < count:
        connection.settimeout(deadline.patience)
        more = connection.recv(count - len(data))
        if not more:
            raise OSError("it closed the connection")
        data += more
    return data
