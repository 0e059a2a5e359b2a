"""Sums and digests of what machines get installed: reading those that a plan lacks, and writing them into its file.

They are read when a plan is reviewed, so that what is installed later is what was reviewed. Stand-ins need none.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from installer.artifacts import charts, digests, kubeadm_images, published
from installer.artifacts.catalogue import (
    ARCHITECTURES,
    image_archives,
    missing_sums,
    present_sums,
    read_image_sums,
    read_sums,
    wanted,
)
from installer.common.errors import ExitCode, InstallerError
from installer.plan import planfile, releases
from installer.plan.model import InstallPlan
from installer.plan.sections import Artifacts

REVIEWING = 30.0
"""Seconds that a review waits for sums: it can be shown without them."""
_SHOWN = 6
"""Files that an error names."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a plan's file gets, or got: the plan as it is then, how much is new, and where the sums were read."""

    plan: InstallPlan
    place: str
    """The file, or the cluster whose plan it is, in words."""
    count: int = 0
    source: str = ""
    changed: tuple[str, ...] = ()
    """Paths whose sums, and images whose digests, differ from those that the plan had before."""
    images: int = 0
    """How many digests were new."""
    unread: str = ""
    """Why digests are missing, as a sentence; empty if none is."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was written, in a sentence each."""
        sums = "the sum of 1 artifact" if self.count == 1 else f"the sums of {self.count} artifacts"
        digests = "the digest of 1 image" if self.images == 1 else f"the digests of {self.images} images"
        return (
            *([f"recorded {sums} in {self.place}, as read from {self.source}"] if self.count else []),
            *([f"recorded {digests} in {self.place}"] if self.images else []),
        )

    @property
    def warning(self) -> str:
        """In a sentence; empty if all that the plan had recorded still holds."""
        if not self.changed:
            return ""
        return f"sums or digests that differ from the plan's: {_some(self.changed)}; find out why before you install"


def lacks(plan: InstallPlan, directory: Path | None = None) -> bool:
    """Whether anything is to be read before `plan` is installed: some is missing, or it is what another mirror gave.

    With `directory` (of `--artifacts`) also the sums of its archives of images. Raises InstallerError.
    """
    if plan.traits.stand_ins:
        return False
    if plan.artifacts.sums_from != plan.artifacts.mirror or kubeadm_images.lacks(plan):
        return True
    if _incomplete(plan) or published.lacking(plan) or charts.lacking(plan) or digests.lacking(plan):
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
    path: Path,
    directory: Path | None = None,
    *,
    target: str = "",
    reviewing: bool = True,
    refresh: bool = False,
    deadline: float = 60.0,
) -> Recorded:
    """Read what the plan at `path` lacks, as `read` does, and write it into the file; its comments stay.

    Raises InstallerError as `read` does, or because the file can't be written.
    """
    recorded = read(path, directory, target=target, reviewing=reviewing, refresh=refresh, deadline=deadline)
    planfile.save(path, recorded.plan)
    return recorded


def read(
    path: Path,
    directory: Path | None = None,
    *,
    target: str = "",
    reviewing: bool = True,
    refresh: bool = False,
    deadline: float = 60.0,
) -> Recorded:
    """Read what the plan at `path` lacks, or all if `refresh`. Nothing is written.

    Sums come from `directory` (of `--artifacts`) if one is given, else from the plan's mirror, else from the
    publishers, within `deadline` seconds; digests as `digests.current` says. Those of other versions are dropped; what
    `directory` doesn't have stays as it was recorded. `target` is the cluster, unless the file is the user's own.
    Raises InstallerError: sums cannot be read; or, unless `reviewing`, something differs from what the plan
    has. Digests that cannot be read are no error.
    """
    plan = planfile.load(path)
    if plan.traits.stand_ins:
        return Recorded(plan, _place(path, target))
    before = plan.artifacts
    refresh = refresh or before.sums_from != before.mirror
    sums = _now(plan, directory, deadline, refresh=refresh) | published.sums(plan, directory, refresh=refresh)
    sums = dict(sorted((sums | charts.sums(plan, directory, refresh=refresh)).items()))
    artifacts = before.model_copy(update={"sums": sums, "sums_from": before.mirror})
    artifacts = _named_by_kubeadm(plan.model_copy(update={"artifacts": artifacts}), directory, refresh=refresh)
    images = digests.current(plan.model_copy(update={"artifacts": artifacts}), directory, refresh=refresh)
    artifacts = artifacts.model_copy(update={"digests": images.found})
    changed = (*_differing(before.sums, sums), *_differing(before.digests, images.found))
    if changed and not reviewing:
        raise _changed(changed, source(plan, directory), _accepting(path, target, directory))
    if artifacts != before:
        plan = plan.model_copy(update={"artifacts": artifacts})
    new, pinned = _new(before.sums, sums), _new(before.digests, images.found)
    return Recorded(plan, _place(path, target), new, source(plan, directory), changed, pinned, images.unread)


