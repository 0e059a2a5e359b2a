"""Archives of container images (OCI image layouts in a tar): written so that containerd knows each by its full name.

What is in an archive depends on the image alone: the same image makes the same archive, to the last bit.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from installer.artifacts.registry import INDEX, Descriptor, Manifest, Reference
from installer.common import json_reader

_NAME = "io.containerd.image.name"
_LARGEST_DOCUMENT = 4 * 1024 * 1024


def file_name(reference: Reference) -> str:
    """Such as registry.k8s.io_pause_3.10.tar."""
    return reference.name.replace("/", "_").replace(":", "_").replace("@", "_") + ".tar"


def write(target: Path, image: Reference, manifests: Sequence[Manifest], blob: Callable[[Descriptor], Path]) -> None:
    """The archive of an image for the platforms of `manifests`; `blob` says where a blob's file is. Raises OSError."""
    documents = {manifest.digest: manifest.data for manifest in manifests}
    entries = [_entry(manifest) for manifest in manifests]
    if len(entries) > 1:
        inner = _index(entries)
        digest = f"sha256:{hashlib.sha256(inner).hexdigest()}"
        documents[digest] = inner
        entries = [{"mediaType": INDEX, "digest": digest, "size": len(inner)}]
    tag = image.tag or image.digest
    entries[0]["annotations"] = {_NAME: image.name, "org.opencontainers.image.ref.name": tag}
    blobs = {descriptor.digest: descriptor for manifest in manifests for descriptor in manifest.blobs}
    part = target.with_name(f"{target.name}.part")
    with tarfile.open(part, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", _index(entries))
        for digest, data in sorted(documents.items()):
            _add(archive, _path(digest), data)
        for digest, descriptor in sorted(blobs.items()):
            with blob(descriptor).open("rb") as file:
                archive.addfile(_header(_path(digest), descriptor.size), file)
    part.replace(target)


def _entry(manifest: Manifest) -> dict[str, Any]:
    platform = {"architecture": manifest.architecture, "os": "linux"}
    return {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": len(manifest.data),
        "platform": platform,
    }


def _index(entries: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


def _path(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _header(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    archive.addfile(_header(name, len(data)), io.BytesIO(data))


def contents(path: Path) -> dict[str, frozenset[str]]:
    """Full names of the images in an archive, with the architectures that they are for; none where it does not say.

    Archives of `docker save` and of containerd's exports are read as well. What is no archive has no images.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            return dict(_listed(archive))
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _listed(archive: tarfile.TarFile) -> Iterator[tuple[str, frozenset[str]]]:
    names = archive.getnames()
    if "manifest.json" in names:
        for image in _json(archive, "manifest.json"):
            for name in image.get("RepoTags") or ():
                yield Reference.parse(name).name, frozenset()
    if "index.json" in names:
        for entry in _json(archive, "index.json")["manifests"]:
            if name := (entry.get("annotations") or {}).get(_NAME):
                yield Reference.parse(name).name, frozenset(_architectures(archive, names, entry))


def _architectures(archive: tarfile.TarFile, names: Sequence[str], entry: dict[str, Any]) -> Iterator[str]:
    if "platform" in entry:
        yield entry["platform"]["architecture"]
    elif entry["mediaType"] == INDEX:
        for inner in _json(archive, _path(entry["digest"]))["manifests"]:
            if _path(inner["digest"]) in names:  # an export may list platforms that it leaves out
                yield inner["platform"]["architecture"]


def _json(archive: tarfile.TarFile, name: str) -> Any:
    file = archive.extractfile(name)
    return json_reader.parse(file.read(_LARGEST_DOCUMENT)) if file else []
