"""Cases for OpenSSH's client: what a server shows, what is known of it, how `ssh` is configured, and what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from installer.common.errors import InstallerError
from installer.ssh.host_keys.verify import ChangedHostKey, RefusedHostKey, RevokedHostKey, UnknownHostKey
from tests.doubles.host_keys import CertifiedServer

SERVERS = {
    "usual": ["-h", "-n", "127.0.0.1,*.example.com", "-z", "7"],
    "expired": ["-h", "-n", "127.0.0.1", "-V", "-2d:-1d"],
    "not valid yet": ["-h", "-n", "127.0.0.1", "-V", "+1d:+2d"],
    "for another host": ["-h", "-n", "node.example.com"],
    "for similar hosts": ["-h", "-n", "127.0.0.*"],
    "for every host": ["-h"],
    "with a port": ["-h", "-n", "[127.0.0.1]:22"],
    "for an alias": ["-h", "-n", "web"],
    "RSA authority": ["-h", "-n", "127.0.0.1"],
    "SHA-1 authority": ["-h", "-n", "127.0.0.1", "-t", "ssh-rsa"],
}
"""Options of `ssh-keygen -s` that signed the server's ed25519 key."""
KINDS = {"RSA authority": {"authority": "rsa"}, "SHA-1 authority": {"authority": "rsa"}}

ONE_FILE = 'UserKnownHostsFile "{home}/known"\nGlobalKnownHostsFile none\n'


@dataclass(frozen=True)
class Case:
    """`known` is the text of ~/known, `files` are further ones; texts may name a server's `words` and `{home}`."""

    name: str
    refusal: type[InstallerError] | None
    known: str = ""
    config: str = ONE_FILE
    files: dict[str, str] = field(default_factory=dict)
    server: str = "usual"
    hashed: bool = False
    prepare: Callable[[Path, CertifiedServer], None] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    settled: bool = True
    """Whether every release of OpenSSH says the same."""


def lines() -> Iterator[Case]:
    """One file, line by line."""
    for name, known, refusal in (
        ("the known key", "{place} {plain}", None),
        ("the other key that the server has", "{place} {certified}", None),
        ("both", "{place} {plain}\n{place} {certified}", None),
        ("several names", "node.example.com,{place},10.0.0.1 {plain}", None),
        ("a wildcard with a port", "[127.0.0.*]:* {plain}", None),
        ("a wildcard without one", "127.* {certified}", None),
        ("a question mark", "[127.0.0.?]:{port} {plain}", None),
        ("a negated name", "{place},!{place} {plain}", UnknownHostKey),
        ("a negated pattern before a wildcard", "![127.*]:*,* {plain}", UnknownHostKey),
        ("another negated name", "![10.*]:*,* {plain}", None),
        ("square brackets that are no pattern", "[[1]27.0.0.1]:{port} {plain}", UnknownHostKey),
        ("the host known without its port", "127.0.0.1 {certified}", None),
        ("another key known without its port", "127.0.0.1 {other}", UnknownHostKey),
        ("another host", "[127.0.0.2]:{port} {plain}", UnknownHostKey),
        ("another port", "[127.0.0.1]:1 {plain}", UnknownHostKey),
        ("nothing", "", UnknownHostKey),
        ("only broken lines", "{place}\n{place} ssh-ed25519 AAAA\n<html>", UnknownHostKey),
        ("a comment", "# {place} {plain}", UnknownHostKey),
        ("a comment behind the key, tabs and blanks before it", " \t{place}\t  {plain} me@here # x", None),
        ("an unknown marker", "@trusted {place} {plain}", UnknownHostKey),
        ("a right key after a wrong one", "{place} {other}\n{place} {certified}", None),
        ("a changed key", "{place} {other}", ChangedHostKey),
        ("a changed key for a wildcard", "*,!10.* {other}", ChangedHostKey),
        ("the authority", "@cert-authority {place} {authority}", None),
        ("the authority of every host", "@cert-authority * {authority}", None),
        ("the authority, known without the port", "@cert-authority 127.0.0.1 {authority}", None),
        ("the authority of others", "@cert-authority *.example.com {authority}", UnknownHostKey),
        ("another authority", "@cert-authority * {other}", UnknownHostKey),
        ("another authority, and the plain key", "@cert-authority * {other}\n{place} {certified}", None),
        ("the authority, as a plain key", "{place} {authority}", ChangedHostKey),
        ("the plain key, as an authority", "@cert-authority * {plain}", UnknownHostKey),
        ("the authority, and a changed key", "@cert-authority * {authority}\n{place} {other}", None),
        ("a revoked key", "{place} {certified}\n@revoked * {certified}", RevokedHostKey),
        ("a revoked key before the known one", "@revoked {place} {certified}\n{place} {certified}", RevokedHostKey),
        ("a revoked key, of two that the server has", "{place} {plain}\n@revoked * {plain}", ChangedHostKey),
        ("a revoked key that was certified", "@cert-authority * {authority}\n@revoked * {certified}", RevokedHostKey),
        ("a revoked authority", "@cert-authority * {authority}\n@revoked * {authority}", RevokedHostKey),
        ("a key revoked for others", "{place} {plain}\n@revoked *.example.com {plain}", None),
        ("another revoked key", "{place} {plain}\n@revoked * {other}", None),
    ):
        yield Case(name, refusal, known)


