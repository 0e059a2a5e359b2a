"""The HTTP server of a cloud's metadata service: who asks is known by the address it asks from."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.doubles.cloud.machines import Launch

Find = Callable[[str], Launch | None]
"""Whose machine an address is."""


class MetadataService:
    """Serves on an address and port as long as the context; a cloud's own service says what."""

    def __init__(self, find: Find, address: str = "127.0.0.1", port: int = 0) -> None:
        self.find = find
        service = self

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: Any) -> None:
                return

            def do_PUT(self) -> None:
                service.put(self)

            def do_GET(self) -> None:
                service.get(self)

        self._server = ThreadingHTTPServer((address, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, request: BaseHTTPRequestHandler) -> None:
        answer(request, 405)

    def get(self, request: BaseHTTPRequestHandler) -> None:
        raise NotImplementedError


def answer(
    request: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "text/plain", "Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
