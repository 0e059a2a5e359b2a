"""Artifacts: where they are, and the sums that are read of them when a plan is reviewed."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from installer.artifacts import catalogue, checksum_files, http
from installer.artifacts.catalogue import (
    ARCHITECTURES,
    IMAGE_SUMS,
    image_archives,
    missing_sums,
    parse_sum,
    read_image_sums,
    read_sums,
    versions,
    wanted,
)
from installer.common.errors import ExitCode, InstallerError
from installer.plan.fields import DEFAULT_KUBERNETES
from installer.plan.model import InstallPlan
from installer.plan.releases import KUBERNETES_VERSIONS
from installer.plan.rules import Role
from installer.plan.sections import Artifacts
from tests.doubles.mirror import Mirror, published, running_mirror
from tests.doubles.raw_http import answering, said

PLAN = InstallPlan(name="demo", subdomain="example.test")
A, B = "a" * 64, "b" * 64
SIGNED = f"""-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

{A} *runc.amd64
{B} *runc.arm64
-----BEGIN PGP SIGNATURE-----

iQ{A}
-----END PGP SIGNATURE-----
"""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror(published(PLAN)) as mirror:
        yield mirror


def plan_with(**artifacts: object) -> InstallPlan:
    return PLAN.model_copy(update={"artifacts": Artifacts.model_validate(artifacts)})


@pytest.mark.parametrize("minor", KUBERNETES_VERSIONS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_release_has_all_its_artifacts(minor: str, architecture: str) -> None:
    plan = PLAN.model_copy(update={"kubernetes": f"{minor}.0"})
    found = wanted(plan, architecture)
    assert [artifact.name for artifact in found] == [
        "containerd", "runc", "cni-plugins", "crictl", "kubeadm", "kubelet", "kubectl",
    ]  # fmt: skip
    assert all(architecture in artifact.path for artifact in found)
    assert all(re.fullmatch(r"[A-Za-z0-9._/-]+", artifact.path) for artifact in found)
    assert all(re.fullmatch(r"v?\d+\.\d+\.\d+(-\w+)?", version) for version in versions(plan).values())
    assert versions(plan)["crictl"].startswith(minor.removeprefix("v") + ".")


def test_publishers_and_mirrors_have_the_same_paths() -> None:
    kubeadm = next(artifact for artifact in wanted(PLAN, "arm64") if artifact.name == "kubeadm")
    path = f"release/{DEFAULT_KUBERNETES}/bin/linux/arm64/kubeadm"
    assert kubeadm.url(None) == f"https://dl.k8s.io/{path}"
    assert kubeadm.sums_url("http://mirror.test/k8s") == f"http://mirror.test/k8s/{path}.sha256"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (A, A),
        (f"{A}\n", A),
        (f"{A}  runc.amd64\n", A),
        (f"{A} *runc.amd64\r\n{B}  runc.arm64\r\n", A),
        (f"{A}  ./out/runc.amd64\n", A),
        (f"{A}  runc.amd64\n{A}  runc.amd64\n", A),
        (SIGNED, A),
    ],
)
def test_sums_are_read_as_publishers_write_them(text: str, found: str) -> None:
    assert parse_sum(text, "runc.amd64", "there") == found


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("", "it is empty"),
        ("<html>Please log in</html>", "it isn't a list of SHA-256 sums: '<html>"),
        (A[:-1], "isn't a list"),
        (A.upper(), "isn't a list"),
        (f"{A} runc.amd64", "isn't a list"),
        (f"{A}  runc.amd64  more", "isn't a list"),
        (f"{B}  runc.arm64", "it has no checksum for runc.amd64"),
        (f"{A}  runc.amd64\n{B}  runc.amd64", "it has two different checksums for runc.amd64"),
        (f"{A}\n{B}", "it has two different checksums for one file"),
        (f"{A}\n{B}  runc.arm64", "isn't a list"),
        (SIGNED.replace(" *", " "), "isn't a list"),
        ("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256", "it is empty"),
    ],
)
def test_anything_else_is_refused(text: str, observed: str) -> None:
    with pytest.raises(InstallerError, match=f"^read the sums: there: .*{re.escape(observed)}"):
        parse_sum(text, "runc.amd64", "there")


def test_a_review_reads_the_sums_of_all_that_may_be_installed(mirror: Mirror) -> None:
    plan = plan_with(mirror=mirror.url)
    sums = read_sums(plan)
    everything = [artifact for architecture in ARCHITECTURES for artifact in wanted(plan, architecture)]
    assert sums == {artifact.path: hashlib.sha256(mirror.files[artifact.path]).hexdigest() for artifact in everything}
    recorded = plan_with(mirror=mirror.url, sums=sums)
    assert missing_sums(recorded, "amd64") == ()
    assert len(missing_sums(plan, "amd64")) == 7


def test_a_mirror_of_one_architecture_suffices(mirror: Mirror) -> None:
    for path in [path for path in mirror.files if "arm64" in path]:
        del mirror.files[path]
    sums = read_sums(plan_with(mirror=mirror.url))
    assert sums
    assert not [path for path in sums if "arm64" in path]


def test_a_mirror_with_gaps_is_refused_naming_the_address(mirror: Mirror) -> None:
    gap = f"release/{DEFAULT_KUBERNETES}/bin/linux/amd64/kubelet.sha256"
    del mirror.files[gap]
    with pytest.raises(InstallerError, match=re.escape(f"GET {mirror.url}/{gap}: HTTP status 404")) as caught:
        read_sums(plan_with(mirror=mirror.url))
    assert caught.value.exit_code is ExitCode.PREFLIGHT


def test_archives_of_images_count_if_the_mirror_has_their_sums(mirror: Mirror) -> None:
    mirror.files["images/SHA256SUMS"] = f"{A}  all.tar\n{B}  README\n{B}  od'd.tar\n".encode()
    sums = read_sums(plan_with(mirror=mirror.url))
    assert {path for path in sums if path.startswith("images/")} == {"images/all.tar"}
    assert image_archives(plan_with(sums=sums)) == ("images/all.tar",)


@pytest.mark.parametrize(
    ("archive", "everywhere"),
    [
        ("kube-apiserver.tar", False),
        ("kube-scheduler-v1.36.2.tar", False),
        ("registry.k8s.io_kube-controller-manager_v1.36.2.tar", False),
        ("registry.k8s.io_etcd_3.6.8-0.tar", False),
        ("registry.k8s.io_etcd_sha256_aa.tar", True),
        ("registry.k8s.io_kube-proxy_v1.36.2.tar", True),
        ("example.com_etcd_operator_1.tar", True),
        ("all.tar", True),
    ],
)
def test_archives_of_the_control_plane_alone_go_to_masters_alone(archive: str, everywhere: bool) -> None:
    plan = plan_with(sums={f"images/{archive}": "a" * 64})
    assert image_archives(plan) == (f"images/{archive}",)
    assert bool(image_archives(plan, Role.WORKER)) is bool(image_archives(plan, Role.INFRA)) is everywhere


def test_what_passes_is_tried_again(mirror: Mirror) -> None:
    path = f"release/{DEFAULT_KUBERNETES}/bin/linux/amd64/kubeadm.sha256"
    mirror.faults[path] = [503, "cut"]
    assert len(read_sums(plan_with(mirror=mirror.url))) == 14
    assert len(mirror.requests(path)) == 3


def test_a_refusal_names_address_and_status(mirror: Mirror) -> None:
    path = f"release/{DEFAULT_KUBERNETES}/bin/linux/amd64/kubeadm.sha256"
    mirror.faults[path] = [403]
    with pytest.raises(InstallerError, match=re.escape(f"GET {mirror.url}/{path}: HTTP status 403")):
        read_sums(plan_with(mirror=mirror.url))


def test_a_server_that_says_nothing_is_given_up_at_the_deadline(mirror: Mirror) -> None:
    path = f"release/{DEFAULT_KUBERNETES}/bin/linux/amd64/kubeadm.sha256"
    mirror.faults[path] = ["stall"] * 9
    with pytest.raises(InstallerError, match=re.escape(f"GET {mirror.url}/{path}: ")):
        read_sums(plan_with(mirror=mirror.url), deadline=0.5)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(InstallerError, match=r"GET http://127\.0\.0\.1:1/.*: Connection refused"):
        read_sums(plan_with(mirror="http://127.0.0.1:1"), deadline=0.3)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(said(b"x", "Content-Length: abc"), id="length"),
        pytest.param(said(b"", "Location: http://[", status="302 Found"), id="location"),
        pytest.param(said(gzip.compress(b"0" * 10_000_000, mtime=0), "Content-Encoding: gzip"), id="bomb"),
        pytest.param(said(f"{A}\n".encode("utf-16")), id="encoding"),
        pytest.param(said(b"0" * 1_000_000), id="size"),
        pytest.param(said(b"", status="204 No Content"), id="nothing"),
        pytest.param(b"no HTTP at all", id="no HTTP"),
    ],
)
def test_a_file_that_cannot_be_read_never_counts_as_absent(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_PAUSE", 0.01)
    monkeypatch.setattr(http, "_LONGEST", 0.02)
    with answering(answer) as url, pytest.raises(InstallerError, match=f"^read the sums: (GET )?{url}/") as caught:
        read_sums(plan_with(mirror=url))
    assert "404" not in caught.value.observed
    assert "does not exist" not in caught.value.observed
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.PREFLIGHT


def test_even_a_mistake_of_our_own_does_not_make_a_file_absent(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(checksum_files, "read", broken)
    with pytest.raises(ZeroDivisionError):
        read_sums(plan_with(mirror=mirror.url))


def test_sums_with_a_byte_order_mark_are_read(mirror: Mirror) -> None:
    mirror.files[IMAGE_SUMS] = b"\xef\xbb\xbf" + f"{A}  all.tar\r\n".encode()
    assert read_sums(plan_with(mirror=mirror.url))["images/all.tar"] == A


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", b"x" * 300_000], ids=["encoding", "size"])
def test_files_of_a_directory_are_read_with_the_same_care(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / IMAGE_SUMS).write_bytes(content)
    with pytest.raises(InstallerError, match=r"images/SHA256SUMS cannot be read: (it isn't UTF-8 text|more than)"):
        read_image_sums(tmp_path)


def test_the_environments_proxy_is_used(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", mirror.url)
    monkeypatch.setenv("no_proxy", "")
    assert read_sums(plan_with(mirror="http://mirror.invalid"))
    assert all(asked.proxied for asked in mirror.asked)


def test_a_directory_has_a_mirrors_layout(mirror: Mirror, tmp_path: Path) -> None:
    for path, data in mirror.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    assert read_sums(PLAN, tmp_path) == read_sums(plan_with(mirror=mirror.url))
    with pytest.raises(InstallerError, match=r"kubectl\.sha256 does not exist"):
        read_sums(PLAN, tmp_path / "empty")


def test_the_table_of_versions_is_read_once_however_many_ask_at_once() -> None:
    catalogue._read_versions.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        assert len({frozenset(found.items()) for found in pool.map(versions, [PLAN] * 32)}) == 1
    assert catalogue._read_versions.cache_info().misses == 1
