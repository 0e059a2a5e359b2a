"""Every stage of the diagnosis that can break on a real OpenSSH server, and what is said of it then."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.ssh.client import SSHConnection
from installer.ssh.diagnose import STAGES, Stage, diagnose
from installer.ssh.diagnosis import Diagnosis, unheard
from installer.ssh.endpoint import Credentials, Endpoint
from installer.ssh.host_keys.verify import UnknownHostKey, host_keys
from installer.ssh.host_probe import examine
from installer.ssh.keys.identities import keyring
from installer.ssh.transport.dial import dial
from tests.doubles.sshd import SSHD, login_shell, programs, running_sshd, user_key
from tests.patience import FOREVER, PATIENCE, with_enough_time

MACHINE = "demo-worker-1"
USER = getpass.getuser()
DEBIAN = """echo 'ID=debian
VERSION_ID="12"
PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'"""
GOOD = {"id": "echo 1000", "sudo": 'shift; exec "$@"', "cat": DEBIAN}


@contextmanager
def _serving(tmp_path: Path, *settings: str, **scripts: str) -> Iterator[tuple[SSHD, Endpoint]]:
    """A server that lets in the key of the endpoint that comes with it."""
    public = user_key(tmp_path / "key")
    replaced = programs(tmp_path / "bin", **{**GOOD, **scripts})
    with running_sshd(tmp_path / "sshd", replaced, *settings) as server:
        server.authorize(public)
        yield server, replace(server.endpoint, credentials=Credentials((tmp_path / "key",)))


def _diagnose(endpoint: Endpoint, deadline: float = PATIENCE) -> Diagnosis:
    heard: list[Stage] = []
    diagnosis = diagnose(MACHINE, endpoint, host_keys(endpoint, None), keyring(endpoint), deadline, heard.append)
    assert heard == [stage for stage in diagnosis.stages if stage.verdict == "passed"]
    assert [stage.id for stage in diagnosis.stages] == [stage.id for stage in STAGES]
    return diagnosis


def _failed(endpoint: Endpoint, stage: str) -> Stage:
    """The stage that failed, which must be `stage`; those before it passed, those behind it were not reached."""
    diagnosis = _diagnose(endpoint)
    failed = diagnosis.failed
    assert failed is not None
    assert diagnosis.error is not None
    assert failed.id == stage, failed
    assert failed.remedy
    assert diagnosis.error.machine == MACHINE
    at = diagnosis.stages.index(failed)
    assert {stage.verdict for stage in diagnosis.stages[:at]} <= {"passed"}
    assert {stage.verdict for stage in diagnosis.stages[at + 1 :]} <= {"not reached"}
    return failed


def test_a_machine_that_is_ready_passes_every_stage(tmp_path: Path) -> None:
    with _serving(tmp_path) as (server, endpoint):
        diagnosis = _diagnose(endpoint)
    assert diagnosis.error is None
    assert diagnosis.failed is None
    assert diagnosis.host_key == server.host_key
    seen = {stage.id: stage.seen for stage in diagnosis.stages}
    assert seen["resolve"] == "127.0.0.1"
    assert seen["connect"] == f"127.0.0.1:{server.port}"
    assert seen["banner"].startswith("SSH-2.0-OpenSSH_")
    assert seen["log in"].startswith(f"{USER} with SHA256:")
    assert seen["shell"].endswith(" runs sh")
    assert seen["sudo"] == "without a password"
    assert seen["system"].startswith("Debian GNU/Linux 12 (bookworm), ")


def test_root_needs_no_sudo(tmp_path: Path) -> None:
    with _serving(tmp_path, id="echo 0", sudo="exit 1") as (_, endpoint):
        assert {stage.id: stage.seen for stage in _diagnose(endpoint).stages}["sudo"] == "root needs none"


