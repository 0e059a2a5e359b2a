"""One thread that ends whatever outlives its deadline: a timer for each command would be a thread for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_lock = threading.Condition()
_watched: dict[int, tuple[float, Callable[[], None]]] = {}
_number = 0
_awake_at = float("inf")
_started = False


@contextmanager
def watched(seconds: float, bite: Callable[[], None]) -> Iterator[None]:
    """Call `bite`, on another thread, if the context lasts longer than that."""
    number = _watch(time.monotonic() + seconds, bite)
    try:
        yield
    finally:
        with _lock:
            _watched.pop(number, None)


def _watch(when: float, bite: Callable[[], None]) -> int:
    global _number, _started
    with _lock:
        _number += 1
        _watched[_number] = (when, bite)
        if not _started:
            _started = True
            threading.Thread(target=_keep_watch, name="watchdog", daemon=True).start()
        elif when < _awake_at:
            _lock.notify()
        return _number


def _keep_watch() -> None:
    global _awake_at
    while True:
        with _lock:
            now = time.monotonic()
            late = [_watched.pop(number)[1] for number, (when, _) in list(_watched.items()) if when <= now]
            if not late:
                _awake_at = min((when for when, _ in _watched.values()), default=float("inf"))
                _lock.wait(None if _awake_at == float("inf") else _awake_at - now)
        for bite in late:
            bite()
