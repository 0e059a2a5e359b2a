"""Every HTTP server there is, without a network: whichever address is asked, `give` says the bytes of the answer.

Python's own client does the rest, as it does with a network: it builds requests, refuses names and ports that no
computer can have, and reads answers.
"""

from __future__ import annotations

import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

Give = Callable[[str], bytes]
"""The bytes of the answer to a request for a target, such as /v2/pause/manifests/3.10."""


class _Connection:
    def __init__(self, give: Give) -> None:
        self._give, self._asked = give, b""

    def sendall(self, data: Any) -> None:
        self._asked += bytes(data)

    def makefile(self, *_mode: object) -> io.BufferedReader:
        target = self._asked.split(b" ", 2)[1].decode("latin-1")
        return io.BufferedReader(io.BytesIO(self._give(target)))

    def setsockopt(self, *_option: object) -> None: ...

    def settimeout(self, _seconds: float | None) -> None: ...

    def close(self) -> None: ...


@contextmanager
def canned(give: Give) -> Iterator[None]:
    """Until the end, whoever asks any server over HTTP gets `give`'s answers, and nothing leaves this process."""

    def connect(address: tuple[str, int], *_options: object, **_more: object) -> _Connection:
        with suppress(socket.gaierror):  # a name is encoded as for a look-up, and only numbers are found
            socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return _Connection(give)

    def encrypt(context: ssl.SSLContext, plain: _Connection, *, server_hostname: str, **_more: object) -> _Connection:
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=server_hostname)  # refuses the same names
        return plain

    with (
        patch("socket.create_connection", connect),
        patch("ssl.SSLContext.wrap_socket", encrypt),
        patch("ssl.SSLContext.load_default_certs"),  # takes longer than all else, and nobody shows a certificate
    ):
        yield
