"""What the machines of a cluster have to tell when something is wrong: gathered from all at once, within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from installer.common.errors import InstallerError
from installer.node.program import command
from installer.ssh.connection import Result
from installer.steps.world import World

_AT_ONCE = 32
_CONNECT = 30.0
_DEADLINE = 180.0
"""Seconds for a machine on which everything that is asked hangs until it is cut off."""
_OF_MACHINE = 6 * 1024 * 1024
"""Characters that one machine may tell: more than all sections of a healthy one have together."""
_OF_SECTION = 512 * 1024
"""Characters kept of a section. craton-node sends at most 400,000 bytes of each."""
_SECTIONS = 64
_LINE = 64
"""Characters that a line counts for at least."""
_HEAD = re.compile(r"#file ([a-z0-9][a-z0-9._-]{0,63})")
_NOT_ALL = "not-all.txt"
_CONSOLE = "console.txt"

File = tuple[str, str]
"""A file's name and its text; secrets may be in it."""


def gathered(world: World) -> Iterator[File]:
    """Yield `machines/NAME/FILE` and its text, machine by machine as they answer.

    Of a machine that does not answer, or not as it should, there is a file that says so, and its console where the
    platform keeps it. No more machines are asked than the caller takes files of: what waits to be taken is bounded.
    """
    left = [machine.name for machine in world.topology.machines]
    asked: dict[Future[list[File]], str] = {}
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="gather") as pool:
        while left or asked:
            while left and len(asked) < _AT_ONCE:
                name = left.pop(0)
                asked[pool.submit(_of, world, name)] = name
            for answered in wait(asked, return_when=FIRST_COMPLETED).done:
                name = asked.pop(answered)
                for file, text in answered.result():
                    yield f"machines/{name}/{file}", text


def _of(world: World, machine: str) -> list[File]:
    sections = _Sections(machine)
    ended: Result | None = None
    why = ""
    try:
        connection = world.connect(machine, _CONNECT)
        ended = connection.run(command(connection, "gather"), deadline=_DEADLINE, on_line=sections.feed)
    except InstallerError as error:
        why = f"{error}\n{error.hint}\n"
    if ended and ended.status != 0:
        why = f"craton-node gather ended with status {ended.status}:\n{ended.stderr}"
    if not why:
        return list(sections.files())
    return [*sections.files(), (_NOT_ALL, why), *_console(world, machine)]


def _console(world: World, machine: str) -> Iterator[File]:
    """The newest of what a machine printed that told nothing, or not all, over SSH."""
    try:
        shown = world.platform.console(machine)
    except InstallerError as error:
        shown = f"{error}\n{error.hint}\n"
    if shown:
        yield _CONSOLE, shown[-_OF_SECTION:]


class _Sections:
    """Takes the lines of `craton-node gather`, each section after a line `#file NAME`."""

    def __init__(self, machine: str) -> None:
        self._machine = machine
        self._lines: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._name = "first.txt"
        self._all = 0

    def feed(self, line: str) -> None:
        """Raises InstallerError when the machine tells more than it may: the command is ended by that."""
        size = max(len(line), _LINE)
        self._all += size
        if self._all > _OF_MACHINE:
            raise InstallerError(
                "gather",
                f"the machine sent more than {_OF_MACHINE // 1024**2} MiB and was cut off",
                hint="What came before is kept. craton-node never sends that much: see what runs in its place.",
                machine=self._machine,
            )
        head = _HEAD.fullmatch(line)
        if head and (head[1] in self._lines or len(self._lines) < _SECTIONS):
            self._name = head[1]
        lines = self._lines.setdefault(self._name, [])
        if not head:
            self._keep(lines, line, size)

    def _keep(self, lines: list[str], line: str, size: int) -> None:
        before = self._sizes.get(self._name, 0)
        self._sizes[self._name] = before + size
        if before + size <= _OF_SECTION:
            lines.append(f"{line}\n")
        elif before <= _OF_SECTION:
            lines.append(f"[the section has more than {_OF_SECTION // 1024} KiB; the rest was not kept]\n")

    def files(self) -> Iterator[File]:
        for name, lines in self._lines.items():
            yield name, "".join(lines)
