"""Steps as values: what an install consists of, independent of who runs it and who shows it."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from installer.common.errors import ExitCode, InstallerError
from installer.steps.work import Work

if TYPE_CHECKING:
    from installer.steps.world import World


class Phase(StrEnum):
    """What a person follows, in order."""

    LEAVE = "leave"
    """Machines leave a cluster, before what is left is installed again."""
    UPGRADE = "upgrade"
    """A new release, before all else that its plan says is installed."""
    RENEW = "renew"
    """Certificates are renewed."""
    CHECK = "check"
    NETWORK = "network"
    MACHINES = "machines"
    CONNECT = "connect"
    PREPARE = "prepare"
    CONTROL_PLANE = "control plane"
    JOIN = "join"
    INGRESS = "ingress"
    DNS = "dns"
    VERIFY = "verify"

    @property
    def exit_code(self) -> ExitCode:
        """The exit status of an install that failed in this phase."""
        if self is Phase.CHECK:
            return ExitCode.PREFLIGHT
        if self in (Phase.NETWORK, Phase.MACHINES, Phase.CONNECT, Phase.PREPARE):
            return ExitCode.MACHINES
        return ExitCode.VERIFICATION if self is Phase.VERIFY else ExitCode.CLUSTER


@dataclass(frozen=True, slots=True)
class Observation:
    """Whether a step's effect already holds, and what was seen that says so."""

    holds: bool
    seen: str
    remains: bool = False
    """Something of the effect is there although it does not hold, half made or broken: a destroy undoes it, too."""


class Context(Work, Protocol):
    """What the engine lends a step while it runs."""

    @property
    def world(self) -> World: ...

    def stage(self, number: int, of: int, title: str) -> None:
        """Say how far within the step the work is; `number` counts from 1."""

    def publish(self, topic: str, data: dict[str, Any]) -> None:
        """Record a result that screens show, such as a health report, as an event of the journal."""


class Stopped(Exception):  # noqa: N818 (not an error: the user asked for it)
    """The step was abandoned at a safe point because the engine was asked to stop."""


class Action(Protocol):
    """The three things that a step can do. All block, and run on a thread of their own."""

    def observe(self, ctx: Context) -> Observation:
        """Say whether the effect holds, changing nothing."""

    def apply(self, ctx: Context) -> None:
        """Make the effect hold. Called only after `observe` found that it does not."""

    def undo(self, ctx: Context) -> None:
        """Take the effect back; no error if it is gone already."""


class Permanent:
    """Mixin for actions whose effect goes with something else: their machine, their cluster."""

    def undo(self, ctx: Context) -> None:
        """Nothing to undo."""


class Proof(Permanent):
    """Base of actions that only prove something: `observe` raises what is wrong, so there is nothing to apply."""

    def apply(self, ctx: Context) -> None:
        """Nothing to make."""


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of work. `weight` is the seconds it is expected to take, `deadline` the seconds it may take.

    `limit` names the kind of work ("ssh", "processors", a platform's own) whose concurrency the engine bounds.
    """

    id: str
    title: str
    phase: Phase
    action: Action
    machine: str | None = None
    needs: tuple[str, ...] = ()
    weight: float = 1.0
    limit: str = "local"
    deadline: float = 60.0


def ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Steps in an order in which each comes after all that it needs.

    Raises InstallerError naming the steps of a cycle, a need that no step meets, or an id given twice.
    """
    by_id: dict[str, Step] = {}
    for step in steps:
        if step.id in by_id:
            raise InstallerError("order steps", f"two steps have the id {step.id}")
        by_id[step.id] = step
    for step in by_id.values():
        for need in step.needs:
            if need not in by_id:
                raise InstallerError("order steps", f"{step.id} needs {need}, which is no step")
    sorter = graphlib.TopologicalSorter({step.id: step.needs for step in by_id.values()})
    try:
        return tuple(by_id[id] for id in sorter.static_order())
    except graphlib.CycleError as error:
        raise InstallerError("order steps", "steps need each other: " + " -> ".join(error.args[1])) from None
