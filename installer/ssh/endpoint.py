"""Where a machine's SSH server listens, who logs in, and how its host key is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


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
class OpenSSH:
    """How OpenSSH's `ssh` finds its way to a server: with these arguments and this configuration."""

    name: str
    """The host to name on the command line."""
    arguments: tuple[str, ...] = ()
    configuration: str = ""
    algorithms: tuple[str, ...] = ()
    """HostKeyAlgorithms: those allowed."""
    new_keys: Literal["refuse", "ask", "accept"] = "ask"
    """StrictHostKeyChecking: what becomes of a host key that was never seen."""
    files: tuple[Path, ...] | None = None
    """The files of host keys that `ssh` reads; None where a command or a list of revoked keys has a say as well, or
    where it isn't known."""
    check_address: bool = False
    """CheckHostIP: whether a key must not be another than the one known for the address."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a machine's SSH server listens, who logs in with what, and how its host key is known.

    `host_key` is `TYPE BASE64` as the platform vouches for it, or None where the platform cannot know it; then
    `openssh` may. Where that is None, nothing of the user's has a say.
    """

    address: str
    port: int
    user: str
    host_key: str | None
    credentials: Credentials | None = None
    """None: the cluster's own key."""
    openssh: OpenSSH | None = None
    jump: Endpoint | None = None
    """The host through which the connection goes."""
