"""Names that the user's ~/.ssh/config gives to hosts: offered where machines are typed."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from glob import escape, glob
from pathlib import Path

from installer.common.errors import InstallerError
from installer.common.homes import ssh_home

_DEPTH = 16
"""Files that include each other, as in OpenSSH."""
_LONGEST = 4096
"""Characters of a path that Linux opens."""
_LINE = re.compile(r"\s*(?P<keyword>[A-Za-z]+)(?:\s*=\s*|\s+)(?P<rest>.*)")


def aliases(config: Path | None = None) -> tuple[str, ...]:
    """Every Host of `config` (~/.ssh/config) and of the files that it includes, without patterns, once, in order."""
    folder = _home() / ".ssh"
    return tuple(dict.fromkeys(_hosts(config or folder / "config", folder, _DEPTH)))


def _home() -> Path:
    try:
        return ssh_home()
    except InstallerError:  # no such home directory
        return Path("/")


def _hosts(config: Path, folder: Path, depth: int) -> Iterator[str]:
    for keyword, words in _lines(config):
        if keyword == "host":
            yield from (word for word in words if not re.search(r"[*?!]", word) and word.isprintable())
        elif keyword == "include" and depth:
            for pattern in words:
                for path in _included(pattern, folder):
                    yield from _hosts(path, folder, depth - 1)


def _included(pattern: str, folder: Path) -> list[Path]:
    """The files that an Include means; a relative one is looked for in ~/.ssh."""
    if pattern.startswith("~/"):
        pattern = escape(str(_home())) + pattern[1:]
    name = pattern if pattern.startswith("/") else f"{escape(str(folder))}/{pattern}"
    if len(name) > _LONGEST:
        return []
    try:
        # As OpenSSH's glob(3): Path.glob would walk all directories for `**`.
        return sorted(found for found in map(Path, glob(name)) if found.is_file())  # noqa: PTH207
    except (OSError, ValueError):
        return []


def _lines(config: Path) -> Iterator[tuple[str, list[str]]]:
    """(keyword in lower case, arguments) of each line; nothing of a file that cannot be read."""
    try:
        text = os.fsdecode(config.read_bytes()) if config.is_file() else ""
    except OSError:
        return
    for line in text.split("\n"):
        if found := _LINE.fullmatch(line):
            try:
                yield found["keyword"].lower(), shlex.split(found["rest"], comments=True)
            except ValueError:  # a quote that is not closed
                continue
