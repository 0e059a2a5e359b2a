"""What `ssh` makes of keys that a hostile server would show, and of a configuration in which it cannot judge."""

from __future__ import annotations

import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.plan.host import Host
from installer.plan.sections import SSH
from installer.ssh import config
from installer.ssh.endpoint import OpenSSH
from installer.ssh.host_keys import verify
from installer.ssh.host_keys.openssh import Verdict, opinion
from installer.ssh.host_keys.verify import ChangedHostKey, HostKeyError
from installer.ssh.keys import wire
from installer.ssh.keys.identities import keyring
from installer.ssh.transport.dial import dial
from tests.doubles.host_keys import CertifiedServer, certified_server, make_key, sign
from tests.doubles.namespace import PREFIX, new_namespace, run_tool, within
from tests.patience import FOREVER, PATIENCE, with_enough_time

pytestmark = pytest.mark.needs("ssh", "ssh-keygen")
MACHINE = "demo-worker-1"


def client(known: Path, *settings: str) -> OpenSSH:
    lines = [f'UserKnownHostsFile "{known}"', "GlobalKnownHostsFile none", *settings]
    return OpenSSH("node", configuration="".join(f"{line}\n" for line in lines))


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A file that knows an authority for every host, whose private key is at `authority`."""
    file = tmp_path / "known_hosts"
    file.write_text(f"@cert-authority * {make_key(tmp_path / 'authority')}\n")
    return file


def certificate(tmp_path: Path, *options: str, authority: str = "authority") -> bytes:
    make_key(tmp_path / "key")
    return wire.from_line(sign(tmp_path / "key", tmp_path / authority, *options).read_text())[0]


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_no_certificate_that_was_tampered_with_is_trusted(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"@cert-authority * {make_key(tmp_path / 'authority', kind)}\n")
    blob = certificate(tmp_path, "-h", "-n", "node")
    assert opinion(client(file), blob, Deadline(PATIENCE)).verdict is Verdict.TRUSTED
    parts = fields(blob)
    # Who signed, and how, is of each kind; the rest of the certificate is not.
    tampered = parts if kind == "ed25519" else parts[-2:]
    inside = {(part.start + part.stop) // 2 for part in tampered}
    spread = range(parts[-2].start, parts[-1].stop, 60)
    for position in sorted(
        {part.start for part in tampered} | {part.stop - 1 for part in tampered} | inside | {*spread}
    ):
        changed = bytearray(blob)
        changed[position] ^= 1
        assert opinion(client(file), bytes(changed), Deadline(PATIENCE)).verdict is not Verdict.TRUSTED, position
    for length in (*(part.start for part in tampered), len(blob) - 1):
        assert opinion(client(file), blob[:length], Deadline(PATIENCE)).verdict is not Verdict.TRUSTED, length


def fields(certificate: bytes) -> list[range]:
    """Where the fields of an Ed25519 key's certificate are: those of a length of their own begin with it."""
    found = []
    end = 0
    for size in (0, 0, 0, 8, 4, 0, 0, 8, 8, 0, 0, 0, 0, 0):
        begin = end
        end += size or 4 + int.from_bytes(certificate[begin : begin + 4])
        found.append(range(begin, end))
    assert end == len(certificate)
    return found


def test_a_certificate_with_a_wrong_signature_is_refused(tmp_path: Path, known: Path) -> None:
    blob = bytearray(certificate(tmp_path, "-h", "-n", "node"))
    blob[-1] ^= 1
    said = opinion(client(known), bytes(blob), Deadline(PATIENCE))
    assert said.verdict is Verdict.REFUSED
    assert "incorrect signature" in said.why


@pytest.mark.parametrize(
    "words",
    [
        "x\ndebug1: Host 'node' is known and matches the ED25519 host key.",
        "x\rssh_dispatch_run_fatal: Connection to UNKNOWN port 65535: unexpected bytes remain after decoding",
        "\x1b[2J",
        "x\x7f",
    ],
)
def test_a_certificate_cannot_speak_for_openssh(tmp_path: Path, known: Path, words: str) -> None:
    make_key(tmp_path / "thief")
    blob = certificate(tmp_path, "-h", "-n", "node", "-I", words, authority="thief")
    said = opinion(client(known), blob, Deadline(PATIENCE))
    assert said.verdict is Verdict.REFUSED
    assert said.why == "the server shows a certificate with an unprintable key id"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-n", "node"], "not a host certificate"),
        (["-h", "-n", "node", "-O", "critical:force-command=x"], "unsupported critical options"),
        (["-h", "-n", "other"], "not a listed principal"),
        (["-h", "-n", "node", "-V", "-2d:-1d"], "expired"),
        (["-h", "-n", "node", "-V", "+1d:+2d"], "not yet valid"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    tmp_path: Path, known: Path, options: list[str], problem: str
) -> None:
    said = opinion(client(known), certificate(tmp_path, *options), Deadline(PATIENCE))
    assert said.verdict is Verdict.UNKNOWN
    assert problem in said.why


