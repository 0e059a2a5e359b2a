"""What is trusted, beside what OpenSSH's own client says of the same server and the same files."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import paramiko
import pytest

from installer.common.paths import ClusterDirectory
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import pinned_keys as known_hosts
from installer.ssh.host_keys import verify
from installer.ssh.host_keys.pinned_keys import fingerprint
from installer.ssh.host_keys.verify import ChangedHostKey, HostKeyError, RevokedHostKey, ShownKey, UnknownHostKey
from tests.doubles.sshd import running_sshd

MACHINE = "demo-worker-1"
USER_CERTIFICATE, EXPIRED, NOT_YET = ["-n", "127.0.0.1"], ["-h", "-V", "-2d:-1d"], ["-h", "-V", "+1d:+2d"]


@dataclass(frozen=True)
class Server:
    """A server with an ECDSA key, and an ed25519 key that an authority signed. Keys are `TYPE BASE64`."""

    port: int
    plain: str
    certified: str
    authority: str
    other: str
    client: Path
    """A private key that may log in."""
    directory: Path

    @property
    def place(self) -> str:
        return f"[127.0.0.1]:{self.port}"

    def endpoint(self, *files: Path) -> Endpoint:
        return Endpoint("127.0.0.1", self.port, getpass.getuser(), None, known_as=self.place, known_hosts=files)

    def shows(self, algorithms: tuple[str, ...]) -> ShownKey:
        """What a client that asks for these algorithms sees, paramiko's signature check included."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
            transport = paramiko.Transport(connection)
            try:
                transport.get_security_options().key_types = algorithms
                transport.start_client(timeout=10)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
        certificate = key.public_blob.key_blob if key.public_blob else None
        return ShownKey(f"{key.get_name()} {key.get_base64()}", certificate)

    def openssh_accepts(self, files: Path) -> bool:
        command = ["ssh", "-F", "none", "-i", str(self.client), "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        options = [f"UserKnownHostsFile={files}", "GlobalKnownHostsFile=none", "StrictHostKeyChecking=yes"]
        for option in [*options, "BatchMode=yes", "UpdateHostKeys=no"]:
            command += ["-o", option]
        done = subprocess.run(
            [*command, "-p", str(self.port), "127.0.0.1", "true"], capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0 or "Host key verification failed" in done.stderr, done.stderr
        return done.returncode == 0


def make_key(path: Path, kind: str = "ed25519") -> str:
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(path)], check=True)
    return public(path)


def public(path: Path) -> str:
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def sign(path: Path, authority: Path, *options: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "id", *options, f"{path}.pub"], check=True)
    return path.with_name(f"{path.name}-cert.pub")


def serving(directory: Path, *options: str, authority_kind: str = "ed25519") -> Iterator[Server]:
    directory.mkdir()
    names = {name: directory / name for name in ("certified", "authority", "other", "client")}
    keys = {name: make_key(path, authority_kind if name == "authority" else "ed25519") for name, path in names.items()}
    certificate = sign(names["certified"], names["authority"], *options)
    settings = (f"HostKey {names['certified']}", f"HostCertificate {certificate}")
    with running_sshd(directory / "sshd", *settings, host_key_types=("ecdsa",)) as sshd:
        sshd.authorize(keys["client"])
        yield Server(
            sshd.port, sshd.host_key, keys["certified"], keys["authority"], keys["other"], names["client"], directory
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from serving(tmp_path_factory.mktemp("trust") / "server", "-h", "-n", "127.0.0.1,*.example.com")


FILES = [
    ("the pinned key", "{place} {plain}", None),
    ("the other key that the server has", "{place} {certified}", None),
    ("both", "{place} {plain}\n{place} {certified}", None),
    ("one of several keys", "{place} {other}\n{place} {certified}", None),
    ("a wildcard with a port", "[127.0.0.*]:* {plain}", None),
    ("a negated name", "{place},!{place} {plain}", UnknownHostKey),
    ("the host known without its port", "127.0.0.1 {certified}", None),
    ("another key known without its port", "127.0.0.1 {other}", UnknownHostKey),
    ("another host", "[127.0.0.2]:22 {plain}", UnknownHostKey),
    ("nothing", "", UnknownHostKey),
    ("only broken lines", "{place}\n{place} ssh-ed25519 AAAA\n<html>", UnknownHostKey),
    ("a comment", "# {place} {plain}", UnknownHostKey),
    ("a changed key", "{place} {other}", ChangedHostKey),
    ("the authority", "@cert-authority {place} {authority}", None),
    ("the authority of every host", "@cert-authority * {authority}", None),
    ("the authority, known without the port", "@cert-authority 127.0.0.1 {authority}", None),
    ("the authority of others", "@cert-authority *.example.com {authority}", UnknownHostKey),
    ("another authority", "@cert-authority * {other}", UnknownHostKey),
    ("another authority, and the plain key", "@cert-authority * {other}\n{place} {certified}", None),
    ("the authority, as a plain key", "{place} {authority}", ChangedHostKey),
    ("the plain key, as an authority", "@cert-authority * {plain}", UnknownHostKey),
    ("the authority beside a changed key", "@cert-authority * {authority}\n{place} {other}", None),
    ("a revoked key", "{place} {plain}\n@revoked * {plain}", RevokedHostKey),
    ("a revoked key that was certified", "@cert-authority * {authority}\n@revoked * {certified}", RevokedHostKey),
    ("a revoked authority", "@cert-authority * {authority}\n@revoked * {authority}", RevokedHostKey),
    ("a key revoked for others", "{place} {plain}\n@revoked *.example.com {plain}", None),
    ("another revoked key", "{place} {plain}\n@revoked * {other}", None),
]


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
@pytest.mark.parametrize(("text", "refusal"), [case[1:] for case in FILES], ids=[case[0] for case in FILES])
def test_a_file_means_what_it_means_to_openssh(
    server: Server, tmp_path: Path, text: str, refusal: type[HostKeyError] | None, hashed: bool
) -> None:
    path = tmp_path / "known_hosts"
    values = {name: getattr(server, name) for name in ("place", "plain", "certified", "authority", "other")}
    path.write_text(text.format(**values) + "\n")
    if hashed:
        path.chmod(0o600)
        subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=False, capture_output=True)
        if "|1|" not in path.read_text():
            return  # nothing in it can be hashed
    keys = verify.host_keys(server.endpoint(path))
    shown = server.shows(keys.algorithms())
    assert server.openssh_accepts(path) is (refusal is None)
    if refusal is None:
        assert str(path) in keys.judge(MACHINE, shown)
    else:
        with pytest.raises(refusal) as caught:
            keys.judge(MACHINE, shown)
        assert caught.value.shown == shown.key
        assert caught.value.machine == caught.value.name == MACHINE
        assert caught.value.hint


