"""One parser as the fuzzer sees it."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

Feed = Callable[[bytes], object]


@dataclass(frozen=True)
class Parser:
    """What reads from outside: `feed` gives it one input, of which `corpus` has realistic ones."""

    name: str
    feed: Callable[[], AbstractContextManager[Feed]]
    corpus: tuple[bytes, ...]
    raises: tuple[type[Exception], ...] = ()
    """What its docstring says that it raises, apart from InstallerError."""


def of_text(name: str, read: Callable[[str], object], corpus: tuple[str, ...], *raises: type[Exception]) -> Parser:
    """A parser of text, which gets bytes that are no UTF-8 as every reader in Craton decodes them: replaced."""
    return of_bytes(name, lambda data: read(data.decode("utf-8", "replace")), encoded(*corpus), *raises)


def of_bytes(name: str, read: Feed, corpus: tuple[bytes, ...], *raises: type[Exception]) -> Parser:
    return Parser(name, lambda: nullcontext(read), corpus, raises)


def of_file(name: str, read: Callable[[Path], object], corpus: tuple[bytes, ...], *raises: type[Exception]) -> Parser:
    """A parser of files: each input is written where it is read from, with mode 0600."""

    @contextmanager
    def feed() -> Iterator[Feed]:
        with tempfile.TemporaryDirectory(prefix="craton-fuzz-") as room:
            path = Path(room) / "input"
            path.touch(mode=0o600)

            def write_and_read(data: bytes) -> object:
                path.write_bytes(data)
                return read(path)

            yield write_and_read

    return Parser(name, feed, corpus, raises)


def encoded(*texts: str) -> tuple[bytes, ...]:
    return tuple(text.encode("utf-8", "surrogateescape") for text in texts)


@contextmanager
def answering() -> Iterator[tuple[int, list[bytes]]]:
    """A server on loopback: its port, and the answers of which it gives the last one to whoever asks for anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener, served(listener) as answers:
        yield listener.getsockname()[1], answers


@contextmanager
def served(listener: socket.socket) -> Iterator[list[bytes]]:
    """The answers of which whoever connects to `listener` and asks for anything gets the last one."""
    answers: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:  # the fuzzer has ended
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(answers[-1])
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

    threading.Thread(target=serve, daemon=True).start()
    yield answers
    listener.shutdown(socket.SHUT_RDWR)
