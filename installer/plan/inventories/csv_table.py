"""CSV with commas, semicolons or tabs, with a header or without one (RFC 4180; one line per machine)."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence

from installer.common.text import count, whole_number
from installer.plan import addresses
from installer.plan.inventories.reading import Reading, Row, at_line, comments, content, ignored
from installer.plan.inventories.roles import is_role, role_of

_COLUMNS = {
    "address": ("address", "ip", "ip_address", "ipaddress", "ipv4", "public_ip", "external_ip", "ansible_host"),
    "name": ("name", "host", "hostname", "host_name", "fqdn", "machine", "node", "server", "vm"),
    "internal": ("internal", "internal_ip", "private_ip", "internal_address", "private_address"),
    "role": ("role", "roles"),
    "user": ("user", "username", "ssh_user", "login", "account"),
    "port": ("port", "ssh_port"),
    "key": ("key", "ssh_key", "key_file", "identity_file"),
    "jump": ("jump", "bastion", "proxyjump", "jump_host"),
}
_FIELD_OF = {column: field for field, columns in _COLUMNS.items() for column in columns}
_PLACES = ("address", "name", "internal")
"""What says where a machine is, best first."""
_OWN = re.compile(r"[=@\[#]")
"""What a plain list's own machines have, and cells don't."""
_PLAIN = re.compile(r"[^=@\[\]]+")


def read(text: str) -> Reading | None:
    """The machines of a table, or None if the text is none."""
    lines = content(text)
    if not lines:
        return None
    first = lines[0][1]
    delimiter = next((one for one in ",;\t" if one in first), ",")
    table = [(at, line, _cells(line, delimiter)) for at, line in lines]
    header = [re.sub(r"[\s-]+", "_", cell.lower()) for cell in table[0][2]]
    if _is_header(header, [cells for _, _, cells in table]):
        columns = _named(header)
        left_out = [cell for number, cell in enumerate(table[0][2]) if number not in columns.values()]
        table = table[1:]
        remarks = ("the header", *ignored("column", left_out))
    else:
        found = _guessed([cells for _, _, cells in table])
        if found is None:
            return None
        columns = found
        left_out = [str(number + 1) for number in range(len(header)) if number not in columns.values()]
        remarks = ignored("column", left_out)
    rows = tuple(_row(at, line, cells, columns, len(header)) for at, line, cells in table)
    return Reading("CSV", rows, (*remarks, *comments(text)))


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return [line.strip()]


def _is_header(header: Sequence[str], table: Sequence[Sequence[str]]) -> bool:
    if len(table) < 2 or not any(_FIELD_OF.get(cell) in _PLACES for cell in header):
        return False
    if any(addresses.parse(cell) or (cell and not _PLAIN.fullmatch(cell)) for cell in header):
        return False
    return len(table[1]) == len(header) if len(header) > 1 else _FIELD_OF[header[0]] in _PLACES


def _named(header: Sequence[str]) -> dict[str, int]:
    """Which column holds which field: of several the one whose name is the most exact."""
    ranked = sorted(
        (_COLUMNS[field].index(cell), number, field)
        for number, cell in enumerate(header)
        if (field := _FIELD_OF.get(cell))
    )
    columns: dict[str, int] = {}
    for _, number, field in ranked:
        columns.setdefault(field, number)
    return columns


def _guessed(table: Sequence[Sequence[str]]) -> dict[str, int] | None:
    """The columns of a table without a header: one of addresses, and others. None if it has no such shape.

    A few lines of another width are mistakes in it: read as a plain list, each cell would become a machine.
    """
    width = len(table[0])
    fitting = [cells for cells in table if len(cells) == width]
    if width < 2 or 2 * len(fitting) <= len(table):
        return None
    if any(_OWN.search(cell) for cells in table for cell in cells):
        return None
    columns = list(zip(*fitting, strict=True))

    def where(holds: Callable[[str], object]) -> list[int]:
        return [number for number, column in enumerate(columns) if all(map(holds, column))]

    places, roles = where(addresses.parse), where(is_role)
    if not places or len(places) == width or (len(fitting) == 1 and not roles):
        return None
    found = {"address": places[0]}
    for field, numbers in (("role", roles), ("internal", places[1:]), ("port", where(whole_number))):
        if numbers:
            found[field] = numbers[0]
    rest = [number for number in range(width) if number not in found.values()]
    return found | ({"name": rest[0]} if rest else {})


def _row(at: int, line: str, cells: Sequence[str], columns: dict[str, int], width: int) -> Row:
    if len(cells) != width:
        return at_line(at, line, {}, error=f"This line has {count(len(cells), 'column')}, and the first has {width}.")
    given = {field: cells[number] for field, number in columns.items() if cells[number]}
    name = given.pop("name", "")
    place = given.get("address") or name or given.get("internal", "")
    if not place:
        return at_line(at, line, {}, error="This line has no address and no name.")
    if "role" in given:
        given["role"] = role_of(given["role"]) or given["role"]
    return at_line(at, line, {**given, "address": place}, name)