@pytest.mark.parametrize(
    ("says", "seen", "remedy"),
    [
        ("sudo: a password is required", f"sudo asks {USER} for a password", "NOPASSWD"),
        ("sudo: interactive authentication is required", f"sudo asks {USER} for a password", "NOPASSWD"),
        ("sudo: sorry, you must have a tty to run sudo", "sudo wants a terminal (requiretty)", "!requiretty"),
        (
            f"{USER} is not in the sudoers file.",
            f"sudo refuses {USER}: {USER} is not in the sudoers file.",
            "NOPASSWD",
        ),
        (
            "sudo: /etc/sudo.conf is owned by uid 7",
            "sudo fails: sudo: /etc/sudo.conf is owned by uid 7",
            "sudo -n true",
        ),
    ],
)
def test_what_sudo_says_is_understood(tmp_path: Path, says: str, seen: str, remedy: str) -> None:
    with _serving(tmp_path, sudo=f"echo '{says}' >&2; exit 1") as (_, endpoint):
        failed = _failed(endpoint, "sudo")
    assert failed.seen == seen
    assert remedy in failed.remedy


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize(
    ("says", "rest"), [("a password is required", " ALL=(ALL) NOPASSWD:ALL"), ("you must have a tty", " !requiretty")]
)
@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("ada", "ada"),
        ("first.last", "first.last"),
        ("user@realm", r"user\@realm"),
        (r"DOMAIN\net", r"DOMAIN\\net"),
        ("it's", "it's"),
    ],
)
def test_the_rule_for_sudo_names_the_account_as_sudoers_does(
    tmp_path: Path, user: str, name: str, says: str, rest: str, shell: str
) -> None:
    with _serving(tmp_path, sudo=f"echo 'sudo: sorry, {says}' >&2; exit 1") as (_, endpoint):
        dialled = dial(MACHINE, endpoint, host_keys(endpoint), keyring(endpoint), Deadline(60))
        connection = SSHConnection(MACHINE, dialled)
        with pytest.raises(InstallerError) as caught:
            examine(MACHINE, connection, user, Deadline(60), unheard)
        connection.close()
    command = caught.value.hint.partition(": ")[2].replace("/etc/sudoers.d", str(tmp_path))
    subprocess.run([shell, "-c", command], check=True)
    [written] = tmp_path.glob("craton*")
    assert written.read_text() == f"{'Defaults:' if 'tty' in says else ''}{name}{rest}\n"


def test_a_missing_sudo_is_said(tmp_path: Path) -> None:
    with _serving(tmp_path) as (_, endpoint):
        (tmp_path / "bin" / "sudo").unlink()
        shell = tmp_path / "bin" / "sh"
        shell.write_text("#!/bin/dash\nPATH=${0%/*}\n. /dev/stdin\n")
        shell.chmod(0o755)
        (tmp_path / "bin" / "uname").symlink_to("/usr/bin/uname")
        failed = _failed(endpoint, "sudo")
    assert failed.seen == "sudo is not installed"
    assert "apt install sudo" in failed.remedy


@pytest.mark.parametrize(
    ("release", "verdict", "seen"),
    [
        ("ID=debian\nVERSION_ID=13\nPRETTY_NAME='Debian 13'", "passed", "Debian 13, "),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\nPRETTY_NAME=U24", "passed", "U24, "),
        (
            "ID=rocky\nID_LIKE='rhel centos fedora'\nVERSION_ID=9.4\nNAME=Rocky",
            "passed",
            ": Craton is not tested on it",
        ),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=22\nNAME=Mint", "passed", ": Craton is not tested on it"),
        ("ID=kali\nID_LIKE=debian\nNAME=Kali", "passed", ": Craton is not tested on it"),
        ("ID=debian\nVERSION_ID=11\nPRETTY_NAME='Debian 11'", "passed", ": Craton is not tested on it"),
        ("ID=debian\nPRETTY_NAME='Debian sid'", "passed", "Debian sid, "),
        ("ID=alpine\nVERSION_ID=3.20\nNAME='Alpine Linux'", "failed", "Alpine Linux is not supported"),
        ("ID='unclosed\nno line", "failed", "Linux is not supported"),
        ("", "failed", "Linux is not supported"),
    ],
)
def test_the_system_is_told_by_its_release(tmp_path: Path, release: str, verdict: str, seen: str) -> None:
    (tmp_path / "release").write_text(release)
    with _serving(tmp_path, cat=f"exec /bin/cat {tmp_path}/release") as (_, endpoint):
        stage = _diagnose(endpoint).stages[-1]
    assert stage.verdict == verdict
    assert seen in stage.seen


