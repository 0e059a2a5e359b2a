"""One step in one run: observe, then apply or undo, with its retries, its deadline and its events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina

from installer.common.errors import InstallerError
from installer.engine import threads
from installer.engine.context import Scope, StepContext
from installer.engine.events import EventType, StepState
from installer.engine.journal import JournalError
from installer.steps.step import Context, Observation, Step, Stopped

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a step ended: done, undone, failed with `error`, or waiting because the run is being stopped."""

    step: Step
    state: StepState
    how: str = ""
    seen: str = ""
    error: InstallerError | None = None


class StepRun:
    """Runs one step once in the direction of its run. Its deadline counts from when it is made."""

    def __init__(self, step: Step, scope: Scope) -> None:
        self._step = step
        self._scope = scope
        self._context = StepContext(step, scope)
        self._attempt = self._destroy if scope.kind.undoes else self._install
        self.between_attempts = False
        """Whether it waits to try again, so that its task can be cancelled."""

    async def run(self) -> Ending:
        """Run the step and record how it ended. Raises JournalError alone."""
        ending = await self._ending()
        if ending.state is StepState.FAILED and ending.error:
            await self._record(ending.state, error=self._described(ending.error))
        elif ending.state is StepState.WAITING:
            await self._record(ending.state)
        else:
            await self._record(ending.state, how=ending.how, seen=ending.seen)
        return ending

    async def _ending(self) -> Ending:
        try:
            return await self._with_retries()
        except JournalError:
            raise
        except Stopped:
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

    async def _with_retries(self) -> Ending:
        timing, pace = self._scope.timing, self._scope.pace
        attempts = stamina.retry_context(
            on=self._may_retry,
            attempts=timing.attempts,
            timeout=None,
            wait_initial=timing.first_wait / pace,
            wait_max=timing.longest_wait / pace,
            wait_jitter=timing.first_wait / pace,
        )
        async for attempt in attempts:
            with attempt:
                self.between_attempts = False
                try:
                    return await self._attempt()
                except InstallerError as error:
                    if attempt.num < timing.attempts and self._may_retry(error):
                        self._announce(error, attempt.num + 1, attempt.next_wait)
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _may_retry(self, error: Exception) -> bool:
        return isinstance(error, InstallerError) and error.retryable and self._context.remaining() > 0

    def _announce(self, error: InstallerError, attempt: int, wait: float) -> None:
        """Say that `attempt` follows in `wait` seconds, or a little later. Raises Stopped if it shall not."""
        self._context.check_stop()
        data = {"attempt": attempt, "of": self._scope.timing.attempts, "in": wait, "error": self._described(error)}
        self._scope.journal.record(EventType.RETRY, self._step, **data)
        self.between_attempts = True

    async def _install(self) -> Ending:
        action = self._step.action
        await self._record(StepState.OBSERVING, durable=False)
        observation = await self._call(action.observe)
        if observation.holds:
            return Ending(self._step, StepState.DONE, "observed", observation.seen)
        self._context.check_stop()
        await self._record(StepState.APPLYING)
        await self._call(action.apply)
        return Ending(self._step, StepState.DONE, "applied")

    async def _destroy(self) -> Ending:
        action = self._step.action
        await self._record(StepState.OBSERVING, durable=False)
        observation = await self._observe_or_assume()
        if not observation.holds and not observation.remains:
            return Ending(self._step, StepState.UNDONE, "observed", observation.seen)
        self._context.check_stop()
        await self._record(StepState.UNDOING)
        await self._call(action.undo)
        return Ending(self._step, StepState.UNDONE, "applied")

    async def _observe_or_assume(self) -> Observation:
        """What is observed; where that fails, that there may be something to undo."""
        try:
            return await self._call(self._step.action.observe)
        except JournalError:
            raise
        except InstallerError as error:
            return Observation(holds=True, seen=f"unknown: {error}")

    async def _call(self, function: Callable[[Context], T]) -> T:
        """Call one of the action's functions on a thread. Raises InstallerError if it outlives its deadline."""
        grace = self._scope.timing.grace
        future = threads.call(lambda: function(self._context), self._step.id)
        try:
            done, _ = await asyncio.wait({future}, timeout=self._context.remaining() + grace)
        finally:
            if future.cancel():  # nobody waits for it any more
                self._context.abandon()
        if done:
            return future.result()
        raise InstallerError(
            self._step.title,
            f"did not come back {grace:.0f} s after its deadline of {self._context.allowed:.0f} s",
            hint="See the step's log for what it was doing; then resume: what is done stays done.",
        )

    async def _record(self, state: StepState, *, durable: bool = True, **data: object) -> None:
        written = self._scope.journal.transition(self._step, state, durable=durable, **data)
        if durable:
            await asyncio.wrap_future(written)

    def _described(self, error: InstallerError) -> dict[str, object]:
        return {**error.as_dict(), "machine": error.machine or self._step.machine}

    def _internal(self, error: Exception) -> InstallerError:
        return InstallerError(
            self._step.title,
            f"internal error: {type(error).__name__}: {error}",
            hint="This is a fault of Craton's: the cluster's engine.log has the details. Resume to try again.",
        )
