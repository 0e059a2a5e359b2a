"""Digests of the container images that a cluster runs: read when a plan is reviewed, so that what runs is what was
reviewed, whatever a registry puts under the same tag later.

They come from the plan's mirror if it is a registry, else from the images' own registries; those in archives of
`--artifacts` say theirs themselves. An archive that says none (of `docker save`) is checked by its own sum alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from installer.artifacts.addon_images import has_archive
from installer.artifacts.catalogue import read_image_sums
from installer.artifacts.container_images import images
from installer.artifacts.http import Work
from installer.artifacts.image_archive import contents
from installer.artifacts.images import first
from installer.artifacts.parallel import Task, run_all
from installer.artifacts.registry import Reference, Repository, repositories
from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.plan.model import InstallPlan

_DEADLINE = 10.0
"""Seconds for all: an install can do without them, and says so."""


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests that a plan should have, by the images' names, and why it lacks some, as a sentence or nothing."""

    found: dict[str, str]
    unread: str = ""


def lacking(plan: InstallPlan) -> tuple[str, ...]:
    """Images that the plan names by their tags alone: it has no digest of them, and no sum of an archive of them."""
    if plan.traits.stand_ins:
        return ()
    return tuple(name for name in images(plan) if name not in plan.artifacts.digests and not has_archive(plan, name))


def current(plan: InstallPlan, directory: Path | None = None, *, refresh: bool = False) -> Digests:
    """The digests that `plan` should have; those that it has are not read again, unless `refresh`.

    Those that can't be read again stay as they are.
    With `directory` (of `--artifacts`) also those of its archives, of which no registry is asked.
    """
    names = images(plan)
    archived = of_archives(directory) if directory is not None else {}
    recorded = {name: digest for name, digest in plan.artifacts.digests.items() if name in names}
    found = {name: archived[name] for name in names if name in archived} | ({} if refresh else recorded)
    known = {name: digest for name, digest in found.items() if archived.get(name, digest)}
    wanted = [name for name in names if name not in known and name not in archived and not has_archive(plan, name)]
    read, why = _read(wanted, plan.artifacts.mirror)
    kept = {name: digest for name, digest in recorded.items() if name not in archived}
    unread = len([name for name in wanted if name not in kept | read])
    return Digests(dict(sorted((kept | known | read).items())), _unread(unread, why) if why and unread else "")


def unpinned(number: int) -> str:
    """What it means that so many images are named by their tags alone, as a sentence."""
    them = "it" if number == 1 else "each of them"
    images = count(number, "container image")
    return f"Machines pull {images} by tag, so they get whatever the registry has under {them} that day."


def of_archives(directory: Path) -> dict[str, str]:
    """Digests of the images in a directory's archives, by name; empty where the archive does not say. Reads files."""
    return {
        name: image.digest for path in read_image_sums(directory) for name, image in contents(directory / path).items()
    }


def _read(names: Sequence[str], mirror: str | None) -> tuple[dict[str, str], str]:
    """The digests that registries have, and why some are missing, or nothing."""
    work = Work(Deadline(_DEADLINE))
    found: dict[str, str] = {}

    def read(name: str) -> None:
        found[name] = first(repositories(Reference.parse(name), mirror, work), Repository.digest, name)

    try:
        run_all([Task(name, partial(read, name)) for name in names], work, lambda _line: None)
    except InstallerError as error:
        return dict(found), error.observed
    return found, ""


def _unread(number: int, why: str) -> str:
    return f"no digest of {count(number, 'container image')} is recorded: {why}"
