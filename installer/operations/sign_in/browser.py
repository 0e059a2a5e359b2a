"""Where the browser comes back to after a sign-in: one request to a port of loopback, and a page that says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_PATH = "/callback"
_DONE = "<!doctype html><title>Craton</title><p>You are signed in. You can close this page.</p>"
_FAILED = "<!doctype html><title>Craton</title><p>The sign-in failed. The terminal says why.</p>"


@dataclass
class Return:
    """What came back: a code, or an error. `redirect` is the address that the browser is sent to."""

    redirect: str
    state: str = ""
    """What has to come back with the code; set before the browser is opened."""
    code: str = ""
    error: str = ""
    came: threading.Event = field(default_factory=threading.Event)

    def take(self, query: dict[str, list[str]]) -> bool:
        """Whether the request is the answer to this sign-in, and says who it is. Others change nothing."""
        if not self.state or query.get("state") != [self.state] or self.came.is_set():
            return False
        self.code = query.get("code", [""])[0]
        self.error = "" if self.code else query.get("error", ["no code came back"])[0]
        self.came.set()
        return bool(self.code)


@contextmanager
def listening() -> Iterator[Return]:
    """Wait on a free port of loopback. Dex takes any port of localhost for a program that keeps no secret."""
    answer = Return("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != _PATH:
                self.send_error(404)
                return
            good = answer.take(parse_qs(parts.query))
            page = (_DONE if good else _FAILED).encode()
            self.send_response(200 if good else 400)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            """The code is in the address: nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    answer.redirect = f"http://localhost:{server.server_port}{_PATH}"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="sign-in", daemon=True)
    thread.start()
    try:
        yield answer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
