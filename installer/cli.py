"""The commands. Each says what it does, hands over to the product, and turns the outcome into an exit code."""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer import cli_backup, cli_bundle, cli_gather, cli_local, cli_nodes, new
from installer.cli_common import (
    AcceptNew,
    AlwaysPlain,
    AnyCluster,
    Artifacts,
    Close,
    Cluster,
    Json,
    Mode,
    Plain,
    PlanOrCluster,
    Seed,
    Speed,
    Yes,
    confirm,
    follower_of,
    is_path,
    mode_of,
    options_of,
    pick,
    plan_path,
    settle_access,
    show,
    tell,
    teller,
    unlock_keys,
)
from installer.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.engine.progress import Progress
    from installer.plan import InstallPlan
    from installer.platforms.base import RunOptions

app = typer.Typer(
    name="craton",
    help="Install self-hosted Kubernetes: an install that survives interruption, a plan that can be reviewed, "
    "a destroy that proves that nothing is left.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.add_typer(cli_local.app)
app.add_typer(cli_nodes.app)
app.add_typer(cli_bundle.app)
app.add_typer(cli_backup.app)
app.add_typer(cli_gather.app)


Offline = Annotated[
    bool, typer.Option("--offline", help="Read no sums of what is installed; show those that the plan has.")
]
Anew = Annotated[
    bool, typer.Option("--anew", help="Read all sums of what is installed again, and record those that changed.")
]
Fault = Annotated[
    list[str] | None,
    typer.Option(metavar="MACHINE:PHASE:FAULT", help="Rehearse a fault, such as worker-1:prepare:hang. Repeatable."),
]


@app.callback(invoke_without_command=True)
def home(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Without a command: the home screen on a terminal, this help elsewhere."""
    if debug:
        os.environ["CRATON_DEBUG"] = "1"
    if version:
        from installer import __version__

        print(f"craton {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    if mode_of(as_json=False, plain=False) is Mode.SCREEN:
        from screens.app import run_home

        raise typer.Exit(run_home())
    print(context.get_help())


def _wizard() -> new.Screens | None:
    if mode_of(as_json=False, plain=False) is not Mode.SCREEN:
        return None
    from screens.app import run_wizard

    return run_wizard


app.command(name="new")(new.command(_wizard))


@app.command()
def review(
    target: PlanOrCluster, as_json: Json = False, plain: Plain = False, offline: Offline = False, anew: Anew = False
) -> None:
    """Show what a plan means: machines, names, every contract rule, what is installed, and the steps that would run."""
    from installer import assembly, planfile
    from installer import review as reviewing

    path = plan_path(target)
    plan = planfile.load(path)
    mode = mode_of(as_json=as_json, plain=plain)
    if anew or (mode is not Mode.SCREEN and is_path(target) and not offline):
        plan = _record_sums(path, plan, anew=anew)
    if mode is Mode.SCREEN:
        from screens.app import run_review

        raise typer.Exit(run_review(path, offline=offline))
    steps = assembly.install_steps(plan)
    print(json.dumps(reviewing.review(plan, steps), indent=2) if mode is Mode.JSON else reviewing.text(plan, steps))


def _record_sums(path: Path, plan: InstallPlan, *, anew: bool) -> InstallPlan:
    """The plan with the sums that its file lacked; as it was, and a warning, if they cannot be had now."""
    from installer import sums

    try:
        if sums.lacks(plan) or (anew and not plan.traits.stand_ins):
            tell(f"reading the sums of what is installed from {sums.source(plan)} ...")
        recorded = sums.record(path, anew=anew, deadline=sums.REVIEWING)
    except InstallerError as error:
        tell(f"warning: {sums.not_read(error)}")
        return plan
    for sentence in (recorded.said, recorded.warning and f"warning: {recorded.warning}"):
        if sentence:
            tell(sentence)
    return recorded.plan


@app.command()
def apply(
    plan: Annotated[Path, typer.Argument(help="The plan file.")],
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    fault: Fault = None,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Install what a plan says. Run again at any time: what is done is observed, not done twice."""
    from installer import lifecycle, planfile
    from installer import review as reviewing

    loaded = planfile.load(plan)
    mode = mode_of(as_json=as_json, plain=plain)
    options = options_of(speed, seed, fault, artifacts)
    if not yes:
        if mode is not Mode.JSON:
            print(reviewing.overview(loaded))
        confirm(f"Install {loaded.name} on the {loaded.platform} platform?", mode)
    settle_access(loaded, mode, asks=not yes, accept_new=accept_new_host_keys)
    show(lambda: lifecycle.start_install(plan, options, teller(mode)), mode, close=close)


@app.command()
def resume(
    cluster: AnyCluster = None,
    as_json: Json = False,
    plain: Plain = False,
    close: Close = False,
    speed: Speed = 1.0,
    seed: Seed = 0,
    fault: Fault = None,
    accept_new_host_keys: AcceptNew = False,
    artifacts: Artifacts = None,
) -> None:
    """Go on with an install that was interrupted or failed."""
    from installer import lifecycle

    name, options = pick(cluster), options_of(speed, seed, fault, artifacts)
    mode = mode_of(as_json=as_json, plain=plain)
    settle_access(lifecycle.load(name), mode, accept_new=accept_new_host_keys)
    show(lambda: lifecycle.start_resume(name, options, teller(mode)), mode, close=close)


@app.command()
def watch(
    cluster: AnyCluster = None,
    replay: Annotated[bool, typer.Option("--replay", help="Play the last run again.")] = False,
    as_json: Json = False,
    plain: Plain = False,
) -> None:
    """Show a running install or destroy; ending the watch never ends what is watched."""
    from installer import follow, lifecycle
    from installer.engine.journal import Reader

    directory = lifecycle.existing(pick(cluster))
    mode = mode_of(as_json=as_json, plain=plain)
    if mode is Mode.SCREEN:
        from screens.app import run_progress

        raise typer.Exit(run_progress(directory, replay=replay))
    follower = follower_of(mode)
    with Reader(directory.journal) as reader:
        code = follow.replay(reader, follower) if replay else follow.follow(directory, reader, follower, tell)
    raise typer.Exit(code)


@app.command(name="list")
def list_clusters(as_json: Json = False, plain: AlwaysPlain = False) -> None:  # noqa: ARG001
    """List the clusters: state, phase, progress, and the running engine's pid."""
    from installer import clusters, outcome

    found = clusters.summaries()
    if as_json:
        print(json.dumps([clusters.summary_document(summary) for summary in found], indent=2))
    else:
        print(outcome.clusters_table(found))


@app.command()
def check(
    cluster: AnyCluster = None,
    as_json: Json = False,
    plain: Plain = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as a self-contained HTML page, too.")] = None,
    machine: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this machine anew, such as worker-1. Repeatable.")
    ] = None,
    check: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this check anew, such as disk. Repeatable.")
    ] = None,
) -> None:
    """Prove over SSH that the cluster keeps the contract: all of it, or some anew and the rest as last seen."""
    from installer import lifecycle
    from installer.health import text
    from installer.health.check import Verdict
    from installer.health.html import page

    name = pick(cluster)
    mode = mode_of(as_json=as_json, plain=plain)
    if mode is Mode.SCREEN and not (html or machine or check):
        from screens.app import run_health

        raise typer.Exit(run_health(name))
    unlock_keys(lifecycle.load(name), mode)
    report = lifecycle.check(name, machine, check)
    if html:
        html.write_text(page(report), encoding="utf-8")
    print(json.dumps(report.as_dict(), indent=2) if mode is Mode.JSON else text.render(report))
    raise typer.Exit(ExitCode.VERIFICATION if report.verdict is Verdict.FAIL else ExitCode.DONE)


