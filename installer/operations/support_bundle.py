"""The support bundle: what somebody else needs to see why an install failed, and no secret."""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import chain
from pathlib import Path

from installer import __version__
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.common.scrub import safe
from installer.engine.events import document
from installer.engine.journal import Reader
from installer.operations import machine_logs
from installer.operations.lookup import existing, load
from installer.operations.session import open_world

_LIBRARIES = ("textual", "paramiko", "pydantic", "cryptography", "asyncssh")
_LOG_LINES = 20_000


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of a bundle; `size` in bytes."""

    name: str
    size: int


Agree = Callable[[Sequence[BundledFile]], None]
"""Is told what a bundle holds before it is saved; whatever it raises keeps it from being saved."""


def agreed(_entries: Sequence[BundledFile]) -> None: ...


def gather(cluster: str, output: Path, *, machines: bool = True, agree: Agree = agreed) -> Path:
    """Write a support bundle (.tar.gz) to `output`: plan, journal, logs, report, and what the machines tell.

    No secret is in it. `agree` is told what it holds before it is saved, and may raise. Returns its path.
    """
    directory = existing(cluster)
    more = _machine_logs(directory) if machines else ()
    return bundle(directory, output, more, agree)


def _machine_logs(directory: ClusterDirectory) -> Iterator[tuple[str, str]]:
    """(file name, text); of machines that cannot even be looked for, a file saying so."""
    try:
        with open_world(load(directory.cluster), directory) as world:
            yield from machine_logs.gathered(world)
    except InstallerError as error:
        yield "machines/none.txt", f"{error}\n{error.hint}\n"


def bundle(
    directory: ClusterDirectory, output: Path, more: Iterable[tuple[str, str]] = (), agree: Agree = agreed
) -> Path:
    """Write the bundle of one cluster (.tar.gz, mode 0600): its own files, and `more` as (name, text).

    Raises InstallerError if `output` cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=output.absolute().parent, prefix=f".{output.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                entries = _write(file, directory.cluster, chain(_contents(directory), more))
            agree(entries)
            Path(temporary).replace(output)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise InstallerError(
            "write the support bundle",
            f"{output}: {error.strerror}",
            hint="give another place with --output",
            exit_code=ExitCode.USAGE,
        ) from None
    return output


def _write(file: io.BufferedWriter, cluster: str, contents: Iterable[tuple[str, str]]) -> list[BundledFile]:
    now, entries = int(time.time()), []
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in contents:
            content = safe(text).encode()
            entry = tarfile.TarInfo(f"{cluster}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), now, 0o600
            archive.addfile(entry, io.BytesIO(content))
            entries.append(BundledFile(entry.name, entry.size))
    return entries


def listing(entries: Sequence[BundledFile]) -> list[str]:
    """What a bundle holds, a line each, sizes in kB."""
    return [f"{entry.size / 1000:9.1f} kB  {entry.name}" for entry in entries]


def _contents(directory: ClusterDirectory) -> Iterator[tuple[str, str]]:
    """Yield (file name, text). Keys and the kubeconfig are left out by not being named here."""
    yield "versions.txt", _versions()
    for path in (directory.plan, directory.engine_log, directory.known_hosts, directory.report):
        if path.exists():
            yield path.name, path.read_text(encoding="utf-8", errors="replace")
    try:
        yield from _story(directory)
    except InstallerError as error:
        yield "events.txt", f"{error}\n"


def _story(directory: ClusterDirectory) -> Iterator[tuple[str, str]]:
    with Reader(directory.journal) as reader:
        yield "events.jsonl", "".join(json.dumps(document(event)) + "\n" for event in reader.events())
        logs: dict[str, list[str]] = {}
        for line in reader.logs(limit=_LOG_LINES):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(line.at))
            logs.setdefault(line.machine or "cluster", []).append(f"{stamp} {line.step}: {line.text}\n")
    for machine, lines in logs.items():
        yield f"logs/{machine}.log", "".join(lines)


def _versions() -> str:
    lines = [f"craton {__version__}", f"python {sys.version.split()[0]}", platform.platform()]
    return "\n".join([*lines, *(f"{name} {metadata.version(name)}" for name in _LIBRARIES)]) + "\n"
