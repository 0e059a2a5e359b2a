"""Where rules are found: by the call that they are about. A rule is a function, registered where it is defined."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Made:
    """An answer that needs no moto."""

    body: bytes
    kind: str = "text/xml"


Check = Callable[[Account, Call], None]
Answer = Callable[[Account, Call], "Made | None"]
After = Callable[[Account, Call, bytes], "bytes | None"]
View = Callable[[Account, Call], "AbstractContextManager[None]"]


class Rules:
    """Functions by the name of a call."""

    def __init__(self) -> None:
        self._found: dict[str, list[Callable[..., Any]]] = defaultdict(list)

    def __call__(self, *names: str) -> Callable[[F], F]:
        def register(function: F) -> F:
            for name in names:
                self._found[name].append(function)
            return function

        return register

    def of(self, call: Call) -> Iterator[Callable[..., Any]]:
        """Those of all calls of a service (`ec2:*`) come first."""
        yield from self._found.get(f"{call.service}:*", ())
        yield from self._found.get(call.name, ())


refuses = Rules()
"""`Check`s: they raise Refused."""
answers = Rules()
"""`Answer`s: what AWS answers without doing anything, and None if it has to be done."""
follows = Rules()
"""`After`s: they run once moto has done it, and may change the answer."""
views = Rules()
"""`View`s: contexts in which moto has what AWS shows at this moment."""
