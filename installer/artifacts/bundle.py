"""All that a plan's machines get installed, collected in a directory or an archive with a mirror's layout.

What is there with the right sum is not fetched again. A directory may be served as a mirror as it is.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from installer.artifacts import charts, published
from installer.artifacts import images as bundled_images
from installer.artifacts.catalogue import (
    ARCHITECTURES,
    IMAGE_SUMS,
    Artifact,
    image_archives,
    missing_sums,
    parse_sum,
    read_image_sums,
    wanted,
)
from installer.artifacts.checksum_files import retrieve
from installer.artifacts.file_download import download, not_written
from installer.artifacts.http import Failure, Work, ask
from installer.artifacts.image_archive import contents
from installer.artifacts.images import Lookup
from installer.artifacts.parallel import Task, run_all
from installer.artifacts.registry import Reference
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan

Notify = Callable[[str], None]

_ALL = 6 * 3600.0
"""Seconds for a whole bundle, which is some 500 MB for each architecture, on a slow line."""
_SUMS = 60.0
_LARGEST = 2 * 1024**3
"""Bytes of a file whose size nobody says before."""
_WORK = ".parts"
"""What is needed while a bundle is made: blobs of images."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was collected. `files` are paths relative to the directory or within the archive at `path`."""

    path: Path
    files: tuple[str, ...]
    size: int
    """Bytes of all files together."""
    architectures: tuple[str, ...]
    images: tuple[str, ...]
    stale: tuple[str, ...] = ()
    """Archives of images of which the plan has recorded other sums."""


def architectures(plan: InstallPlan, chosen: Sequence[str] = ()) -> tuple[str, ...]:
    """Of which machines: `chosen`; else this computer's, where its machines are; else all whose sums the plan has.

    Raises InstallerError if the plan has no sums of one.
    """
    known = tuple(architecture for architecture in ARCHITECTURES if not missing_sums(plan, architecture))
    own = _own_architecture()
    default = (own,) if plan.traits.here and own in known else known
    for architecture in chosen:
        if architecture not in known:
            source = plan.artifacts.mirror or "the publishers"
            observed = f"the plan has no sums of what is installed on {architecture} machines: {source} had none"
            raise InstallerError("choose the architecture", observed, exit_code=ExitCode.USAGE)
    return tuple(architecture for architecture in known if architecture in (chosen or default))


def _own_architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def collect(plan: InstallPlan, directory: Path, chosen: Sequence[str], images: Sequence[str], notify: Notify) -> Bundle:
    """Bring `directory` to hold all that machines of these architectures need for `plan`, with `images` (full names).

    Files come from the plan's mirror or their publishers, images from the mirror if it is a registry, or their own
    registries. Everything is checked against the sums that the plan has. Raises InstallerError.
    """
    work = Work(Deadline(_ALL))
    names = tuple(Reference.parse(image).name for image in images)
    with _locked(directory):
        artifacts = [artifact for architecture in chosen for artifact in wanted(plan, architecture)]
        kept = _archives(plan, directory)
        _collect_sums(plan, artifacts, directory)
        _collect_files(plan, artifacts, kept, directory, work, notify)
        charts.collect(plan, directory)
        archives = {path: plan.artifacts.sums[path] for path in kept}
        digests = plan.artifacts.digests
        lookup = Lookup(tuple(chosen), plan.artifacts.mirror, directory / _WORK, digests)
        held = _held(directory, kept, chosen, digests)
        lacking = [name for name in names if name not in held]
        archives |= bundled_images.collect(directory, lacking, lookup, work, notify)
        bundled_images.write_sums(directory, archives)
        shutil.rmtree(directory / _WORK, ignore_errors=True)
    paths = {path for artifact in artifacts for path in (artifact.path, artifact.sums)} | archives.keys()
    paths.update((*(one.path for one in published.wanted(plan)), *(one.file for one in charts.fetched(plan))))
    files = (*sorted(paths), IMAGE_SUMS)
    size = sum((directory / path).stat().st_size for path in files)
    stale = tuple(path for path in image_archives(plan) if archives.get(path) != plan.artifacts.sums[path])
    return Bundle(directory, files, size, tuple(chosen), names, stale)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One at a time works on `directory`, which is made where it does not exist."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise not_written(directory, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        observed = f"another `craton bundle` is already writing {directory}"
        raise InstallerError("bundle", observed, hint="wait for it to end", exit_code=ExitCode.LOCKED) from None
    finally:
        os.close(descriptor)


def _archives(plan: InstallPlan, directory: Path) -> tuple[str, ...]:
    """Archives of images that the plan has sums of, and that are there or on its mirror.

    Others it has from another directory of --artifacts; their images are looked for in registries.
    """
    mirror, sums = plan.artifacts.mirror, plan.artifacts.sums
    lacking = [path for path in image_archives(plan) if bundled_images.sum_of(directory / path) != sums[path]]
    listed = ""
    if mirror and lacking:
        listed = retrieve({IMAGE_SUMS: f"{mirror}/{IMAGE_SUMS}"}, _SUMS).get(IMAGE_SUMS, "")
    return tuple(path for path in image_archives(plan) if path not in lacking or sums[path] in listed)