def certificates() -> Iterator[Case]:
    known = "@cert-authority * {authority}"
    for server, refusal in (
        ("expired", UnknownHostKey),
        ("not valid yet", UnknownHostKey),
        ("for another host", UnknownHostKey),
        ("with a port", UnknownHostKey),
        ("RSA authority", None),
        ("SHA-1 authority", UnknownHostKey),
    ):
        yield Case(f"a certificate: {server}", refusal, known, server=server)
    for server in ("for similar hosts", "for every host"):  # releases of OpenSSH differ
        yield Case(f"a certificate: {server}", None, known, server=server, settled=False)
    alias = ONE_FILE + "HostKeyAlias web\n"
    yield Case("a certificate for the alias", None, "@cert-authority web {authority}", alias, server="for an alias")
    yield Case("a certificate without the alias", UnknownHostKey, known, alias)
    only = ONE_FILE + "CASignatureAlgorithms "
    yield Case("an authority of an allowed kind", None, known, only + "ssh-ed25519\n")
    yield Case("an authority of another kind", UnknownHostKey, known, only + "ecdsa-sha2-nistp256\n")
    yield Case(
        "an authority that signs by another algorithm", UnknownHostKey, known,
        only + "rsa-sha2-256\n", server="RSA authority",
    )  # fmt: skip
    yield Case("an authority removed from those allowed", UnknownHostKey, known, only + "-ssh-ed25519\n")
    yield Case(
        "a plain key is known behind an expired certificate", None, known + "\n{place} {certified}", server="expired"
    )
    yield Case(
        "a plain key changed behind an expired certificate", ChangedHostKey, known + "\n{place} {other}",
        server="expired",
    )  # fmt: skip


def commands() -> Iterator[Case]:
    config = ONE_FILE + 'KnownHostsCommand "{home}/known hosts" %H %t\n'

    def script(text: str) -> Callable[[Path, CertifiedServer], None]:
        def write(home: Path, server: CertifiedServer) -> None:
            path = home / "known hosts"
            path.write_text("#!/bin/sh\n" + text.format(**server.words()) + "\n")
            path.chmod(0o755)

        return write

    for name, text, refusal in (
        ("knows the key", "echo '{place} {certified}'", None),
        ("knows another key", "echo '{place} {other}'", ChangedHostKey),
        ("knows nothing", ":", UnknownHostKey),
        ("revokes the key", "echo '{place} {certified}'; echo '@revoked * {certified}'", RevokedHostKey),
        ("knows the authority", "echo '@cert-authority * {authority}'", None),
        ("answers by the name", 'echo "$1 {certified}"', None),
        ("fails", "exit 1", InstallerError),
    ):
        yield Case(f"a command that {name}", refusal, "", config, prepare=script(text))
    yield Case("a command that is not there", UnknownHostKey, "", config)
    yield Case(
        "a file and a command",
        RevokedHostKey,
        "{place} {certified}",
        config,
        prepare=script("echo '@revoked * {certified}'"),
    )


def settings() -> Iterator[Case]:
    right, wrong = "{place} {plain}", "{place} {other}"

    def setting(text: str, refusal: type[InstallerError] | None, known: str) -> Case:
        return Case(f"{text}: {known or 'nothing'}", refusal, known, ONE_FILE + text + "\n")

    yield setting("HostKeyAlias web", None, "web {plain}")
    yield setting("HostKeyAlias Web", None, "web {plain}")
    yield setting("HostKeyAlias web", ChangedHostKey, "web {other}")
    yield setting("HostKeyAlias web", UnknownHostKey, right)
    yield setting("HostKeyAlias web", RevokedHostKey, "web {certified}\n@revoked web {certified}")
    yield setting("StrictHostKeyChecking yes", None, right)
    yield setting("StrictHostKeyChecking yes", RefusedHostKey, "")
    yield setting("StrictHostKeyChecking yes", ChangedHostKey, wrong)
    yield setting("StrictHostKeyChecking ask", UnknownHostKey, "")
    yield setting("StrictHostKeyChecking accept-new", None, "")
    yield setting("StrictHostKeyChecking accept-new", ChangedHostKey, wrong)
    yield setting("StrictHostKeyChecking accept-new", RevokedHostKey, "@revoked * {plain}\n@revoked * {certified}")
    yield setting("StrictHostKeyChecking off", None, "")
    yield setting("UpdateHostKeys yes", None, right)
    yield setting("UpdateHostKeys yes", UnknownHostKey, "")
    yield setting("HashKnownHosts yes", None, right)
    yield setting("HostKeyAlgorithms ssh-ed25519", ChangedHostKey, right)
    yield setting("HostKeyAlgorithms ssh-ed25519", None, "{place} {certified}")
    yield setting("HostKeyAlgorithms ecdsa-sha2-nistp256", UnknownHostKey, "@cert-authority * {authority}")
    yield setting("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com", None, "@cert-authority * {authority}")
    yield setting("HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com", UnknownHostKey, "")
    yield setting("HostKeyAlgorithms -ecdsa*", ChangedHostKey, right)
    yield setting("HostKeyAlgorithms ^ecdsa-sha2-nistp256", None, right)
    yield setting("HostKeyAlgorithms ^ssh-ed25519", ChangedHostKey, right)
    yield setting("VisualHostKey yes", None, right)
    yield setting("LogLevel QUIET", ChangedHostKey, wrong)
    yield setting("FingerprintHash md5", None, right)
    yield setting("NumberOfPasswordPrompts 0", UnknownHostKey, "")
    yield setting("Compression yes", ChangedHostKey, wrong)
    yield setting("KexAlgorithms diffie-hellman-group14-sha256", ChangedHostKey, wrong)
    yield setting("Ciphers aes256-gcm@openssh.com", None, right)
    yield setting("RemoteCommand echo hello", None, right)
    yield setting("ControlMaster auto\nControlPath {home}/control", ChangedHostKey, wrong)
    yield setting("CanonicalizeHostname yes", ChangedHostKey, wrong)
    yield setting("CheckHostIP yes", None, right)
    yield setting("VerifyHostKeyDNS yes", UnknownHostKey, "")
