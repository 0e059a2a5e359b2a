"""Logging in with the user's own keys: files, agents, certificates and hardware, against a real OpenSSH server."""

from __future__ import annotations

import getpass
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Credentials
from installer.ssh.keys import identities, wire
from installer.ssh.transport.login import KeyLocked
from tests.doubles.agent import HardwareKey, answering_agent, running_agent
from tests.doubles.sshd import SSHD, running_sshd, user_key
from tests.patience import PATIENCE

USER = getpass.getuser()
KINDS = {"ed25519": (), "rsa": ("-b", "2048"), "ecdsa": ("-b", "384")}


@dataclass
class Site:
    """A server, the user's files, and a way to log in with them."""

    server: SSHD
    path: Path
    stack: ExitStack = field(default_factory=ExitStack)

    def key(self, name: str, kind: str = "ed25519", passphrase: str = "", *options: str) -> str:
        return user_key(self.path / name, *KINDS[kind], *options, kind=kind, passphrase=passphrase)

    def fingerprint(self, name: str) -> str:
        return wire.fingerprint(wire.from_line((self.path / f"{name}.pub").read_text())[0])

    def certify(self, name: str, *options: str) -> Path:
        """A certificate of the key by the authority `ca`, beside it."""
        argv = [
            "ssh-keygen",
            "-q",
            "-s",
            str(self.path / "ca"),
            "-I",
            "id",
            "-n",
            USER,
            *options,
            f"{self.path / name}.pub",
        ]
        subprocess.run(argv, check=True, stderr=subprocess.DEVNULL)
        return self.path / f"{name}-cert.pub"

    def agent(self, *names: str) -> str:
        return self.stack.enter_context(running_agent(self.path, *(self.path / name for name in names)))

    def log_in(self, *names: str, server: SSHD | None = None, **credentials: object) -> None:
        """Raises what the connection raises. Names are of key files."""
        given = Credentials(keys=tuple(self.path / name for name in names), **credentials)  # type: ignore[arg-type]
        endpoint = replace((server or self.server).endpoint, credentials=given)
        pool = SSHConnections(lambda _machine: endpoint, ClusterDirectory(self.path / "demo"))
        try:
            assert pool.get("demo-worker-1", PATIENCE).run("echo in", deadline=PATIENCE).stdout == "in\n"
        finally:
            pool.close()

    def failure(self, *names: str, server: SSHD | None = None, **credentials: object) -> InstallerError:
        with pytest.raises(InstallerError) as caught:
            self.log_in(*names, server=server, **credentials)
        assert caught.value.machine == "demo-worker-1"
        assert caught.value.hint
        return caught.value


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SSHD]:
    directory = tmp_path_factory.mktemp("sshd")
    user_key(directory / "ca")
    with running_sshd(directory / "server", f"TrustedUserCAKeys {directory}/ca.pub", "MaxAuthTries 4") as server:
        yield server


@pytest.fixture
def site(shared: SSHD, tmp_path: Path) -> Iterator[Site]:
    for name in ("ca", "ca.pub"):
        (tmp_path / name).write_bytes((shared.directory.parent / name).read_bytes())
        (tmp_path / name).chmod(0o600)
    shared.authorize()
    with ExitStack() as stack:
        yield Site(shared, tmp_path, stack)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ["RFC4716", "PEM", "PKCS8"])
def test_a_key_file_of_every_kind_and_form_lets_one_in(site: Site, kind: str, form: str) -> None:
    site.server.authorize(site.key("mine", kind))
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-m", form, "-f", str(site.path / "mine")]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    site.log_in("missing", "mine")


