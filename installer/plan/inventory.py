"""Lists of machines as people type and paste them: from text to hosts with every mistake named, and back.

A list is plain (see `inventories/lines.py`) or what another program writes (`inventories/formats.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from installer.common.errors import InstallerError
from installer.common.homes import expanded
from installer.common.text import shown
from installer.plan import inventory_file
from installer.plan.host import Host
from installer.plan.inventories import formats, hosts_file
from installer.plan.inventories.duplicates import Seen
from installer.plan.inventories.lines import ALLOWED as ALLOWED
from installer.plan.inventories.lines import MistakeError, host_of, pieces, quoted
from installer.plan.inventories.reading import Reading, comments, ignored, numbered

_SHORT = 40
"""Characters of a path that is said as a whole."""


@dataclass(frozen=True, slots=True)
class ListedMachine:
    """One machine of a text, or several written as one, at [`start`, `end`) of it.

    `error` says what is wrong, and is empty if nothing is; `hosts` holds what could be read all the same. `duplicate`:
    the mistake is that the machine is listed already. `names` are what the list itself calls the machine.
    """

    line: int
    start: int
    end: int
    text: str
    hosts: tuple[Host, ...]
    error: str = ""
    duplicate: bool = False
    names: tuple[str, ...] = ()
    note: str = ""
    """How a file was read, if that needs saying."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """A text as it was read, entry by entry; `note` says how, and what was left out, if that needs saying."""

    entries: tuple[ListedMachine, ...]
    note: str = ""
    plain: bool = True
    """Whether single entries can be written differently in place."""

    @property
    def hosts(self) -> tuple[Host, ...]:
        return tuple(host for entry in self.entries for host in entry.hosts)

    @property
    def errors(self) -> tuple[str, ...]:
        """`line 3: ...` for each entry that has one."""
        return tuple(f"line {entry.line}: {entry.error}" for entry in self.entries if entry.error)


def parse(text: str) -> Inventory:
    """Read `text`, and the files that it names; raises nothing."""
    return _read(text, files=True)


def show(host: Mapping[str, Any]) -> str:
    """The data of a host as one line; `parse` takes it back."""
    address, port = str(host.get("address", "")), host.get("port")
    if ":" in address and port is not None:
        address = f"[{address}]"
    user = f"{host['user']}@" if host.get("user") is not None else ""
    target = f"{user}{address}" if port is None else f"{user}{address}:{port}"
    given = [(word, str(host[word])) for word in ("role", "internal", "key", "jump") if host.get(word) is not None]
    return " ".join([target, *(f"{word}={value if word == 'jump' else quoted(value)}" for word, value in given)])


def data(host: Host) -> dict[str, Any]:
    """A host as a plan file holds it: what is given."""
    return host.model_dump(mode="json", exclude_none=True)


def replaced(text: str, number: int, host: Host) -> str:
    """`text` with its machine of that number (from 0) written as `host`; one of several gets a line of its own.

    A list in another program's format becomes a plain one, its names comments. Where a mistake would be lost with
    that, or with the machine's own entry, the text stays the same.
    """
    inventory = parse(text)
    if not inventory.plain:
        if inventory.errors or number >= len(inventory.hosts):
            return text
        each = [(one, entry.names) for entry in inventory.entries for one in entry.hosts]
        each[number] = (host, each[number][1])
        return "".join(f"{show(data(one))}{_remark(names)}\n" for one, names in each)
    for entry in inventory.entries:
        if number < len(entry.hosts):
            hosts = [*entry.hosts[:number], host, *entry.hosts[number + 1 :]]
            lines = "\n".join(show(data(each)) for each in hosts)
            return text if entry.error else text[: entry.start] + lines + text[entry.end :]
        number -= len(entry.hosts)
    return text


def _remark(names: tuple[str, ...]) -> str:
    return f"  # {' '.join(map(shown, names))}" if names else ""


def _read(text: str, *, files: bool) -> Inventory:
    """`files`: whether the list may name files of further machines."""
    seen = inventory_file.seen(text)
    reading = formats.read(seen)
    if reading is None:
        entries = list(_plain(seen, files=files))
        note = _note("a list with lines of a hosts file", _of_hosts_lines(seen)) if _has_hosts_lines(seen) else ""
    else:
        entries = list(_foreign(seen, reading))
        note = _note(reading.format, reading.ignored)
    written = (replace(entry, text=text[entry.start : entry.end]) for entry in entries)
    notes = (note, *(entry.note for entry in entries))
    return Inventory(tuple(_each_once(written)), " ".join(filter(None, notes)), plain=reading is None)


def _note(format: str, left_out: tuple[str, ...]) -> str:
    return f"Read as {format}." + (f" Ignored: {'; '.join(left_out)}." if left_out else "")


def _foreign(text: str, reading: Reading) -> Iterator[ListedMachine]:
    """The rows of a reading, each with the number of its line."""
    line, counted = 1, 0
    for row in reading.rows:
        line += text.count("\n", counted, row.start)
        counted = max(counted, row.start)
        hosts: tuple[Host, ...] = ()
        error = row.error
        if not error:
            try:
                hosts = host_of(row.fields)
            except MistakeError as mistake:
                error = str(mistake)
        names = (row.name,) if row.name and len(hosts) == 1 else ()
        yield ListedMachine(line, row.start, row.end, "", hosts, error, names=names)


def _plain(text: str, *, files: bool) -> Iterator[ListedMachine]:
    for number, (offset, line) in enumerate(numbered(text), 1):
        for piece in pieces(line):
            if not (piece.hosts or piece.error or piece.path):
                continue  # a line of a hosts file about this computer itself
            found = ListedMachine(number, offset + piece.start, offset + piece.end, "", piece.hosts, piece.error)
            yield _of_path(found, piece.path, files=files) if piece.path else replace(found, names=piece.names)


def _has_hosts_lines(text: str) -> bool:
    return any(piece.names for line in text.split("\n") for piece in pieces(line))


def _of_hosts_lines(text: str) -> tuple[str, ...]:
    """What lines of a hosts file say that a plan doesn't need."""
    lines = [line for line in text.split("\n") if hosts_file.read(line)]
    found = [piece for line in lines for piece in pieces(line)]
    names = [name for piece in found if piece.hosts for name in piece.names]
    local = [name for piece in found if not piece.hosts for name in piece.names]
    return (*ignored("name", names), *ignored("local name", local), *comments(text))


