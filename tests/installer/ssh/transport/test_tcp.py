"""Streams on which a server has introduced itself."""

from __future__ import annotations

import socket
import threading

from installer.ssh.transport.tcp import Replay
from tests.patience import PATIENCE, eventually


def test_what_was_read_before_comes_first_and_packets_come_piece_by_piece() -> None:
    server, client = socket.socketpair()
    with server, client:
        replay = Replay(client, b"SSH-2.0")
        server.sendall(b"packet")
        assert [replay.recv(4), replay.recv(64), replay.recv(2), replay.recv(64)] == [b"SSH-", b"2.0", b"pa", b"cket"]


def test_a_stream_that_another_thread_reads_is_closed_by_that_thread_once_it_has_seen_the_end() -> None:
    server, client = socket.socketpair()
    closed_by: list[int | None] = []
    with server:

        class Stream(socket.socket):
            """The client's end, which remembers who closed it."""

            def close(self) -> None:
                closed_by.append(threading.get_ident())
                super().close()

        stream = Stream(fileno=client.detach())
        stream.settimeout(PATIENCE)
        replay = Replay(stream, b"")
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(replay.recv(64)))
        reader.start()
        eventually(lambda: replay._reader == reader.ident, "the thread to read")
        replay.close()
        reader.join(PATIENCE)
        assert (read, closed_by) == ([b""], [reader.ident])


def test_a_stream_that_nobody_reads_is_closed_at_once() -> None:
    server, client = socket.socketpair()
    with server:
        Replay(client, b"").close()
        assert client.fileno() == -1
