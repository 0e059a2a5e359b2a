"""API servers on loopback, as far as a proxy in front of them sees: TLS, who is ready, and one that is paused."""

from __future__ import annotations

import http.server
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.doubles.tls import server_context


class ApiServer(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Answers every path with its own address, and `/readyz` by whether it is ready."""

    daemon_threads = True
    request_queue_size = 1024
    """The kernel takes connections for a paused server, too, as it does for one of Go's."""

    def __init__(self, address: str, context: ssl.SSLContext) -> None:
        super().__init__((address, 6443), _Handler)
        self._context = context
        self.address, self.ready = address, True
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """Answer nothing any more, on no connection that comes from now on; the port stays open."""
        self.shutdown()
        self._thread.join()

    def close(self) -> None:
        """End. A server whose socket is closed while it serves would ask for connections without a pause."""
        self.pause()
        self.server_close()

    def finish_request(self, request: object, client_address: object) -> None:
        assert self._context
        super().finish_request(self._context.wrap_socket(request, server_side=True), client_address)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients go when they like."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ApiServer

    def do_GET(self) -> None:
        body = self.server.address.encode()
        self.send_response(500 if self.path == "/readyz" and not self.server.ready else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nobody reads it."""


@contextmanager
def api_servers(directory: Path, *addresses: str) -> Iterator[list[ApiServer]]:
    """Servers at port 6443 of these addresses of this computer's loopback."""
    context, _ = server_context(directory)
    servers = [ApiServer(address, context) for address in addresses]
    try:
        yield servers
    finally:
        for server in servers:
            server.close()
