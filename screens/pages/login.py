"""Before machines are logged in to: they are looked at, and what is to be asked about them is asked in dialogs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from textual.screen import ModalScreen
from textual.worker import Worker, get_current_worker

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from screens.pages.base import CratonScreen

if TYPE_CHECKING:
    from installer.operations.login.questions import Answer, Question, Questions
    from installer.plan.model import InstallPlan
    from screens.dialogs.reaching import ReachingDialog

T = TypeVar("T")


class Before(Enum):
    """What is about to happen, and with it what is asked."""

    RUN = "run"
    """Every machine's host key has to be accepted; a passphrase may be done without."""
    DESTROY = "destroy"
    """The same, but machines whose keys are not accepted are left to the run."""
    LOOK = "look"
    """Passphrases alone."""


def attempt_after_asking(
    screen: CratonScreen[Any],
    plan_of: Callable[[], InstallPlan | None],
    work: Callable[[], T],
    then: Callable[[T], object],
    *,
    before: Before = Before.RUN,
    group: str = "start",
) -> Worker[None]:
    """As `CratonScreen.attempt` does `work`, after everything was asked about the machines of `plan_of()`.

    Both are called on a thread. Without a plan, nothing is asked.
    """

    async def body() -> None:
        try:
            plan = await asyncio.to_thread(plan_of)
            if plan is not None and plan.traits.inventory:
                await _settle(screen, plan, before)
            result = await asyncio.to_thread(work)
        except InstallerError as error:
            screen.fail(error)
        else:
            then(result)

    return screen.run_worker(body, group=group, exclusive=True)


def plan_of_cluster(cluster: str) -> InstallPlan | None:
    """The saved plan; None if there is none, which whoever starts something will say."""
    from installer.operations import lookup

    return lookup.load(cluster) if ClusterDirectory.of(cluster).plan.exists() else None


async def _settle(screen: CratonScreen[Any], plan: InstallPlan, before: Before) -> None:
    """Ask until nothing more is to be asked; what is raised is why the work must not begin."""
    from screens.dialogs.reaching import ReachingDialog

    worker, reaching = get_current_worker(), ReachingDialog(plan.machine_count)
    if before is not Before.LOOK:
        screen.app.push_screen(reaching, lambda _: worker.cancel())
    questions = _questions(plan, before, reaching)
    answer: Answer = None
    try:
        while question := await asyncio.to_thread(_next, questions, answer):
            answer = await screen.app.push_screen_wait(_dialog(question))
    finally:
        if screen.app.screen is reaching:  # the user did not close it, nor does the application end
            screen.app.pop_screen()


def _questions(plan: InstallPlan, before: Before, reaching: ReachingDialog) -> Questions:
    from installer.operations.login import questions as access

    directory = ClusterDirectory.of(plan.name)
    if before is Before.LOOK:
        return access.passphrases(plan, directory)
    return access.questions(plan, directory, required=before is Before.RUN, on_change=reaching.hear)


def _next(questions: Questions, answer: Answer) -> Question | None:
    """The next question, or None after the last one: a thread cannot raise StopIteration to its loop."""
    try:
        return questions.send(answer)
    except StopIteration:
        return None


def _dialog(question: Question) -> ModalScreen[Any]:
    from installer.operations.login import questions as access
    from screens.dialogs.host_keys import HostKeysDialog, RebuiltDialog
    from screens.dialogs.passphrase import PassphraseDialog

    if isinstance(question, access.NewHostKeys):
        return HostKeysDialog(question.keys)
    if isinstance(question, access.Rebuilt):
        return RebuiltDialog(question.key)
    return PassphraseDialog(question)
