"""`craton bundle`: everything that a plan installs, in one place, for machines without internet."""

from __future__ import annotations

import shlex
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import AlwaysPlain, Json, Mode, PlanOrCluster, is_path, notifier, plan_path
from installer.cli.groups import STARTED
from installer.common.console import result, result_json
from installer.common.errors import ExitCode, InstallerError

if TYPE_CHECKING:
    from installer.artifacts.bundle import Bundle
    from installer.plan.model import InstallPlan

app = typer.Typer(pretty_exceptions_enable=False)


class Architecture(Enum):
    AMD64 = "amd64"
    ARM64 = "arm64"


Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="DIR|FILE.tar", help="A directory, or an archive of one; default NAME-bundle."
    ),
]
Architectures = Annotated[
    list[Architecture] | None,
    typer.Option(
        "--architecture",
        help="For which machines. Repeatable; default: every architecture the plan has checksums for, "
        "or this computer's for machines on it.",
    ),
]


@app.command(rich_help_panel=STARTED)
def bundle(
    target: PlanOrCluster,
    output: Output = None,
    architecture: Architectures = None,
    as_json: Json = False,
    plain: AlwaysPlain = False,  # noqa: ARG001
) -> None:
    """Collect every binary, checksum and image of a plan, to install without internet or to serve as a mirror.

    Files that are already there are kept, so run it again after an interruption or a change of the plan.
    """
    from installer.artifacts import bundle as bundling
    from installer.artifacts.container_images import images
    from installer.plan import planfile

    notify = notifier(Mode.JSON if as_json else Mode.PLAIN)
    path = plan_path(target)
    place = _checked(output or Path(f"{planfile.load(path).name}-bundle"))
    plan = _with_sums(path, "" if is_path(target) else target, as_json=as_json)
    chosen = bundling.architectures(plan, [given.value for given in architecture or ()])
    notify(f"Kubernetes {plan.kubernetes} for {_choice(chosen)} to {place}")
    collect = bundling.pack if place.suffix == ".tar" else bundling.collect
    made = collect(plan, place, chosen, images(plan), notify)
    command = _next(made, target)
    if as_json:
        result_json(_document(made, command), indent=2)
    else:
        result("\n".join(_summary(made, command, target)))


def _with_sums(path: Path, cluster: str, *, as_json: bool) -> InstallPlan:
    """The plan, with the sums that its file lacked recorded in it. Raises InstallerError."""
    from installer.artifacts import checksums
    from installer.plan import planfile

    plan = planfile.load(path)
    if plan.traits.stand_ins:
        observed = f"{plan.name} is a rehearsal: nothing is installed on its machines"
        raise InstallerError("bundle", observed, hint="bundle a plan of another platform", exit_code=ExitCode.USAGE)
    if not checksums.lacks(plan):
        return plan
    notify = notifier(Mode.JSON if as_json else Mode.PLAIN)
    notify(f"reading the sums of what is installed from {checksums.source(plan)} ...")
    recorded = checksums.record(path, target=cluster, reviewing=False)
    for sentence in recorded.sentences:
        notify(sentence)
    if recorded.unread:
        notify(f"warning: {recorded.unread}. What they have under its tag is bundled.")
    return recorded.plan


def _checked(place: Path) -> Path:
    """Where a bundle may be written. Raises InstallerError (usage)."""
    if place.name.endswith((".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".zip")):
        observed = f"{place}: a bundle is a directory or a plain .tar; its files are compressed already"
        hint = f"say -o {place.name.partition('.')[0]}.tar"
        raise InstallerError("bundle", observed, hint=hint, exit_code=ExitCode.USAGE)
    if place.is_dir() if place.suffix == ".tar" else place.is_file():
        observed = f"{place} is a {'directory' if place.is_dir() else 'file'}"
        raise InstallerError("bundle", observed, hint="name another place with -o", exit_code=ExitCode.USAGE)
    return place


def _choice(chosen: tuple[str, ...]) -> str:
    if len(chosen) == 1:
        return f"{chosen[0]} machines"
    return f"{' and '.join(chosen)} machines (half as much with --architecture {chosen[0]})"


def _next(made: Bundle, target: str) -> str:
    """The command that installs from the bundle."""
    install = f"craton apply {shlex.quote(target)}" if is_path(target) else f"craton resume {target}"
    if made.path.suffix != ".tar":
        return f"{install} --artifacts {shlex.quote(str(made.path))}"
    return f"tar -xf {shlex.quote(str(made.path))} && {install} --artifacts {shlex.quote(made.path.stem)}"


def _summary(made: Bundle, command: str, target: str) -> list[str]:
    from installer.artifacts.parallel import amount

    lines = [
        f"{made.path}: {len(made.files)} files, {amount(made.size)}; "
        f"{len(made.images)} container images; for {' and '.join(made.architectures)} machines"
    ]
    if made.stale:
        lines.append(
            f"first:   craton review {target} --refresh (the plan has other sums of {len(made.stale)} image archives)"
        )
    return [*lines, f"next:    {command}"]


def _document(made: Bundle, command: str) -> dict[str, object]:
    return {
        "path": str(made.path),
        "files": list(made.files),
        "bytes": made.size,
        "architectures": list(made.architectures),
        "images": list(made.images),
        "stale": list(made.stale),
        "next": command,
    }
