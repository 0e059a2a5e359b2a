"""The administrator's kubeconfig, kept on this computer."""

from __future__ import annotations

from dataclasses import dataclass

from installer.cluster import admin_access, masters
from installer.cluster.admin_access import AccessError
from installer.common.errors import InstallerError
from installer.common.paths import write_private
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation


@dataclass(frozen=True)
class Kubeconfig:
    """The administrator's kubeconfig in the cluster's directory, mode 0600; its server is the API's name (D1)."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        path = ctx.world.directory.kubeconfig
        try:
            text, mode = path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777
            access = admin_access.read(text, self.plan)
        except FileNotFoundError:
            return Observation(False, f"there is no {path}")
        except (AccessError, UnicodeDecodeError) as error:
            return Observation(False, f"{path}: {error}", remains=True)
        if mode != 0o600:
            return Observation(False, f"{path} has the mode {mode:o}", remains=True)
        return Observation(True, f"{path} leads to {access.server}")

    def apply(self, ctx: Context) -> None:
        master = masters.reachable_master(ctx)
        try:
            access = admin_access.read(run_program(ctx, master, "kubeconfig", secret=True), self.plan)
        except AccessError as error:
            raise InstallerError(
                "fetch the administrator's kubeconfig",
                f"Craton refuses the one that the master gives: {error}",
                machine=master,
                hint="Compare /etc/kubernetes/admin.conf with the plan: somebody has changed it, or the plan's name or "
                "subdomain is not the cluster's.",
            ) from None
        write_private(ctx.world.directory.kubeconfig, access.kubeconfig())

    def undo(self, ctx: Context) -> None:
        ctx.world.directory.kubeconfig.unlink(missing_ok=True)
