"""What machines get installed: which artifacts, where their publishers and a mirror have them, and their sums.

A mirror has the files of all publishers under one base address, each at the path that it has at its publisher, with the
publisher's file of sums next to it; and, where machines are to pull no images from a registry, archives of container
images at `images/NAME.tar` with their sums in `images/SHA256SUMS`. It may be a registry of images too. A directory of
`--artifacts` has the same layout.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from installer.common.errors import ExitCode, InstallerError
from installer.plan import releases
from installer.plan.rules import Role

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

ARCHITECTURES = ("amd64", "arm64")
IMAGE_SUMS = "images/SHA256SUMS"
_KUBERNETES = "https://dl.k8s.io"
_GITHUB = "https://github.com"
_SUM = re.compile(r"(?P<sum>[0-9a-f]{64})(?: [ *](?P<name>\S+))?")
_ARCHIVE = re.compile(r"images/[A-Za-z0-9][A-Za-z0-9._@+-]*\.tar")
_OF_MASTERS = re.compile(
    r"images/(.+[_.])?(etcd|kube-apiserver|kube-controller-manager|kube-scheduler)([-_@]v?[0-9].*|@.*)?\.tar"
)
ASKED = ("coredns", "etcd", "pause")
"""What a kubeadm that is newer than this Craton is asked for: the images that don't have the release's own version."""
_SIGNED = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_NO_SUMS = "open the address in a browser: it may serve a login page or an error instead of the file"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file: `path` is relative to the publisher's address and to a mirror's, `sums` is that of its file of sums."""

    name: str
    architecture: str
    publisher: str
    path: str
    sums: str

    def url(self, mirror: str | None) -> str:
        return f"{mirror or self.publisher}/{self.path}"

    def sums_url(self, mirror: str | None) -> str:
        return f"{mirror or self.publisher}/{self.sums}"


_reading = threading.Lock()
"""Held by whoever asks for the versions: steps of many machines do at once, and reading them takes 20 ms."""


def _versions() -> Mapping[str, Mapping[str, str]]:
    with _reading:
        return _read_versions()


@cache
def _read_versions() -> Mapping[str, Mapping[str, str]]:
    from ruamel.yaml import YAML

    text = (resources.files("assets") / "node" / "versions.yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, object]] = YAML(typ="safe", pure=True).load(text)
    return {minor: {name: str(version) for name, version in row.items()} for minor, row in table.items()}


def versions(plan: InstallPlan) -> Mapping[str, str]:
    """Versions of what is installed along with Kubernetes: containerd, runc, cni-plugins, crictl, and those of images.

    A minor that is newer than this Craton gets what the newest known one has, crictl of its own minor, and the images
    that its kubeadm named, once it was asked.
    """
    table, minor = _versions(), plan.kubernetes.rpartition(".")[0]
    if minor in table:
        return {**table[minor], **table.get(plan.kubernetes, {})}
    crictl = f"{minor.removeprefix('v')}.0"
    return {**table[releases.NEWEST.name], "crictl": crictl, **plan.artifacts.versions}


def pause_image(plan: InstallPlan) -> str:
    return f"registry.k8s.io/pause:{versions(plan)['pause']}"


def wanted(plan: InstallPlan, architecture: str) -> tuple[Artifact, ...]:
    """Everything that a bare machine of `architecture` (amd64 or arm64) gets installed, in that order."""
    chosen = versions(plan)
    containerd, runc = chosen["containerd"], chosen["runc"]
    cni, crictl = chosen["cni-plugins"], chosen["crictl"]

    def github(name: str, project: str, version: str, file: str, sums: str) -> Artifact:
        release = f"{project}/releases/download/v{version}"
        return Artifact(name, architecture, _GITHUB, f"{release}/{file}", f"{release}/{sums}")

    def kubernetes(name: str) -> Artifact:
        path = f"release/{plan.kubernetes}/bin/linux/{architecture}/{name}"
        return Artifact(name, architecture, _KUBERNETES, path, f"{path}.sha256")

    containerd_file = f"containerd-{containerd}-linux-{architecture}.tar.gz"
    cni_file = f"cni-plugins-linux-{architecture}-v{cni}.tgz"
    crictl_file = f"crictl-v{crictl}-linux-{architecture}.tar.gz"
    return (
        github("containerd", "containerd/containerd", containerd, containerd_file, f"{containerd_file}.sha256sum"),
        github("runc", "opencontainers/runc", runc, f"runc.{architecture}", "runc.sha256sum"),
        github("cni-plugins", "containernetworking/plugins", cni, cni_file, f"{cni_file}.sha256"),
        github("crictl", "kubernetes-sigs/cri-tools", crictl, crictl_file, f"{crictl_file}.sha256"),
        *(kubernetes(name) for name in ("kubeadm", "kubelet", "kubectl")),
    )


def missing_sums(plan: InstallPlan, architecture: str) -> tuple[Artifact, ...]:
    """Artifacts whose sums are not in the plan: nothing installs them."""
    return tuple(artifact for artifact in wanted(plan, architecture) if artifact.path not in plan.artifacts.sums)


def parse_sum(text: str, name: str, where: str) -> str:
    """The SHA-256 sum of the file `name` in a publisher's file of sums, which was read from `where`.

    One sum alone, or lines of sha256sum (`SUM  NAME`, `SUM *NAME`), also within a clear-signed message, whose signature
    is not checked. Raises InstallerError on anything else, and if `name` has no sum or two.
    """
    named = _sums_by_name(text, where)
    if set(named) == {""}:
        return named[""]
    try:
        return named[name]
    except KeyError:
        raise _unreadable(where, f"it has no checksum for {name}") from None


def _sums_by_name(text: str, where: str) -> dict[str, str]:
    """Sums by file name; a sum without a file name has the name ''."""
    found: dict[str, str] = {}
    for line in _message(text):
        match = _SUM.fullmatch(line.rstrip())
        if match is None:
            raise _unreadable(where, f"it isn't a list of SHA-256 sums: {line[:60]!r}")
        name = (match["name"] or "").rpartition("/")[2]
        if found.setdefault(name, match["sum"]) != match["sum"]:
            raise _unreadable(where, f"it has two different checksums for {name or 'one file'}")
    if not found or ("" in found and len(found) > 1):
        raise _unreadable(where, "it isn't a list of SHA-256 sums" if found else "it is empty")
    return found


def _message(text: str) -> Iterable[str]:
    lines = text.splitlines()
    if lines[:1] == [_SIGNED]:
        start = lines.index("") + 1 if "" in lines else len(lines)
        end = lines.index(_SIGNATURE) if _SIGNATURE in lines else len(lines)
        lines = [line.removeprefix("- ") for line in lines[start:end]]
    return [line for line in lines if line.strip()]


def _unreadable(where: str, observed: str) -> InstallerError:
    return InstallerError("read the sums", f"{where}: {observed}", hint=_NO_SUMS, exit_code=ExitCode.PREFLIGHT)


def image_archives(plan: InstallPlan, role: Role = Role.MASTER) -> tuple[str, ...]:
    """Paths of the archives of container images whose sums the plan has; masters get all of them.

    What others do without is known by name: such as kube-apiserver.tar, or registry.k8s.io_etcd_3.6.8-0.tar.
    """
    archives = tuple(path for path in sorted(plan.artifacts.sums) if _ARCHIVE.fullmatch(path))
    return archives if role is Role.MASTER else tuple(path for path in archives if not _OF_MASTERS.fullmatch(path))


def read_image_sums(directory: Path) -> dict[str, str]:
    """SHA-256 sums of the archives of images in a directory of `--artifacts`, by path; none without a file of them."""
    from installer.artifacts.checksum_files import read_directory

    place = str(directory / IMAGE_SUMS)
    return {path: found for text in read_directory({"": place}).values() for path, found in _image_sums(text, place)}


def _image_sums(text: str, where: str) -> Iterator[tuple[str, str]]:
    for name, found in _sums_by_name(text, where).items():
        if _ARCHIVE.fullmatch(f"images/{name}"):
            yield f"images/{name}", found


def read_sums(plan: InstallPlan, directory: Path | None = None, deadline: float = 60.0) -> dict[str, str]:
    """SHA-256 sums of all that the plan's machines may get, by path on a mirror, for the plan to record.

    From `directory` (of `--artifacts`) if one is given, else from the plan's mirror, else from the publishers; the
    environment's proxies are used. Architectures of which nothing is there are left out. `deadline` is in seconds.
    Raises InstallerError naming the address and what was seen.
    """
    from installer.artifacts.checksum_files import read_directory, retrieve

    mirror = plan.artifacts.mirror
    artifacts = [artifact for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)]
    places = {artifact.sums: artifact.sums_url(mirror) for artifact in artifacts}
    if directory is not None:
        places = {path: str(directory / path) for path in [*places, IMAGE_SUMS]}
        texts = read_directory(places)
    else:
        if mirror is not None:
            places[IMAGE_SUMS] = f"{mirror}/{IMAGE_SUMS}"
        texts = retrieve(places, deadline)
    return _collect(plan, places, texts)


