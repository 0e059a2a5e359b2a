"""The sums of what machines get installed: reading those that a plan lacks, and writing them into the plan's file.

They are read when a plan is reviewed, so that what is installed later is what was reviewed. Stand-ins need none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from installer.artifacts.catalogue import (
    ARCHITECTURES,
    image_archives,
    missing_sums,
    read_image_sums,
    read_sums,
    wanted,
)
from installer.common.errors import ExitCode, InstallerError
from installer.plan import planfile
from installer.plan.model import InstallPlan

REVIEWING = 30.0
"""Seconds that a review waits for sums: it can be shown without them."""
_SHOWN = 6
"""Files that an error names."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written into a plan's file: the plan as it is now, how many new sums, and where they were read."""

    plan: InstallPlan
    path: Path
    count: int = 0
    source: str = ""
    changed: tuple[str, ...] = ()
    """Paths whose sums differ from those that the plan had before."""

    @property
    def said(self) -> str:
        """In a sentence; empty if nothing was written."""
        if not self.count:
            return ""
        sums = "the sum of 1 artifact" if self.count == 1 else f"the sums of {self.count} artifacts"
        return f"recorded {sums} in {self.path}, as read from {self.source}"

    @property
    def warning(self) -> str:
        """In a sentence; empty if all sums that the plan had still hold."""
        if not self.changed:
            return ""
        return f"other sums than the plan had before: {_some(self.changed)}; find out why before you install"


def lacks(plan: InstallPlan, directory: Path | None = None) -> bool:
    """Whether sums are to be read before `plan` can be installed: some are missing, or they are another mirror's.

    With `directory` (of `--artifacts`) also those of its archives of images. Raises InstallerError.
    """
    if plan.traits.stand_ins:
        return False
    if plan.artifacts.sums_from != plan.artifacts.mirror or _incomplete(plan):
        return True
    return directory is not None and bool(read_image_sums(directory).keys() - plan.artifacts.sums.keys())


def _incomplete(plan: InstallPlan) -> bool:
    """Whether there is an architecture of which some sums are recorded and some are not, or none at all is recorded."""
    missing = [
        (len(missing_sums(plan, architecture)), len(wanted(plan, architecture))) for architecture in ARCHITECTURES
    ]
    return any(0 < lacking < whole for lacking, whole in missing) or all(lacking for lacking, _ in missing)


def not_read(error: InstallerError) -> str:
    """In a sentence, what a review says that has to do without the sums."""
    return f"the sums are not recorded: {error.observed}; {error.hint or 'look at the plan again later'}"


def source(plan: InstallPlan, directory: Path | None = None) -> str:
    """Where the sums of `plan` are read, in words."""
    return str(directory or plan.artifacts.mirror or "the publishers")


def record(
    path: Path, directory: Path | None = None, *, reviewing: bool = True, anew: bool = False, deadline: float = 60.0
) -> Recorded:
    """Read the sums that the plan at `path` lacks, or all if `anew`, and write them into the file; its comments stay.

    From `directory` (of `--artifacts`) if one is given, else from the plan's mirror, else from the publishers, within
    `deadline` seconds. Sums of other versions are dropped. Raises InstallerError: they cannot be read or written; or,
    unless `reviewing`, they differ from those that the plan has.
    """
    plan = planfile.load(path)
    if plan.traits.stand_ins:
        return Recorded(plan, path)
    known = plan.artifacts.sums
    sums = _now(plan, directory, deadline, anew=anew)
    changed = tuple(name for name in sorted(known) if sums.get(name, known[name]) != known[name])
    if changed and not reviewing:
        raise _changed(changed, source(plan, directory), path)
    if sums == known and plan.artifacts.sums_from == plan.artifacts.mirror:
        return Recorded(plan, path)
    ordered = dict(sorted(sums.items()))
    artifacts = plan.artifacts.model_copy(update={"sums": ordered, "sums_from": plan.artifacts.mirror})
    plan = plan.model_copy(update={"artifacts": artifacts})
    planfile.save(path, plan)
    count = sum(1 for name, found in sums.items() if known.get(name) != found)
    return Recorded(plan, path, count, source(plan, directory), changed)


def _now(plan: InstallPlan, directory: Path | None, deadline: float, *, anew: bool) -> dict[str, str]:
    """The sums that the plan should have. Only what is missing is read, unless `anew`."""
    if anew or plan.artifacts.sums_from != plan.artifacts.mirror or _incomplete(plan):
        return read_sums(plan, directory, deadline)
    images = read_image_sums(directory) if directory is not None else {}
    return {**images, **_still_wanted(plan)}


def _still_wanted(plan: InstallPlan) -> dict[str, str]:
    """The sums that the plan has, without those of versions that it no longer names."""
    paths = {artifact.path for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)}
    paths.update(image_archives(plan))
    return {path: found for path, found in plan.artifacts.sums.items() if path in paths}


def settle(path: Path, directory: Path | None, tell: Callable[[str], None]) -> None:
    """Before an install: record the sums that the plan at `path` lacks, and look at the files in `directory`, if given.

    What is done, and what came of it, is told. Raises InstallerError.
    """
    plan = planfile.load(path)
    if plan.traits.stand_ins:
        return
    if lacks(plan, directory):
        tell(f"reading the sums of what is installed from {source(plan, directory)} ...")
        recorded = record(path, directory, reviewing=False)
        tell(recorded.said)
        plan = recorded.plan
    if directory is not None:
        tell(f"looking at the files in {directory} ...")
        check_directory(plan, directory)
        if lacking := _missing(plan, directory):
            tell(f"{directory} lacks {len(lacking)} container images; machines pull them themselves: {_some(lacking)}")


def _missing(plan: InstallPlan, directory: Path) -> tuple[str, ...]:
    from installer.artifacts.bundle import missing
    from installer.artifacts.container_images import images

    return missing(plan, directory, images(plan))


def check_directory(plan: InstallPlan, directory: Path) -> None:
    """Every file that machines of `plan` get from `directory` is there, with its sum; of the architectures that it has.

    Raises InstallerError (preflight) naming those that are missing or differ.
    """
    problems = list(_problems(plan, directory))
    if problems:
        raise InstallerError(
            "look at --artifacts",
            f"{directory}: {_some(problems)}",
            hint="put the files there, at the paths that a mirror has them at; `craton review` names the sums",
            exit_code=ExitCode.PREFLIGHT,
        )


def _problems(plan: InstallPlan, directory: Path) -> Iterator[str]:
    paths = [[artifact.path for artifact in wanted(plan, architecture)] for architecture in ARCHITECTURES]
    present = [names for names in paths if any((directory / name).exists() for name in names)]
    for name in (name for names in (*(present or paths[:1]), image_archives(plan)) for name in names):
        try:
            with (directory / name).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            yield f"no {name}"
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror or error})"
        else:
            expected = plan.artifacts.sums.get(name)
            if found != expected:
                yield f"{name} has the sum {found}, " + (f"not {expected}" if expected else "and the plan has none")


def _changed(paths: tuple[str, ...], where: str, path: Path) -> InstallerError:
    return InstallerError(
        "read the sums",
        f"{where}: other sums than were reviewed: {_some(paths)}",
        hint=f"find out why; `craton review {path}` records the new ones",
        exit_code=ExitCode.PREFLIGHT,
    )


def _some(names: list[str] | tuple[str, ...]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + rest
