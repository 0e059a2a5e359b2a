"""Standard streams that may be closed, on a full device, or without a reader: an error in words, never a traceback."""

from __future__ import annotations

import errno
import io
import os
import select
import sys

TYPE_CHECKING = False  # `--version` comes through here, and importing typing would take most of its time
if TYPE_CHECKING:
    from typing import Any, TextIO

    from installer.common.errors import InstallerError

_STDIN, _STDOUT, _STDERR = 0, 1, 2


class _Output(io.RawIOBase):
    """Bytes on their way to standard output or error. After a failure all else is dropped.

    Of standard output, a failure is raised once, as an InstallerError; but that its reader has gone is none. What
    can't be told on standard error can't be told anywhere.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: int | None = None
        """The error's number (errno)."""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.failure is not None:
            return len(data)
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:  # whoever shares the pipe or terminal has asked for that
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error.errno or errno.EIO
                if self._descriptor == _STDOUT and self.failure != errno.EPIPE:
                    raise not_written(f"standard output: {os.strerror(self.failure)}") from None
                return len(data)


def guard() -> bool:
    """Put guards on the standard streams, before anything is printed; whether standard output can be written to.

    Those that are closed become the null device, so that no file that is opened later takes their place.
    """
    closed = [descriptor for descriptor in (_STDIN, _STDOUT, _STDERR) if not _is_open(descriptor)]
    for descriptor in closed:
        null = os.open(os.devnull, os.O_RDONLY if descriptor == _STDIN else os.O_WRONLY)
        if null != descriptor:
            os.dup2(null, descriptor)
            os.close(null)
    if sys.stdin is None or _STDIN in closed:
        sys.stdin = os.fdopen(_STDIN, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = _guarded(_STDOUT, sys.stdout), _guarded(_STDERR, sys.stderr)
    return _STDOUT not in closed


def reader_has_gone() -> bool:
    """Whether whoever read standard output stopped reading."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Output) and raw.failure == errno.EPIPE


def not_written(observed: str) -> InstallerError:
    """What to say where standard output can't be written to."""
    from installer.common.errors import ExitCode, InstallerError

    return InstallerError(
        "write the result",
        observed,
        hint="Send it to a file or a pipe that takes it, or to /dev/null if you don't want it.",
        exit_code=ExitCode.USAGE,
    )


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _guarded(descriptor: int, before: TextIO | None) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    raw: Any = _Output(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=encoding,
        errors="replace",
        line_buffering=descriptor == _STDERR or raw.isatty(),
    )
