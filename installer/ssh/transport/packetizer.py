"""What goes to an SSH server, in an order that it accepts."""

from __future__ import annotations

import threading
import time

from paramiko.common import (
    MSG_CHANNEL_CLOSE,
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_OPEN_SUCCESS,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
)
from paramiko.message import Message
from paramiko.packet import Packetizer

_OF_OPEN_CHANNELS = {
    MSG_CHANNEL_DATA,
    MSG_CHANNEL_EOF,
    MSG_CHANNEL_EXTENDED_DATA,
    MSG_CHANNEL_REQUEST,
    MSG_CHANNEL_WINDOW_ADJUST,
}


class OrderlyPacketizer(Packetizer):
    """Sends nothing for a channel that was closed: OpenSSH ends the whole connection, with all commands on it.

    paramiko makes a message under its channel's lock and sends it later; meanwhile its other thread may have answered
    the server's CLOSE (https://github.com/paramiko/paramiko/issues/1115; RFC 4254, 5.3).
    """

    _order: threading.Lock
    _closed: set[int]
    """Channels that this side closed, by the server's numbers."""

    def __init__(self, socket: object) -> None:
        self._order = threading.Lock()
        self._closed = set()
        self._handshake_until = float("inf")
        super().__init__(socket)  # type: ignore[arg-type] # what Transport was given

    def start_handshake(self, timeout: float) -> None:
        """As paramiko's, which starts a thread for each connection to count these seconds."""
        self._handshake_until = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return time.monotonic() > self._handshake_until

    def complete_handshake(self) -> None:
        self._handshake_until = float("inf")

    def send_message(self, data: Message) -> None:
        packet = data.asbytes()
        kind, channel = packet[0], int.from_bytes(packet[1:5], "big")
        with self._order:
            if kind in _OF_OPEN_CHANNELS and channel in self._closed:
                return
            if kind == MSG_CHANNEL_CLOSE:
                self._closed.add(channel)
            super().send_message(data)

    def read_message(self) -> tuple[int, Message]:
        kind, message = super().read_message()
        if kind == MSG_CHANNEL_OPEN_SUCCESS:
            with self._order:
                self._closed.discard(int.from_bytes(message.asbytes()[4:8], "big"))
        return kind, message
