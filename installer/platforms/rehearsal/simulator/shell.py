"""What answers on a stand-in machine: one command, a script, or a person at a prompt."""

from __future__ import annotations

import asyncio
import shlex
import time

import asyncssh

from installer.node.program import PATH
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator import probes, program
from installer.platforms.rehearsal.simulator.command import Command, Exit
from installer.platforms.rehearsal.simulator.site_view import SiteView

Process = asyncssh.SSHServerProcess[str]
_HELP = "This is a rehearsal: this stand-in machine knows hostname, uptime, date, whoami, help and exit."


async def serve(site: SiteView, machine: MachineRecord, process: Process) -> None:
    """Run what the client asked for, to its end."""
    try:
        status = await (_run(site, machine, process) if process.command else _converse(machine, process))
        process.exit(status)
    except (BrokenPipeError, ConnectionError, asyncssh.Error):  # the client went away, and its command with it
        process.close()


async def _run(site: SiteView, machine: MachineRecord, process: Process) -> int:
    line = process.command or ""
    try:
        words = shlex.split(line)
    except ValueError:
        words = [line]
    if words[:3] == ["exec", "sh", "-c"]:  # how a command comes that not every shell would take as it is
        words = shlex.split(words[3])
    as_root = words[:2] == ["sudo", "-n"]
    if as_root:
        words = words[2:]
    simple = _simple(machine, words)
    if simple is not None:
        process.stdout.write(simple)
        return 0
    command = Command(site, machine, process)
    try:
        if words[:1] in (["craton-node"], [PATH]) and len(words) > 1:
            if not as_root and machine.user != "root":
                raise Exit(126, "craton-node: must be run as root: sudo -n craton-node")
            await program.craton_node(command, words[1], words[2:])
        elif words == ["sh", "-s"]:
            await probes.answer(command)
        else:
            raise Exit(127, f"sh: 1: {words[0] if words else line}: not found")
    except Exit as ending:
        if ending.message:
            command.complain(ending.message)
        return ending.status
    finally:
        command.flush()
    return 0


def _simple(machine: MachineRecord, words: list[str]) -> str | None:
    """What a command says that anyone tries on a machine first, or None if it is no such command."""
    match words:
        case ["true"]:
            return ""
        case ["hostname"] | ["uname", "-n"]:
            return f"{machine.name}\n"
        case ["whoami"]:
            return f"{machine.user}\n"
        case ["date"]:
            return time.strftime("%a %b %e %H:%M:%S UTC %Y\n", time.gmtime())
        case ["uptime"]:
            return time.strftime(" %H:%M:%S up (rehearsal),  1 user,  load average: 0.00, 0.00, 0.00\n", time.gmtime())
        case ["help"]:
            return f"{_HELP}\n"
        case _:
            return None


async def _converse(machine: MachineRecord, process: Process) -> int:
    """A prompt. Ends at `exit` or at the end of input."""
    process.stdout.write(f"{_HELP}\nNothing that you do here leaves this computer.\n")
    prompt = f"{machine.user}@{machine.name} (rehearsal):~$ "
    while True:
        process.stdout.write(prompt)
        try:
            line = await process.stdin.readline()
        except asyncssh.TerminalSizeChanged:
            continue
        except asyncssh.BreakReceived:
            process.stdout.write("\n")
            continue
        words = line.split()
        if not line or words[:1] == ["exit"]:
            process.stdout.write("" if line else "\n")
            return 0
        if words:
            output = _simple(machine, words)
            process.stdout.write(f"sh: 1: {words[0]}: not found\n" if output is None else output)
        await asyncio.sleep(0)