def _collect_sums(plan: InstallPlan, artifacts: Iterable[Artifact], directory: Path) -> None:
    """The publishers' files of sums, as they are there; they must say what the plan says."""
    lacking = [artifact for artifact in artifacts if not _says(plan, artifact, _text(directory / artifact.sums))]
    places = {artifact.sums: artifact.sums_url(plan.artifacts.mirror) for artifact in lacking}
    texts = retrieve(places, _SUMS)
    for artifact in lacking:
        where = places[artifact.sums]
        if artifact.sums not in texts:
            raise _failed(artifact.sums, where, Failure("HTTP status 404", status=404))
        if not _says(plan, artifact, texts[artifact.sums]):
            hint = "find out why; `craton review PLAN --refresh` records the new ones"
            raise _failed(artifact.sums, where, Failure("sums that differ from the reviewed ones", hint=hint))
    for path, text in texts.items():
        try:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise not_written(directory / path, error) from None


def _says(plan: InstallPlan, artifact: Artifact, text: str) -> bool:
    try:
        found = parse_sum(text, artifact.path.rpartition("/")[2], artifact.sums)
    except InstallerError:
        return False
    return found == plan.artifacts.sums[artifact.path]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _collect_files(
    plan: InstallPlan, artifacts: Iterable[Artifact], kept: Iterable[str], directory: Path, work: Work, notify: Notify
) -> None:
    """Artifacts, and archives of images that are there or on the plan's mirror."""
    mirror = plan.artifacts.mirror
    places = {
        artifact.path: (f"{artifact.name} ({artifact.architecture})", artifact.url(mirror)) for artifact in artifacts
    }
    places |= {path: (path, f"{mirror}/{path}") for path in kept}
    places |= {one.path: (one.name, one.url(mirror)) for one in published.wanted(plan)}
    sums = plan.artifacts.sums
    lacking = [path for path in places if bundled_images.sum_of(directory / path) != sums[path]]
    if len(lacking) < len(places):
        notify(f"{len(places) - len(lacking)} of {len(places)} files are there already")

    def task(path: str) -> Task:
        title, url = places[path]
        return Task(title, lambda: _fetch(title, url, directory / path, sums[path], work))

    if lacking:
        source = mirror or "their publishers"
        notify(f"{len(lacking)} files from {source} ...")
    run_all([task(path) for path in lacking], work, notify)


def _fetch(title: str, url: str, target: Path, sha256: str, work: Work) -> None:
    try:
        download(lambda headers: ask(url, work, headers), target, sha256, work, largest=_LARGEST)
    except Failure as failure:
        raise _failed(title, url, failure) from None


def _failed(title: str, where: str, failure: Failure) -> InstallerError:
    return bundled_images.failed(title, f"{where}: {failure.observed}", failure)


def _held(directory: Path, archives: Iterable[str], chosen: Sequence[str], digests: Mapping[str, str]) -> set[str]:
    """Images that these archives have for the chosen architectures, with these digests where both are known."""
    found = [image for path in archives for image in contents(directory / path).items()]
    return {
        name
        for name, image in found
        if (not image.architectures or image.architectures.issuperset(chosen))
        and (not image.digest or image.digest == digests.get(name, image.digest))
    }


def pack(plan: InstallPlan, file: Path, chosen: Sequence[str], images: Sequence[str], notify: Notify) -> Bundle:
    """Like `collect`, in an archive: `file` unpacks to one directory of its own name, without `.tar`.

    An archive that is there is taken for what it has. Needs room for the files twice. Raises InstallerError.
    """
    directory = file.with_name(f".{file.name}.parts")
    try:
        _unpack(file, directory)
        bundle = collect(plan, directory, chosen, images, notify)
        notify(f"writing {file} ...")
        part = file.with_name(f"{file.name}.part")
        with tarfile.open(part, "w") as archive:
            for path in bundle.files:
                archive.add(directory / path, f"{file.stem}/{path}", recursive=False)
        part.replace(file)
    except OSError as error:
        raise not_written(file, error) from None
    shutil.rmtree(directory, ignore_errors=True)
    return replace(bundle, path=file)


def _unpack(file: Path, directory: Path) -> None:
    """What an earlier archive has, for what it is worth: everything is checked before it is used."""
    if directory.exists() or not file.exists():
        return
    try:
        with tarfile.open(file, "r:") as archive:
            for member in archive:
                path = Path(member.name)
                source = archive.extractfile(member) if member.isfile() else None
                if source is None or path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
                    continue
                target = directory.joinpath(*path.parts[1:])
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
    except tarfile.TarError:
        return


def missing(plan: InstallPlan, directory: Path, images: Sequence[str]) -> tuple[str, ...]:
    """What machines that get nothing but `directory` would lack: paths of files, and names of images.

    Of the architectures that the directory has artifacts for. Sums are not looked at.
    """
    present = [
        architecture
        for architecture in ARCHITECTURES
        if any((directory / artifact.path).exists() for artifact in wanted(plan, architecture))
    ]
    chosen = present or ARCHITECTURES[:1]
    paths = [artifact.path for architecture in chosen for artifact in wanted(plan, architecture)]
    paths += [*image_archives(plan), *(one.path for one in published.wanted(plan))]
    paths += [one.file for one in charts.fetched(plan)]
    return (*(path for path in paths if not (directory / path).exists()), *_missing_images(directory, chosen, images))


def _missing_images(directory: Path, chosen: Sequence[str], images: Sequence[str]) -> Iterator[str]:
    held = {
        name: image.architectures
        for path in read_image_sums(directory)
        for name, image in contents(directory / path).items()
    }
    for name in (Reference.parse(image).name for image in images):
        if name not in held:
            yield name
        elif held[name]:
            yield from (f"{name} ({architecture})" for architecture in chosen if architecture not in held[name])
