"""What the home screen does with an installed cluster besides opening it: machines, upgrade, backup, kubeconfig."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from installer.common.paths import ClusterDirectory
from installer.common.text import tilde
from installer.operations import lookup, runs
from installer.plan import releases, resize
from installer.steps.platform import RunOptions
from screens.dialogs.choice import Choice, ChoiceDialog
from screens.dialogs.save import SaveDialog
from screens.pages.base import CratonScreen
from screens.pages.login import attempt_after_asking

if TYPE_CHECKING:
    from installer.operations.backup import Archive
    from installer.operations.clusters import ClusterSummary
    from installer.plan.model import InstallPlan

ACTIONS = ("machines", "upgrade", "backup", "kubeconfig")
"""Actions of installed clusters alone."""


class ClusterActions(CratonScreen[None]):
    """A screen that knows which cluster is chosen, and how to watch one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "machines", "Add a machine", show=False),
        Binding("u", "upgrade", "Upgrade Kubernetes", show=False),
        Binding("b", "backup", "Back up etcd", show=False),
        Binding("e", "kubeconfig", "Use with kubectl", show=False),
    ]

    @property
    def chosen(self) -> ClusterSummary | None:
        raise NotImplementedError

    def watch_run(self, cluster: str) -> None:
        raise NotImplementedError

    def action_machines(self) -> None:
        self._with_plan(self._add_machine)

    def action_upgrade(self) -> None:
        self._with_plan(self._upgrade)

    def action_backup(self) -> None:
        self._with_plan(self._back_up)

    def action_kubeconfig(self) -> None:
        self._with_plan(self._use_kubeconfig)

    def _with_plan(self, then: Callable[[InstallPlan], object]) -> None:
        if chosen := self.chosen:
            name = chosen.name
            self.attempt(lambda: lookup.load(name), then)

    def _add_machine(self, plan: InstallPlan) -> None:
        if plan.traits.inventory:
            self.notify(f"Name it: craton nodes add {plan.name} --machine ADDRESS", title="Add a machine", timeout=15)
            return
        kinds = {"worker": {"workers": 1}, "infra node": {"infra": 1}}
        choices = [Choice(kind, kind[0], f"Add a {kind}" if kind == "worker" else f"Add an {kind}") for kind in kinds]
        choices = choices if plan.infra else choices[:1]

        def decide(kind: str | None) -> None:
            if kind:
                changed = resize.grown(plan, **kinds[kind])
                self._run(plan, lambda: runs.start_changed(changed, RunOptions()))

        self._ask(f"Add which machine to {plan.name}?", choices, decide)

    def _upgrade(self, plan: InstallPlan) -> None:
        found = releases.targets(plan.kubernetes)
        if not found:
            self.notify(f"This Craton knows no release that {plan.name} could go to from {plan.kubernetes}.")
            return
        choices = [Choice(release, str(number), f"Upgrade to {release}") for number, release in enumerate(found, 1)]

        def decide(release: str | None) -> None:
            if release:
                self._run(plan, lambda: runs.start_upgrade(plan.name, release, RunOptions()))

        detail = "One machine at a time, masters first. You can interrupt it; r continues."
        self._ask(f"Upgrade {plan.name} from {plan.kubernetes}?", choices, decide, detail)

    def _back_up(self, plan: InstallPlan) -> None:
        if plan.traits.stand_ins:
            self.notify(f"{plan.name} is a rehearsal: its stand-ins have no etcd to back up.")
            return

        def save(path: Path | None) -> None:
            if path is not None:
                attempt_after_asking(self, lambda: plan, lambda: _taken(plan, path), lambda _: self._say_saved(path))

        proposed = Path.cwd() / f"{plan.name}-etcd-{time.strftime('%Y%m%d-%H%M%S')}.tar"
        self.app.push_screen(SaveDialog(proposed, "Save the backup as"), save)

    def _say_saved(self, path: Path) -> None:
        self.notify(f"Backed up to {tilde(path)}. Keep it private.", timeout=15)

    def _use_kubeconfig(self, plan: InstallPlan) -> None:
        path = ClusterDirectory.of(plan.name).kubeconfig
        export, merge = f"export KUBECONFIG={path}", f"craton kubeconfig {plan.name} --merge --use"
        choices = (Choice(export, "e", "Copy", export), Choice(merge, "m", "Copy", merge))

        def decide(command: str | None) -> None:
            if command:
                self.app.copy_to_clipboard(command)
                self.notify(f"Copied: {command}")

        self._ask(f"Use {plan.name} with kubectl", choices, decide, "The first is for one terminal, the second stays.")

    def _ask(
        self,
        question: str,
        choices: list[Choice] | tuple[Choice, ...],
        decide: Callable[[str | None], None],
        detail: str = "",
    ) -> None:
        self.app.push_screen(ChoiceDialog(question, choices, detail), decide)

    def _run(self, plan: InstallPlan, start: Callable[[], ClusterDirectory]) -> None:
        attempt_after_asking(self, lambda: plan, start, lambda _: self.watch_run(plan.name))


def _taken(plan: InstallPlan, path: Path) -> Archive:
    """Take a backup. Blocks."""
    from installer.operations import backup, session

    with session.open_world(plan, lookup.existing(plan.name)) as world:
        return backup.take(world, path)
