"""Servers of tests that run in a thread of theirs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer

from tests.patience import PATIENCE


@contextmanager
def serving(server: BaseServer) -> Iterator[None]:
    """`server` serves as long as the context, and is closed then."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join(PATIENCE)
