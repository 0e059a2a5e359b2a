"""One request as a handler sees it, and the handlers by the API's own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.gcp.documents import Method
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import Key

_STORED = {"regionDisks": "disks"}
"""Collections that are lists of another's things: disks in two zones of a region."""


@dataclass(frozen=True)
class Call:
    method: Method
    params: Mapping[str, Any]
    body: dict[str, Any]

    @property
    def scope(self) -> str:
        """Where it acts: a zone, a region, or `global`."""
        return str(self.params.get("zone") or self.params.get("region") or "global")

    def key(self, name: str) -> Key:
        return _STORED.get(self.method.collection, self.method.collection), self.scope, name

    @property
    def named(self) -> str:
        """The thing that its path names."""
        known = ("project", "zone", "region", "requestId")
        return next(str(value) for name, value in self.params.items() if name not in known and value)


Handler = Callable[..., dict[str, Any]]
HANDLERS: dict[str, Handler] = {}
"""By method id: called with the project and the call, it returns the answer or raises Refused."""


def handles(*ids: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        for id in ids:
            HANDLERS[id] = handler
        return handler

    return add


def handler(id: str) -> Handler:
    if id not in HANDLERS:
        raise Refused(501, "notImplemented", f"The double has no {id}.")
    return HANDLERS[id]


def last(link: object) -> str:
    """The name of what a link leads to."""
    return str(link).rstrip("/").rpartition("/")[2]
