"""What one engine process is to do, as JSON on its command line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.engine.events import RunKind
from installer.steps.platform import RunOptions


@dataclass(frozen=True)
class Assignment:
    """What one engine process is to do. Travels as JSON on its command line, so it holds no secret."""

    kind: RunKind
    cluster: str
    plan_path: str
    """The plan's file, as the journal names it."""
    options: RunOptions
    settled: str = ""
    """A file with the plan that this run is about, where that has sums which the one at `plan_path` lacks."""

    @property
    def source(self) -> Path:
        """Where the plan of this run is read."""
        return Path(self.settled or self.plan_path)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Assignment:
        data = json.loads(text)
        lists = {name: tuple(data["options"].get(name, ())) for name in ("faults", "machines")}
        options = RunOptions(**{**data["options"], **lists})
        return cls(RunKind(data["kind"]), data["cluster"], data["plan_path"], options, data["settled"])
