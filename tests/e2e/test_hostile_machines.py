"""Machines that do not let one work on them, at real sshd: each by name, what its user is told, and the remedy."""

from __future__ import annotations

import getpass
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from installer.ssh.host_keys.pinned_keys import fingerprint
from tests.craton import Craton
from tests.doubles.fleet import INFRA, MASTER, WORKER, Fleet, running_fleet
from tests.doubles.sshd import login_shell, program, programs, running_sshd
from tests.patience import FOREVER, PATIENCE

pytestmark = pytest.mark.waits

REFUSED = 4
USER = getpass.getuser()

Make = Callable[[Path], str]
"""Lines of sshd_config that make the machine what it is; what they name is put into the directory."""


def _setting(*lines: str) -> Make:
    return lambda _directory: "\n".join(lines)


def _shell(script: str) -> Make:
    return lambda directory: login_shell(directory, script)


def _sudo(says: str) -> Make:
    """The user is not root, and sudo refuses with these words."""
    return lambda directory: programs(directory, id="echo 1000", sudo=f"echo '{says}' >&2; exit 1")


def _without_sudo(directory: Path) -> str:
    """No `sudo` in PATH, which is short: the shell that it has looks nowhere else."""
    setting = programs(directory, id="echo 1000", uname='exec /usr/bin/uname "$@"', cat='exec /bin/cat "$@"')
    program(directory, "sh", "").write_text("#!/bin/dash\nPATH=${0%/*}\n. /dev/stdin\n")
    return setting


def _release(*lines: str) -> Make:
    """The system says this of itself."""

    def make(directory: Path) -> str:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "release").write_bytes("\n".join(lines).encode("latin-1"))
        return programs(directory, cat=f"exec /bin/cat {directory}/release")

    return make


