"""`craton-node lease` on a stand-in machine: which computer works on its cluster."""

from __future__ import annotations

import time

from installer.platforms.rehearsal.records import LeaseRecord
from installer.platforms.rehearsal.simulator.command import Command, Exit


async def lease(command: Command, what: str, holder: str, owner: str) -> None:
    """Raises Exit for a word that the program doesn't know."""
    machine, now = command.machine, time.time()
    found = machine.lease
    match what:
        case "show":
            pass
        case "take" | "seize":
            if found is None or found.holder == holder or what == "seize":
                since = found.since if found and found.holder == holder else now
                machine.lease = LeaseRecord(holder=holder, since=since, renewed=now, owner=owner)
        case "drop":
            if found and found.holder == holder:
                machine.lease = None
        case _:
            raise Exit(2, f"craton-node: no such verb: lease {what}")
    if machine.lease is not found:
        await command.site.store.save()
    held = machine.lease
    if held is None:
        command.say("holder=")
        return
    command.say(f"holder={held.holder}\nsince={held.since:.0f}\nrenewed={held.renewed:.0f}\nnow={now:.0f}")
    command.say(f"owner={held.owner}")
