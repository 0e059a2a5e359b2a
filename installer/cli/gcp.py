"""`craton gcp`: what a Google Cloud project has to allow before a cluster can be made in it."""

from __future__ import annotations

from typing import Annotated

import typer

from installer.cli.common import Mode, PlanOrCluster, confirm, plan_path
from installer.common.console import notify, result
from installer.common.errors import ExitCode, InstallerError

app = typer.Typer(
    name="gcp",
    help="Google Cloud: enable the APIs that a cluster needs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Commands about Google Cloud."""


@app.command()
def enable(
    target: PlanOrCluster,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before the APIs are enabled.")] = False,
) -> None:
    """Enable the APIs that a plan needs in its project, after showing which they are."""
    from installer.accounts.gcp.account import Account
    from installer.plan import planfile
    from installer.plan.platforms.gcp.settings import Gcp
    from installer.platforms.gcp import services

    plan = planfile.load(plan_path(target))
    gcp = plan.settings
    if not isinstance(gcp, Gcp):
        raise InstallerError(
            "enable the APIs", f"{plan.name} is on the platform {plan.platform}", exit_code=ExitCode.USAGE
        )
    account = Account(gcp.project, gcp.region, gcp.impersonate)
    try:
        off = services.switched_off(account, plan)
        if not off:
            result(f"The project {account.project} has enabled every API that {plan.name} needs.")
            return
        if not yes:
            confirm(f"Enable {', '.join(off)} in the project {account.project}?", Mode.PLAIN)
        notify(f"enabling {', '.join(off)} in {account.project} ...")
        services.switch_on(account, off)
    finally:
        account.close()
    result(f"The project {account.project} has enabled every API that {plan.name} needs.")