SHELLS = {
    "prints first": (
        "echo 'Welcome to web-1!'; exec sh -c \"$SSH_ORIGINAL_COMMAND\"",
        "the login shell prints text of its own, where a command's output belongs: 'Welcome to web-1!'",
        ".bashrc",
    ),
    "prints last": (
        "sh -c \"$SSH_ORIGINAL_COMMAND\"; echo 'Bye \\033[31m'",
        "the login shell prints text of its own, where a command's output belongs: 'Bye'",
        ".bashrc",
    ),
    "nologin": (
        "echo 'This account is currently not available.'; exit 1",
        "the login shell runs no command: exit status 1, it printed 'This account is currently not available.'",
        "chsh",
    ),
    "false": ("exit 1", "the login shell runs no command: exit status 1, it printed nothing", "chsh"),
    "menu": (
        "echo '1) reboot'",
        "the server ran something else than the command: exit status 0, '1) reboot'",
        "ForceCommand",
    ),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_login_shell_that_is_in_the_way_is_told_apart(tmp_path: Path, shell: str) -> None:
    script, seen, remedy = SHELLS[shell]
    with _serving(tmp_path, login_shell(tmp_path / "shells", script)) as (_, endpoint):
        failed = _failed(endpoint, "shell")
    assert failed.seen == seen
    assert remedy in failed.remedy


def test_what_a_login_shell_says_on_stderr_is_no_matter(tmp_path: Path) -> None:
    script = 'echo "cannot change locale" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"'
    with _serving(tmp_path, login_shell(tmp_path / "shells", script)) as (_, endpoint):
        assert _diagnose(endpoint).error is None


def test_a_login_shell_that_hangs_is_left_at_the_deadline(tmp_path: Path) -> None:
    with _serving(tmp_path, login_shell(tmp_path / "shells", f"exec sleep {FOREVER}")) as (_, endpoint):
        diagnosis = with_enough_time(lambda seconds: _diagnose(endpoint, seconds), _reached_the_shell, first=2)
    assert diagnosis.failed is not None
    assert diagnosis.failed.id == "shell"
    assert re.search(r"did not end within \d+ s", diagnosis.failed.seen)


def _reached_the_shell(diagnosis: Diagnosis) -> bool:
    """Whether there was time for the stages below it."""
    return diagnosis.failed is not None and diagnosis.failed.id == "shell"


def test_an_unknown_host_key_is_a_stage_of_its_own(tmp_path: Path) -> None:
    with _serving(tmp_path) as (server, endpoint):
        diagnosis = _diagnose(replace(endpoint, host_key=None))
    assert diagnosis.failed is not None
    assert diagnosis.failed.id == "host key"
    assert isinstance(diagnosis.error, UnknownHostKey)
    assert diagnosis.error.shown == server.host_key
    assert diagnosis.host_key is None


def test_a_server_that_refuses_sessions_is_said(tmp_path: Path) -> None:
    with _serving(tmp_path, "MaxSessions 0") as (_, endpoint):
        failed = _failed(endpoint, "shell")
    assert "opens no session" in failed.seen
    assert "MaxSessions" in failed.remedy


class Errand:
    """Keeps what it is called with."""

    def __init__(self, script: str) -> None:
        self.script = script
        self.calls: list[str] = []

    def begin(self) -> None:
        self.calls.append("begin")

    def hear(self, line: str) -> None:
        self.calls.append(f"heard {line}")

    def end(self, output: str) -> None:
        self.calls.append(f"end with {output!r}")


def _examined(endpoint: Endpoint, errand: Errand, deadline: float = PATIENCE) -> list[str]:
    """Stages that hold behind the login."""
    dialled = dial(MACHINE, endpoint, host_keys(endpoint), keyring(endpoint), Deadline(PATIENCE))
    connection, held = SSHConnection(MACHINE, dialled), list[Stage]()
    try:
        examine(MACHINE, connection, USER, Deadline(deadline), held.append, errand)
    finally:
        connection.close()
    return [stage.id for stage in held]


def test_an_errand_is_run_in_the_round_trip_of_the_stages(tmp_path: Path) -> None:
    errand = Errand("echo \"NONCE ERRAND 'SCRIPT'\" {} $0\ncat\necho; printf '%s\\n' \"$USER\"")
    with _serving(tmp_path, sudo="echo rights; " + GOOD["sudo"]) as (_, endpoint):
        assert _examined(endpoint, errand) == ["shell", "sudo", "system"]
    first, *lines, last = errand.calls
    said = ["rights", "NONCE ERRAND 'SCRIPT' {} sh"]
    assert first == "begin"
    assert lines[:2] == [f"heard {line}" for line in said], "with root's rights, and word by word"
    assert last.startswith(f"end with {chr(10).join(said)!r}"[:-1])


def test_root_runs_an_errand_without_sudo(tmp_path: Path) -> None:
    errand = Errand("echo done")
    with _serving(tmp_path, id="echo 0", sudo="echo refused; exit 1") as (_, endpoint):
        _examined(endpoint, errand)
    assert errand.calls[-1] == "end with 'done'"


def test_without_the_right_there_is_no_errand_and_no_second_attempt_at_sudo(tmp_path: Path) -> None:
    errand, tries = Errand("echo done"), tmp_path / "tries"
    with (
        _serving(tmp_path, sudo=f"echo >>{tries}; echo a password is required; exit 1") as (_, endpoint),
        pytest.raises(InstallerError, match="for a password"),
    ):
        _examined(endpoint, errand)
    assert tries.read_text() == "\n"
    assert [call for call in errand.calls if "done" in call] == []


@pytest.mark.parametrize("script", ["echo some; kill -9 $PPID", f"echo some; sleep {FOREVER}"], ids=["killed", "hangs"])
def test_an_errand_that_does_not_end_takes_no_stage_with_it(tmp_path: Path, script: str) -> None:
    errand = Errand(script)

    def held(deadline: float) -> list[str]:
        errand.calls.clear()
        try:
            return _examined(endpoint, errand, deadline)
        except InstallerError:  # it didn't come to the errand in so many seconds
            return []

    with _serving(tmp_path) as (_, endpoint):
        assert with_enough_time(held, bool) == ["shell", "sudo", "system"]
    assert not [call for call in errand.calls if call.startswith("end")]
    assert "heard some" in errand.calls