def _each_once(entries: Iterator[ListedMachine]) -> Iterator[ListedMachine]:
    """The entries without machines that an earlier one has already, which they say instead."""
    seen = Seen()
    for entry in entries:
        new, twins = [], []
        for host in entry.hosts:
            twin = seen.twin(host, entry.names, f"line {entry.line}")
            twins += [twin] if twin else []
            new += [] if twin else [host]
        if twins and not entry.error:
            more = f" (and {len(twins) - 1} more)" if len(twins) > 1 else ""
            yield replace(entry, hosts=tuple(new), error=f"{twins[0]}{more}", duplicate=True)
        else:
            yield replace(entry, hosts=tuple(new))


# Files


def _of_path(entry: ListedMachine, path: str, *, files: bool) -> ListedMachine:
    """The entry with the machines in a file, and what is wrong with it, if anything."""
    if not files:
        return replace(entry, error="a file within a file is not read")
    name = shown(path if len(path) <= _SHORT else f"…/{Path(path).name}")
    try:
        text = inventory_file.read(expanded(path))
    except (OSError, ValueError, InstallerError) as problem:
        reason = getattr(problem, "strerror", None) or getattr(problem, "observed", None) or str(problem)
        return replace(entry, error=f"{name}: {reason}")
    if "PRIVATE KEY" in text:
        return replace(entry, error=f"{name}: a private key is not a list of machines")
    found = _read(text, files=False)
    more = f" (and {len(found.errors) - 1} more)" if len(found.errors) > 1 else ""
    error = f"{name} {found.errors[0]}{more}" if found.errors else ""
    return replace(entry, hosts=found.hosts, error=error, note=f"{name}: {found.note}" if found.note else "")
