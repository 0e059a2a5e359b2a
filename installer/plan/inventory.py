"""Lists of machines as people type and paste them: from text to hosts with every mistake named, and back.

A machine is `[user@]address[:port]`, with words such as `role=master` after it. Machines stand on lines of their own,
or apart by commas and blanks. `10.0.0.[11-15]` and `node[01-12].example.com` stand for several, `@hosts.txt` (or
anything that starts as a path does) for a file of such lines, and `#` starts a remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from installer.common.errors import InstallerError
from installer.common.homes import expanded
from installer.common.text import shown
from installer.plan import inventory_file, validation
from installer.plan.common_settings import MAX_WORKERS
from installer.plan.host import Host
from installer.plan.platforms import PLATFORMS

_FIELD = next(one.traits.inventory_field for one in PLATFORMS.values() if one.traits.inventory)
"""A list of machines in a plan; all of them hold the same."""
ALLOWED = "10.0.0.11, admin@host:2222, 10.0.0.[11-15], a Host of ~/.ssh/config, or @file"
WORDS = ("role", "internal", "user", "port", "key", "jump")
MAX_HOSTS = 2 * MAX_WORKERS
_SHORT = 40
"""Characters of a path that is said as a whole."""


@dataclass(frozen=True, slots=True)
class ListedMachine:
    """One machine of a text, or several written as one, at [`start`, `end`) of it.

    `error` says what is wrong, and is empty if nothing is; `hosts` holds what could be read all the same.
    """

    line: int
    start: int
    end: int
    text: str
    hosts: tuple[Host, ...]
    error: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """A text as it was read, entry by entry."""

    entries: tuple[ListedMachine, ...]

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(host for entry in self.entries for host in entry.hosts)

    @property
    def errors(self) -> tuple[str, ...]:
        """`line 3: ...` for each entry that has one."""
        return tuple(f"line {entry.line}: {entry.error}" for entry in self.entries if entry.error)


def parse(text: str) -> Inventory:
    """Read `text`, and the files that it names; raises nothing."""
    entries: list[ListedMachine] = []
    offset = 0
    for number, line in enumerate(inventory_file.seen(text).split("\n"), 1):
        for piece in _pieces(line):
            hosts, error = _from_file(piece.path) if piece.path else (piece.hosts, piece.error)
            start, end = offset + piece.start, offset + piece.end
            entries.append(ListedMachine(number, start, end, text[start:end], hosts, error))
        offset += len(line) + 1
    return Inventory(tuple(entries))


def show(host: Mapping[str, Any]) -> str:
    """The data of a host as one line; `parse` takes it back."""
    address, port = str(host.get("address", "")), host.get("port")
    if ":" in address and port is not None:
        address = f"[{address}]"
    user = f"{host['user']}@" if host.get("user") is not None else ""
    target = f"{user}{address}" if port is None else f"{user}{address}:{port}"
    given = [(word, str(host[word])) for word in ("role", "internal", "key", "jump") if host.get(word) is not None]
    return " ".join([target, *(f"{word}={value if word == 'jump' else _quoted(value)}" for word, value in given)])


def data(host: Host) -> dict[str, Any]:
    """A host as a plan file holds it: what is given."""
    return host.model_dump(mode="json", exclude_none=True)


def replaced(text: str, number: int, host: Host) -> str:
    """`text` with its machine of that number (from 0) written as `host`; one of several gets a line of its own.

    Where the machine stands beside a mistake, in a file, the text stays as it is: the mistake would be lost.
    """
    for entry in parse(text).entries:
        if number < len(entry.hosts):
            hosts = [*entry.hosts[:number], host, *entry.hosts[number + 1 :]]
            lines = "\n".join(show(data(each)) for each in hosts)
            return text if entry.error else text[: entry.start] + lines + text[entry.end :]
        number -= len(entry.hosts)
    return text


# Reading one line

_BLANKS = re.compile(r"[\s,]*")
_TOKEN = re.compile(
    r"""
    jump=[^\s"']+                        # jump hosts are a list with commas themselves
  | (?: "(?:[^"\\]|\\.)*" | '[^']*'      # quoted, for paths of keys
      | \[[^\[\]\s]*\]                   # a range, or an IPv6 address
      | [^\s,"']
    )+
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'')
_BARE = re.compile(r"[A-Za-z0-9@%+:./~_\[\]-]+")
_RANGES = re.compile(r"\[(\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*)\]")
_TARGET = re.compile(r"(?:(?P<user>.*)@)?(?:\[(?P<v6>[^\]]*:[^\]]*)\]|(?P<name>.*?))(?::(?P<port>[^:]*))?")
_PATH = re.compile(r"@|/|~|\.\.?/")


@dataclass(frozen=True, slots=True)
class _Piece:
    """An entry of one line, before its file, if it names one, is read."""

    start: int
    end: int
    hosts: tuple[Host, ...] = ()
    error: str = ""
    path: str = ""


class _MistakeError(Exception):
    """A machine cannot be read; the text says why."""


@lru_cache(maxsize=8192)  # a line is read again with each key that is pressed in another
def _pieces(line: str) -> tuple[_Piece, ...]:
    pieces = []
    for tokens in _grouped(_tokens(line)):
        start, end = tokens[0][0], tokens[-1][1]
        try:
            pieces.append(_piece(start, end, *(text for _, _, text in tokens)))
        except _MistakeError as mistake:
            pieces.append(_Piece(start, end, error=str(mistake)))
    return tuple(pieces)