def _banner(directory: Path) -> str:
    """A megabyte before the login, which is the most that sshd sends."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "banner").write_text("\033[2JAuthorised users only!\n" * 40_000)
    return f"Banner {directory}/banner"


@dataclass(frozen=True)
class Hostile:
    """`stage` is the one that fails, `told` what is seen there (one of the lines), `remedy` a part of its remedy."""

    make: Make
    stage: str
    told: str
    remedy: str


HOSTILE = {
    "password only": Hostile(
        _setting("PubkeyAuthentication no", "PasswordAuthentication yes"),
        "log in", "the server offers only password; Craton logs in with keys", "ssh-copy-id",
    ),
    "a password beside the key": Hostile(
        _setting("AuthenticationMethods publickey,password", "PasswordAuthentication yes"),
        "log in", "asks for password as well; Craton logs in with keys alone", "AuthenticationMethods publickey",
    ),
    "key refused": Hostile(
        _setting("AuthorizedKeysFile none"), "log in", "the server refused SHA256:", "authorized_keys"
    ),
    "user refused": Hostile(_setting("DenyUsers *"), "log in", "the server refused SHA256:", "authorized_keys"),
    "login shell that prints noise": Hostile(
        _shell("echo 'Welcome to web-1!'; exec sh -c \"$SSH_ORIGINAL_COMMAND\""),
        "shell", "the login shell prints text of its own", ".bashrc",
    ),
    "login shell that prints for ever": Hostile(
        _shell("exec yes 'Welcome to web-1!'"), "shell", "prints text of its own, where a command's output", ".bashrc",
    ),
    "login shell that is none": Hostile(
        _shell("echo 'This account is currently not available.'; exit 1"),
        "shell", "the login shell runs no command: exit status 1", "chsh",
    ),
    "login shell that is a menu": Hostile(
        _shell("echo '1) reboot'"), "shell", "the server ran something else than the command", "ForceCommand"
    ),
    "connection dropped in the middle of a command": Hostile(
        _shell("kill -KILL $PPID"), "shell", "the connection dropped; ", "resume"
    ),
    "sudo asking for a password": Hostile(
        _sudo("sudo: a password is required"), "sudo", f"sudo asks {USER} for a password", "NOPASSWD"
    ),
    "requiretty": Hostile(
        _sudo("sudo: sorry, you must have a tty to run sudo"), "sudo", "sudo wants a terminal", "!requiretty"
    ),
    "sudo not allowed": Hostile(
        _sudo(f"{USER} is not in the sudoers file."), "sudo", f"sudo refuses {USER}", "/etc/sudoers.d/craton"
    ),
    "no sudo": Hostile(_without_sudo, "sudo", "sudo is not installed", "apt install sudo"),
    "a system that nobody tested": Hostile(
        _release("ID=alpine", "VERSION_ID=3.20", "PRETTY_NAME='Alpine Linux v3.20'"),
        "system", "Alpine Linux v3.20 is not supported", "Debian 12 or 13",
    ),
    "non-UTF-8 and escape sequences in output": Hostile(
        _release("ID=slack\xff", "VERSION_ID=15", "PRETTY_NAME='Sl\x1b[2J\x1b]0;owned\x07ack\xe9\x00ware\r'"),
        "system", "is not supported", "Debian 12 or 13",
    ),
}  # fmt: skip

HARMLESS: dict[str, Make] = {
    "login shell that is not bash": _shell('exec dash -c "$SSH_ORIGINAL_COMMAND"'),
    "login shell that complains on stderr": _shell('echo "setlocale" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"'),
    "banner flood from sshd": _banner,
    "a word of its own behind its version": _setting("VersionAddendum Debian-7 \\e[2J"),
    "message of the day and last login": _setting("PrintMotd yes", "PrintLastLog yes"),
}


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Craton]:
    found = Craton(tmp_path)
    yield found
    found.end_everything()


@contextmanager
def _known(tmp_path: Path, make: Make | None = None) -> Iterator[Fleet]:
    """A fleet whose host keys are known, and whose worker is hostile."""
    settings = {WORKER: (make(tmp_path / "hostile"),)} if make else {}
    with running_fleet(tmp_path, settings=settings) as fleet:
        for machine in fleet.servers:
            fleet.know(machine)
        yield fleet


def _diagnosed(user: Craton, fleet: Fleet, expect: int) -> list[dict[str, Any]]:
    """The diagnoses of master, infra and worker, of which the first two are never blamed."""
    done = user.run("diagnose", str(fleet.path), "--json", expect=expect)
    assert not re.sub(r"^note: HOME is .*\n", "", done.stderr)  # whose account's home is another
    found = json.loads(done.stdout)
    assert found["reached"] == [MASTER, INFRA] + ([] if expect else [WORKER])
    machines: list[dict[str, Any]] = found["machines"]
    return machines


def _worker(user: Craton, fleet: Fleet) -> dict[str, Any]:
    """The diagnosis of the worker, which alone is blamed."""
    worker = _diagnosed(user, fleet, REFUSED)[2]
    assert worker["error"]["machine"] == WORKER
    return worker


def _failed(worker: dict[str, Any]) -> dict[str, str]:
    """The one stage that does not hold: those before it do, those behind it were not tried."""
    verdicts = [stage["verdict"] for stage in worker["stages"]]
    at = verdicts.index("failed")
    assert verdicts == ["passed"] * at + ["failed"] + ["not reached"] * (len(verdicts) - at - 1)
    stage: dict[str, str] = worker["stages"][at]
    return stage


@pytest.mark.parametrize("trait", HOSTILE)
def test_a_hostile_machine_ends_in_its_own_finding(user: Craton, tmp_path: Path, trait: str) -> None:
    hostile = HOSTILE[trait]
    with _known(tmp_path, hostile.make) as fleet:
        stage = _failed(_worker(user, fleet))
    assert stage["id"] == hostile.stage
    assert hostile.told in stage["seen"]
    assert hostile.remedy in stage["remedy"]
    assert all(text.isprintable() for text in stage.values())


@pytest.mark.parametrize("trait", HARMLESS)
def test_what_is_only_odd_is_no_matter(user: Craton, tmp_path: Path, trait: str) -> None:
    with _known(tmp_path, HARMLESS[trait]) as fleet:
        assert _diagnosed(user, fleet, 0)[2]["error"] is None


def test_a_wrong_host_key_is_told_with_both_fingerprints_and_whence(user: Craton, tmp_path: Path) -> None:
    with running_fleet(tmp_path) as fleet:
        fleet.know(MASTER)
        fleet.know(INFRA)
        fleet.know(WORKER, fleet.servers[MASTER].host_key)
        stage = _failed(_worker(user, fleet))
        assert stage["id"] == "host key"
        for part in (fleet.fingerprint(MASTER), fleet.fingerprint(WORKER), "known_hosts line 3"):
            assert part in stage["seen"]


def test_a_revoked_host_key_is_told_as_such(user: Craton, tmp_path: Path) -> None:
    with _known(tmp_path) as fleet:
        with fleet.known_hosts.open("a") as file:
            file.write(f"@revoked * {fleet.servers[WORKER].host_key}\n")
        stage = _failed(_worker(user, fleet))
    assert stage["id"] == "host key"
    assert "revoked" in stage["seen"]


def test_a_host_key_that_changed_since_it_was_accepted_ends_a_run_before_it_begins(
    user: Craton, tmp_path: Path
) -> None:
    with running_fleet(tmp_path) as fleet:
        user.run("apply", str(fleet.path), "--yes", "--plain", "--accept-new-host-keys", expect=REFUSED)
        server = fleet.servers[WORKER]
        server.stop()
        with running_sshd(tmp_path / "other", port=server.port) as other:
            done = user.run("apply", str(fleet.path), "--yes", "--plain", "--accept-new-host-keys", expect=REFUSED)
    assert f"{WORKER}: check host keys: the host key of {WORKER}" in done.stderr
    assert fleet.fingerprint(WORKER) in done.stderr
    assert fingerprint(other.host_key) in done.stderr
    assert MASTER not in done.stderr
    assert "1 of" not in done.stdout


def _flood(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 65536)


def _drip(client: socket.socket) -> None:
    for _ in range(20 * FOREVER):
        client.sendall(b"\033[2Jx")
        time.sleep(0.05)


def _garble(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n" + b"\xff" * 4096)
    _hang(client)


def _close_amid_handshake(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    client.recv(64)


def _answer_in_http(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n\033[31m")


def _hang(client: socket.socket) -> None:
    while client.recv(4096):
        continue


STRANGERS: dict[str, tuple[Callable[[socket.socket], None], str, str]] = {
    "banner flood": (_flood, "no SSH server answers there: it says 'xxxx", "check the address and the port"),
    "no SSH server": (_answer_in_http, "it says 'HTTP/1.1 400 Bad Request'", "check the address and the port"),
    "garbage after the banner": (_garble, "key exchange failed", "check the address and the port"),
    "closes amid the key exchange": (_close_amid_handshake, "closed the connection during the key exchange", "MaxSta"),
}
"""What is no sshd, by what it sends: what is seen of it, and the remedy."""


@contextmanager
def _serving(port: int, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    """Serve every connection to the port on a thread of its own; it closes when `serve` returns."""

    def handle(client: socket.socket) -> None:
        with client, suppress(OSError):
            serve(client)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", port)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("trait", STRANGERS)
def test_what_is_no_sshd_ends_in_its_own_finding(user: Craton, tmp_path: Path, trait: str) -> None:
    serve, told, remedy = STRANGERS[trait]
    with _known(tmp_path) as fleet:
        fleet.servers[WORKER].stop()
        with _serving(fleet.servers[WORKER].port, serve):
            stage = _failed(_worker(user, fleet))
    assert stage["id"] in ("banner", "host key")
    assert told in stage["seen"]
    assert remedy in stage["remedy"]
    assert stage["seen"].isprintable()


def test_machines_that_hang_are_left_at_the_deadline_side_by_side(user: Craton, tmp_path: Path) -> None:
    both = threading.Barrier(2)

    def after_the_other(serve: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
        """Serve once both machines have a client; it would be late for this one if the other came after it."""

        def wait_and_serve(client: socket.socket) -> None:
            both.wait(PATIENCE)
            serve(client)

        return wait_and_serve

    hung = login_shell(tmp_path / "hostile", f"exec sleep {FOREVER}")
    with running_fleet(tmp_path, settings={WORKER: (hung,)}) as fleet:
        fleet.know(WORKER)
        for machine in (MASTER, INFRA):
            fleet.servers[machine].stop()
        ports = {name: server.port for name, server in fleet.servers.items()}
        with _serving(ports[MASTER], after_the_other(_hang)), _serving(ports[INFRA], after_the_other(_drip)):
            machines = json.loads(user.run("diagnose", str(fleet.path), "--json", expect=REFUSED).stdout)["machines"]
    told = [_failed(machine)["seen"] for machine in machines]
    assert told[0] == "the server accepted the connection, then said nothing for 20 s"
    assert told[1].startswith("no SSH server answers there: it says 'xxx")
    assert "did not end within" in told[2]
