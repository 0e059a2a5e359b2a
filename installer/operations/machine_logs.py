"""What the machines of a cluster have to tell when something is wrong: gathered from all at once, without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from installer.common.errors import InstallerError
from installer.common.scrub import safe
from installer.node.program import command
from installer.ssh.connection import Result
from installer.steps.world import World

_AT_ONCE = 32
_CONNECT = 30.0
_DEADLINE = 180.0
"""Seconds for a machine on which everything that is asked hangs until it is cut off."""
_HEAD = re.compile(r"#file ([a-z0-9][a-z0-9._-]{0,63})")
_KEY_BODY = re.compile(r"^[A-Za-z0-9+/]{60,}={0,2}$", re.MULTILINE)
"""A line out of the middle of a key, whose beginning was cut off."""
_NOT_ALL = "not-all.txt"

File = tuple[str, str]
"""A file's name and its text."""


def gathered(world: World) -> Iterator[File]:
    """Yield `machines/NAME/FILE` and its text, machine by machine; of one that does not answer, a file saying so."""
    names = [machine.name for machine in world.topology.machines]
    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(names))), thread_name_prefix="gather") as pool:
        for name, files in zip(names, pool.map(lambda name: list(_of(world, name)), names), strict=True):
            for file, text in files:
                yield f"machines/{name}/{file}", text


def _of(world: World, machine: str) -> Iterator[File]:
    sections = _Sections()
    ended: Result | None = None
    why = ""
    try:
        connection = world.connect(machine, _CONNECT)
        ended = connection.run(command(connection, "gather"), deadline=_DEADLINE, on_line=sections.feed)
    except InstallerError as error:
        why = f"{error}\n{error.hint}\n"
    if ended and ended.status != 0:
        why = f"craton-node gather ended with status {ended.status}:\n{ended.stderr}"
    for name, text in sections.files():
        yield name, without_secrets(text)
    if why:
        yield _NOT_ALL, without_secrets(why)


def without_secrets(text: str) -> str:
    return _KEY_BODY.sub("***", safe(text))


class _Sections:
    """Takes the lines of `craton-node gather`, each section after a line `#file NAME`."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._name = "first.txt"

    def feed(self, line: str) -> None:
        head = _HEAD.fullmatch(line)
        if head:
            self._name = head[1]
        self._lines.setdefault(self._name, [])
        if not head:
            self._lines[self._name].append(f"{line}\n")

    def files(self) -> Iterator[File]:
        for name, lines in self._lines.items():
            yield name, "".join(lines)
