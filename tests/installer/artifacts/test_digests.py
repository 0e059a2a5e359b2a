"""Digests of images are read from registries when a plan is reviewed, and stand in the plan's file from then on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.artifacts import checksums, digests, http
from installer.artifacts import images as bundled
from installer.artifacts.addon_images import images_of_addons
from installer.artifacts.catalogue import IMAGE_SUMS
from installer.artifacts.container_images import images, images_of
from installer.artifacts.http import Work
from installer.artifacts.image_archive import file_name
from installer.artifacts.registry import Reference, Repository, repositories
from installer.common.deadline import Deadline
from installer.common.errors import InstallerError
from installer.node.configuration import configuration
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.sections import Artifacts
from installer.plan.topology import topology
from tests.doubles.mirror import Mirror, digest, index, manifest_path, published, running_mirror
from tests.doubles.registries import Registry, running_registry

PLAN = """\
name: demo
subdomain: example.test
platform: machines
masters: 1
workers: 1
machines:
  inventory: [{address: 10.10.0.11}, {address: 10.10.0.12}, {address: 10.10.0.13}]
artifacts:
  mirror: MIRROR  # ours
"""
NAMES = images(planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1")))
PAUSE = "registry.k8s.io/pause:3.10.2"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry is asked but the mirror."""

    def only_the_mirror(reference: Reference, mirror: str | None, work: Work) -> tuple[Repository, ...]:
        return repositories(reference, mirror, work)[:1]

    monkeypatch.setattr(digests, "repositories", only_the_mirror)
    monkeypatch.setattr(http, "_PAUSE", 0.01)
    monkeypatch.setattr(http, "_LONGEST", 0.02)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror(published(planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1")))) as mirror:
        yield mirror


@pytest.fixture
def path(tmp_path: Path, mirror: Mirror) -> Path:
    path = tmp_path / "demo.yaml"
    path.write_text(PLAN.replace("MIRROR", mirror.url))
    return path


def recorded(path: Path) -> dict[str, str]:
    return planfile.load(path).artifacts.digests


def test_a_review_records_the_digest_of_every_image(path: Path) -> None:
    found = checksums.record(path)
    assert recorded(path) == {name: digest(name) for name in NAMES}
    assert found.sentences[1] == f"recorded the digests of 14 images in {path}"
    assert digests.lacking(found.plan) == ()
    assert path.read_text().startswith(PLAN.partition("MIRROR")[0])


def test_what_is_recorded_is_not_asked_for_again(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    mirror.asked.clear()
    mirror.files[manifest_path(PAUSE)] = index(PAUSE, 2)
    assert checksums.record(path).sentences == ()
    assert mirror.asked == []


def test_a_tag_that_leads_elsewhere_by_now_is_pointed_out_when_all_is_read_again(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    mirror.files[manifest_path(PAUSE)] = index(PAUSE, 2)
    found = checksums.record(path, refresh=True)
    assert found.changed == (PAUSE,)
    assert PAUSE in found.warning
    assert recorded(path)[PAUSE] == digest(PAUSE, 2)


def test_an_install_takes_no_other_digests_than_were_reviewed(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    with running_mirror(mirror.files | {manifest_path(PAUSE): index(PAUSE, 2)}) as other:
        path.write_text(path.read_text().replace(f"mirror: {mirror.url}  #", f"mirror: {other.url}  #"))
        text = path.read_text()
        with pytest.raises(InstallerError, match="sums or digests that differ from the reviewed ones") as refused:
            checksums.settle(path, None, lambda _line: None)
    assert PAUSE in refused.value.observed
    assert "craton review" in refused.value.hint
    assert path.read_text() == text


def test_another_release_drops_the_digests_of_the_old_one(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    with path.open("a") as file:
        file.write("kubernetes: v1.35.1\n")
    mirror.files |= published(planfile.load(path))
    checksums.record(path)
    assert set(recorded(path)) == set(images(planfile.load(path)))


@pytest.mark.parametrize("answer", [None, b"<html>log in</html>", b"{}", b"[" * 100_000])
def test_what_cannot_be_read_is_said_and_the_rest_recorded(path: Path, mirror: Mirror, answer: bytes | None) -> None:
    del mirror.files[manifest_path(PAUSE)]
    if answer is not None:
        mirror.files[manifest_path(PAUSE)] = answer
    found = checksums.record(path)
    assert set(recorded(path)) == set(NAMES) - {PAUSE}
    assert found.unread.startswith(f"no digest of 1 container image is recorded: get {PAUSE}: ") or (
        found.unread.startswith(f"no digest of 1 container image is recorded: {mirror.url}: ")
    )
    told: list[str] = []
    checksums.settle(path, None, told.append)
    assert told[-1].startswith("warning: no digest of 1 container image is recorded: ")
    assert told[-1].endswith(
        "Machines pull 1 container image by tag, so they get whatever the registry has under it that day."
    )


def test_a_plan_of_the_version_before_goes_by_tags_until_it_is_installed_again(path: Path) -> None:
    checksums.record(path)
    newer = planfile.load(path)
    older = newer.model_copy(update={"artifacts": newer.artifacts.model_copy(update={"digests": {}})})
    planfile.save(path, older)
    worker = topology(older).machines[-1].name
    assert "DIGEST=" not in configuration(older, topology(older), worker)
    assert checksums.settle(path, None, lambda _line: None).plan == newer
    assert f"DIGEST='{PAUSE} {digest(PAUSE)}'" in configuration(newer, topology(newer), worker)


def test_digests_from_archives_stay_when_another_directory_is_read_that_lacks_them(path: Path, tmp_path: Path) -> None:
    checksums.record(path)
    before = planfile.load(path)
    archive = f"images/{file_name(Reference.parse(PAUSE))}"
    archives = before.artifacts.model_copy(update={"sums": before.artifacts.sums | {archive: "a" * 64}})
    planfile.save(path, before.model_copy(update={"artifacts": archives}))
    (tmp_path / "other").mkdir()
    assert checksums.record(path, tmp_path / "other", refresh=True).changed == ()
    assert recorded(path) == before.artifacts.digests


def test_stand_ins_run_no_images() -> None:
    assert digests.lacking(InstallPlan(name="demo", subdomain="example.test")) == ()


def plan_with(**artifacts: object) -> InstallPlan:
    plan = planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1:9"))
    return plan.model_copy(
        update={"artifacts": Artifacts.model_validate({"mirror": "http://127.0.0.1:9", **artifacts})}
    )


def test_an_image_whose_archive_has_a_sum_needs_no_digest() -> None:
    sums = {f"images/{file_name(Reference.parse(PAUSE))}": "a" * 64}
    assert digests.lacking(plan_with(sums=sums)) == tuple(name for name in NAMES if name != PAUSE)


def test_machines_other_than_masters_run_nothing_of_the_control_plane() -> None:
    plan = plan_with()
    addons = images_of_addons(plan)
    assert images_of(plan, Role.MASTER) == tuple(name for name in NAMES if name not in addons)
    assert [name.rpartition("/")[2].partition(":")[0] for name in images_of(plan, Role.WORKER)] == [
        "kube-proxy", "coredns", "pause", "flannel", "flannel-cni-plugin",
    ]  # fmt: skip


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A directory with the archive of an image, the image's name and its digest."""
    (tmp_path / "registry").mkdir()
    with running_registry(tmp_path / "registry") as registry:
        name = registry.push("pause", "3.10", ("amd64", "arm64"))
        directory = tmp_path / "bundle"
        lookup = bundled.Lookup(("amd64",), None, tmp_path / "blobs", {})
        bundled.collect(directory, [name], lookup, Work(Deadline(60)), lambda _line: None)
        yield directory, name, registry_digest(registry)


def registry_digest(registry: Registry) -> str:
    from tests.doubles.registries import INDEX, digest_of

    return digest_of(registry.get("pause/manifests/3.10", INDEX))


def test_an_archive_says_the_digest_that_its_registry_says(
    bundle: tuple[Path, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, name, found = bundle
    monkeypatch.setattr(digests, "images", lambda _plan: (name,))
    assert digests.current(plan_with(), directory) == digests.Digests({name: found})
    known = plan_with(digests={name: f"sha256:{'1' * 64}"})
    assert digests.current(known, directory).found == known.artifacts.digests, "what was reviewed stays"
    problems = list(checksums._problems(known, directory))
    assert f"{name} has the digest {found} there, not sha256:{'1' * 64}" in problems


def test_an_archive_without_digests_is_held_to_its_own_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.installer.artifacts.test_image_archive import made

    (tmp_path / "images").mkdir()
    made(tmp_path / "images/all.tar", {"manifest.json": [{"RepoTags": [PAUSE]}]})
    (tmp_path / IMAGE_SUMS).write_text(f"{'a' * 64}  all.tar\n")
    monkeypatch.setattr(digests, "images", lambda _plan: (PAUSE,))
    known = plan_with(digests={PAUSE: f"sha256:{'1' * 64}"})
    assert digests.current(known, tmp_path) == digests.Digests({})
