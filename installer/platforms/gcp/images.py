"""Which image machines start from: the newest of its publisher's family, in the publisher's own project."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from installer.accounts.gcp.account import Account
from installer.accounts.gcp.errors import GcpError
from installer.common.errors import InstallerError
from installer.plan.platforms.gcp.machine_types import Architecture, architecture

_FAMILIES: dict[tuple[str, Architecture], tuple[str, str]] = {
    ("debian-13", "amd64"): ("debian-cloud", "debian-13"),
    ("debian-13", "arm64"): ("debian-cloud", "debian-13-arm64"),
    ("ubuntu-24.04", "amd64"): ("ubuntu-os-cloud", "ubuntu-2404-lts-amd64"),
    ("ubuntu-24.04", "arm64"): ("ubuntu-os-cloud", "ubuntu-2404-lts-arm64"),
}
"""Project and family, as Google documents them under "Operating system details"."""


@dataclass(frozen=True, slots=True)
class Image:
    link: str
    name: str


class Images:
    """Images that were looked up, each once in a run. Safe from many threads."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._found: dict[tuple[str, Architecture], Image] = {}

    def of(self, system: str, machine_type: str) -> Image:
        """The newest image of a system for a machine type. Raises InstallerError if there is none."""
        wanted = (system, architecture(machine_type))
        with self._lock:
            if wanted not in self._found:
                self._found[wanted] = self._newest(*wanted)
            return self._found[wanted]

    def _newest(self, system: str, processor: Architecture) -> Image:
        project, family = _FAMILIES[system, processor]
        try:
            found = self._account.get("images", "getFromFamily", project=project, family=family)
        except GcpError as error:
            if not error.missing:
                raise
            raise InstallerError(
                "find the image",
                f"the project {project} has no image of the family {family}",
                hint="Choose the other system (gcp.image).",
            ) from None
        return Image(f"projects/{project}/global/images/{found['name']}", str(found["name"]))
