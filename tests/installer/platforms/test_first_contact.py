"""Nobody's host key is trusted because it was seen first: a real SSH server proves its own, or is not logged in to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh
import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.rules import Role
from installer.platforms.clouds.batches import Batch
from installer.platforms.clouds.first_contact import FirstContact, host_key
from installer.platforms.clouds.host_key_proof import proof
from installer.ssh.endpoint import Endpoint
from tests.patience import PATIENCE

INSTANCE = "i-0123456789abcdef0"
SECRET = "5e" * 32
NOWHERE = ClusterDirectory(Path("/nonexistent/demo"))
SHOWN = {"cloud": "AWS", "console": "show the console"}
BATCH = Batch(Role.WORKER, 1, 3, 2)


class _Server(asyncssh.SSHServer):
    """Lets nobody in, and shows a banner."""

    def __init__(self, banner: str, tried: list[str]) -> None:
        self._banner, self._tried = banner, tried

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> bool:
        self._tried.append(username)
        if self._banner:
            self._connection.send_auth_banner(self._banner)
        return True

    def public_key_auth_supported(self) -> bool:
        self._tried.append("a key")
        return True


@contextmanager
def server(banner: str, key: asyncssh.SSHKey, tried: list[str]) -> Iterator[int]:
    """The port of a server that has `key`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_factory=lambda: _Server(banner, tried), server_host_keys=[key]
        )

    acceptor = asyncio.run_coroutine_threadsafe(start(), loop).result(PATIENCE)
    try:
        yield acceptor.get_port()
    finally:
        loop.call_soon_threadsafe(acceptor.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


@pytest.fixture(scope="module")
def keys() -> tuple[asyncssh.SSHKey, str]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key, " ".join(key.export_public_key().decode().split()[:2])


def seen(banner: str, key: asyncssh.SSHKey, secret: str | None = SECRET) -> str:
    tried: list[str] = []
    with server(banner, key, tried) as port:
        return host_key(
            "demo-worker-1", INSTANCE, Endpoint("127.0.0.1", port, "craton", None), secret, NOWHERE, **SHOWN
        )


def test_a_machine_that_knows_the_secret_proves_its_host_key(keys: tuple[asyncssh.SSHKey, str]) -> None:
    key, public = keys
    assert seen(f"hello\n{proof(SECRET, INSTANCE, public)}\n", key) == public


def test_a_machine_without_a_banner_is_still_starting(keys: tuple[asyncssh.SSHKey, str]) -> None:
    with pytest.raises(InstallerError, match="has not proved its host key yet") as raised:
        seen("", keys[0])
    assert raised.value.retryable


def test_who_repeats_another_machines_proof_is_not_logged_in_to(keys: tuple[asyncssh.SSHKey, str]) -> None:
    """It can show what the real machine shows, and not have its key."""
    other = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(InstallerError, match=f"can't prove to be {INSTANCE}") as raised:
        seen(proof(SECRET, INSTANCE, keys[1]), other)
    assert not raised.value.retryable


def test_without_the_secret_nothing_is_trusted(keys: tuple[asyncssh.SSHKey, str]) -> None:
    with pytest.raises(InstallerError, match="is not on this computer"):
        seen(proof(SECRET, INSTANCE, keys[1]), keys[0], None)


def test_nobody_offers_a_key_before_the_proof(keys: tuple[asyncssh.SSHKey, str]) -> None:
    tried: list[str] = []
    with server(proof(SECRET, INSTANCE, keys[1]), keys[0], tried) as port:
        host_key("demo-worker-1", INSTANCE, Endpoint("127.0.0.1", port, "craton", None), SECRET, NOWHERE, **SHOWN)
    assert tried[0] == "craton"


def test_a_launch_is_durable_before_it_is_made_and_keeps_its_token(tmp_path: Path) -> None:
    launch = FirstContact(tmp_path).begin(BATCH, "eu-central-1a", "ami-1")
    again = FirstContact(tmp_path)
    secret = again.secret
    assert secret is not None
    assert len(secret) == 64
    assert again.launches == (launch,)
    assert again.launches[0].token(secret) == launch.token(secret)
    assert (tmp_path / "first-contact.json").stat().st_mode & 0o777 == 0o600


def test_what_was_abandoned_is_made_again_by_another_token(tmp_path: Path) -> None:
    contact = FirstContact(tmp_path)
    first = contact.begin(BATCH, "eu-central-1a", "ami-1")
    secret = contact.secret
    assert secret is not None
    contact.abandon(first)
    assert contact.launches == ()
    second = contact.begin(BATCH, "eu-central-1a", "ami-1")
    assert contact.secret == secret
    assert second.token(secret) != first.token(secret)


def test_once_all_are_known_the_secret_is_gone_and_later_machines_get_another(tmp_path: Path) -> None:
    contact = FirstContact(tmp_path)
    contact.begin(BATCH, "eu-central-1a", "ami-1")
    before = contact.secret
    contact.forget()
    contact.forget()
    assert contact.secret is None
    contact.begin(BATCH, "eu-central-1a", "ami-1")
    assert contact.secret not in (None, before)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "first-contact.json").write_text("{")
    with pytest.raises(InstallerError, match=r"first-contact\.json is damaged"):
        FirstContact(tmp_path).begin(BATCH, "eu-central-1a", "ami-1")
