"""One step in one run: observe, then apply or undo, with its retries, its deadlines and its events."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from installer.common.errors import InstallerError
from installer.engine import threads
from installer.engine.context import Budget, Scope, StepContext
from installer.engine.events import EventType, StepState
from installer.engine.journal import JournalError
from installer.steps.step import Context, Observation, Step, Stopped

T = TypeVar("T")

log = logging.getLogger(__name__)


class OutlivedDeadlineError(InstallerError):
    """An action did not come back. What it does may still go on, on a thread that nobody waits for."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step ended: done, undone, failed with `error`, or waiting because the run is being stopped."""

    step: Step
    state: StepState
    how: str = ""
    seen: str = ""
    error: InstallerError | None = None


class StepRun:
    """Runs one step once in the direction of its run.

    Observing and applying share one budget, the step's deadline. Undoing has a budget of its own: a machine that can't
    be asked must not keep a destroy from removing it. `earlier` are calls of an earlier attempt at this step that did
    not come back: nothing begins while one of them is still at work.
    """

    def __init__(self, step: Step, scope: Scope, earlier: Collection[asyncio.Future[Any]] = ()) -> None:
        self._step = step
        self._scope = scope
        self._budget = Budget(scope.deadline(step))
        self._undoing: Budget | None = None
        self._blind: Observation | None = None
        self._attempt = self._destroy if scope.kind.undoes else self._install
        self.lingering: list[asyncio.Future[Any]] = list(earlier)
        """Calls that nobody waits for any more, and that may still be at work."""
        self.between_attempts = False
        """Whether it waits to try again, so that its task can be cancelled."""
        self.in_call = False
        """Whether it waits for one of the action's functions: its task can be cancelled, and leaves the call behind."""

    async def run(self) -> Ending:
        """Run the step and record how it ended. Raises JournalError alone."""
        ending = await self._ending()
        if ending.state is StepState.FAILED and ending.error:
            # Its machine's log has it as well: there it is looked for, between the machine's output and what followed.
            self._scope.journal.log(self._step, f"failed: {ending.error.operation}: {ending.error.observed}")
            await self._record(ending.state, error=self._described(ending.error))
        elif ending.state is StepState.WAITING:
            await self._record(ending.state)
        else:
            # What was done is recorded before anything follows it; what was only seen can be seen again.
            durable = ending.how != "observed"
            await self._record(ending.state, durable=durable, how=ending.how, seen=ending.seen)
        return ending

    async def _ending(self) -> Ending:
        try:
            await self._outwait()
            return await self._with_retries()
        except JournalError:
            raise
        except Stopped as stopped:
            if not self._scope.stop.requested:
                return Ending(self._step, StepState.FAILED, error=self._internal(stopped))
            return Ending(self._step, StepState.WAITING)
        except asyncio.CancelledError:
            if not self._scope.stop.requested:
                raise
            return Ending(self._step, StepState.WAITING)
        except InstallerError as error:
            return Ending(self._step, StepState.FAILED, error=error)
        except Exception as error:
            log.exception("step %s", self._step.id)
            return Ending(self._step, StepState.FAILED, error=self._internal(error))

    async def _outwait(self) -> None:
        """Wait until no call of an earlier attempt is at work. Raises InstallerError if that takes too long."""
        pending = {future for future in self.lingering if not future.done()}
        if not pending:
            return
        what, until = "the previous attempt to end", self._scope.journal.now() + self._budget.remaining()
        seen = "it passed its deadline and may still be running"
        self._scope.journal.record(EventType.WAIT, self._step, what=what, seen=seen, until=until)
        self.between_attempts = True
        _, pending = await asyncio.wait(pending, timeout=self._budget.remaining())
        self.between_attempts = False
        if pending:
            raise InstallerError(
                self._step.title,
                "the previous attempt passed its deadline and is still running",
                hint="Stop this run and resume: a new engine starts from what it finds.",
            )
        self._budget = Budget(self._budget.allowed)

    async def _with_retries(self) -> Ending:
        """Try until the deadline, as long as each error may pass."""
        longest, before = 0.0, None
        for number in itertools.count(1):
            self.between_attempts = False
            began = time.monotonic()
            try:
                return await self._attempt()
            except InstallerError as error:
                pause, taken = self._next_pause(error, number), time.monotonic() - began
                if pause is None:
                    if before and taken < longest and self._is_cut_short(error):
                        raise before from None  # whom the last attempt happened to ask is not what is wrong
                    raise
                longest, before = max(longest, taken), error
                self._announce(error, number + 1, pause)
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _is_cut_short(self, error: InstallerError) -> bool:
        """Whether the deadline ended the attempt; one that did not come back says more than those before it."""
        return not self._remaining and not isinstance(error, OutlivedDeadlineError)

    def _next_pause(self, error: InstallerError, attempts: int) -> float | None:
        """Seconds until the attempt that follows after so many; None if none does.

        Half of what is left at most, so that the last attempt has time to come to something.
        """
        timing, pace, remaining = self._scope.timing, self._scope.pace, self._remaining
        if not error.retryable or remaining <= timing.first_wait / pace:
            return None
        longest = min(timing.first_wait * 2.0 ** min(attempts - 1, 30), timing.longest_wait) / pace
        return min(longest * random.uniform(0.75, 1.0), remaining / 2)  # noqa: S311 (so that machines spread)

    @property
    def _remaining(self) -> float:
        return (self._undoing or self._budget).remaining()

    def _announce(self, error: InstallerError, attempt: int, wait: float) -> None:
        """Say that `attempt` follows in `wait` seconds. Raises Stopped if it shall not."""
        if self._scope.stop.requested:
            raise Stopped
        until = self._scope.journal.now() + self._remaining
        data = {"attempt": attempt, "in": wait, "until": until, "error": self._described(error)}
        self._scope.journal.record(EventType.RETRY, self._step, **data)
        self.between_attempts = True

    async def _install(self) -> Ending:
        action = self._step.action
        await self._record(StepState.OBSERVING, durable=False)
        observation = await self._call(action.observe, self._budget)
        if observation.holds:
            return Ending(self._step, StepState.DONE, "observed", observation.seen)
        await self._begin(StepState.APPLYING)
        await self._call(action.apply, self._budget)
        return Ending(self._step, StepState.DONE, "applied")

    async def _destroy(self) -> Ending:
        action = self._step.action
        await self._record(StepState.OBSERVING, durable=False)
        observation = self._blind or await self._observe_or_assume()
        if not observation.holds and not observation.remains:
            return Ending(self._step, StepState.UNDONE, "observed", observation.seen)
        self._undoing = self._undoing or Budget(self._scope.deadline(self._step))
        await self._begin(StepState.UNDOING, seen=observation.seen)
        await self._call(action.undo, self._undoing)
        return Ending(self._step, StepState.UNDONE, "applied")

    async def _observe_or_assume(self) -> Observation:
        """What is observed; where that fails, that there may be something to undo. A look that hung is not repeated."""
        try:
            return await self._call(self._step.action.observe, self._undoing or self._budget)
        except JournalError:
            raise
        except InstallerError as error:
            assumed = Observation(holds=True, seen=f"unknown: {error}")
            if isinstance(error, OutlivedDeadlineError):
                self._blind = assumed
            return assumed

    async def _call(self, function: Callable[[Context], T], budget: Budget) -> T:
        """Call one of the action's functions on a thread. Raises InstallerError if it outlives its budget."""
        grace = self._scope.timing.grace
        context = StepContext(self._step, self._scope, budget)
        future = threads.call(lambda: function(context), self._step.id)
        self.in_call = True
        try:
            done, _ = await asyncio.wait({future}, timeout=budget.remaining() + grace)
        finally:
            self.in_call = False
            if not future.done():  # nobody waits for it any more
                context.abandon()
                self.lingering.append(future)
        if done:
            return future.result()
        raise OutlivedDeadlineError(
            self._step.title,
            f"did not come back {grace:.0f} s after its deadline of {budget.allowed:.0f} s",
            hint="See the step's log for what it was doing; then resume: what is done stays done.",
        )

    async def _begin(self, state: StepState, **data: Any) -> None:
        """Record durably that a side effect is about to happen. Raises Stopped if it shall not."""
        if self._scope.stop.requested:
            raise Stopped
        self._scope.guard()
        await self._record(state, **data)

    async def _record(self, state: StepState, *, durable: bool = True, **data: Any) -> None:
        written = self._scope.journal.transition(self._step, state, durable=durable, **data)
        if durable:
            await asyncio.wrap_future(written)

    def _described(self, error: InstallerError) -> dict[str, object]:
        return {**error.as_dict(), "machine": error.machine or self._step.machine}

    def _internal(self, error: Exception) -> InstallerError:
        return InstallerError(
            self._step.title,
            f"internal error: {type(error).__name__}: {error}",
            hint="This is a bug in Craton: the cluster's engine.log has the details. Resume to try again.",
        )
