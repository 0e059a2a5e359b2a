"""What commands share: how they show what they do, their common options, and what they ask before a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from installer.common.console import notify, result
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory
    from installer.operations.follow import Follower
    from installer.plan.model import InstallPlan
    from installer.steps.platform import RunOptions


class Mode(Enum):
    """How a command shows what it does."""

    SCREEN = "screen"
    PLAIN = "plain"
    JSON = "json"


def mode_of(*, as_json: bool, plain: bool) -> Mode:
    """How a command with these options shows what it does: a screen only where there is a terminal."""
    if as_json:
        return Mode.JSON
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return Mode.SCREEN if terminal and not plain else Mode.PLAIN


def notifier(mode: Mode) -> Callable[[str], None]:
    """Says what goes on, unless a machine reads."""
    return notify if mode is not Mode.JSON else lambda _sentence: None


def own_program() -> str:
    """How other programs, such as kubectl, call this very Craton: it need not be on their PATH."""
    import shutil

    for place in (Path(sys.argv[0]), Path(sys.executable).with_name("craton")):
        if place.name == "craton" and place.is_file():
            return str(place.absolute())
    return shutil.which("craton") or "craton"


def _complete_cluster() -> list[str]:
    from installer.common import paths

    return [directory.cluster for directory in paths.clusters()]


Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Plain = Annotated[bool, typer.Option("--plain", help="Print plain lines instead of screens.")]
AlwaysPlain = Annotated[bool, typer.Option("--plain", help="Plain lines, as always here.", hidden=True)]
"""For scripts that pass --plain to every command."""
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask for confirmation.")]
Close = Annotated[bool, typer.Option("--close", help="Close the screen when the run ends.")]
AcceptNew = Annotated[
    bool,
    typer.Option("--accept-new-host-keys", help="Trust host keys never seen before, without asking."),
]


def _unpacked(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise typer.BadParameter(
            f"{path} is a file: unpack it (tar -xf {path}), and name the directory that comes out of it"
        )
    return path


Artifacts = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        exists=True,
        callback=_unpacked,
        resolve_path=True,
        help="Upload what is installed from this directory, laid out like a mirror.",
    ),
]
SumsFrom = Annotated[
    Path | None,
    typer.Option(
        "--artifacts",
        metavar="DIR",
        exists=True,
        callback=_unpacked,
        resolve_path=True,
        help="Read checksums from this directory, not the network; with --refresh, accept those that changed there.",
    ),
]
Cluster = Annotated[str, typer.Argument(help="Name of the cluster.", autocompletion=_complete_cluster)]
AnyCluster = Annotated[
    str | None,
    typer.Argument(help="Name of the cluster; not needed if you have only one.", autocompletion=_complete_cluster),
]
PlanOrCluster = Annotated[
    str,
    typer.Argument(
        metavar="PLAN|CLUSTER", help="A plan file, or the name of a cluster.", autocompletion=_complete_cluster
    ),
]
PlanOrAnyCluster = Annotated[
    str | None,
    typer.Argument(
        metavar="[PLAN|CLUSTER]",
        help="A plan file, or the name of a cluster; not needed if you have only one.",
        autocompletion=_complete_cluster,
    ),
]
Speed = Annotated[float, typer.Option(min=0.1, max=1000, help="How many times faster a rehearsal runs.")]
Seed = Annotated[int, typer.Option(help="Seed for a rehearsal's random durations.")]


TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take the cluster over from another computer that works on it.")
]


def options_of(
    speed: float, seed: int, faults: list[str] | None, artifacts: Path | None, *, take_over: bool = False
) -> RunOptions:
    from installer.steps.platform import RunOptions

    return RunOptions(speed, seed, tuple(faults or ()), str(artifacts) if artifacts else None, take_over=take_over)


def agree_to_take_over(plan: InstallPlan, mode: Mode, *, asks: bool) -> None:
    """Ask before a cluster is taken over from another computer. Raises InstallerError if the answer is no."""
    from installer.common.paths import ClusterDirectory
    from installer.operations import lease

    if asks and (held := lease.elsewhere(plan, ClusterDirectory.of(plan.name))):
        notify(f"{lease.words(held)}.")
        confirm(f"Take {plan.name} over? What runs there stops.", mode)


def pick(cluster: str | None, mode: Mode = Mode.PLAIN, *, running: bool = False, asks: bool = True) -> str:
    """The cluster meant: the one named, the only one there is, or the one that the person picks from a list.

    With `running`, those with an engine at work come before all others.
    Raises InstallerError if there are several and nobody to ask, or `asks` is False.
    """
    from installer.common import paths
    from installer.operations import lookup

    if cluster is not None:
        return lookup.existing(cluster).cluster
    directories = paths.clusters()
    known = (_at_work(directories) if running else []) or [directory.cluster for directory in directories]
    if len(known) == 1:
        return known[0]
    if known and asks and can_ask(mode):
        return _picked(known, menu=mode is Mode.SCREEN)
    raise InstallerError(
        "choose the cluster",
        f"there are {len(known)} clusters" if known else "there is no cluster yet",
        hint=f"name one of them: {', '.join(known)}"
        if known
        else "`craton new` makes a plan, `craton apply` installs it",
        exit_code=ExitCode.USAGE,
    )


def _at_work(directories: Sequence[ClusterDirectory]) -> list[str]:
    from installer.engine import process

    return [found.cluster for found in directories if process.running_pid(found) is not None]


def _picked(known: Sequence[str], *, menu: bool) -> str:
    from installer.cli import prompts
    from installer.operations import clusters

    states = {one.name: one.state for one in clusters.summaries()}
    return prompts.pick("Which cluster?", [(name, states.get(name, "")) for name in known], menu=menu)


def plan_path(target: str) -> Path:
    """A plan file, or the saved plan of the cluster of that name."""
    from installer.operations import lookup

    return Path(target) if is_path(target) else lookup.existing(target).plan


def is_path(target: str) -> bool:
    return target.endswith((".yaml", ".yml")) or "/" in target or Path(target).is_file()


def follower_of(mode: Mode) -> Follower:
    from installer.operations import follow

    return follow.JsonLines() if mode is Mode.JSON else follow.PlainLines()


def show(start: Callable[[], ClusterDirectory], mode: Mode, *, close: bool) -> NoReturn:
    """Start a run, show it to its end, and leave with its exit code."""
    from installer.engine.journal import Reader
    from installer.operations import clusters, follow, outcome

    directory = start()
    if mode is Mode.SCREEN:
        from screens.app import run_progress

        code = ExitCode(run_progress(directory, close=close))
    else:
        with Reader(directory.journal) as reader:
            if mode is Mode.PLAIN:
                _announce(directory)
            code = follow.follow(directory, reader, follower_of(mode), notify)
    progress = clusters.progress(directory)
    if mode is Mode.SCREEN and progress.running:
        code = ExitCode.DONE  # left while a retry began: the screen may only have known the end of the run before it
    if mode is Mode.SCREEN or (mode is Mode.PLAIN and not progress.running):
        result("\n" + "\n".join(outcome.outcome_lines(directory, progress)))
    raise typer.Exit(code)


def settle_access(
    plan: InstallPlan, mode: Mode, *, asks: bool = True, accept_new: bool = False, required: bool = True
) -> None:
    """Look at own machines before a run, and ask about new or changed host keys and locked private keys.

    Raises InstallerError (preflight) for a host key that is not accepted, also for want of somebody to ask, unless
    the run can do without the machine (`required` is False).
    """
    if not plan.traits.inventory:
        return
    from installer.cli import login_prompts
    from installer.common.paths import ClusterDirectory
    from installer.common.text import count
    from installer.operations.login import questions

    warn_about_home()
    if mode is not Mode.JSON:
        notify(f"looking at {count(plan.machine_count, 'machine')} over SSH ...")
    answer = login_prompts.ask if asks and can_ask(mode) else questions.refuse if required else questions.leave
    directory = ClusterDirectory.of(plan.name)
    login_prompts.settle(questions.questions(plan, directory, accept_new=accept_new, required=required), answer)


def unlock_keys(plan: InstallPlan, mode: Mode, *, asks: bool = True) -> None:
    """Ask for the passphrases of key files that own machines take, unless there is nobody to ask."""
    if not plan.traits.inventory:
        return
    warn_about_home()
    if not (asks and can_ask(mode)):
        return
    from installer.cli import login_prompts
    from installer.common.paths import ClusterDirectory
    from installer.operations.login import questions

    login_prompts.settle(questions.passphrases(plan, ClusterDirectory.of(plan.name)), login_prompts.ask)


def warn_about_home() -> None:
    """Say whose ~/.ssh is read, where there are two."""
    from installer.common import homes

    if note := homes.difference():
        notify(f"note: {note}")


def can_ask(mode: Mode) -> bool:
    return mode is not Mode.JSON and sys.stdin.isatty()


def _announce(directory: ClusterDirectory) -> None:
    from installer.engine import process
    from installer.operations import lookup

    notice = lookup.load(directory.cluster).traits.notice
    notify(f"{directory.cluster}: the engine is pid {process.running_pid(directory)}; it goes on without this terminal")
    if notice:
        notify(notice)


def confirm(question: str, mode: Mode, expected: str | None = None) -> None:
    """Ask on the terminal; without one, refuse and name `--yes`. Raises InstallerError unless confirmed."""
    if not can_ask(mode):
        raise InstallerError(
            "ask for confirmation",
            "there is nobody to ask here",
            hint="pass --yes to go on without being asked",
            exit_code=ExitCode.USAGE,
        )
    from installer.cli import prompts

    if not prompts.confirm(question, expected):
        raise InstallerError("confirm", "not confirmed; nothing was done", exit_code=ExitCode.INTERRUPTED)
