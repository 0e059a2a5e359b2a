"""What `kubectl get nodes` prints, with `-o wide` or without."""

from __future__ import annotations

from installer.plan import addresses
from installer.plan.inventories.reading import Reading, Row, at_line, content, ignored
from installer.plan.inventories.roles import role_of

_NEEDED = ("NAME", "STATUS", "ROLES")
_READ = ("NAME", "ROLES", "INTERNAL-IP", "EXTERNAL-IP")
_ABOVE = 3
"""Lines of a prompt that are copied along, at most."""
_NAMES = ("NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION",
          "CONTAINER-RUNTIME")  # fmt: skip
_NONE = "<none>"


def read(text: str) -> Reading | None:
    """The nodes as machines, or None if the text has no such header near its top.

    A node without roles is a worker where others are masters. The address is the external one where there is one.
    """
    lines = content(text)
    above = next((n for n, (_, line) in enumerate(lines[:_ABOVE]) if tuple(line.split()[:3]) == _NEEDED), None)
    if above is None:
        return None
    header = lines[above][1].split()
    nodes = [(at, line, line.split()) for at, line in lines[above + 1 :]]
    places = {column: header.index(column) for column in _READ if column in header}
    masters = any(role_of(words[places["ROLES"]]) == "master" for _, _, words in nodes if len(words) >= 3)
    rows = tuple(_row(at, line, words, places, masters) for at, line, words in nodes)
    left_out = [column for column in header if column in _NAMES and column not in _READ]
    remarks = ("the lines above the header",) if above else ()
    return Reading("the output of kubectl get nodes", rows, (*remarks, *ignored("column", left_out)))


def _row(at: int, line: str, words: list[str], places: dict[str, int], masters: bool) -> Row:
    # No value of a column that is read has blanks in it, nor has any before it.
    cells = {column: words[place] for column, place in places.items() if place < len(words)}
    if len(cells) != len(places):
        return at_line(at, line, {}, error="This line has fewer columns than the header.")
    name, external, internal = (cells.get(column, _NONE) for column in ("NAME", "EXTERNAL-IP", "INTERNAL-IP"))
    fields = {"address": next((one for one in (external, internal) if one != _NONE), name)}
    if external != _NONE and addresses.parse(internal):
        fields["internal"] = internal
    role = role_of(cells["ROLES"]) or ("worker" if masters and cells["ROLES"] == _NONE else "")
    return at_line(at, line, fields | ({"role": role} if role else {}), name)
