"""What a stand-in machine needs of the site it belongs to."""

from __future__ import annotations

import asyncio
from typing import Protocol

from installer.platforms.rehearsal.faults import Fault
from installer.platforms.rehearsal.records import SiteRecord, Store
from installer.platforms.rehearsal.simulator.pace import Pace


class SiteView(Protocol):
    """The site as its machines see it: shared records, pace, and the faults in force."""

    store: Store
    pace: Pace
    learner: asyncio.Lock
    """Whose etcd is a learner has it."""

    @property
    def record(self) -> SiteRecord: ...

    def fault(self, machine: str, phase: str) -> Fault | None: ...

    def has_fault(self, machine: str, kind: str) -> bool: ...

    def impaired(self, machine: str) -> str: ...

    def impair(self, machine: str, kind: str) -> None: ...

    async def sleep(self, mean: float, *what: str) -> None: ...