@app.command()
def destroy(
    target: PlanOrCluster,
    yes: Yes = False,
    as_json: Json = False,
    plain: Plain = False,
    speed: Speed = 1.0,
    accept_new_host_keys: AcceptNew = False,
) -> None:
    """Take a cluster back whole, then look again and prove that nothing is left."""
    from installer import lifecycle, outcome
    from installer.platforms.base import RunOptions

    cluster = lifecycle.adopt(Path(target)) if is_path(target) else lifecycle.existing(target).cluster
    mode = mode_of(as_json=as_json, plain=plain)
    if mode is Mode.SCREEN and not yes:
        from screens.app import run_destroy

        raise typer.Exit(run_destroy(cluster))
    settle_access(lifecycle.load(cluster), mode, asks=not yes, accept_new=accept_new_host_keys, required=False)
    if not yes:
        tell("\n".join(outcome.resource_lines(cluster, lifecycle.resources(cluster))))
        confirm(f"Type {cluster} to destroy it:", mode, expected=cluster)
    code, progress = _destroy(cluster, RunOptions(speed=speed), mode)
    if mode is Mode.JSON:
        print(json.dumps(outcome.receipt(cluster, progress), indent=2))
    else:
        print("\n" + "\n".join(outcome.destroyed_lines(cluster, progress)))
    raise typer.Exit(code)


