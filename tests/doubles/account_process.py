"""A process that asks accounts, without the process: a test says what the account has, and when it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from installer.operations.account import Heard

Answer = Mapping[str, Any]


@dataclass
class FakeAccount:
    """`answers` by field; while it is `slow`, answers wait until `catch_up`."""

    answers: dict[str, Answer] = field(default_factory=dict)
    slow: bool = False
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each field that was asked for, with the answers that it depends on."""
    _held: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self, request: Mapping[str, Any], heard: Heard) -> None:
        name = "plan" if "plan" in request else request["field"]
        self.asked.append((name, dict(request.get("answers", {}))))
        answer = self.answers.get(name, {"problem": "the double has no answer."})
        if self.slow:
            self._held.append(lambda: heard({"id": 1, **answer}))
        else:
            heard({"id": 1, **answer})

    def catch_up(self) -> None:
        """Give the answers that are due."""
        self.slow = False
        for give in self._held:
            give()
        self._held.clear()

    def close(self) -> None: ...


def suggestion(value: str, detail: str = "") -> dict[str, str]:
    return {"value": value, "detail": detail}


def regions(*names: str) -> Answer:
    """Regions as the account lists them."""
    return {"found": [suggestion(name, f"the region {name}") for name in names],
            "source": f"{len(names)} regions that your account has switched on"}  # fmt: skip
