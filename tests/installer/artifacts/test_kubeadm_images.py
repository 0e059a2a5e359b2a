"""A release that is newer than Craton: its own kubeadm says which images it uses, and the plan keeps the answer."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.artifacts import checksums, kubeadm_images
from installer.artifacts.catalogue import Artifact, versions, wanted
from installer.artifacts.container_images import images
from installer.common.errors import ExitCode, InstallerError
from installer.plan import planfile, releases
from installer.plan.model import InstallPlan
from tests.doubles.mirror import Mirror, index, manifest_path, published, running_mirror, script, sums_line

NEWER = "v1.99.1"
PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local", kubernetes=NEWER)
ANSWER = """\
registry.k8s.io/kube-apiserver:v1.99.1
registry.k8s.io/kube-controller-manager:v1.99.1
registry.k8s.io/kube-scheduler:v1.99.1
registry.k8s.io/kube-proxy:v1.99.1
registry.k8s.io/coredns/coredns:v1.20.0
registry.k8s.io/pause:3.12
registry.k8s.io/etcd:3.9.1-0
"""
"""In the form that kubeadm v1.37.1 answers in."""
NAMED = {"coredns": "v1.20.0", "etcd": "3.9.1-0", "pause": "3.12"}


def kubeadm() -> Artifact:
    """That of this computer's architecture."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    return next(artifact for artifact in wanted(PLAN, architecture) if artifact.name == "kubeadm")


def answering(answer: str = ANSWER, status: int = 0) -> dict[str, bytes]:
    """A mirror's files, whose kubeadm answers when it is asked as the real one is, and refuses everything else."""
    program = script(
        f'[ "$*" = "config images list --kubernetes-version {NEWER}" ] || {{ echo "unknown: $*" >&2; exit 1; }}\n'
        f"cat <<'END'\n{answer}END\nexit {status}\n"
    )
    found = published(PLAN) | {kubeadm().path: program, kubeadm().sums: sums_line(kubeadm(), program)}
    return found | {manifest_path(name): index(name) for name in images(with_versions(PLAN))}


def with_versions(plan: InstallPlan) -> InstallPlan:
    return plan.model_copy(update={"artifacts": plan.artifacts.model_copy(update={"versions": NAMED})})


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror(answering()) as mirror:
        yield mirror


@pytest.fixture
def path(tmp_path: Path, mirror: Mirror) -> Path:
    """A plan of the newer release that names the mirror."""
    path = tmp_path / "plan.yaml"
    plan = PLAN.model_copy(update={"artifacts": PLAN.artifacts.model_copy(update={"mirror": mirror.url})})
    planfile.save(path, plan)
    return path


def test_a_review_asks_kubeadm_and_records_what_it_names(path: Path) -> None:
    assert kubeadm_images.lacks(planfile.load(path))
    recorded = checksums.record(path)
    assert recorded.plan.artifacts.versions == NAMED
    assert recorded.plan == planfile.load(path)
    assert "registry.k8s.io/etcd:3.9.1-0" in images(recorded.plan)
    assert set(images(recorded.plan)) == set(recorded.plan.artifacts.digests)
    assert not checksums.lacks(recorded.plan)


def test_what_kubeadm_named_is_not_asked_again(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    asked = len(mirror.requests(kubeadm().path))
    checksums.record(path)
    assert len(mirror.requests(kubeadm().path)) == asked == 1


def test_kubeadm_comes_from_the_directory_of_artifacts_if_there_is_one(
    path: Path, tmp_path: Path, mirror: Mirror
) -> None:
    directory = tmp_path / "artifacts"
    for name, content in mirror.files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    assert checksums.record(path, directory).plan.artifacts.versions == NAMED
    assert mirror.requests(kubeadm().path) == []


def test_a_kubeadm_with_another_sum_never_runs(path: Path, mirror: Mirror, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    mirror.files[kubeadm().path] = script(f"touch {ran}\ncat <<'END'\n{ANSWER}END\n")
    with pytest.raises(InstallerError) as caught:
        checksums.record(path)
    assert "SHA-256 sum" in caught.value.observed
    assert not ran.exists()


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ("", 0, "named no image of coredns, etcd, pause"),
        (ANSWER.replace("etcd:3.9.1-0", "etcd:latest"), 0, "named no image of etcd"),
        ("not an image\n", 0, "named no image"),
        (ANSWER, 3, "ended with 3"),
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_in_words(
    tmp_path: Path, answer: str, status: int, words: str
) -> None:
    with running_mirror(answering(answer, status)) as mirror:
        plan = PLAN.model_copy(update={"artifacts": PLAN.artifacts.model_copy(update={"mirror": mirror.url})})
        planfile.save(tmp_path / "plan.yaml", plan)
        with pytest.raises(InstallerError) as caught:
            checksums.record(tmp_path / "plan.yaml")
    assert words in caught.value.observed
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert "newer Craton" in caught.value.hint


def test_a_known_release_asks_nobody(path: Path, mirror: Mirror) -> None:
    plan = planfile.load(path)
    known = with_versions(plan.model_copy(update={"kubernetes": releases.NEWEST.newest}))
    mirror.files = published(known)
    planfile.save(path, known)
    assert checksums.record(path).plan.artifacts.versions == {}
    assert mirror.requests(kubeadm().path) == []


def test_until_kubeadm_was_asked_the_newest_known_versions_are_shown() -> None:
    newest = PLAN.model_copy(update={"kubernetes": releases.NEWEST.newest})
    assert versions(PLAN) == {**versions(newest), "crictl": "1.99.0"}
    assert versions(with_versions(PLAN))["coredns"] == "v1.20.0"
