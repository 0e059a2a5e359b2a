"""Servers with certified host keys, and what OpenSSH's own client does when it meets one of them."""

from __future__ import annotations

import getpass
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.doubles.sshd import free_port, running_sshd
from tests.needs import require
from tests.patience import PATIENCE


@dataclass(frozen=True)
class CertifiedServer:
    """A server with an ECDSA key, and an ed25519 key that an authority signed. Keys are `TYPE BASE64`."""

    address: str
    port: int
    plain: str
    certified: str
    authority: str
    other: str
    """The key of somebody else."""
    client: Path
    """A private key that may log in."""
    directory: Path

    @property
    def place(self) -> str:
        return f"[{self.address}]:{self.port}"

    def words(self) -> dict[str, str]:
        """What texts of a case may name."""
        names = ("place", "port", "plain", "certified", "authority", "other", "directory")
        return {name: str(getattr(self, name)) for name in names} | {"user": getpass.getuser()}

    def openssh_accepts(self, home: Path, *before: str) -> bool:
        """Whether `ssh` logs in by the configuration in `home`, with nobody there to ask; `before` runs `ssh`."""
        config = home / "real_config"
        config.write_text(f'Include "{home}/.ssh/config"\nInclude /etc/ssh/ssh_config\n')
        settings = [f"IdentityFile={self.client}", "IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes"]
        settings.append("LogLevel=INFO")
        command = ["ssh", "-F", str(config), *(word for setting in settings for word in ("-o", setting))]
        command += ["-T", "-l", getpass.getuser(), "-p", str(self.port), self.address]
        done = subprocess.run([*before, *command], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        refusals = (b"Host key verification failed", b"no matching host key type", b"KnownHostsCommand failed")
        assert done.returncode == 0 or any(refusal in done.stderr for refusal in refusals), done.stderr
        return done.returncode == 0


def make_key(path: Path, kind: str = "ed25519", *options: str) -> str:
    """Make a key pair; return the public half as `TYPE BASE64`."""
    require("ssh-keygen")
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, *options, "-f", str(path)], check=True)
    return public(path)


def public(path: Path) -> str:
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def sign(path: Path, authority: Path, *options: str) -> Path:
    """Let the authority sign a key; return the certificate's path."""
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "id", *options, f"{path}.pub"], check=True)
    return path.with_name(f"{path.name}-cert.pub")


def revocation_list(path: Path, *options: str, what: str) -> None:
    """Write a KRL that revokes `what`: a public key, or a line of a specification (ssh-keygen(1))."""
    given = path.with_name(f"{path.name}.given")
    given.write_text(f"{what}\n")
    subprocess.run(["ssh-keygen", "-q", "-k", "-f", str(path), *options, str(given)], check=True)


@contextmanager
def certified_server(
    directory: Path, *options: str, authority: str = "ed25519", listen: str = "127.0.0.1"
) -> Iterator[CertifiedServer]:
    """Start one; `options` are those of `ssh-keygen -s`, `authority` is the type of its key."""
    directory.mkdir(parents=True)
    names = {name: directory / name for name in ("certified", "authority", "other", "client")}
    keys = {name: make_key(path, authority if name == "authority" else "ed25519") for name, path in names.items()}
    certificate = sign(names["certified"], names["authority"], *options)
    settings = [f"HostKey {names['certified']}", f"HostCertificate {certificate}"]
    port = free_port()
    if listen != "127.0.0.1":
        settings.append(f"ListenAddress {listen}:{port}")
    with running_sshd(directory / "sshd", *settings, host_key_types=("ecdsa",), port=port) as sshd:
        sshd.authorize(keys["client"])
        yield CertifiedServer(
            listen,
            sshd.port,
            sshd.host_key,
            keys["certified"],
            keys["authority"],
            keys["other"],
            names["client"],
            directory,
        )
