"""Loopback addresses that stand in for public ones: a network of this process's own out of 127.0.0.0/8."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator

_RESERVATION = 9
"""The UDP port at the last address of a network whose owner holds it (discard: nothing else uses it)."""
_FIRST, _LAST = 16, 250
"""Networks 127.16.0.0/16 to 127.250.0.0/16: programs have uses of their own for the lower ones."""


class Addresses:
    """Gives out addresses of a /16, each once. Other processes of this computer get other networks."""

    def __init__(self) -> None:
        self._held: socket.socket | None = None
        self._left: Iterator[str] = iter(())

    def __enter__(self) -> Addresses:
        begin = os.getpid() % (_LAST - _FIRST)
        for step in range(_LAST - _FIRST):
            network = _FIRST + (begin + step) % (_LAST - _FIRST)
            held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                held.bind((f"127.{network}.255.254", _RESERVATION))
            except OSError:
                held.close()
                continue
            self._held = held
            self._left = (f"127.{network}.{high}.{low}" for high, low in itertools.product(range(255), range(1, 255)))
            return self
        raise OSError("no network is left in 127.0.0.0/8")

    def __exit__(self, *_: object) -> None:
        if self._held is not None:
            self._held.close()

    def next(self) -> str:
        return next(self._left)
