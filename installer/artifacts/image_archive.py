"""Archives of container images (OCI image layouts in a tar): written so that containerd knows each by its full name.

What is in an archive depends on the image alone: the same image makes the same archive, to the last bit.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.artifacts.registry import DIGEST, INDEXES, Descriptor, Image, Reference
from installer.common import json_reader

_NAME = "io.containerd.image.name"
_LARGEST_DOCUMENT = 4 * 1024 * 1024


def file_name(reference: Reference) -> str:
    """Such as registry.k8s.io_pause_3.10.tar."""
    return reference.name.replace("/", "_").replace(":", "_").replace("@", "_") + ".tar"


def write(target: Path, reference: Reference, image: Image, blob: Callable[[Descriptor], Path]) -> None:
    """The archive of an image for the platforms of its manifests; `blob` says where a blob's file is. Raises OSError.

    The image keeps its digest: an index goes in as it is, with the platforms that it lists and that are left out.
    """
    documents = {manifest.digest: manifest.data for manifest in image.manifests} | {image.digest: image.data}
    entry: dict[str, Any] = {"mediaType": image.media_type, "digest": image.digest, "size": len(image.data)}
    if image.media_type not in INDEXES:
        entry["platform"] = {"architecture": image.manifests[0].architecture, "os": "linux"}
    tag = reference.tag or reference.digest
    entry["annotations"] = {_NAME: reference.name, "org.opencontainers.image.ref.name": tag}
    blobs = {descriptor.digest: descriptor for manifest in image.manifests for descriptor in manifest.blobs}
    part = target.with_name(f"{target.name}.part")
    with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", _index(entry))
        for digest, data in sorted(documents.items()):
            _add(archive, _path(digest), data)
        for digest, descriptor in sorted(blobs.items()):
            with blob(descriptor).open("rb") as file:
                archive.addfile(_header(_path(digest), descriptor.size), file)
    part.replace(target)


def _index(entry: dict[str, Any]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [entry]}).encode()


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _header(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_header(name, len(data)), io.BytesIO(data))


@dataclass(frozen=True, slots=True)
class Archived:
    """An image in an archive: both are empty where the archive does not say."""

    architectures: frozenset[str] = frozenset()
    digest: str = ""


def contents(path: Path) -> dict[str, Archived]:
    """The images in an archive, by their full names.

    Archives of `docker save` and of containerd's exports are read as well. What is no archive has no images.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            return dict(_listed(archive))
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _listed(archive: tarfile.TarFile) -> Iterator[tuple[str, Archived]]:
    names = archive.getnames()
    if "manifest.json" in names:
        for image in _json(archive, "manifest.json"):
            for name in image.get("RepoTags") or ():
                yield Reference.parse(name).name, Archived()
    if "index.json" in names:
        for entry in _json(archive, "index.json")["manifests"]:
            if name := (entry.get("annotations") or {}).get(_NAME):
                architectures = frozenset(_architectures(archive, names, entry))
                yield Reference.parse(name).name, Archived(architectures, _digest(entry))


def _architectures(archive: tarfile.TarFile, names: Sequence[str], entry: dict[str, Any]) -> Iterator[str]:
    if "platform" in entry:
        yield entry["platform"]["architecture"]
    elif entry["mediaType"] in INDEXES:
        for inner in _json(archive, _path(entry["digest"]))["manifests"]:
            platform = inner.get("platform", {})
            if platform.get("os") == "linux" and _path(inner["digest"]) in names:  # it may list what is left out
                yield platform["architecture"]


def _digest(entry: dict[str, Any]) -> str:
    """Raises ValueError if an entry has none that a registry could have."""
    digest = entry["digest"]
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ValueError("no digest")
    return digest


def _json(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    return json_reader.parse(file.read(_LARGEST_DOCUMENT)) if file else []