def test_a_command_that_hangs_is_ended_at_the_deadline(tmp_path: Path) -> None:
    pid, command = tmp_path / "pid", tmp_path / "hang"
    command.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep {FOREVER}\n")
    command.chmod(0o755)
    asked = client(tmp_path / "none", f"KnownHostsCommand {command}")
    blob = wire.from_line(make_key(tmp_path / "key"))[0]

    def ended(seconds: float) -> InstallerError:
        with pytest.raises(InstallerError) as caught:
            opinion(asked, blob, Deadline(seconds))
        return caught.value

    error = with_enough_time(ended, lambda _error: pid.exists() and pid.read_text() != "")
    assert re.search(r"did not judge the host key of node within \d+ s", error.observed)
    assert "KnownHostsCommand" in error.hint
    assert _ends(int(pid.read_text()), Deadline(PATIENCE))


def _ends(pid: int, deadline: Deadline) -> bool:
    """Whether a process ends before the deadline; one that nobody has waited for has ended."""
    while deadline.left:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_configuration_that_openssh_refuses_is_an_error(tmp_path: Path) -> None:
    asked = client(tmp_path / "none", "Colour blue")
    with pytest.raises(InstallerError, match=r"cannot judge the host key of node: .*terminating, 1 bad") as caught:
        opinion(asked, wire.from_line(make_key(tmp_path / "key"))[0], Deadline(PATIENCE))
    assert "ssh -v" in caught.value.hint


def test_without_room_for_a_temporary_file_nothing_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = wire.from_line(make_key(tmp_path / "key"))[0]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(InstallerError) as caught:
        opinion(client(tmp_path / "none"), blob, Deadline(PATIENCE))
    assert "temporary files" in caught.value.hint


PLAIN = "ssh-ed25519"
"""The algorithm of a key without its certificate: where there is one, OpenSSH checks no address."""
ADDRESSES = [
    ("the address is not known", "[web.test]:{port} {certified}", None),
    ("the same key for the address", "[web.test]:{port},[10.98.0.1]:{port} {certified}", None),
    ("another key for the address", "[web.test]:{port} {certified}\n[10.98.0.1]:{port} {other}", ChangedHostKey),
    ("only the address is known", "[10.98.0.1]:{port} {certified}", HostKeyError),
    ("only another key for the address", "[10.98.0.1]:{port} {other}", ChangedHostKey),
    ("another key for the name alone", "[web.test]:{port} {other}\n[10.98.0.1]:{port} {certified}", ChangedHostKey),
]


@pytest.mark.parametrize(("check", "algorithm"), [("yes", PLAIN), ("no", PLAIN), ("yes", f"+{PLAIN}")])
@pytest.mark.parametrize(("known", "refusal"), [case[1:] for case in ADDRESSES], ids=[case[0] for case in ADDRESSES])
def test_the_address_is_checked_where_openssh_checks_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: str,
    algorithm: str,
    known: str,
    refusal: type[HostKeyError] | None,
) -> None:
    """In a network of its own: OpenSSH never checks the address of this computer itself."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with ExitStack() as stack:
        namespace = stack.enter_context(new_namespace(f"{PREFIX}check-ip"))
        run_tool("ip", "-n", namespace, "address", "add", "10.98.0.1/32", "dev", "lo")
        server = within(
            namespace, lambda: stack.enter_context(certified_server(tmp_path / "server", "-h", listen="10.98.0.1"))
        )
        (tmp_path / ".ssh").mkdir(mode=0o700)
        (tmp_path / ".ssh" / "config").write_text(
            f'UserKnownHostsFile "{tmp_path}/known"\nGlobalKnownHostsFile none\nHostName web.test\n'
            f"CheckHostIP {check}\nHostKeyAlgorithms {algorithm}\n"
        )
        (tmp_path / "known").write_text(known.format(**server.words()) + "\n")
        (tmp_path / "hosts").write_text("10.98.0.1 web.test\n")
        named = f'mount --bind {tmp_path}/hosts /etc/hosts && exec "$@"'
        resolved = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.98.0.1", server.port))]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: resolved)
        met = within(namespace, lambda: _meet(server))
        real = within(namespace, lambda: server.openssh_accepts(tmp_path, "unshare", "-m", "sh", "-c", named, "sh"))
        assert (met is None) is real, met
    if (check, algorithm) == ("yes", PLAIN):
        assert refusal is None if met is None else isinstance(met, refusal or ()), met


def _meet(server: CertifiedServer) -> HostKeyError | None:
    host = Host(address="web", port=server.port, key=str(server.client), user=server.words()["user"])
    endpoint = config.endpoint(host, SSH())
    try:
        dial(MACHINE, endpoint, verify.host_keys(endpoint), keyring(endpoint), Deadline(PATIENCE)).close()
    except HostKeyError as error:
        return error
    return None