def test_a_key_file_whose_name_and_comment_are_not_text_lets_one_in(site: Site) -> None:
    name = os.fsdecode(b"cl\xe9 \xff")
    site.server.authorize(site.key("mine"))
    (site.path / "mine").rename(site.path / name)
    kind, blob, _ = (site.path / "mine.pub").read_bytes().split(b" ")
    (site.path / f"{name}.pub").write_bytes(b"%s %s m\xfcller\n" % (kind, blob))
    site.log_in(name)
    agent = site.agent(name)
    site.log_in(f"{name}.pub", agent=agent, only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_agent_lets_one_in(site: Site, kind: str) -> None:
    site.server.authorize(site.key("mine", kind))
    site.log_in(agent=site.agent("mine"))


def test_a_public_half_names_a_key_of_the_agent(site: Site) -> None:
    others = [site.key(f"other{number}") for number in range(5)]
    site.server.authorize(site.key("mine"))
    agent = site.agent(*(f"other{number}" for number in range(len(others))), "mine")
    assert "refused 4 keys" in site.failure(agent=agent).observed
    site.log_in("mine.pub", agent=agent, only=True)
    site.log_in("mine.pub", agent=agent)


def test_every_key_of_the_agent_that_is_refused_is_named(site: Site) -> None:
    site.key("one")
    site.key("two")
    error = site.failure(agent=site.agent("one", "two"))
    assert error.observed == (
        f"the agent holds 2 keys, the server refused both: {site.fingerprint('one')} one@here, "
        f"{site.fingerprint('two')} two@here (user {USER})"
    )
    assert "ssh-add" in error.hint
    assert "ssh.key" in error.hint


def test_a_refused_file_is_named_with_what_was_passed_over(site: Site) -> None:
    site.key("mine")
    error = site.failure("mine", "typo")
    assert error.observed == (
        f"the server refused {site.fingerprint('mine')} {site.path}/mine; "
        f"no ssh-agent is running (SSH_AUTH_SOCK is not set); {site.path}/typo does not exist (user {USER})"
    )


def _make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


Spoil = Callable[[Path], object]
UNUSABLE: dict[str, tuple[Spoil, str]] = {
    "not a key": (lambda path: path.write_text("hello"), "is not a key"),
    "damaged": (
        lambda path: path.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
        "is a damaged key",
    ),
    "for all to read": (lambda path: path.chmod(0o644), "can be read by others (mode 0644): chmod 600 it"),
    "a directory": (_make_directory, "cannot be read: Is a directory"),
    "binary": (lambda path: path.write_bytes(b"\xff\x00\x1b[31m"), "is not a key"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_key_file_that_cannot_be_used_is_said_with_its_reason(site: Site, case: str) -> None:
    spoil, reason = UNUSABLE[case]
    site.key("mine")
    spoil(site.path / "mine")
    error = site.failure("mine")
    assert f"{site.path}/mine {reason}" in error.observed
    assert error.observed.startswith("there is no key to offer; ")


def test_a_public_half_without_an_agent_says_so(site: Site) -> None:
    site.server.authorize(site.key("mine"))
    assert "mine.pub is a public key, and the agent does not hold its private half" in site.failure("mine.pub").observed


def test_an_agent_that_does_not_answer_is_said(site: Site) -> None:
    error = site.failure(agent=str(site.path / "gone"))
    assert f"no ssh-agent answers at {site.path}/gone: No such file or directory" in error.observed


def test_an_empty_agent_is_said(site: Site) -> None:
    assert "the agent holds no key" in site.failure(agent=site.agent()).observed


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "it closed the connection"),
        (b"\0\0\0\1\5", "it refused"),
        (b"\0\0\0\5\x0c\0\0\0\1", "it sends invalid answers"),
        (b"\xff\xff\xff\xff\x0c", "it closed the connection"),
    ],
)
def test_an_agent_that_answers_nonsense_is_said(site: Site, answer: bytes, said: str) -> None:
    with answering_agent(site.path, lambda _request: answer) as agent:
        assert said in site.failure(agent=agent).observed


def test_a_locked_key_that_would_do_asks_for_its_passphrase(site: Site) -> None:
    site.key("useless")
    site.server.authorize(site.key("mine", passphrase="open sesame"))
    error = site.failure("mine", "useless")
    assert isinstance(error, KeyLocked)
    assert error.paths == (site.path / "mine",)
    assert error.observed == f"the server takes {site.fingerprint('mine')} {site.path}/mine, locked with a passphrase"
    with pytest.raises(InstallerError, match="the passphrase is wrong"):
        identities.remember(site.path / "mine", "wrong")
    identities.remember(site.path / "mine", "open sesame")
    assert identities.passphrases[str(site.path / "mine")] == "open sesame"
    site.log_in("mine", "useless")


def test_a_locked_key_that_is_refused_asks_for_nothing(site: Site) -> None:
    site.key("mine", passphrase="open sesame")
    error = site.failure("mine")
    assert not isinstance(error, KeyLocked)
    assert f"the server refused {site.fingerprint('mine')}" in error.observed


