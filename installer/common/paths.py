"""Where state lives: the home directory, and one directory per cluster."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError, file_errors
from installer.common.files import private_directory, write_private
from installer.common.homes import expanded, user_home
from installer.common.ownership import refuse_foreign

__all__ = ["ClusterDirectory", "clusters", "home", "private_directory", "write_private"]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def home() -> Path:
    """`CRATON_HOME`, or the platform's data directory (`~/.local/share/craton` on Linux).

    Raises InstallerError if somebody else could change what is in it, if its name can't be used, or if there is no
    home directory.
    """
    given = os.environ.get("CRATON_HOME")
    path = Path(os.path.abspath(expanded(given) if given else _data_directory()))  # noqa: PTH100 (no `..` goes by a link)
    if _CONTROL.search(str(path)):
        raise InstallerError(
            "use CRATON_HOME",
            f"there is a line break or another control character in {str(path)!r}",
            hint="Give CRATON_HOME another name.",
            exit_code=ExitCode.USAGE,
        )
    refuse_foreign(path)
    return path


def _data_directory() -> Path:
    import platformdirs

    try:
        found = Path(platformdirs.user_data_dir("craton", appauthor=False))
    except RuntimeError:  # it knows no home directory
        found = Path()
    return found if found.is_absolute() else user_home() / ".local" / "share" / "craton"


@dataclass(frozen=True, slots=True)
class ClusterDirectory:
    """The files of one cluster under the home directory."""

    path: Path

    @classmethod
    def of(cls, cluster: str) -> ClusterDirectory:
        """Raises InstallerError if somebody else could change what is in it."""
        path = home() / "clusters" / cluster
        refuse_foreign(path)
        return cls(path)

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
    """Every cluster that has a plan or a journal, by name: neither is lost because the other is."""
    root = home() / "clusters"
    with file_errors(root):
        names = sorted(path.name for path in root.iterdir()) if root.is_dir() else []
        found = [ClusterDirectory.of(name) for name in names if not name.startswith(".")]
        return [directory for directory in found if directory.plan.exists() or directory.journal.exists()]
