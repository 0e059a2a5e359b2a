"""OpenSSH's known_hosts format: which lines of a file speak about a host (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.text import tilde

_HASHED = "|1|"
_PATTERN = frozenset("|*?!")
"""What a line's hosts have that is no plain name: of a hash, or of a pattern."""


class Marker(Enum):
    """What a line says of its key."""

    KEY = ""
    AUTHORITY = "@cert-authority"
    REVOKED = "@revoked"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that can be read: `hosts` as written there, `key` as `TYPE BASE64`."""

    marker: Marker
    hosts: str
    key: str
    where: str = ""
    """For people, such as `~/.ssh/known_hosts line 12`."""

    def names(self, host: str) -> bool:
        """Whether the line is about `host`, given as OpenSSH looks it up: `host`, `[host]:port` or an alias."""
        host = host.lower()
        if self.hosts.startswith(_HASHED):
            return _is_hash_of(host, self.hosts)
        return matches(host, self.hosts.lower().split(","))


def read(path: Path) -> tuple[Line, ...]:
    """The lines of a file, without those that nobody can read. Raises InstallerError if the file itself cannot be read.

    A file that does not exist has none.
    """
    return _contents(path).lines


def about(path: Path, host: str) -> tuple[Line, ...]:
    """The lines of a file that name `host`, given as `Line.names` takes it. Raises InstallerError as `read` does."""
    return _contents(path).about(host)


def about_each(path: Path, hosts: Iterable[str]) -> dict[str, tuple[Line, ...]]:
    """As `about`, of many hosts by the file as it is now."""
    contents = _contents(path)
    return {host: contents.about(host) for host in hosts}


def revokes(path: Path) -> bool:
    """Whether a file may revoke any key. Raises InstallerError as `read` does."""
    if path.exists() and not path.is_file():
        return str(path) != os.devnull  # who reads from a pipe may wait for ever
    return _contents(path).revoking


@dataclass(frozen=True)
class _Contents:
    """A file's lines, by name where they name hosts plainly: each of a thousand machines looks for itself."""

    lines: tuple[Line, ...] = ()
    plain: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Numbers of lines, by the only names that they have, in lower case."""
    others: tuple[int, ...] = ()
    """Numbers of lines with patterns or hashes."""
    revoking: bool = False
    """Whether `@revoked` is anywhere in the file, on a line that can be read or not."""

    def about(self, host: str) -> tuple[Line, ...]:
        others = (number for number in self.others if self.lines[number].names(host))
        found = sorted((*self.plain.get(host.lower(), ()), *others))
        return tuple(self.lines[number] for number in found)

    def followed_by(self, added: Sequence[Line]) -> _Contents:
        """With more lines at the end, each of which names one host plainly."""
        numbers = enumerate(added, len(self.lines))
        plain = {line.hosts.lower(): (*self.plain.get(line.hosts.lower(), ()), number) for number, line in numbers}
        return _Contents((*self.lines, *added), {**self.plain, **plain}, self.others, self.revoking)


_Version = tuple[int, int, int]
"""By what a file is known to be as it was: when it was changed, its size, and its inode."""
_read_files: dict[Path, tuple[_Version, _Contents]] = {}


def _contents(path: Path) -> _Contents:
    """Read once for all machines of a plan, and again when the file changed."""
    try:
        version = _version(path)
        known = _read_files.get(path)
        if known is None or known[0] != version:
            known = _read_files[path] = (version, _read(path))
        return known[1]
    except FileNotFoundError:
        return _Contents()
    except OSError as error:
        # To pass over it would be to forget every key in it.
        seen = f"{tilde(path)} cannot be read: {error.strerror}"
        raise InstallerError("check host key", seen, hint="check its owner and its mode (0600)") from None


def _version(path: Path) -> _Version:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def is_pattern(hosts: str) -> bool:
    """Whether a line's hosts are more than plain names."""
    return bool(_PATTERN & set(hosts))


def place(path: Path, number: int) -> str:
    """A line of a file, for people."""
    return f"{tilde(path)} line {number}"


def key_at(path: Path, number: int) -> str | None:
    """The key in one line of a file as `TYPE BASE64`; None if it holds none, or cannot be read."""
    try:
        content = path.read_bytes().split(b"\n")
    except (OSError, ValueError):  # also of a name that no file can have
        return None
    line = parse(os.fsdecode(content[number - 1])) if number <= len(content) else None
    return line.key if line else None


def forget() -> None:
    """Read every file again; for whoever writes one, since a clock's tick is too coarse to tell two writes apart."""
    _read_files.clear()


def appended(path: Path, before: int, keys: Mapping[str, str], size: int) -> None:
    """As `forget`, where all that was written are `keys` by host, behind `before` lines of text, `size` bytes in all.

    A thousand machines are pinned one after the other: to read the file again after each takes the square of that.
    """
    known = _read_files.pop(path, None)
    forget()
    version = _version(path)
    if known is not None and version[1] == size:
        added = [
            Line(Marker.KEY, host, key, place(path, number))
            for number, (host, key) in enumerate(keys.items(), before + 1)
        ]
        _read_files[path] = (version, known[1].followed_by(added))


def _read(path: Path) -> _Contents:
    text, name = path.read_bytes(), tilde(path)
    content = text.split(b"\n")
    numbered = ((parse(os.fsdecode(line)), number) for number, line in enumerate(content, 1))
    lines = tuple(Line(line.marker, line.hosts, line.key, f"{name} line {number}") for line, number in numbered if line)
    plain: dict[str, tuple[int, ...]] = {}
    others = []
    for number, line in enumerate(lines):
        if is_pattern(line.hosts):
            others.append(number)
            continue
        for host in dict.fromkeys(line.hosts.lower().split(",")):
            plain[host] = (*plain.get(host, ()), number)
    return _Contents(lines, plain, tuple(others), Marker.REVOKED.value.encode() in text)


@lru_cache(maxsize=4096)
def parse(text: str) -> Line | None:
    """What one line says; None for a comment, an empty line, and one that is broken."""
    words = text.split()
    marker = Marker.KEY
    if words and words[0].startswith("@"):
        if words[0] not in (Marker.AUTHORITY.value, Marker.REVOKED.value):
            return None
        marker = Marker(words.pop(0))
    if len(words) < 3 or words[0].startswith("#") or not is_key(f"{words[1]} {words[2]}"):
        return None
    return Line(marker, words[0], f"{words[1]} {words[2]}")


def is_key(key: str) -> bool:
    """Whether `TYPE BASE64` is a public key of the type that it says."""
    kind, _, encoded = key.partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    name = os.fsencode(kind)
    return len(blob) > 4 + len(name) and blob[: 4 + len(name)] == len(name).to_bytes(4, "big") + name


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a list of patterns with `*` and `?` names `name` and none of those behind `!` does (ssh_config(5))."""
    found = [pattern for pattern in patterns if _matches(name, pattern.removeprefix("!"))]
    return bool(found) and not any(pattern.startswith("!") for pattern in found)


def _matches(name: str, pattern: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return name == pattern
    # Not fnmatch's: square brackets are literal here. Repeated `*` would make matching slow.
    wild = {"*": ".*", "?": "."}
    expression = "".join(wild.get(letter) or re.escape(letter) for letter in re.sub(r"\*+", "*", pattern))
    return re.fullmatch(expression, name, re.DOTALL) is not None


def _is_hash_of(host: str, hashed: str) -> bool:
    """A hashed name is `|1|SALT|HMAC-SHA1 of the name by that salt`, both in base64."""
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed[len(_HASHED) :].split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, host.encode(), hashlib.sha1).digest(), digest)
