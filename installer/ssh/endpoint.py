"""Where a machine's SSH server listens, who logs in, and how its host key is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class Credentials:
    """The user's own keys, as OpenSSH's options of these names say them."""

    keys: tuple[Path, ...] = ()
    """IdentityFile: private keys, or public halves of keys that the agent holds; what does not exist is passed over."""
    certificates: tuple[Path, ...] = ()
    """CertificateFile."""
    agent: str | None = None
    """Socket of the ssh-agent, or None."""
    only: bool = False
    """IdentitiesOnly: of the agent's keys, only those that `keys` name."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a machine's SSH server listens, who logs in with what, and how its host key is known.

    `host_key` is `TYPE BASE64` as the platform vouches for it, or None where the platform cannot know it; then the
    files of `known_hosts` may, under the name `known_as` (OpenSSH's `host`, `[host]:port` or HostKeyAlias).
    """

    address: str
    port: int
    user: str
    host_key: str | None
    credentials: Credentials | None = None
    """None: the cluster's own key."""
    known_as: str = ""
    known_hosts: tuple[Path, ...] = ()
    jump: Endpoint | None = None
    """The host through which the connection goes."""