def _piece(start: int, end: int, target: str, *words: str) -> _Piece:
    target = _unquoted(target)
    if not _PATH.match(target):
        return _Piece(start, end, _hosts(target, words))
    if target == "@":
        raise _MistakeError("@ stands before the path of a file")
    if words:
        raise _MistakeError(f"a file takes no words: {shown(words[0])}")
    return _Piece(start, end, path=target.removeprefix("@"))


def _tokens(line: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, text) of each word up to a remark; from a quote that nothing closes on, the rest is one."""
    place = _BLANKS.match(line).end()  # type: ignore[union-attr]
    while place < len(line) and line[place] != "#":
        found = _TOKEN.match(line, place)
        end = found.end() if found else len(line.rstrip())
        if end < len(line) and line[end] in "\"'":
            end = len(line.rstrip())
        text = line[place:end].rstrip(",")
        yield place, place + len(text), text
        place = _BLANKS.match(line, end).end()  # type: ignore[union-attr]


def _grouped(tokens: Iterator[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    """Each address with the words after it."""
    group: list[tuple[int, int, str]] = []
    for token in tokens:
        if group and not re.match(r"[a-z_]+=", token[2]):
            yield group
            group = []
        group.append(token)
    if group:
        yield group


def _hosts(target: str, words: tuple[str, ...]) -> tuple[Host, ...]:
    if re.match(r"[a-z_]+=", target):
        raise _MistakeError(f"{shown(target)} comes before any address")
    found = _TARGET.fullmatch(target)
    assert found is not None, "every text has this shape"
    given = {name: value for name, value in found.groupdict().items() if value is not None}
    if found["name"] is not None and target.count(":") > 1:  # an IPv6 address without brackets
        given = {**given, "name": target.rpartition("@")[2]}
        given.pop("port", None)
    fields = {"address": given.pop("v6", None) or given.pop("name", ""), **given}
    for word in words:
        key, _, value = word.partition("=")
        if key not in WORDS:
            raise _MistakeError(f"'{shown(key)}=' is not known here; known are {'=, '.join(WORDS)}=")
        if key in fields:
            raise _MistakeError(f"{key} is given twice")
        fields[key] = _unquoted(value)
    return tuple(map(_host, _expanded(fields)))


def _expanded(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """The fields of each machine; ranges of `internal` go along with those of the address."""
    addresses = _range(fields["address"])
    internals = _range(fields["internal"]) if "internal" in fields else []
    if internals and len(internals) != len(addresses):
        raise _MistakeError(f"internal= stands for {len(internals)} addresses, and there are {len(addresses)} machines")
    every = [{**fields, "address": address} for address in addresses]
    return (
        [{**one, "internal": internal} for one, internal in zip(every, internals, strict=True)] if internals else every
    )


def _range(text: str) -> list[str]:
    """`node[01-12]` written out, zeros kept."""
    parts = _RANGES.split(text)
    choices = [[part] if number % 2 == 0 else list(_numbers(part)) for number, part in enumerate(parts)]
    size = 1
    for choice in choices:
        size *= len(choice)
    if size > MAX_HOSTS:
        raise _MistakeError(f"{shown(text)} stands for more than {MAX_HOSTS:,} machines")
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(ranges: str) -> Iterator[str]:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        low, high = int(first[:9]), int((last or first)[:9])
        if high < low:
            raise _MistakeError(f"the range {shown(f'[{part}]')} goes down")
        if high - low >= MAX_HOSTS:
            raise _MistakeError(f"the range {shown(f'[{part}]')} stands for more than {MAX_HOSTS:,} machines")
        yield from (str(number).zfill(len(first)) for number in range(low, high + 1))


def _host(fields: Mapping[str, str]) -> Host:
    port = fields.get("port")
    given: dict[str, Any] = dict(fields)
    if port is not None and re.fullmatch(r"[0-9]{1,9}", port):
        given["port"] = int(port)
    try:
        return Host.model_validate(given)
    except ValidationError:
        mistake = validation.field_mistake(_FIELD, (given,))
        where = f"{mistake.field[-1]}: " if mistake and mistake.field[-1] != "address" else ""
        raise _MistakeError(f"{where}{mistake.text}" if mistake else "cannot be read") from None


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]

    if re.search("[\"']", _QUOTED.sub("", text)):
        raise _MistakeError(f"a quote in {shown(text)} is not closed")
    return _QUOTED.sub(plain, text)


# Files


def _from_file(path: str) -> tuple[tuple[Host, ...], str]:
    """The machines in a file, and what is wrong with it, if anything."""
    name = shown(path if len(path) <= _SHORT else f"…/{Path(path).name}")
    try:
        text = inventory_file.read(expanded(path))
    except (OSError, ValueError, InstallerError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "observed", None) or str(error)
        return (), f"{name}: {reason}"
    if "PRIVATE KEY" in text:
        return (), f"{name}: a private key is not a list of machines"
    hosts: list[Host] = []
    errors = []
    for number, line in enumerate(text.split("\n"), 1):
        for piece in _pieces(line):
            hosts += piece.hosts
            mistake = "a file within a file is not read" if piece.path else piece.error
            errors += [f"line {number}: {mistake}"] if mistake else []
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return tuple(hosts), f"{name} {errors[0]}{more}" if errors else ""
