"""What can go wrong, said once: operation, machine, observation, next action and exit code."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """The process's exit status; the same numbers for every command."""

    DONE = 0
    USAGE = 2
    PLAN = 3
    PREFLIGHT = 4
    MACHINES = 5
    CLUSTER = 6
    VERIFICATION = 7
    INTERRUPTED = 8
    LOCKED = 9
    LEFTOVERS = 10


class InstallerError(Exception):
    """A failure that a user can act on.

    `operation` is what was being done ("connect"), `observed` what was seen ("connection refused by 127.0.0.1:4021"),
    `hint` the next action. `retryable` says that the same operation may succeed if simply tried again.
    `exit_code` is None where only the caller knows it: a step's phase decides it then.

    Whatever a machine, a server or a file put into these words is made safe here, so that no place which raises,
    shows or records an error has to think of it.
    """

    _WORDS: ClassVar[frozenset[str]] = frozenset({"operation", "observed", "hint", "machine"})

    def __init__(
        self,
        operation: str,
        observed: str,
        *,
        hint: str = "",
        machine: str | None = None,
        exit_code: ExitCode | None = None,
        retryable: bool = False,
    ) -> None:
        self.operation = operation
        self.observed = observed
        self.hint = hint
        self.machine = machine
        self.exit_code = exit_code
        self.retryable = retryable
        super().__init__(str(self))

    def __setattr__(self, name: str, value: object) -> None:
        if name in self._WORDS and isinstance(value, str):
            from installer.common.scrub import safe  # here: every command imports this module, and few raise an error

            value = safe(value)
        super().__setattr__(name, value)

    def __str__(self) -> str:
        where = f"{self.machine}: " if self.machine else ""
        return f"{where}{self.operation}: {self.observed}"

    def as_dict(self) -> dict[str, Any]:
        """The JSON shape of an error in the journal and in `--json` output."""
        return {
            "operation": self.operation,
            "machine": self.machine,
            "observed": self.observed,
            "hint": self.hint,
            "exit_code": None if self.exit_code is None else int(self.exit_code),
        }


class FileError(InstallerError, OSError):
    """A file or directory of this computer that can't be read or written, which callers may catch as an OSError."""

    def __init__(self, error: OSError, path: Path | str) -> None:
        named = str(error.filename or "")
        file, seen = named if named.startswith("/") else str(path), error.strerror or str(error)
        super().__init__("use a file", f"{file}: {seen}", hint=_FILE_HINTS.get(error.errno or 0, _FILE_HINT))
        self.errno, self.strerror, self.filename = error.errno, seen, file


_FILE_HINTS = {
    errno.ENOSPC: "Free space on its file system.",
    errno.EDQUOT: "Free space: your quota on its file system is used up.",
    errno.EROFS: "Its file system is read-only. CRATON_HOME sets another place for Craton's files.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
}
_FILE_HINT = "Check that you may read and write there. CRATON_HOME sets another place for Craton's files."


@contextmanager
def file_errors(path: Path | str) -> Iterator[None]:
    """Turn an OSError about `path`, or about the file that it names, into a FileError."""
    try:
        yield
    except FileError:
        raise
    except OSError as error:
        raise FileError(error, path) from error
