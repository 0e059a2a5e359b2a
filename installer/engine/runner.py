"""Runs steps: every ready one at once within limits, what needs a failed one not at all."""

from __future__ import annotations

import asyncio
import graphlib
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from installer.common.errors import ExitCode, InstallerError
from installer.engine.context import Scope, Stop, Timing
from installer.engine.events import EventType, Outcome, RunKind, StepState
from installer.engine.journal import Journal, JournalError
from installer.engine.progress import ENDED, FINISHED
from installer.engine.slots import Slots
from installer.engine.stepping import Ending, StepRun
from installer.steps.platform import Limit
from installer.steps.step import Phase, Step, ordered

if TYPE_CHECKING:
    from installer.steps.world import World

_TIMING = Timing()

DEFAULT_LIMIT = Limit(16)
"""Of a kind of steps for which no limit is given."""

AT_ONCE = 24
"""Steps at once of all kinds together. Each has a thread, and its machine's connection another."""

_STEPS_OF_A_PHASE = 1_000_000
"""More than there are in a row."""

REQUEST_SECONDS = 0.5
"""How often a run with failed steps looks whether somebody asks for one of them once more."""


async def run(
    steps: Iterable[Step],
    world: World,
    journal: Journal,
    *,
    kind: RunKind = RunKind.INSTALL,
    options: Mapping[str, Any] | None = None,
    pace: float = 1.0,
    limits: Mapping[str, Limit] | None = None,
    timing: Timing = _TIMING,
    stop: Stop | None = None,
    begun: Callable[[], None] = lambda: None,
    guard: Callable[[], None] = lambda: None,
) -> ExitCode:
    """Run `steps` (for RunKind.DESTROY: undo them, in reverse order) and return the exit status.

    `options` are recorded in the journal with the run. `pace` divides deadlines and waits. `limits` bounds, by
    `Step.limit`, the steps at once and how many begin in a second. `begun` is called once the run's start is durable,
    `guard` before each side effect: it raises JournalError once another engine may be at work.
    Raises InstallerError if the steps have no order, and JournalError if the journal can't be written: then no further
    step was begun.

    While anything runs, failed steps can be asked for once more: see installer.engine.requests.
    """
    in_order = ordered(steps)
    scope = Scope(world, journal, kind, pace, timing, stop or Stop(), guard)
    journal.begin(kind, in_order, options or {})
    begun()
    engine = _Engine(in_order, scope, limits or {})
    outcome, exit_code = await engine.run()
    journal.end(outcome, exit_code)
    return exit_code