CERTIFICATES = [
    ("for every host", ["-h"], None),
    ("for this host", ["-h", "-n", "other,127.0.0.1"], None),
    ("for hosts like it", ["-h", "-n", "127.0.0.*"], "it is for 127"),
    ("for another host", ["-h", "-n", "node.example.com"], "it is for node.example.com, not for 127.0.0.1"),
    ("expired", EXPIRED, "it expired on "),
    ("not valid yet", NOT_YET, "it is not valid before "),
]


@pytest.mark.parametrize(("options", "problem"), [case[1:] for case in CERTIFICATES], ids=[c[0] for c in CERTIFICATES])
def test_a_certificate_counts_as_it_does_to_openssh(tmp_path: Path, options: list[str], problem: str | None) -> None:
    for server in serving(tmp_path / "server", *options):
        path = tmp_path / "known_hosts"
        path.write_text(f"@cert-authority * {server.authority}\n")
        keys = verify.host_keys(server.endpoint(path))
        shown = server.shows(keys.algorithms())
        assert shown.key == server.certified
        assert server.openssh_accepts(path) is (problem is None)
        if problem is None:
            assert keys.judge(MACHINE, shown) == f"certificate of {fingerprint(server.authority)}, {path} line 1"
        else:
            with pytest.raises(UnknownHostKey, match=problem):
                keys.judge(MACHINE, shown)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_authorities_of_every_kind_vouch(tmp_path: Path, kind: str) -> None:
    for server in serving(tmp_path / "server", "-h", authority_kind=kind):
        path = tmp_path / "known_hosts"
        path.write_text(f"@cert-authority * {server.authority}\n")
        keys = verify.host_keys(server.endpoint(path))
        assert keys.judge(MACHINE, server.shows(keys.algorithms())).startswith("certificate of SHA256:")


def certificate_of(tmp_path: Path, *options: str, kind: str = "ed25519") -> tuple[verify.HostKeys, ShownKey]:
    """An authority that is known for every host, and a key that it signed."""
    authority, key = tmp_path / "authority", tmp_path / "key"
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {make_key(authority, kind)}\n")
    make_key(key)
    import base64

    blob = base64.b64decode(sign(key, authority, *options).read_text().split()[1])
    endpoint = Endpoint("127.0.0.1", 22, "me", None, known_hosts=(known,))
    return verify.host_keys(endpoint), ShownKey(public(key), blob)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-n", "127.0.0.1"], "it is not a host certificate"),
        (["-h", "-O", "critical:force-command=x"], "it has critical options that nobody knows"),
    ],
)
def test_a_certificate_that_was_made_for_something_else_does_not_count(
    tmp_path: Path, options: list[str], problem: str
) -> None:
    keys, shown = certificate_of(tmp_path, *options)
    with pytest.raises(UnknownHostKey, match=problem):
        keys.judge(MACHINE, shown)


