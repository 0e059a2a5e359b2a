"""Where state lives: the home directory, one directory per cluster, and how files that matter are written."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


def home() -> Path:
    """`CRATON_HOME`, or the platform's data directory (`~/.local/share/craton` on Linux)."""
    given = os.environ.get("CRATON_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("craton", appauthor=False))


def private_directory(path: Path) -> Path:
    """Make `path` and its parents with mode 0700 where they do not exist; return it."""
    for directory in (*reversed(path.parents), path):
        if not directory.exists():
            directory.mkdir(mode=0o700, exist_ok=True)
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that matters: mode 0600, to a temporary file beside it, fsynced, renamed over `path`."""
    private_directory(path.parent)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
    """The files of one cluster under the home directory."""

    path: Path

    @classmethod
    def of(cls, cluster: str) -> ClusterDirectory:
        return cls(home() / "clusters" / cluster)

    @property
    def cluster(self) -> str:
        return self.path.name

    @property
    def plan(self) -> Path:
        return self.path / "plan.yaml"

    @property
    def journal(self) -> Path:
        return self.path / "journal.db"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def engine_log(self) -> Path:
        return self.path / "engine.log"

    @property
    def known_hosts(self) -> Path:
        return self.path / "known_hosts"

    @property
    def key(self) -> Path:
        """Craton's own private key for this cluster; its public half ends in `.pub`."""
        return self.path / "id_ed25519"

    @property
    def report(self) -> Path:
        """The newest health report, as JSON."""
        return self.path / "health.json"

    @property
    def kubeconfig(self) -> Path:
        return self.path / "kubeconfig"


def clusters() -> list[ClusterDirectory]:
    """Every cluster that has a journal, by name."""
    root = home() / "clusters"
    if not root.is_dir():
        return []
    return [
        ClusterDirectory(path)
        for path in sorted(root.iterdir())
        if not path.name.startswith(".") and (path / "journal.db").exists()
    ]