def _named_by_kubeadm(plan: InstallPlan, directory: Path | None, *, refresh: bool) -> Artifacts:
    """The plan's artifacts with the versions that only its release's kubeadm knows; none where Craton knows them."""
    if releases.minor_of(plan.kubernetes) is not None:
        return plan.artifacts.model_copy(update={"versions": {}})
    if refresh or kubeadm_images.lacks(plan):
        return plan.artifacts.model_copy(update={"versions": kubeadm_images.named(plan, directory)})
    return plan.artifacts


def _differing(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in sorted(before) if now.get(name, before[name]) != before[name])


def _new(before: Mapping[str, str], now: Mapping[str, str]) -> int:
    return sum(1 for name, found in now.items() if before.get(name) != found)


def _now(plan: InstallPlan, directory: Path | None, deadline: float, *, refresh: bool) -> dict[str, str]:
    """The sums that the plan should have. Only what is missing is read, unless `refresh`."""
    if directory is not None and refresh and not _incomplete(plan):
        return {**_still_wanted(plan), **present_sums(plan, directory)}
    if refresh or _incomplete(plan):
        return read_sums(plan, directory, deadline)
    images = read_image_sums(directory) if directory is not None else {}
    return {**images, **_still_wanted(plan)}


def _still_wanted(plan: InstallPlan) -> dict[str, str]:
    """The sums that the plan has, without those of versions that it no longer names."""
    paths = {artifact.path for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)}
    paths.update(image_archives(plan))
    return {path: found for path, found in plan.artifacts.sums.items() if path in paths}


def settle(path: Path, directory: Path | None, notify: Callable[[str], None], target: str = "") -> Recorded:
    """Before an install: read the sums that the plan at `path` lacks, and look at the files in `directory`, if given.

    What is done is told. Nothing is written: that is for when the install has begun. `target` is as in `read`.
    Raises InstallerError.
    """
    plan = planfile.load(path)
    settled = Recorded(plan, _place(path, target))
    if plan.traits.stand_ins:
        return settled
    if lacks(plan, directory):
        notify(f"reading the sums of what is installed from {source(plan, directory)} ...")
        settled = read(path, directory, target=target, reviewing=False)
        if settled.unread:
            notify(f"warning: {settled.unread}. {digests.unpinned(len(digests.lacking(settled.plan)))}")
    if directory is not None:
        notify(f"looking at the files in {directory} ...")
        check_directory(settled.plan, directory, _accepting(path, target, directory))
        if lacking := _missing(settled.plan, directory):
            notify(
                f"{directory} lacks {len(lacking)} container images; machines pull them themselves: {_some(lacking)}"
            )
    return settled


def _missing(plan: InstallPlan, directory: Path) -> tuple[str, ...]:
    from installer.artifacts.bundle import missing
    from installer.artifacts.container_images import images

    return missing(plan, directory, images(plan))


def check_directory(plan: InstallPlan, directory: Path, accepting: str) -> None:
    """Every file that machines of `plan` get from `directory` is there, with its sum; of the architectures that it has.

    `accepting` is the command that records other sums.
    Raises InstallerError (preflight) naming those that are missing or differ.
    """
    problems = list(_problems(plan, directory))
    if problems:
        raise InstallerError(
            "look at --artifacts",
            f"{directory}: {_some(problems)}",
            hint="Put the plan's files there, laid out as on a mirror (`craton bundle` does that). If the files there "
            f"are right, `{accepting}` records their sums.",
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
    for image, digest in digests.of_archives(directory).items():
        recorded = plan.artifacts.digests.get(image, digest)
        if digest and digest != recorded:
            yield f"{image} has the digest {digest} there, not {recorded}"


def _place(path: Path, target: str) -> str:
    return f"the plan of {target}" if target else str(path)


def _accepting(path: Path, target: str, directory: Path | None) -> str:
    """The command that records the sums and digests of now. The file may be one that is gone afterwards."""
    argv = ["craton", "review", target or str(path), "--refresh"]
    return shlex.join([*argv, "--artifacts", str(directory)] if directory is not None else argv)


def _changed(paths: tuple[str, ...], where: str, accepting: str) -> InstallerError:
    return InstallerError(
        "read the sums",
        f"{where}: sums or digests that differ from the reviewed ones: {_some(paths)}",
        hint=f"Find out why. If the new ones are right, record them with `{accepting}` and run this again.",
        exit_code=ExitCode.PREFLIGHT,
    )


def _some(names: list[str] | tuple[str, ...]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(names[:_SHOWN]) + rest
