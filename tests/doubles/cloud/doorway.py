"""A way from machines that boot to an API on this computer's loopback, which they could not reach."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.doubles.serving import serving

_PIECE = 65536


@contextmanager
def doorway(endpoint: str, address: str) -> Iterator[str]:
    """The API at `endpoint` is at this `address` of the computer, too, on the same port; its URL there."""
    port = urlsplit(endpoint).port
    assert port is not None

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as there:
                back = threading.Thread(target=_pass_on, args=(there, self.request), daemon=True)
                back.start()
                _pass_on(self.request, there)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with serving(Server((address, port), Handler)):
        yield f"http://{address}:{port}"


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(_PIECE):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one of both has gone
        target.close()
