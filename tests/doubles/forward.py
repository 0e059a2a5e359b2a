"""A loopback port of this computer that leads to a port inside a network namespace."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

from tests.doubles.namespace import enter

_CHUNK = 65536


class Forward:
    """Listens on 127.0.0.1:`port`; every connection goes on from inside `namespace` to `target`."""

    def __init__(self, namespace: str, target: tuple[str, int]) -> None:
        self._namespace = namespace
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def disconnect(self) -> None:
        """End every connection that goes through; new ones are still taken."""
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.disconnect()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            enter(self._namespace)
            with socket.create_connection(self._target, timeout=30) as server:
                server.settimeout(None)
                ends = {client, server}
                with self._lock:
                    self._open |= ends
                try:
                    _relay(client, server)
                finally:
                    with self._lock:
                        self._open -= ends


def _relay(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until either side closes."""
    other = {client: server, server: client}
    while True:
        for end in select.select(list(other), [], [])[0]:
            data = end.recv(_CHUNK)
            if not data:
                return
            other[end].sendall(data)
