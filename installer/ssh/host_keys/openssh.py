"""What OpenSSH's own client makes of a host key: `ssh` meets the key in a key exchange that goes no further.

`ssh` reads its configuration, files, revocation lists and commands itself, so none of that is written a second time.
It talks to this module over its standard streams (`ProxyCommand -`). A client judges a server's key before it reads
the rest of the reply, and here the rest is broken on purpose: showing a key takes no private key.
Whoever asks must have seen the server prove that it has the key.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from installer.common.deadline import Deadline
from installer.common.sanitise import clean
from installer.ssh.endpoint import OpenSSH
from installer.ssh.host_keys import known_hosts
from installer.ssh.host_keys.exchange import talk
from installer.ssh.keys import wire

_JUDGED = re.compile(r"^debug1: Server host (?:key|certificate): ", re.MULTILINE)
"""`ssh` says so when it begins to judge. By then it has read the key, and checked who signed a certificate."""
_TRUSTED = re.compile(r".*: unexpected bytes remain after decod\w+")
"""The last words of `ssh` about a server whose key it trusts, and whose reply goes on behind its end."""
_REVOKED = re.compile(
    r"^(The .* host key for .* is marked as revoked|Host key .* revoked by file .*?)\.?$", re.MULTILINE
)
_CHANGED = re.compile(r"^@ *WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! *@$", re.MULTILINE)
_UNKNOWN = re.compile(r"^No .* host key is known for .* and you have requested strict checking\.$", re.MULTILINE)
_FOUND = re.compile(r"^debug1: Found (?P<authority>CA )?key in (?P<file>.*):(?P<line>\d+)$", re.MULTILINE)
_OFFENDING = re.compile(r"^Offending .* key in (?P<file>.*):(?P<line>\d+)$", re.MULTILINE)
_SIGNER = re.compile(r"^debug1: Server host certificate: .* CA \S+ (SHA256:\S+) valid ", re.MULTILINE)
_CERTIFICATE = re.compile(r"^Certificate (.*)$", re.MULTILINE)
_ESCAPED = re.compile(rb"\\(\\|[0-7]{3})")
"""A backslash, and a byte outside ASCII, in what `ssh` prints."""


class Verdict(Enum):
    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"
    REFUSED = "refused"
    """For another reason, or for one that is not understood here."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What `ssh` makes of a key."""

    verdict: Verdict
    why: str
    """For people: where a trusted key is known, why another is refused; for an unknown key, what is wrong with its
    certificate."""
    where: str = ""
    """Where the key is known that a changed one replaces, such as `~/.ssh/known_hosts line 12`."""
    expected: str | None = None
    """That key, as `TYPE BASE64`; None if it is in no file."""


def algorithms(server: OpenSSH, deadline: Deadline) -> tuple[str, ...]:
    """The host key algorithms that `ssh` asks this server for, best first: known keys decide. Raises InstallerError."""
    return talk(server, deadline).algorithms


def opinion(server: OpenSSH, blob: bytes, deadline: Deadline, *, alias: str | None = None) -> Opinion:
    """What `ssh` makes of a key or certificate, given as in SSH's messages. Raises InstallerError.

    With `alias`, the key is looked up under that name.
    """
    if not _is_printable(blob):
        return Opinion(Verdict.REFUSED, "the server shows a certificate with an unprintable key id")
    return _read(talk(server, deadline, show=blob, alias=alias).output)


def _is_printable(blob: bytes) -> bool:
    """Whether `ssh` can print a certificate's id without anybody mistaking it for a message of its own."""
    try:
        return all(0x20 <= byte != 0x7F for byte in wire.key_id(blob))
    except ValueError:
        return False


def _read(output: str) -> Opinion:
    """The verdict in all that `ssh` printed. What is not understood is a refusal."""
    lines = [line.strip() for line in output.split("\n") if line.strip()] or ["it said nothing"]
    if _JUDGED.search(output) is None:
        return Opinion(Verdict.REFUSED, _own_words(lines))
    if _TRUSTED.fullmatch(lines[-1]):
        return Opinion(Verdict.TRUSTED, _known_by(output))
    if found := _REVOKED.search(output):
        return Opinion(Verdict.REVOKED, clean(found[1]))
    if _CHANGED.search(output):
        offending = _OFFENDING.search(output)
        where, expected = _place(offending) if offending else ("", None)
        return Opinion(Verdict.CHANGED, _own_words(lines), where, expected)
    if _UNKNOWN.search(output):
        doubt = _CERTIFICATE.search(output)
        return Opinion(Verdict.UNKNOWN, f"its certificate is not trusted ({clean(doubt[1])})" if doubt else "")
    return Opinion(Verdict.REFUSED, _own_words(lines))


def _known_by(output: str) -> str:
    """Where a trusted key is known; of several places the one that decided, which is the last."""
    place = ""
    for found in _FOUND.finditer(output):
        signer = _SIGNER.search(output)
        place = f"certificate of {signer[1]}, " if found["authority"] and signer else ""
        place += _place(found)[0]
    return place or "as OpenSSH says"


def _place(found: re.Match[str]) -> tuple[str, str | None]:
    """A line of a file, for people, and the key in it as `TYPE BASE64`."""
    printed = os.fsencode(found["file"])
    name = _ESCAPED.sub(lambda byte: byte[1] if byte[1] == b"\\" else bytes([int(byte[1], 8)]), printed)
    if name.startswith(b"KnownHostsCommand-"):
        return "KnownHostsCommand", None
    path, number = Path(os.fsdecode(name)), int(found["line"])
    return known_hosts.place(path, number), known_hosts.key_at(path, number)


def _own_words(lines: Sequence[str]) -> str:
    """What `ssh` gave as its reason, in one line."""
    told = [line for line in lines if not line.startswith(("debug1: ", "OpenSSH_", "@"))]
    return clean("; ".join(told[-3:]))[:300]
