"""What a screen does with a cluster's machines and engine: a shell, a support bundle, another try, a stop."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Collection
from pathlib import Path

from textual.app import SuspendNotSupported

from installer.common.console import result
from installer.common.paths import ClusterDirectory
from screens.pages.base import CratonScreen
from screens.pages.login import attempt_after_asking, plan_of_cluster


class Remote(CratonScreen[None]):
    """Screens of one cluster from which its machines can be reached."""

    directory: ClusterDirectory

    def open_shell(self, machine: str) -> None:
        """Lend the terminal to OpenSSH until the shell on `machine` ends."""
        from installer.operations import shell

        cluster = self.directory.cluster
        self.attempt(
            lambda: shell.ssh_command(cluster, machine),
            lambda argv: self._lend_terminal(argv, machine),
            group="shell",
        )

    def _lend_terminal(self, argv: list[str], machine: str) -> None:
        try:
            with self.app.suspend():
                result(f"A shell on {machine}; exit or ctrl+d returns to craton.")
                subprocess.call(argv)
        except SuspendNotSupported:
            words = f"This terminal can't open a shell here. Run: {' '.join(argv)}"
            self.notify(words, severity="warning", markup=False)
        except OSError as error:
            self.notify(f"{argv[0]} could not be started: {error.strerror}", severity="error", markup=False)

    def gather_bundle(self) -> None:
        """Write a support bundle into the working directory."""
        from installer.operations import support_bundle

        cluster = self.directory.cluster
        output = Path.cwd() / f"{cluster}-{time.strftime('%Y%m%d-%H%M%S')}.tar.gz"
        self.notify("gathering logs and facts of every machine", title="Support bundle", markup=False)
        self.attempt(
            lambda: support_bundle.gather(cluster, output),
            lambda written: self.notify(str(written), title="Support bundle", timeout=15, markup=False),
            group="gather",
        )

    def try_again(self, steps: Collection[str] | None = None) -> None:
        """Run failed steps again, all or those given: within the run that goes on, or in a new one after its end."""
        from installer.engine import process
        from installer.operations import runs

        cluster = self.directory.cluster
        attempt_after_asking(
            self,
            lambda: None if process.running_pid(self.directory) else plan_of_cluster(cluster),
            lambda: runs.retry(cluster, steps),
            lambda _: None,
        )

    def stop_engine(self) -> None:
        """Ask the engine to stop at the next safe point."""
        from installer.operations import runs

        self.attempt(lambda: runs.stop(self.directory.cluster), lambda _: None, group="stop")