class _Engine:
    """One run. All of it happens in the event loop's thread; only actions run elsewhere."""

    def __init__(self, steps: Sequence[Step], scope: Scope, limits: Mapping[str, Limit]) -> None:
        self._steps = {step.id: step for step in steps}
        self._scope = scope
        before, self._after = orders(steps, scope.kind)
        self._sorter = graphlib.TopologicalSorter(before)
        self._slots = {name: Slots(limits.get(name, DEFAULT_LIMIT), scope.pace) for name in {s.limit for s in steps}}
        self._threads = Slots(Limit(AT_ONCE))
        self._rank = ranks(steps, scope.kind)
        self._active: dict[str, StepRun] = {}
        self._lingering: dict[str, list[asyncio.Future[Any]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ended: asyncio.Queue[tuple[str, Ending | JournalError]] = asyncio.Queue()
        self._states: dict[str, StepState] = {}
        self._failures: dict[str, Ending] = {}
        self._broken: JournalError | None = None
        self._told = False

    async def run(self) -> tuple[Outcome, ExitCode]:
        """Run until no step runs and none may start. Raises JournalError."""
        self._sorter.prepare()
        self._scope.stop.listen(self._stop_listener())
        self._start_ready()
        while self._tasks:
            await self._settle_next()
            self._start_requested()
            self._start_ready()
        if self._broken:
            raise self._broken
        return self._verdict()

    def _start_ready(self) -> None:
        if self._scope.stop.requested or self._broken:
            return
        for id in self._sorter.get_ready():
            self._start(id)

    def _start(self, id: str) -> None:
        self._tasks[id] = asyncio.create_task(self._run_step(self._steps[id]), name=id)

    async def _run_step(self, step: Step) -> None:
        """Run `step` when its kind has a free slot, and queue how it ended."""
        ending: Ending | JournalError = Ending(step, StepState.WAITING)
        slots, rank = self._slots[step.limit], self._rank[step.id]
        async with slots.taken(rank), self._threads.taken(rank):
            await slots.turn()
            if not self._scope.stop.requested:
                self._active[step.id] = step_run = StepRun(step, self._scope, self._lingering.pop(step.id, ()))
                try:
                    ending = await step_run.run()
                except JournalError as error:
                    ending = error
                del self._active[step.id]
                if step_run.lingering:
                    self._lingering[step.id] = step_run.lingering
        self._ended.put_nowait((step.id, ending))

    async def _settle_next(self) -> None:
        """Settle the next step that ends; with failed steps, wait no longer for it than until the next look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REQUEST_SECONDS if self._failures else None):
                self._settle(*await self._ended.get())

    def _settle(self, id: str, ending: Ending | JournalError) -> None:
        del self._tasks[id]
        if isinstance(ending, JournalError):
            self._broken = ending
            self._scope.stop.request()
            return
        self._states[id] = ending.state
        if ending.state in FINISHED:
            self._sorter.done(id)
        elif ending.state is StepState.FAILED:
            self._failures[id] = ending
            self._block(ending.step)

    def _start_requested(self) -> None:
        """Run the failed steps that were asked for once more."""
        if not self._failures or self._scope.stop.requested or self._broken:
            return
        asked: list[str] = []
        with suppress(InstallerError):  # what can't be read now is there at the next look
            # Once each, however often it was asked for.
            asked = [id for id in dict.fromkeys(self._scope.journal.requested()) if id in self._failures]
        if asked:
            self._revive(asked)

    def _revive(self, failed: Collection[str]) -> None:
        """Start failed steps again; what they blocked waits again, unless another failed step blocks it as well."""
        waiting = list(dict.fromkeys([*failed, *self._behind(failed)]))
        for id in waiting:
            del self._states[id]
            self._failures.pop(id, None)
        for ending in self._failures.values():
            self._block(ending.step, besides=())  # past what is blocked still: what is behind that may wait again now
        for id in waiting:
            if id not in self._states:
                self._scope.journal.transition(self._steps[id], StepState.WAITING, durable=False)
        for id in failed:
            self._start(id)

    def _block(self, failed: Step, besides: Container[str] | None = None) -> None:
        """Record that whatever needs `failed`, however indirectly, will not run.

        Behind what is blocked already everything is, so the search ends there, or else at `besides`.
        """
        because = f"{failed.machine}: {failed.title} failed" if failed.machine else f"{failed.title} failed"
        for id in self._behind([failed.id], besides=self._states if besides is None else besides):
            if id in self._states:
                continue
            self._states[id] = StepState.BLOCKED
            self._scope.journal.transition(self._steps[id], StepState.BLOCKED, durable=False, because=because)

    def _behind(self, ids: Iterable[str], besides: Container[str] = ()) -> list[str]:
        """Whatever comes after any of `ids`, however indirectly, once each; not `besides` and what is behind them."""
        found: dict[str, None] = {}
        queue = list(ids)
        while queue:
            new = [id for id in self._after[queue.pop()] if id not in found and id not in besides]
            found.update(dict.fromkeys(new))
            queue += new
        return list(found)

    def _stop_listener(self) -> Callable[[], None]:
        loop = asyncio.get_running_loop()

        def listener() -> None:
            with suppress(RuntimeError):  # the loop is closed: the run has ended
                loop.call_soon_threadsafe(self._stopping)

        return listener

    def _stopping(self) -> None:
        if self._broken or self._told:
            return
        self._told = True
        self._scope.journal.record(EventType.STOPPING)
        self._leave(in_calls=False)
        asyncio.get_running_loop().call_later(self._scope.timing.stopping, self._leave)

    def _leave(self, *, in_calls: bool = True) -> None:
        """End what waits to be tried again, and with `in_calls` also whatever does not come to a safe point."""
        for id, step_run in self._active.items():
            if step_run.between_attempts or (in_calls and step_run.in_call):
                self._tasks[id].cancel()

    def _verdict(self) -> tuple[Outcome, ExitCode]:
        if any(self._states.get(id) not in ENDED for id in self._steps):
            return Outcome.STOPPED, ExitCode.INTERRUPTED
        if self._failures:
            return Outcome.FAILED, exit_code(self._failures.values(), self._scope.kind)
        return Outcome.DONE, ExitCode.DONE


def orders(steps: Sequence[Step], kind: RunKind) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """What comes right before each step, and what right after it.

    To install, a step comes after those that it needs; to destroy, after those that need it.
    """
    needs = {step.id: set(step.needs) for step in steps}
    needed_by: dict[str, set[str]] = {step.id: set() for step in steps}
    for step in steps:
        for need in step.needs:
            needed_by[need].add(step.id)
    return (needed_by, needs) if kind.undoes else (needs, needed_by)


def ranks(steps: Sequence[Step], kind: RunKind) -> dict[str, int]:
    """By which steps, in needs-first order, wait for a place: the lowest goes first.

    What has come furthest goes on first, in its phase as well, so that a machine's steps follow each other on one
    connection; of those that have come as far, the first in the plan, which are the masters'. The control plane goes
    before all: its masters join one by one, however many workers join meanwhile.
    """
    if kind.undoes:
        order = {phase: rank for rank, phase in enumerate(Phase)}
        return {step.id: order[step.phase] for step in steps}
    order = {phase: rank for rank, phase in enumerate(reversed(Phase), start=1)} | {Phase.CONTROL_PLANE: 0}
    phases, found = {step.id: step.phase for step in steps}, dict[str, int]()
    for step in steps:
        first = order[step.phase] * _STEPS_OF_A_PHASE
        found[step.id] = min((found[need] for need in step.needs if phases[need] is step.phase), default=first + 1) - 1
    return {id: rank * len(steps) + position for position, (id, rank) in enumerate(found.items())}


def exit_code(failures: Collection[Ending], kind: RunKind) -> ExitCode:
    """The exit status of a run with `failures`: that of the one in the earliest phase."""
    if kind.undoes:
        return ExitCode.LEFTOVERS
    order = list(Phase)
    first = min(failures, key=lambda ending: order.index(ending.step.phase))
    return first.error.exit_code if first.error and first.error.exit_code is not None else first.step.phase.exit_code
