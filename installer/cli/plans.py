"""Commands about plans: review, schema."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import (
    Json,
    Mode,
    Plain,
    PlanOrCluster,
    SumsFrom,
    is_path,
    mode_of,
    plan_path,
)
from installer.cli.groups import STARTED
from installer.common.console import notify, result, result_json
from installer.common.errors import InstallerError

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


app = typer.Typer(pretty_exceptions_enable=False)


Offline = Annotated[
    bool,
    typer.Option("--offline", help="Read nothing from the network: neither checksums that the plan lacks nor prices."),
]


Refresh = Annotated[bool, typer.Option("--refresh", help="Read every checksum again and record the ones that changed.")]
FormerRefresh = Annotated[bool, typer.Option("--anew", hidden=True, help="The former name of --refresh.")]


@app.command(rich_help_panel=STARTED)
def review(
    target: PlanOrCluster,
    as_json: Json = False,
    plain: Plain = False,
    offline: Offline = False,
    refresh: Refresh = False,
    artifacts: SumsFrom = None,
    anew: FormerRefresh = False,
) -> None:
    """Show what a plan means: its machines, names and downloads, every contract rule, and the steps an install runs."""
    from installer.operations import account, pipeline
    from installer.operations import review as reviewing
    from installer.operations.outlook import outlook
    from installer.plan import planfile

    path = plan_path(target)
    plan = planfile.load(path)
    mode = mode_of(as_json=as_json, plain=plain)
    refresh = refresh or anew
    if refresh or artifacts or (mode is not Mode.SCREEN and is_path(target) and not offline):
        cluster = "" if is_path(target) else target
        plan = _record_sums(path, plan, cluster, artifacts, refresh=refresh)
    if mode is Mode.SCREEN:
        from screens.app import run_review

        raise typer.Exit(run_review(path, offline=offline))
    steps = pipeline.install_steps(plan)
    ahead = outlook(plan, steps, account.costs(plan) if plan.traits.cloud and not offline else "")
    if mode is Mode.JSON:
        result_json(reviewing.review(plan, steps, ahead), indent=2)
    else:
        result(reviewing.text(plan, steps, ahead))


def _record_sums(path: Path, plan: InstallPlan, cluster: str, directory: Path | None, *, refresh: bool) -> InstallPlan:
    """The plan with the sums that its file lacked; as it was, and a warning, if they cannot be had now."""
    from installer.artifacts import checksums

    try:
        if checksums.lacks(plan, directory) or (refresh and not plan.traits.stand_ins):
            notify(f"reading the sums of what is installed from {checksums.source(plan, directory)} ...")
        recorded = checksums.record(path, directory, target=cluster, refresh=refresh, deadline=checksums.REVIEWING)
    except InstallerError as error:
        notify(f"warning: {checksums.not_read(error)}")
        return plan
    warnings = [f"warning: {warning}" for warning in (recorded.warning, recorded.unread) if warning]
    for sentence in (*recorded.sentences, *warnings):
        notify(sentence)
    return recorded.plan


@app.command(rich_help_panel=STARTED)
def schema() -> None:
    """Print the JSON schema of plan files."""
    from installer.plan import planfile

    result_json(planfile.schema(), indent=2)
