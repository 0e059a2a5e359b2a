"""The options of every command that starts a run, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from installer.cli.common import (
    AcceptNew,
    Artifacts,
    Close,
    Json,
    Mode,
    Plain,
    Seed,
    Speed,
    TakeOver,
    Yes,
    agree_to_take_over,
    confirm,
    mode_of,
    notifier,
    options_of,
    settle_access,
    show,
)
from installer.common.console import result

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory
    from installer.plan.model import InstallPlan
    from installer.steps.platform import RunOptions

Fault = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MACHINE:PHASE:FAULT", help="Make a rehearsal fail, such as worker-1:prepare:hang. Repeatable."
    ),
]


@dataclass(frozen=True)
class Run:
    """What was asked of one run on the command line; commands take it as their parameter `run`."""

    yes: bool
    mode: Mode
    close: bool
    accept_new: bool
    options: RunOptions

    def explain(self, text: str) -> None:
        """Say what is about to happen, unless a program reads."""
        if self.mode is not Mode.JSON:
            result(text)

    def confirm(self, question: str) -> None:
        """Ask, unless --yes was given. Raises InstallerError if the answer is no, or nobody can answer."""
        if not self.yes:
            confirm(question, self.mode)

    def settle_access(self, plan: InstallPlan, *, required: bool = True) -> None:
        """Look at own machines first, as `installer.cli.common.settle_access` does."""
        settle_access(plan, self.mode, asks=not self.yes, accept_new=self.accept_new, required=required)
        if self.options.take_over:
            agree_to_take_over(plan, self.mode, asks=not self.yes)

    def notify(self, sentence: str) -> None:
        notifier(self.mode)(sentence)

    def show(self, start: Callable[[], ClusterDirectory]) -> NoReturn:
        """Start the run, show it to its end, and leave with its exit code."""
        show(start, self.mode, close=self.close)


_SHARED: dict[str, tuple[Any, Any]] = {
    "yes": (Yes, False),
    "as_json": (Json, False),
    "plain": (Plain, False),
    "close": (Close, False),
    "speed": (Speed, 1.0),
    "seed": (Seed, 0),
    "fault": (Fault, None),
    "accept_new_host_keys": (AcceptNew, False),
    "artifacts": (Artifacts, None),
    "take_over": (TakeOver, False),
}
"""Type and default of each shared option, in the order of --help."""


def starts_a_run(*, faults: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: give a command the shared options, and hand them to its parameter `run` as one value.

    `faults` says whether it can rehearse faults. typer reads the options from the signature that is made here.
    """
    shared = {name: option for name, option in _SHARED.items() if faults or name != "fault"}

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for parameter in inspect.signature(function, eval_str=True).parameters.values()
            if parameter.name != "run"
        ]

        def command(**given: Any) -> None:
            asked = {name: given.pop(name) for name in shared}
            function(**given, run=_run(**asked))

        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=type_)
            for name, (type_, default) in shared.items()
        ]
        parameters = [*own, *added]
        command.__name__, command.__doc__ = function.__name__, function.__doc__
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return command

    return decorate


def _run(
    *,
    yes: bool,
    as_json: bool,
    plain: bool,
    close: bool,
    speed: float,
    seed: int,
    accept_new_host_keys: bool,
    artifacts: Path | None,
    take_over: bool,
    fault: list[str] | None = None,
) -> Run:
    mode = mode_of(as_json=as_json, plain=plain)
    options = options_of(speed, seed, fault, artifacts, take_over=take_over)
    return Run(yes, mode, close, accept_new_host_keys, options)