def _destroy(cluster: str, options: RunOptions, mode: Mode) -> tuple[ExitCode, Progress]:
    """Destroy, and follow the journal with a reader that opened it before: the engine removes it at the end."""
    from installer import follow, lifecycle
    from installer.engine.journal import Reader

    directory = lifecycle.existing(cluster)
    with Reader(directory.journal) as reader:
        reader.runs()
        lifecycle.start_destroy(cluster, options)
        follower = follow.Fold(None if mode is Mode.JSON else follow.PlainLines())
        code = follow.follow(directory, reader, follower, tell)
    return code, follower.progress


@app.command()
def ladder(target: PlanOrCluster, as_json: Json = False, plain: AlwaysPlain = False) -> None:  # noqa: ARG001
    """Climb the SSH ladder of every machine, rung by rung: what holds, what does not, and what mends it."""
    from installer import ladders, planfile
    from installer.state import ClusterDirectory
    from installer.survey import survey

    loaded, mode = planfile.load(plan_path(target)), mode_of(as_json=as_json, plain=True)
    unlock_keys(loaded, mode)
    found = survey(loaded, ClusterDirectory.of(loaded.name))
    ascii_only = not (sys.stdout.encoding or "ascii").lower().startswith("utf")
    document = mode is Mode.JSON
    print(json.dumps(ladders.document(found), indent=2) if document else ladders.text(found, ascii_only=ascii_only))
    raise typer.Exit(ExitCode.DONE if len(found.fine) == len(found.ladders) else ExitCode.PREFLIGHT)


@app.command(context_settings={"ignore_unknown_options": True})
def ssh(
    cluster: Cluster,
    machine: Annotated[str, typer.Argument(help="Full or short name, such as worker-1.")],
    command: Annotated[list[str] | None, typer.Argument(help="Run this instead of a shell.")] = None,
) -> None:
    """Open a shell on a machine with OpenSSH, with the cluster's key and pinned host keys."""
    from installer import lifecycle

    argv = [*lifecycle.ssh_command(cluster, machine), *(command or [])]
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (the user's own ssh, without a shell)
    except FileNotFoundError:
        raise InstallerError(
            "open a shell", "there is no `ssh` on this computer", machine=machine, hint="install the OpenSSH client"
        ) from None


@app.command()
def schema() -> None:
    """Print the JSON schema of plan files."""
    from installer import planfile

    print(json.dumps(planfile.schema(), indent=2))


def run() -> int:
    """Run the command line and return the exit code; errors become words on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except SystemExit as exit_:
        return _flushed(_exit_code(exit_.code))
    except InstallerError as error:
        return _report(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _report(_internal(error))
    return ExitCode.DONE


def _flushed(code: int) -> int:
    """`code`, after what was printed has left; a reader that went away is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _exit_code(code: object) -> int:
    """typer ends with 130 after ctrl+c and with 1 after ctrl+d or an abort; both are an interruption."""
    if code in (1, 130):
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.DONE


def _internal(error: Exception) -> InstallerError:
    if os.environ.get("CRATON_DEBUG"):
        raise error
    return InstallerError(
        "run the command",
        f"internal error: {type(error).__name__}: {error}",
        hint="run it again with `craton --debug ...` and report what it prints; no cluster was touched by this message",
    )


def _report(error: InstallerError) -> int:
    if os.environ.get("CRATON_DEBUG"):
        traceback.print_exception(error)
    if "--json" in sys.argv:
        print(json.dumps({"error": error.as_dict()}))
    tell(f"error: {error}")
    if error.hint:
        tell(f"what to do: {error.hint}")
    return error.exit_code or ExitCode.USAGE