def test_a_locked_key_that_hides_its_public_half_is_asked_about_last(site: Site) -> None:
    site.server.authorize(site.key("mine", "rsa", "open sesame", "-m", "PEM"))
    (site.path / "mine.pub").unlink()
    error = site.failure("mine")
    assert isinstance(error, KeyLocked)
    assert error.paths == (site.path / "mine",)
    identities.remember(str(site.path / "mine"), "open sesame")
    site.log_in("mine")


def test_files_that_need_a_passphrase_are_known_before(site: Site) -> None:
    site.key("plain")
    site.key("locked", passphrase="open sesame")
    site.key("held")
    agent = site.agent("held")
    argv = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(site.path / "held")]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    keys = tuple(site.path / name for name in ("plain", "locked", "held", "missing"))
    bastion = replace(site.server.endpoint, credentials=Credentials(keys, agent=agent))
    assert identities.locked(replace(site.server.endpoint, credentials=Credentials(), jump=bastion)) == (keys[1],)
    assert identities.locked(site.server.endpoint) == ()


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_lets_in_a_key_that_nobody_authorised(site: Site, kind: str) -> None:
    site.key("mine", kind)
    certificate = site.certify("mine")
    site.log_in("mine")  # it stands beside the key
    moved = certificate.rename(site.path / "elsewhere.pub")
    site.log_in("mine", certificates=(moved,))
    agent = site.agent("mine")
    site.log_in("mine.pub", certificates=(moved,), agent=agent, only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_in_the_agent_lets_one_in(site: Site, kind: str) -> None:
    site.key("mine", kind)
    certificate = site.certify("mine")
    agent = site.agent("mine")  # ssh-add takes the certificate beside the key too
    certificate.unlink()
    site.log_in(agent=agent)


def test_a_certificate_that_expired_is_refused_by_name(site: Site) -> None:
    site.key("mine")
    site.certify("mine", "-V", "20200101:20200102")
    error = site.failure("mine")
    assert f"{site.fingerprint('mine')} certificate {site.path}/mine-cert.pub" in error.observed


def test_a_certificate_without_its_key_is_said(site: Site) -> None:
    site.key("mine")
    certificate = site.certify("mine")
    (site.path / "mine").unlink()
    error = site.failure(certificates=(certificate,))
    assert f"the private key of certificate {certificate} is neither in the agent nor" in error.observed


def test_a_hardware_key_is_touched_once_and_only_for_who_takes_it(site: Site) -> None:
    hardware = HardwareKey()
    with answering_agent(site.path, hardware) as agent:
        error = site.failure(agent=agent)
        assert (
            f"the agent holds 1 key, the server refused it: {wire.fingerprint(hardware.blob)} token" in error.observed
        )
        assert hardware.touched == 0
        kind, encoded = wire.as_line(hardware.blob).split()
        site.server.authorize(f"{kind} {encoded}")
        site.log_in(agent=agent)
        assert hardware.touched == 1


def test_an_agent_that_will_not_sign_is_said(site: Site) -> None:
    hardware = HardwareKey()
    site.server.authorize(wire.as_line(hardware.blob))
    unwilling = b"\0\0\0\1\5"
    with answering_agent(site.path, lambda request: hardware(request) if request[0] == 11 else unwilling) as agent:
        error = site.failure(agent=agent)
    assert f"the agent did not sign with {wire.fingerprint(hardware.blob)} token: it refused" in error.observed


def test_a_server_that_takes_passwords_alone_is_said(site: Site, tmp_path: Path) -> None:
    site.key("mine")
    with running_sshd(tmp_path / "sshd", "PubkeyAuthentication no", "PasswordAuthentication yes") as server:
        for names in (("mine",), ()):
            error = site.failure(*names, server=server)
            assert error.observed == "the server offers only password; Craton logs in with keys"
            assert "PubkeyAuthentication yes" in error.hint


def test_a_server_that_wants_a_password_as_well_is_said(site: Site, tmp_path: Path) -> None:
    public = site.key("mine")
    settings = ("AuthenticationMethods publickey,password", "PasswordAuthentication yes")
    with running_sshd(tmp_path / "sshd", *settings) as server:
        server.authorize(public)
        error = site.failure("mine", server=server)
    assert error.observed.startswith(
        f"the server takes {site.fingerprint('mine')} {site.path}/mine and asks for password"
    )


def test_passphrases_are_shown_nowhere(site: Site) -> None:
    site.key("mine", passphrase="open sesame")
    identities.remember(site.path / "mine", "open sesame")
    error = site.failure("mine")
    assert "sesame" not in f"{error} {error.hint} {error.as_dict()}"
