"""Limits of this computer's kernel that machines share: raised for them, and set back once no machine is left.

What was raised is on record in Craton's home directory, not in a cluster's: clusters share the kernel.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import home, write_private

INSTANCES, WATCHES = "fs.inotify.max_user_instances", "fs.inotify.max_user_watches"
_RECORD = TypeAdapter(dict[str, tuple[int, int]])
"""By name: what the limit was, and what it was raised to."""


def path(name: str) -> Path:
    """Where the kernel shows a limit."""
    return Path("/proc/sys") / name.replace(".", "/")


def current(name: str) -> int | None:
    """The limit now; None where this computer has none, as where docker runs in a virtual machine."""
    try:
        return int(path(name).read_text())
    except (OSError, ValueError):
        return None


def raise_to(name: str, value: int) -> None:
    """Raise a limit, with what it was on record first. Raises InstallerError (preflight)."""
    record, before = _recorded(), current(name) or 0
    if name in record and record[name][1] == before:  # raised once already
        before = record[name][0]
    write_private(_file(), _RECORD.dump_json(record | {name: (before, value)}))
    _write(name, value)


def raised() -> dict[str, tuple[int, int]]:
    """What was raised and is still so, by name: what it was, and what it is."""
    return {name: values for name, values in _recorded().items() if current(name) == values[1]}


def set_back() -> list[str]:
    """Give limits that were raised their former values; in words, what was done. Raises InstallerError."""
    done = []
    for name, (before, _) in raised().items():
        _write(name, before)
        done.append(f"{name} is {before} again")
    _file().unlink(missing_ok=True)
    return done


def _file() -> Path:
    return home() / "kernel-limits.json"


def _recorded() -> dict[str, tuple[int, int]]:
    """Nothing if the record can't be read: limits stay as they are."""
    try:
        return _RECORD.validate_json(_file().read_bytes())
    except (OSError, ValidationError):
        return {}


def _write(name: str, value: int) -> None:
    try:
        path(name).write_text(f"{value}\n")
    except OSError as error:
        raise InstallerError(
            "set a limit of the kernel",
            f"{name} can't be set to {value}: {error.strerror or error}",
            hint=f"sudo sysctl {name}={value}",
            exit_code=ExitCode.PREFLIGHT,
        ) from None
