"""Messages with which a page asks the app for another page, so that pages need not know each other."""

from __future__ import annotations

from pathlib import Path

from textual.message import Message

from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan


class WatchRun(Message):
    """Show the run of a cluster instead of the page that asks."""

    def __init__(self, directory: ClusterDirectory) -> None:
        super().__init__()
        self.directory = directory


class EditPlan(Message):
    """Open the wizard on a plan instead of the page that asks; `path` is its file, if it has one."""

    def __init__(self, plan: InstallPlan, path: Path | None) -> None:
        super().__init__()
        self.plan = plan
        self.path = path
