"""The administrator's kubeconfig, kept on this computer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from installer.cluster import masters
from installer.common.errors import InstallerError
from installer.common.paths import write_private
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation

_SERVER = re.compile(r"^\s+server:\s*['\"]?(\S+?)['\"]?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Kubeconfig:
    """The administrator's kubeconfig in the cluster's directory, mode 0600; its server is the API's name (D1)."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        path = ctx.world.directory.kubeconfig
        try:
            servers, mode = _SERVER.findall(path.read_text(encoding="utf-8")), path.stat().st_mode & 0o777
        except FileNotFoundError:
            return Observation(False, f"there is no {path}")
        if servers != [self._server] or mode != 0o600:
            return Observation(False, f"{path} leads to {', '.join(servers) or 'nothing'}, mode {mode:o}", remains=True)
        return Observation(True, f"{path} leads to {self._server}")

    def apply(self, ctx: Context) -> None:
        master = masters.speaker(ctx)
        said = run_program(ctx, master, "kubeconfig", secret=True)
        if _SERVER.findall(said) != [self._server]:
            raise InstallerError(
                "fetch the administrator's kubeconfig",
                f"its server is {', '.join(_SERVER.findall(said)) or 'not named'}, not {self._server}",
                machine=master,
                hint="the plan's name or subdomain is not that of the cluster: destroy and install it anew",
            )
        write_private(ctx.world.directory.kubeconfig, said)

    def undo(self, ctx: Context) -> None:
        ctx.world.directory.kubeconfig.unlink(missing_ok=True)

    @property
    def _server(self) -> str:
        return f"https://{self.plan.api_host}:6443"
