"""Feeds each parser that reads from outside 10,000 inputs: no traceback, no hang, none over 2 s, no unsafe output.

    python -m tests.bench.fuzz [COUNT] [NAME...]

The last line is one JSON object. The exit status is 0 if nothing failed. Every run uses the same inputs.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from installer.common.errors import InstallerError
from installer.common.sanitise import visible
from tests.bench.parsers import access, cluster, health, local, node, ssh, state, texts, web
from tests.bench.parsers.mutate import inputs
from tests.bench.parsers.parser import Feed, Parser

PARSERS: tuple[Parser, ...] = (
    *texts.PARSERS, *ssh.PARSERS, *node.PARSERS, *cluster.PARSERS, *health.PARSERS, *local.PARSERS,
    *state.PARSERS, *web.PARSERS, *access.PARSERS,
)  # fmt: skip
COUNT = 10_000
LIMIT = 2.0
"""Seconds of the processor's time that one input may take: what others do on this computer does not count."""
HANG = 60.0
"""Seconds in all after which an input counts as one that never ends, such as one that waits for nothing."""
SEED = 2026
_SHOWN = 3


class TooSlowError(BaseException):
    """One input took longer than LIMIT. No parser's `except Exception` can catch it."""


@dataclass(frozen=True)
class Failure:
    """What went wrong, where, and the input that did it."""

    parser: str
    what: str
    data: bytes


def failures(parser: Parser, count: int, seed: int = SEED) -> list[Failure]:
    """What `count` inputs do to a parser."""
    found = []
    with parser.feed() as feed:
        for data in inputs(parser.corpus, count, seed ^ zlib.crc32(parser.name.encode())):
            if what := _try(parser, feed, data):
                found.append(Failure(parser.name, what, data))
    return found


def _try(parser: Parser, feed: Feed, data: bytes) -> str:
    """What is wrong with what happens, or nothing."""
    try:
        with _limited():
            feed(data)
    except InstallerError as error:
        return _unsafe(error)
    except parser.raises:
        return ""
    except TooSlowError as slow:
        return f"more than {LIMIT:g} s of work, or {HANG:g} s in all, at {_place(slow)}"
    except Exception as error:
        return f"{type(error).__name__} at {_place(error)}: {str(error)[:120]!r}"
    return ""


def _unsafe(error: InstallerError) -> str:
    """Whether a terminal could be moved by an error's words, or a program could not read them."""
    words = {name: word for name, word in error.as_dict().items() if isinstance(word, str)}
    bad = [name for name, word in {**words, "text": str(error)}.items() if visible(word) != word]
    json.dumps(error.as_dict())
    return f"unsafe words in {', '.join(bad)} of {type(error).__name__}: {error.operation!r}" if bad else ""


@contextmanager
def _limited() -> Iterator[None]:
    def late(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = [(number, signal.signal(number, late)) for number in (signal.SIGPROF, signal.SIGALRM)]
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/installer/" in frame.filename] or frames
    return f"{ours[-1].filename.rpartition('/installer/')[2]}:{ours[-1].lineno}"


def _run(name: str, count: int) -> tuple[str, list[Failure], float]:
    parser = next(parser for parser in PARSERS if parser.name == name)
    started = time.monotonic()
    return name, failures(parser, count), time.monotonic() - started


def main(arguments: Sequence[str]) -> int:
    count = int(arguments[0]) if arguments else COUNT
    names = list(arguments[1:]) or [parser.name for parser in PARSERS]
    total = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in [pool.submit(_run, name, count) for name in names]:
            name, found, seconds = done.result()
            total += len(found)
            print(f"{name:32} {count:6} inputs  {seconds:6.1f} s  {len(found)} failures", flush=True)
            for what in list(dict.fromkeys(failure.what for failure in found))[:_SHOWN]:
                example = min((failure.data for failure in found if failure.what == what), key=len)
                print(f"    {what}\n        {example[:200]!r}", flush=True)
    print(json.dumps({"name": "fuzz", "value": total, "unit": f"failures of {len(names)} parsers", "goal": 0}))
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
