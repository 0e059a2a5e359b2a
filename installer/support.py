"""The support bundle: what somebody else needs to see why an install failed, and no secret."""

from __future__ import annotations

import io
import json
import platform
import sys
import tarfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from installer import __version__
from installer.engine.journal import Reader
from installer.errors import ExitCode, InstallerError
from installer.follow import document
from installer.sanitise import clean, redact
from installer.state import ClusterDirectory

_LIBRARIES = ("textual", "paramiko", "pydantic", "cryptography", "asyncssh")
_LOG_LINES = 20_000


def bundle(directory: ClusterDirectory, output: Path) -> Path:
    """Write the bundle of one cluster. Raises InstallerError if `output` cannot be written."""
    now = time.time()
    try:
        with tarfile.open(output, "w:gz") as archive:
            for name, text in _contents(directory):
                content = redact(clean(text)).encode()
                entry = tarfile.TarInfo(f"{directory.cluster}/{name}")
                entry.size, entry.mtime, entry.mode = len(content), int(now), 0o600
                archive.addfile(entry, io.BytesIO(content))
        output.chmod(0o600)
    except OSError as error:
        raise InstallerError(
            "write the support bundle",
            f"{output}: {error.strerror}",
            hint="give another place with --output",
            exit_code=ExitCode.USAGE,
        ) from None
    return output


def _contents(directory: ClusterDirectory) -> Iterator[tuple[str, str]]:
    """Yield (file name, text). Keys and the kubeconfig are left out by not being named here."""
    yield "versions.txt", _versions()
    for path in (directory.plan, directory.engine_log, directory.known_hosts, directory.report):
        if path.exists():
            yield path.name, path.read_text(encoding="utf-8", errors="replace")
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
