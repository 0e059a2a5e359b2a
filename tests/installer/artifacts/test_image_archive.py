"""Archives of images: containerd takes them and knows each image by its full name, and we know what is in them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from installer.artifacts.image_archive import Archived, contents, file_name, write
from installer.artifacts.registry import INDEXES, Descriptor, Image, Manifest, Reference
from tests.doubles.registries import MANIFEST, digest_of, layer
from tests.needs import require
from tests.patience import PATIENCE

PAUSE = Reference.parse("registry.k8s.io/pause:3.10")
CONTAINERD = """\
version = 2
root = "HERE/root"
state = "HERE/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "HERE/containerd.sock"
[ttrpc]
  address = "HERE/ttrpc.sock"
"""


def image(architecture: str, blobs: Path) -> Manifest:
    data = layer("hello", architecture.encode())
    config = {
        "architecture": architecture,
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{'0' * 64}"]},
    }
    kinds = {
        "application/vnd.oci.image.config.v1+json": json.dumps(config).encode(),
        "application/vnd.oci.image.layer.v1.tar+gzip": data,
    }
    descriptors = [{"mediaType": kind, "digest": digest_of(data), "size": len(data)} for kind, data in kinds.items()]
    blobs.mkdir(exist_ok=True)
    for data in kinds.values():
        (blobs / digest_of(data).removeprefix("sha256:")).write_bytes(data)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
    found = tuple(Descriptor.model_validate(entry) for entry in descriptors)
    return Manifest(architecture, MANIFEST, json.dumps(document).encode(), found)


EVERY = ("amd64", "arm64", "s390x")


def index(blobs: Path) -> bytes:
    """As a registry has it: of more platforms than anybody wants."""
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": found.digest,
            "size": len(found.data),
            "platform": {"architecture": found.architecture, "os": "linux"},
        }
        for found in (image(architecture, blobs) for architecture in EVERY)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": entries}).encode()


def archive(directory: Path, architectures: Sequence[str], reference: Reference = PAUSE) -> Path:
    blobs = directory / "blobs"
    target = directory / file_name(reference)
    manifests = tuple(image(name, blobs) for name in architectures)
    write(target, reference, Image(INDEXES[0], index(blobs), manifests), lambda blob: blobs / blob.sha256)
    return target


@pytest.fixture(scope="module")
def ctr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The command line of `ctr` for a containerd of its own, as craton-node uses it."""
    require("root", "containerd", "ctr")
    here = tmp_path_factory.mktemp("c")
    (here / "config.toml").write_text(CONTAINERD.replace("HERE", str(here)))
    process = subprocess.Popen(
        ["containerd", "--config", str(here / "config.toml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    command = ["ctr", "--address", str(here / "containerd.sock"), "-n", "k8s.io"]
    try:
        end = time.monotonic() + PATIENCE
        while subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
            assert process.poll() is None, "containerd ended at once"
            assert time.monotonic() < end, "containerd does not answer"
        yield command
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("architectures", [("amd64",), ("arm64",), ("amd64", "arm64")])
def test_containerd_knows_the_image_by_its_full_name(
    ctr: list[str], tmp_path: Path, architectures: tuple[str, ...]
) -> None:
    reference = Reference.parse(f"registry.k8s.io/{'-'.join(architectures)}:3.10")
    found = archive(tmp_path, architectures, reference)
    for name in architectures:  # nothing is unpacked: the machine that runs the tests has but one platform
        choice = ["--platform", f"linux/{name}", "--no-unpack"]
        subprocess.run([*ctr, "images", "import", *choice, str(found)], check=True, timeout=PATIENCE)
    listed = subprocess.run(
        [*ctr, "images", "ls", f"name=={reference.name}"], capture_output=True, text=True, check=True
    )
    assert ",".join(f"linux/{name}" for name in architectures) in listed.stdout
    assert digest_of(index(tmp_path / "blobs")) in listed.stdout


def test_the_same_image_makes_the_same_archive(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        found.append(archive(tmp_path / name, ("amd64", "arm64")).read_bytes())
    assert found[0] == found[1]


def test_every_blob_has_the_digest_that_it_is_named_by(tmp_path: Path) -> None:
    with tarfile.open(archive(tmp_path, ("amd64", "arm64"))) as found:
        blobs = [member for member in found if member.name.startswith("blobs/sha256/")]
        assert len(blobs) == 1 + 3 * 2
        for member in blobs:
            file = found.extractfile(member)
            assert file is not None
            assert hashlib.sha256(file.read()).hexdigest() == member.name.rpartition("/")[2]


@pytest.mark.parametrize("architectures", [("amd64",), ("amd64", "arm64")])
def test_what_is_in_an_archive_is_read_from_it(tmp_path: Path, architectures: tuple[str, ...]) -> None:
    path = archive(tmp_path, architectures)
    assert path.name == "registry.k8s.io_pause_3.10.tar"
    assert contents(path) == {PAUSE.name: Archived(frozenset(architectures), digest_of(index(tmp_path / "blobs")))}


def test_an_image_in_no_index_is_archived_under_its_manifests_digest(tmp_path: Path) -> None:
    blobs, target = tmp_path / "blobs", tmp_path / "alone.tar"
    alone = image("arm64", blobs)
    write(target, PAUSE, Image(MANIFEST, alone.data, (alone,)), lambda blob: blobs / blob.sha256)
    assert contents(target) == {PAUSE.name: Archived(frozenset({"arm64"}), alone.digest)}


def made(path: Path, files: dict[str, Any]) -> Path:
    with tarfile.open(path, "w") as found:
        for name, document in files.items():
            data = document if isinstance(document, bytes) else json.dumps(document).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            found.addfile(entry, io.BytesIO(data))
    return path


def test_an_archive_of_docker_save_says_names_and_no_platform(tmp_path: Path) -> None:
    path = made(tmp_path / "x.tar", {"manifest.json": [{"RepoTags": ["busybox:1.36", PAUSE.name]}, {"RepoTags": None}]})
    assert contents(path) == {"docker.io/library/busybox:1.36": Archived(), PAUSE.name: Archived()}


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"index.json": b"no json"},
        {"index.json": []},
        {"index.json": b'{"manifests":' + b"[" * 100_000},
        {"index.json": b'{"manifests": ' + b"9" * 10_000 + b"}"},
        {"manifest.json": b"[" * 100_000},
        {"manifest.json": [1]},
        {"manifest.json": [{"RepoTags": ["../x"]}]},
    ],
)
def test_what_says_nothing_of_images_has_none(tmp_path: Path, files: dict[str, Any]) -> None:
    assert contents(made(tmp_path / "x.tar", files)) == {}


def test_what_is_no_archive_has_no_images(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"an error page" * 100)
    assert contents(tmp_path / "x.tar") == {}
    assert contents(tmp_path / "absent.tar") == {}
