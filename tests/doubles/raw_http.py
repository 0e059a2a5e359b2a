"""A server on loopback that gives every request the same bytes, and closes: for answers that no sound server gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, ThreadingTCPServer

from tests.doubles.serving import serving


class _Handler(BaseRequestHandler):
    answer: bytes

    def handle(self) -> None:
        asked = b""
        while b"\r\n\r\n" not in asked:
            more = self.request.recv(65536)
            if not more:
                return
            asked += more
        self.request.sendall(self.answer)


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The base address of a server whose answer to anything is `answer`."""
    ThreadingTCPServer.daemon_threads = True
    server = ThreadingTCPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"answer": answer}))
    with serving(server):
        yield f"http://127.0.0.1:{server.server_address[1]}"


def said(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """An answer with exactly these headers."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
