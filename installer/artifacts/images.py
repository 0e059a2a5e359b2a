"""The container images of a bundle: found in registries, each blob fetched once, an archive written for each image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from installer.artifacts.catalogue import IMAGE_SUMS, read_image_sums
from installer.artifacts.file_download import download, not_written
from installer.artifacts.http import Failure, Work
from installer.artifacts.image_archive import Archived, contents, file_name, write
from installer.artifacts.parallel import Task, amount, run_all
from installer.artifacts.registry import Descriptor, Image, Reference, Repository, repositories
from installer.common.errors import ExitCode, InstallerError

T = TypeVar("T")
Notify = Callable[[str], None]

_OFFLINE = (
    "check the network, and http_proxy and https_proxy of this computer, or name a mirror in the plan "
    "(artifacts.mirror); what came so far is kept: run the same command again"
)
_REFUSED = "check that it exists there; what came so far is kept: run the same command again"
_REPLACED = "find out why it no longer has what was reviewed; `craton review PLAN --refresh` records what it has now"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Images for which architectures, from which mirror first if there is one, and where blobs are kept meanwhile."""

    architectures: tuple[str, ...]
    mirror: str | None
    blobs: Path
    digests: Mapping[str, str]
    """By which images are asked for, where their names are here."""

    def places(self, reference: Reference, work: Work) -> tuple[Repository, ...]:
        """Where an image is looked for, in that order."""
        return repositories(replace(reference, digest=self.digest(reference)), self.mirror, work)

    def digest(self, reference: Reference) -> str:
        return self.digests.get(reference.name, reference.digest)


@dataclass(frozen=True, slots=True)
class _Found:
    reference: Reference
    places: tuple[Repository, ...]
    """Where its blobs are looked for: first where it was found."""
    image: Image

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return tuple(blob for manifest in self.image.manifests for blob in manifest.blobs)


def collect(directory: Path, names: Sequence[str], lookup: Lookup, work: Work, notify: Notify) -> dict[str, str]:
    """An archive in `directory`/images for each image. SHA-256 sums of all of them, by path. Raises InstallerError."""
    references = [Reference.parse(name) for name in names]
    recorded = read_image_sums(directory)
    archives = {}
    for reference in references:
        path = f"images/{file_name(reference)}"
        if path in recorded and _is_whole(directory / path, recorded[path], reference, lookup):
            archives[path] = recorded[path]
    lacking = [reference for reference in references if f"images/{file_name(reference)}" not in archives]
    if archives:
        notify(f"{len(archives)} of {len(references)} images are there already")
    found = _find(lacking, lookup, work, notify)
    _fetch_blobs(found, lookup, work, notify)
    for number, image in enumerate(found, 1):
        target = directory / "images" / file_name(image.reference)
        size = _write(target, image, lookup)
        archives[f"images/{target.name}"] = sum_of(target)
        write_sums(directory, archives)
        notify(f"  [{number}/{len(found)}] {image.reference.name}, {amount(size)}")
    return archives


def _write(target: Path, image: _Found, lookup: Lookup) -> int:
    """The archive of an image whose blobs are there. Its size in bytes. Raises InstallerError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, image.reference, image.image, lambda blob: lookup.blobs / blob.sha256)
        return target.stat().st_size
    except OSError as error:
        raise not_written(target, error) from None


def _is_whole(path: Path, expected: str, reference: Reference, lookup: Lookup) -> bool:
    found = contents(path).get(reference.name, Archived())
    if found.digest != (lookup.digest(reference) or found.digest):
        return False
    return found.architectures == frozenset(lookup.architectures) and sum_of(path) == expected


def _find(references: Sequence[Reference], lookup: Lookup, work: Work, notify: Notify) -> list[_Found]:
    found: dict[Reference, _Found] = {}

    def find(reference: Reference) -> None:
        digest, places = lookup.digest(reference), lookup.places(reference, work)

        def at(place: Repository) -> _Found:
            others = tuple(other for other in places if other is not place)
            try:
                return _Found(reference, (place, *others), place.find(lookup.architectures))
            except Failure as failure:
                failure.hint = _REPLACED if digest and failure.absent else failure.hint
                raise

        title = f"{reference.name} with the digest {digest}" if digest else reference.name
        found[reference] = first(places, at, title)

    if references:
        notify(f"{len(references)} images from {_hosts(references, lookup.mirror)} ...")
    run_all([Task(reference.name, partial(find, reference), quiet=True) for reference in references], work, notify)
    return [found[reference] for reference in references]


def _hosts(references: Sequence[Reference], mirror: str | None) -> str:
    hosts = sorted({reference.host for reference in references})
    return " and ".join([*([mirror] if mirror else []), ", ".join(hosts)])


def _fetch_blobs(found: Sequence[_Found], lookup: Lookup, work: Work, notify: Notify) -> None:
    wanted = {blob.digest: (blob, image) for image in reversed(found) for blob in image.blobs}

    def fetch(blob: Descriptor, image: _Found) -> None:
        target = lookup.blobs / blob.sha256
        if sum_of(target) == blob.sha256:
            return

        def at(place: Repository) -> None:
            download(place.blob(blob), target, blob.sha256, work, largest=blob.size)
            if (size := target.stat().st_size) != blob.size:
                raise Failure(f"it has {size} bytes, and the manifest says {blob.size}")

        first(image.places, at, f"{image.reference.name}: {blob.digest}")

    tasks = [
        Task(f"{image.reference.name} ({amount(blob.size)})", partial(fetch, blob, image), quiet=True)
        for blob, image in wanted.values()
    ]
    run_all(tasks, work, notify)


def first(places: Sequence[Repository], attempt: Callable[[Repository], T], title: str) -> T:
    """What the first place gives that can; the last one's failure decides what is to be done."""
    seen: list[str] = []
    for place in places:
        try:
            return attempt(place)
        except Failure as failure:
            seen.append(f"{place.address}: {failure.observed}")
            last = failure
    raise failed(title, "; ".join(seen), last)


def failed(title: str, observed: str, failure: Failure) -> InstallerError:
    """Retryable if nobody answered: others will not, either."""
    nobody = failure.passing and not failure.status
    hint = failure.hints(_OFFLINE if nobody else _REFUSED)
    return InstallerError(f"get {title}", observed, hint=hint, exit_code=ExitCode.PREFLIGHT, retryable=nobody)


def write_sums(directory: Path, sums: Mapping[str, str]) -> None:
    """`images/SHA256SUMS`: these, and no other archive that may be there."""
    target = directory / IMAGE_SUMS
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("".join(f"{found}  {path.rpartition('/')[2]}\n" for path, found in sorted(sums.items())))
        part.replace(target)
    except OSError as error:
        raise not_written(target, error) from None


def sum_of(path: Path) -> str:
    """The SHA-256 sum of a file; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