def test_a_certificate_around_another_key_does_not_count(tmp_path: Path) -> None:
    keys, shown = certificate_of(tmp_path, "-h")
    with pytest.raises(UnknownHostKey, match="it is for another key"):
        keys.judge(MACHINE, replace(shown, key=make_key(tmp_path / "thief")))


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_that_was_tampered_with_never_counts(tmp_path: Path, kind: str) -> None:
    keys, shown = certificate_of(tmp_path, "-h", "-n", "127.0.0.1", kind=kind)
    assert shown.certificate is not None
    assert keys.judge(MACHINE, shown)
    for position in range(len(shown.certificate)):
        blob = bytearray(shown.certificate)
        blob[position] ^= 1
        with pytest.raises(UnknownHostKey):
            keys.judge(MACHINE, ShownKey(shown.key, bytes(blob)))
    for length in range(0, len(shown.certificate), 7):
        with pytest.raises(UnknownHostKey):
            keys.judge(MACHINE, ShownKey(shown.key, shown.certificate[:length] or None))


def test_a_certificate_signed_with_sha1_does_not_count(tmp_path: Path) -> None:
    keys, shown = certificate_of(tmp_path, "-h", "-t", "ssh-rsa", kind="rsa")
    with pytest.raises(UnknownHostKey, match="its signature is wrong"):
        keys.judge(MACHINE, shown)


def test_the_pinned_key_decides_before_the_platform_and_the_users_files(tmp_path: Path) -> None:
    files = tmp_path / "known_hosts"
    pinned, vouched, users = (make_key(tmp_path / name) for name in ("pinned", "vouched", "users"))
    files.write_text(f"node {users}\n")
    endpoint = Endpoint("node", 22, "me", None, known_hosts=(files,))
    assert verify.host_keys(endpoint).judge(MACHINE, ShownKey(users)) == f"{files} line 1"
    vouching = replace(endpoint, host_key=vouched)
    assert verify.host_keys(vouching).judge(MACHINE, ShownKey(vouched)) == "as the platform says"
    assert verify.host_keys(vouching, pinned).judge(MACHINE, ShownKey(pinned)) == "as pinned"
    for keys, expected in ((verify.host_keys(vouching), vouched), (verify.host_keys(vouching, pinned), pinned)):
        with pytest.raises(ChangedHostKey) as caught:
            keys.judge(MACHINE, ShownKey(users))
        assert caught.value.expected == expected
        assert fingerprint(expected) in caught.value.observed


def test_a_changed_key_says_where_the_old_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    files = tmp_path / ".ssh" / "known_hosts"
    files.parent.mkdir()
    old, new = make_key(tmp_path / "old"), make_key(tmp_path / "new")
    files.write_text(f"# mine\nnode {old}\n")
    keys = verify.host_keys(Endpoint("node", 22, "me", None, known_hosts=(files,)))
    with pytest.raises(ChangedHostKey) as caught:
        keys.judge(MACHINE, ShownKey(new))
    assert (caught.value.expected, caught.value.shown) == (old, new)
    assert caught.value.where == "~/.ssh/known_hosts line 2"
    assert "~/.ssh/known_hosts line 2" in caught.value.observed


def test_jump_hosts_are_pinned_by_where_they_are(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    files = tmp_path / "known_hosts"
    first, second, machine = (make_key(tmp_path / name) for name in ("first", "second", "machine"))
    files.write_text(f"second {second}\n")
    outer = Endpoint("10.0.0.1", 2222, "me", None, known_as="[10.0.0.1]:2222", known_hosts=(files,))
    inner = Endpoint("second", 22, "me", None, known_hosts=(files,), jump=outer)
    endpoint = Endpoint("10.0.0.9", 22, "me", None, jump=inner)
    keys = verify.known(directory, MACHINE, endpoint)
    assert keys.jump is not None
    assert keys.jump.jump is not None
    assert keys.jump.judge(MACHINE, ShownKey(second)) == f"{files} line 1"
    with pytest.raises(UnknownHostKey, match=r"jump host 10\.0\.0\.1:2222") as caught:
        keys.jump.jump.judge(MACHINE, ShownKey(first))
    assert caught.value.name == verify.jump_name(outer) == "jump:[10.0.0.1]:2222"
    known_hosts.pin(directory, caught.value.name, caught.value.shown)
    known_hosts.pin(directory, MACHINE, machine)
    keys = verify.known(directory, MACHINE, endpoint)
    assert keys.jump
    assert keys.jump.jump
    assert keys.jump.jump.judge(MACHINE, ShownKey(first)) == "as pinned"
    assert keys.judge(MACHINE, ShownKey(machine)) == "as pinned"


def test_keys_marked_revoked_in_the_clusters_own_file_are_refused_though_pinned(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path / "demo")
    key = make_key(tmp_path / "key")
    known_hosts.pin(directory, MACHINE, key)
    with directory.known_hosts.open("a") as file:
        file.write(f"@revoked * {key}\n")
    keys = verify.known(directory, MACHINE, Endpoint("10.0.0.9", 22, "me", None))
    with pytest.raises(RevokedHostKey, match="marked @revoked"):
        keys.judge(MACHINE, ShownKey(key))


def test_openssh_is_there_to_compare_with() -> None:
    assert shutil.which("ssh")
