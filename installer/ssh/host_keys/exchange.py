"""A key exchange with OpenSSH's `ssh`, over its standard streams, by a server that can show keys but prove none."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.sanitise import clean
from installer.common.watchdog import watched
from installer.ssh.endpoint import OpenSSH
from installer.ssh.keys import wire

_OPERATION = "check host key"
_SETTINGS = (
    "ProxyCommand=-",
    "ProxyUseFdpass=no",
    "ControlMaster=no",
    "ControlPath=none",
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=0",
    "FingerprintHash=sha256",
    "LogLevel=DEBUG1",
    "VisualHostKey=no",
)
"""What holds whatever the user's configuration says: of each setting, `ssh` takes the first value that it meets."""
_VERSION = b"SSH-2.0-Craton\r\n"
_KEXINIT, _KEX_REPLY = b"\x14", b"\x1f"
_LONGEST = 256 * 1024
"""Bytes of a packet, or of what `ssh` prints."""
_LISTS = 10
"""Lists of names in a KEXINIT message (RFC 4253, 7.1): key exchanges, host keys, and eight that are only repeated."""
_CHEAP = ("curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
"""Key exchanges that cost `ssh` next to nothing; keys of sntrup761 or ML-KEM, which it prefers, take it 50 ms."""
_OTHERWISE = ("diffie-hellman-group-exchange-", "gss-", "ext-info-", "kex-strict-")
"""Beginnings of key exchanges whose reply looks different, and of names of no key exchange."""


@dataclass(frozen=True, slots=True)
class Talk:
    """What `ssh` asked for, and what it printed."""

    algorithms: tuple[str, ...]
    """The host key algorithms, best first."""
    output: str = ""
    """Its whole standard error; empty unless a key was shown."""


def talk(server: OpenSSH, deadline: Deadline, *, show: bytes | None = None, alias: str | None = None) -> Talk:
    """Let `ssh` connect to the server, which shows it a key or a certificate, or none.

    With `alias`, keys are looked up under that name. Raises InstallerError if `ssh` does not come so far.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix="craton-") as config, tempfile.TemporaryFile() as errors:
            config.write(os.fsencode(server.configuration))
            config.flush()
            lists = _exchange(_argv(server, config.name, alias), errors, deadline, show)
            errors.seek(0)
            output = os.fsdecode(errors.read(_LONGEST)).replace("\r\n", "\n")
    except OSError as error:
        seen = f"`ssh` cannot be asked about the host key of {clean(server.name)}: {error.strerror or error}"
        raise InstallerError(
            _OPERATION, seen, hint="check the free space and the mode of the directory for temporary files"
        ) from None
    if not deadline.left:
        raise _late(server, deadline)
    if not lists:
        raise _no_answer(server, output)
    return Talk(lists[1], output)


def _argv(server: OpenSSH, config: str, alias: str | None) -> list[str]:
    settings = [*_SETTINGS, *([f"HostKeyAlias={alias}"] if alias else [])]
    options = [word for setting in settings for word in ("-o", setting)]
    return ["ssh", "-T", "-N", "-F", config, *options, *server.arguments, "--", server.name]


def _exchange(argv: list[str], errors: IO[bytes], deadline: Deadline, show: bytes | None) -> list[tuple[str, ...]]:
    """The lists of names in the KEXINIT message of `ssh`, which has seen the key, if any, and ended."""
    with _running(argv, errors, deadline) as process:
        lists = _hear(process)
        if lists and show is not None:
            _reply(process, lists, show)
        return lists


@contextmanager
def _running(argv: list[str], errors: IO[bytes], deadline: Deadline) -> Iterator[subprocess.Popen[bytes]]:
    """`ssh`, which ends with the context: by itself, since nobody talks to it any more, or at the deadline."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=errors, start_new_session=True)
    except FileNotFoundError:
        raise missing(_OPERATION) from None

    def kill() -> None:
        """End it and every command that it started: a KnownHostsCommand may hang."""
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)

    with process:
        try:
            with watched(deadline.left, kill):
                yield process
                process.communicate()
        except BaseException:
            kill()
            raise


def _hear(process: subprocess.Popen[bytes]) -> list[tuple[str, ...]]:
    """Greet `ssh`; the lists of names in its KEXINIT message. Empty if it ends before that."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(_VERSION)
        process.stdin.flush()
    process.stdout.readline(_LONGEST)
    try:
        length = int.from_bytes(process.stdout.read(4), "big")
        packet = wire.Reader(process.stdout.read(min(length, _LONGEST)))
        packet.take(1 + len(_KEXINIT) + 16)  # the length of the padding, the message's number, a cookie
        return [tuple(packet.string().decode("ascii").split(",")) for _ in range(_LISTS)]
    except ValueError:
        return []


def _reply(process: subprocess.Popen[bytes], lists: list[tuple[str, ...]], blob: bytes) -> None:
    """Agree to something that `ssh` wants, so that no setting of the user's is in the way, and show the key.

    The reply has no point, no signature, and a byte too much: it ends every exchange in which the key is trusted.
    """
    assert process.stdin is not None
    cheap = tuple(name for name in lists[0] if name in _CHEAP)
    exchanges = cheap or tuple(name for name in lists[0] if not name.startswith(_OTHERWISE))
    agreed = [exchanges, _algorithms(blob), *lists[2:]]
    names = b"".join(wire.string(",".join(each).encode("ascii")) for each in agreed)
    with suppress(BrokenPipeError):
        process.stdin.write(_packet(_KEXINIT + bytes(16) + names + bytes(5)))
        process.stdin.write(_packet(_KEX_REPLY + wire.string(blob) + wire.string(b"") + wire.string(b"") + b"!"))
        process.stdin.flush()


def _algorithms(blob: bytes) -> tuple[str, ...]:
    """The algorithms by which a server may prove to have the key."""
    kind = wire.kind(blob)
    if not kind.startswith("ssh-rsa"):
        return (kind,)
    return tuple(f"rsa-sha2-{bits}{kind.removeprefix('ssh-rsa')}" for bits in (512, 256))


def _packet(payload: bytes) -> bytes:
    """A message before encryption begins (RFC 4253, 6): padded to a multiple of 8, by 4 bytes at least."""
    padding = 4 + -(len(payload) + 9) % 8
    return wire.string(bytes([padding]) + payload + bytes(padding))


def missing(operation: str) -> InstallerError:
    """What to do where OpenSSH's client is not installed."""
    return InstallerError(
        operation,
        "there is no `ssh` on this computer",
        hint="install the OpenSSH client (Debian and Ubuntu: apt install openssh-client)",
    )


def _late(server: OpenSSH, deadline: Deadline) -> InstallerError:
    return InstallerError(
        _OPERATION,
        f"`ssh` did not judge the host key of {clean(server.name)} within {deadline.seconds:.0f} s",
        hint="a KnownHostsCommand or a Match exec in ~/.ssh/config may hang: try `ssh` yourself",
    )


def _no_answer(server: OpenSSH, output: str) -> InstallerError:
    told = [line for line in clean(output).split("\n") if line.strip() and not line.startswith("debug")]
    return InstallerError(
        _OPERATION,
        f"`ssh` cannot judge the host key of {clean(server.name)}: {(told or ['no message'])[-1][:200]}",
        hint="correct ~/.ssh/config; `ssh -v HOST` shows what OpenSSH makes of it",
    )
