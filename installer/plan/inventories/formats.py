"""Which format a pasted list has. Each reader knows its own; the first that does, reads it."""

from __future__ import annotations

from functools import lru_cache

from installer.plan.inventories import ansible_ini, ansible_yaml, csv_table, kubectl, terraform
from installer.plan.inventories.reading import Reading, Row

# Those that can be told by their first line come first; CSV takes what only looks like a table.
_READERS = (terraform.read, ansible_yaml.read, kubectl.read, ansible_ini.read, csv_table.read)


@lru_cache(maxsize=8)  # a page reads its text several times for each key
def read(text: str) -> Reading | None:
    """The machines of `text`, or None if it is a plain list; raises nothing."""
    for reader in _READERS:
        if (found := reader(text)) is not None:
            return found if found.rows else _empty(text, found)
    return None


def _empty(text: str, found: Reading) -> Reading:
    """A reading that names the lack of machines: an empty list would be taken for an answer."""
    start = len(text) - len(text.lstrip())
    end = start + len(text[start:].partition("\n")[0].rstrip())
    error = f"This reads as {found.format} and names no machine. Paste the part with their addresses."
    return Reading(found.format, (Row(start, end, error=error),), found.ignored)
