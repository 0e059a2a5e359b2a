"""The lease that a machine keeps: `craton-node lease` on the first master of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable

from installer.common.errors import InstallerError
from installer.node.program import ask_verb, read_fields
from installer.ssh.connection import Connection
from installer.steps.lease import Held, Holder

_SECONDS = 20.0
"""How long a machine may take to answer."""


class NodeLease:
    """A lease kept on `machine`, which `connect` reaches within so many seconds."""

    def __init__(self, machine: str, connect: Callable[[float], Connection]) -> None:
        self._machine = machine
        self._connect = connect

    def take(self, holder: Holder, *, seize: bool = False) -> Held | None:
        return self._ask("seize" if seize else "take", holder)

    def held(self) -> Held | None:
        return self._ask("show", Holder("-", "-"))

    def drop(self, holder: Holder) -> None:
        self._ask("drop", holder)

    def _ask(self, what: str, holder: Holder) -> Held | None:
        words = ("lease", what, holder.id, holder.owner)
        fields = read_fields(ask_verb(self._connect(_SECONDS), self._machine, *words, deadline=_SECONDS) or "")
        if not fields.get("holder"):
            return None
        try:
            age = {name: float(fields["now"]) - float(fields[name]) for name in ("since", "renewed")}
        except (KeyError, ValueError):
            raise InstallerError(
                "read the lease",
                "craton-node's answer doesn't say who holds it",
                machine=self._machine,
                hint="Look at /var/lib/craton/lease on the machine with craton ssh.",
            ) from None
        found = Holder(fields["holder"], fields.get("owner") or "somebody")
        return Held(found, time.time() - age["since"], time.time() - age["renewed"])