def present_sums(plan: InstallPlan, directory: Path) -> dict[str, str]:
    """Of the sums that the plan has, those that `directory` (of `--artifacts`) has now, by path: the same or others.

    It may hold another release, of which the plan has no sums. Raises InstallerError.
    """
    from installer.artifacts.checksum_files import read_directory

    recorded = plan.artifacts.sums
    artifacts = [artifact for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)]
    places = {artifact.sums: str(directory / artifact.sums) for artifact in artifacts if artifact.path in recorded}
    texts = read_directory(places)
    found = {
        artifact.path: _sum_of(artifact, places, texts)
        for artifact in artifacts
        if artifact.path in recorded and artifact.sums in texts
    }
    return found | {path: sum for path, sum in read_image_sums(directory).items() if path in recorded}


def _collect(plan: InstallPlan, places: Mapping[str, str], texts: Mapping[str, str]) -> dict[str, str]:
    """Sums by path. `places` says where each file of sums was looked for, `texts` what those hold that exist."""
    sums: dict[str, str] = {}
    for architecture in ARCHITECTURES:
        artifacts = wanted(plan, architecture)
        # runc has one file of sums for all architectures, which says nothing of what a mirror has.
        own = [artifact for artifact in artifacts if architecture in artifact.sums]
        if any(artifact.sums in texts for artifact in own):
            sums |= {artifact.path: _sum_of(artifact, places, texts) for artifact in artifacts}
    if not sums:
        first = wanted(plan, ARCHITECTURES[0])[-1]
        raise _absent(places[first.sums])
    if IMAGE_SUMS in texts:
        sums |= _image_sums(texts[IMAGE_SUMS], places[IMAGE_SUMS])
    return sums


def _sum_of(artifact: Artifact, places: Mapping[str, str], texts: Mapping[str, str]) -> str:
    if artifact.sums not in texts:
        raise _absent(places[artifact.sums])
    return parse_sum(texts[artifact.sums], artifact.path.rpartition("/")[2], places[artifact.sums])


def _absent(where: str) -> InstallerError:
    return InstallerError(
        "read the sums",
        f"{where} does not exist" if "://" not in where else f"GET {where}: HTTP status 404",
        hint="check the plan's Kubernetes version; mirror or directory must have its files, each with its sums",
        exit_code=ExitCode.PREFLIGHT,
    )
