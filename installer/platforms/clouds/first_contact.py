"""The secret by which new machines prove their host keys, the requests that made them, and the proof itself."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.files import write_private
from installer.common.paths import ClusterDirectory
from installer.platforms.clouds.batches import Batch, token
from installer.platforms.clouds.host_key_proof import MARK, proves
from installer.ssh.endpoint import Endpoint

_LOOKING = 15.0
"""Seconds for one look at a server."""
_lock = threading.Lock()
"""Held by whoever changes the file."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One request for machines, as it is repeated until AWS lists what it made: the same token makes no twin."""

    batch: Batch
    zone: str
    image: str
    attempt: int
    """Its number in the file: what was terminated is made again by another request."""

    def token(self, secret: str) -> str:
        """What keeps the cloud from doing it twice: the same for the same launch, on this computer alone."""
        return token(secret, self.batch.role, self.batch.tag, self.zone, self.image, str(self.attempt))


@dataclass(frozen=True, slots=True)
class _Written:
    secret: str
    launches: tuple[Launch, ...] = ()
    attempts: int = 0


_FILE = TypeAdapter(_Written)


class FirstContact:
    """A file of the cluster's directory, durable before machines are asked for, gone once all of them are known.

    A later batch has another secret: by then, whatever runs on the first machines may have read theirs.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "first-contact.json"

    @property
    def secret(self) -> str | None:
        """The secret of the machines that are being made; None where all are known, or made by another computer."""
        found = self._read()
        return found.secret if found else None

    @property
    def launches(self) -> tuple[Launch, ...]:
        """The requests so far, in their order."""
        found = self._read()
        return found.launches if found else ()

    def begin(self, batch: Batch, zone: str, image: str) -> Launch:
        """Record a request that is about to be made."""
        with _lock:
            found = self._read() or _Written(secrets.token_hex(32))
            launch = Launch(batch, zone, image, found.attempts + 1)
            self._write(replace(found, launches=(*found.launches, launch), attempts=launch.attempt))
            return launch

    def abandon(self, launch: Launch) -> None:
        """The request made nothing that is left, and is not to be made again."""
        with _lock:
            if found := self._read():
                self._write(replace(found, launches=tuple(one for one in found.launches if one != launch)))

    def forget(self) -> None:
        """Every host key is pinned, or every machine gone."""
        self._path.unlink(missing_ok=True)

    def _write(self, written: _Written) -> None:
        write_private(self._path, _FILE.dump_json(written, indent=1))

    def _read(self) -> _Written | None:
        try:
            found = _FILE.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError:
            raise InstallerError(
                "read what new machines were given",
                f"{self._path} is damaged",
                hint="Destroy the cluster, which needs no such file, and install it again.",
            ) from None
        return found


def host_key(
    machine: str,
    instance: str,
    endpoint: Endpoint,
    secret: str | None,
    directory: ClusterDirectory,
    *,
    cloud: str,
    console: str,
) -> str:
    """The host key of a machine that nobody has logged in to yet, as `TYPE BASE64`, once it has proved it.

    `cloud` is the cloud's name, and `console` the command that shows the console of the machine. Raises InstallerError,
    retryable while the machine may still be starting.
    """
    from installer.ssh.transport.dial import look  # paramiko: only whoever connects needs it

    if secret is None:
        raise InstallerError(
            "prove the host key",
            "its host key is not pinned, and the secret that proves it is not on this computer",
            machine=machine,
            hint=f"Delete the instance {instance}, then resume: Craton makes it again.",
        )
    shown, banner = look(machine, endpoint, directory, Deadline(_LOOKING))
    if proves(secret, instance, shown, banner):
        return shown
    if MARK not in banner:
        raise InstallerError(
            "prove the host key",
            "SSH answers, and the machine has not proved its host key yet",
            machine=machine,
            hint=f"It may still be starting. `{console}` shows how far it is.",
            retryable=True,
        )
    raise InstallerError(
        "prove the host key",
        f"what answers at {endpoint.address} can't prove to be {instance}",
        machine=machine,
        hint=f"Something between this computer and {cloud} answers in its place. Find out what before you log in.",
    )
