"""Machines as people type them: `[user@]address[:port]` with words such as `role=master` after it, one line at a time.

Machines are on lines of their own, or separated by commas and blanks. `10.0.0.[11-15]` and `node[01-12].example.com`
mean several, `@hosts.txt` (or anything that starts as a path does) a file of them, and `#` starts a comment. A line
of a hosts file is one machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, product
from typing import Any

from pydantic import ValidationError

from installer.common.text import shown
from installer.plan import validation
from installer.plan.fields import MAX_WORKERS
from installer.plan.host import Host
from installer.plan.inventories import hosts_file
from installer.plan.inventories.roles import is_role, role_of
from installer.plan.platforms import PLATFORMS

_FIELD = next(one.traits.inventory_field for one in PLATFORMS.values() if one.traits.inventory)
"""A list of machines in a plan; all of them hold the same."""
ALLOWED = "10.0.0.11, admin@host:2222, 10.0.0.[11-15], a Host of ~/.ssh/config, or @file"
WORDS = ("role", "internal", "user", "port", "key", "jump")
MAX_HOSTS = 2 * MAX_WORKERS
_SENTENCE = 3
"""So many names in a row, of letters alone and without commas, are prose rather than machines."""

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
class Piece:
    """An entry of one line, before its file, if it names one, is read."""

    start: int
    end: int
    hosts: tuple[Host, ...] = ()
    error: str = ""
    path: str = ""
    names: tuple[str, ...] = ()
    """What a line of a hosts file calls the machine."""


class MistakeError(Exception):
    """A machine can't be read; the text says why."""


@lru_cache(maxsize=8192)  # a line is read again with each key that is pressed in another
def pieces(line: str) -> tuple[Piece, ...]:
    """The machines, files and mistakes of one line, in order."""
    if found := hosts_file.read(line):
        return _of_hosts_file(found)
    read = []
    for tokens_ in _grouped(tokens(line)):
        start, end = tokens_[0][0], tokens_[-1][1]
        try:
            read.append(_piece(start, end, *(text for _, _, text in tokens_)))
        except MistakeError as mistake:
            read.append(Piece(start, end, error=str(mistake)))
    return tuple(_without_prose(line, read))


def _of_hosts_file(found: hosts_file.HostsLine) -> tuple[Piece, ...]:
    """One machine; none, but the names, where the line means this computer. A role as the only name is one."""
    if found.local:
        return (Piece(found.start, found.end, names=found.names),)
    role = role_of(found.names[0]) if len(found.names) == 1 and is_role(found.names[0]) else ""
    try:
        hosts = host_of({"address": found.address} | ({"role": role} if role else {}))
    except MistakeError as mistake:
        return (Piece(found.start, found.end, error=str(mistake)),)
    return (Piece(found.start, found.end, hosts, names=() if role else found.names),)


_WORD = re.compile(r"[A-Za-z']+")


def _without_prose(line: str, read: list[Piece]) -> Iterator[Piece]:
    """`read` with words that belong to a sentence refused as one: `not a host!!` is no two machines and a mistake."""
    run: list[Piece] = []
    for piece in read:
        if run and "," in line[run[-1].end : piece.start]:
            yield from _one_run(line, run)
            run = []
        run.append(piece)
    yield from _one_run(line, run)


def _one_run(line: str, run: list[Piece]) -> Iterator[Piece]:
    """The pieces between two commas."""

    def text(piece: Piece) -> str:
        return line[piece.start : piece.end]

    def loose(piece: Piece) -> bool:
        return bool(_WORD.fullmatch(text(piece))) or bool(piece.error and not re.search(r"[\s=]", text(piece)))

    words = sum(bool(_WORD.fullmatch(text(piece))) for piece in run)
    prose = words >= _SENTENCE or (words and any(piece.error and loose(piece) for piece in run))
    for is_loose, group in groupby(run, loose):
        together = list(group)
        if not (prose and is_loose) or (len(together) == 1 and together[0].error):
            yield from together
            continue
        start, end = together[0].start, together[-1].end
        found = shown(line[start:end])
        more = "" if any(piece.error for piece in together) else " Put commas between the names of machines."
        yield Piece(start, end, error=f"{found} isn't a machine: enter {ALLOWED}.{more}")


def _piece(start: int, end: int, target: str, *words: str) -> Piece:
    target = unquoted(target)
    if not _PATH.match(target):
        return Piece(start, end, _hosts(target, words))
    if target == "@":
        raise MistakeError("@ stands before the path of a file")
    if words:
        raise MistakeError(f"a file takes no words: {shown(words[0])}")
    return Piece(start, end, path=target.removeprefix("@"))


def tokens(line: str) -> Iterator[tuple[int, int, str]]:
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
        raise MistakeError(f"{shown(target)} comes before any address")
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
            raise MistakeError(f"'{shown(key)}=' is not known here; known are {'=, '.join(WORDS)}=")
        if key in fields:
            raise MistakeError(f"{key} is given twice")
        fields[key] = unquoted(value)
    return host_of(fields)


def _expanded(fields: Mapping[str, str]) -> list[dict[str, str]]:
    """The fields of each machine; ranges of `internal` go along with those of the address."""
    addresses = _range(fields["address"])
    internals = _range(fields["internal"]) if "internal" in fields else []
    if internals and len(internals) != len(addresses):
        raise MistakeError(f"internal= stands for {len(internals)} addresses, and there are {len(addresses)} machines")
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
        raise MistakeError(f"{shown(text)} stands for more than {MAX_HOSTS:,} machines")
    return ["".join(chosen) for chosen in product(*choices)]


def _numbers(ranges: str) -> Iterator[str]:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        low, high = int(first[:9]), int((last or first)[:9])
        if high < low:
            raise MistakeError(f"the range {shown(f'[{part}]')} goes down")
        if high - low >= MAX_HOSTS:
            raise MistakeError(f"the range {shown(f'[{part}]')} stands for more than {MAX_HOSTS:,} machines")
        yield from (str(number).zfill(len(first)) for number in range(low, high + 1))


def host_of(fields: Mapping[str, str]) -> tuple[Host, ...]:
    """The machines with these fields, ranges written out. Raises MistakeError."""
    return _of_fields(tuple(fields.items()))


@lru_cache(maxsize=8192)
def _of_fields(fields: tuple[tuple[str, str], ...]) -> tuple[Host, ...]:
    return tuple(map(_host, _expanded(dict(fields))))


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
        raise MistakeError(f"{where}{mistake.text}" if mistake else "cannot be read") from None


def quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquoted(text: str) -> str:
    """Raises MistakeError: a quote isn't closed."""

    def plain(found: re.Match[str]) -> str:
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]

    if re.search("[\"']", _QUOTED.sub("", text)):
        raise MistakeError(f"a quote in {shown(text)} is not closed")
    return _QUOTED.sub(plain, text)
