"""A bundle holds all that a plan's machines need, is checked to the last bit, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from installer.artifacts import bundle, checksums
from installer.artifacts import http as web
from installer.artifacts.catalogue import IMAGE_SUMS, image_archives, read_image_sums, read_sums, wanted
from installer.artifacts.container_images import images
from installer.artifacts.image_archive import Archived, contents, file_name
from installer.artifacts.registry import Reference
from installer.common.errors import ExitCode, InstallerError
from installer.plan import planfile
from installer.plan.model import InstallPlan
from tests.craton import Craton
from tests.doubles.mirror import Mirror, published, registry_files, running_mirror
from tests.doubles.registries import INDEX, Registry, digest_of, running_registry
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.needs("docker-registry")

PLAN = """\
name: demo
subdomain: example.test
platform: machines
masters: 1
workers: 1
machines:
  inventory: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]
artifacts:
  mirror: MIRROR
"""
BOTH = ("amd64", "arm64")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_PAUSE", 0.01)
    monkeypatch.setattr(web, "_LONGEST", 0.05)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    with running_registry(tmp_path / "registry") as registry:
        registry.push("pause", "3.10", BOTH)
        registry.push("flannel/flannel", "v1", BOTH)
        yield registry


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """Has the artifacts, and is no registry."""
    with running_mirror(published(planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1")))) as mirror:
        yield mirror


@dataclass
class Work:
    """A plan's file, the images that it means, and what was told."""

    path: Path
    images: tuple[str, ...]
    directory: Path
    told: list[str] = field(default_factory=list)

    @property
    def plan(self) -> InstallPlan:
        return planfile.load(self.path)

    def collect(self, *architectures: str) -> bundle.Bundle:
        self.told.clear()
        chosen = bundle.architectures(self.plan, architectures)
        return bundle.collect(self.plan, self.directory, chosen, self.images, self.told.append)

    def refused(self, *architectures: str) -> InstallerError:
        with pytest.raises(InstallerError) as caught:
            self.collect(*architectures)
        assert caught.value.exit_code is ExitCode.PREFLIGHT
        assert caught.value.hint
        return caught.value


@pytest.fixture
def path(tmp_path: Path, mirror: Mirror) -> Path:
    """A plan that has the mirror's sums."""
    path = tmp_path / "demo.yaml"
    path.write_text(PLAN.replace("MIRROR", mirror.url))
    checksums.record(path)
    mirror.asked.clear()
    return path


@pytest.fixture
def work(path: Path, tmp_path: Path, registry: Registry) -> Work:
    return Work(path, (f"{registry.host}/pause:3.10", f"{registry.host}/flannel/flannel:v1"), tmp_path / "out")


def names(directory: Path) -> dict[str, frozenset[str]]:
    archives = [contents(directory / path) for path in read_image_sums(directory)]
    return {name: image.architectures for archive in archives for name, image in archive.items()}


def test_a_bundle_has_all_that_machines_need_and_a_mirrors_layout(work: Work, mirror: Mirror) -> None:
    made = work.collect()
    assert read_sums(work.plan, work.directory) == work.plan.artifacts.sums | read_image_sums(work.directory)
    assert names(work.directory) == dict.fromkeys(work.images, frozenset(BOTH))
    assert bundle.missing(work.plan, work.directory, work.images) == ()
    assert sorted(made.files) == sorted(
        str(path.relative_to(work.directory)) for path in work.directory.rglob("*") if path.is_file()
    )
    assert made.size == sum((work.directory / path).stat().st_size for path in made.files)
    assert made.architectures == BOTH
    for path in made.files:
        if not path.startswith("images/"):
            assert (work.directory / path).read_bytes() == mirror.files[path]


def test_an_install_takes_the_directory(work: Work) -> None:
    work.collect()
    told: list[str] = []
    plan = checksums.settle(work.path, work.directory, told.append).plan
    assert set(image_archives(plan)) == set(read_image_sums(work.directory))
    assert len(image_archives(plan)) == 2


def test_the_directory_can_be_served_as_a_mirror_and_bundled_from_again(work: Work, tmp_path: Path) -> None:
    made = work.collect("amd64")
    files = {path: (work.directory / path).read_bytes() for path in made.files}
    with running_mirror(files | registry_files(work.plan)) as second:
        path = tmp_path / "second.yaml"
        path.write_text(PLAN.replace("MIRROR", second.url))
        checksums.record(path)
        second.asked.clear()
        again = Work(path, work.images, tmp_path / "again")
        assert again.collect().files == made.files
        assert {path: (again.directory / path).read_bytes() for path in made.files} == files
        assert not [asked for asked in second.asked if asked.path.startswith("v2/")]


def test_an_image_is_taken_by_the_digest_that_was_reviewed(work: Work, registry: Registry) -> None:
    name = work.images[0]
    reviewed = digest_of(registry.get("pause/manifests/3.10", INDEX))
    record(work.path, {name: reviewed})
    registry.push("pause", "3.10", ("arm64", "amd64"))  # another image under the same tag
    assert digest_of(registry.get("pause/manifests/3.10", INDEX)) != reviewed
    work.collect("amd64")
    found = contents(work.directory / f"images/{file_name(Reference.parse(name))}")
    assert found == {name: Archived(frozenset({"amd64"}), reviewed)}


def test_an_image_that_is_no_longer_what_was_reviewed_is_refused(work: Work, registry: Registry) -> None:
    record(work.path, {work.images[0]: f"sha256:{'0' * 64}"})
    error = work.refused("amd64")
    assert error.operation == f"get {work.images[0]} with the digest sha256:{'0' * 64}"
    assert "HTTP status 404" in error.observed
    assert "craton review PLAN --refresh" in error.hint


def test_an_archive_with_another_digest_than_was_reviewed_is_made_again(work: Work, registry: Registry) -> None:
    name = work.images[0]
    work.collect("amd64")
    registry.push("pause", "3.10", ("arm64", "amd64"))
    now = digest_of(registry.get("pause/manifests/3.10", INDEX))
    record(work.path, {name: now})
    work.collect("amd64")
    path = work.directory / f"images/{file_name(Reference.parse(name))}"
    assert contents(path)[name].digest == now


def record(path: Path, digests: dict[str, str]) -> None:
    """Write digests into a plan's file, as a review does."""
    plan = planfile.load(path)
    artifacts = plan.artifacts.model_copy(update={"digests": digests})
    planfile.save(path, plan.model_copy(update={"artifacts": artifacts}))


def test_what_is_there_is_not_fetched_again(work: Work, mirror: Mirror, registry: Registry) -> None:
    work.collect()
    mirror.asked.clear()
    shutil.rmtree(registry.storage)
    work.collect()
    assert mirror.asked == []
    assert work.told == ["14 of 14 files are there already", "2 of 2 images are there already"]


def test_a_file_that_was_damaged_meanwhile_is_fetched_again(work: Work, mirror: Mirror) -> None:
    made = work.collect()
    kubelet = wanted(work.plan, "amd64")[5].path
    image = next(path for path in made.files if "pause" in path)
    before = {path: (work.directory / path).read_bytes() for path in (kubelet, image)}
    for path in before:
        (work.directory / path).write_bytes(before[path][:-9])
    mirror.asked.clear()
    work.collect()
    assert {path: (work.directory / path).read_bytes() for path in before} == before
    assert [asked.path for asked in mirror.asked if not asked.path.startswith("v2/")] == [kubelet]


def test_another_architecture_is_added_to_files_and_images(work: Work) -> None:
    work.collect("amd64")
    assert names(work.directory) == dict.fromkeys(work.images, frozenset({"amd64"}))
    lacking = [artifact.path for artifact in wanted(work.plan, "arm64")]
    assert not any((work.directory / path).exists() for path in lacking)
    work.collect()
    assert names(work.directory) == dict.fromkeys(work.images, frozenset(BOTH))
    assert all((work.directory / path).exists() for path in lacking)


def test_a_mirror_that_is_a_registry_is_asked_for_images(work: Work, registry: Registry, mirror: Mirror) -> None:
    work.images = ("registry.invalid/some/image:v1",)
    _push(registry, mirror, work.images)
    work.collect()
    assert names(work.directory) == {"registry.invalid/some/image:v1": frozenset(BOTH)}


def _push(registry: Registry, mirror: Mirror, images: Sequence[str]) -> None:
    """Let the mirror be a registry that has these images, of whatever registry."""
    for image in images:
        repository, _, tag = image.partition("/")[2].partition(":")
        registry.push(repository, tag, BOTH)
        mirror.files[f"v2/{repository}/manifests/{tag}"] = registry.get(f"{repository}/manifests/{tag}", INDEX)
        for data in registry.storage.glob("docker/registry/v2/blobs/sha256/*/*/data"):
            digest = f"sha256:{data.parent.name}"
            mirror.files |= {f"v2/{repository}/{kind}/{digest}": data.read_bytes() for kind in ("manifests", "blobs")}


def test_nothing_is_taken_that_is_not_what_was_reviewed(work: Work, mirror: Mirror) -> None:
    kubelet = wanted(work.plan, "amd64")[5]
    mirror.files[kubelet.path] += b"# and a little more"
    error = work.refused("amd64")
    assert str(error).startswith(f"get kubelet (amd64): {mirror.url}/{kubelet.path}: it has the SHA-256 sum")
    mirror.files[kubelet.sums] = hashlib.sha256(mirror.files[kubelet.path]).hexdigest().encode()
    shutil.rmtree(work.directory)
    assert "sums that differ from the reviewed ones" in work.refused("amd64").observed


def test_what_is_missing_is_named_with_its_place_and_the_rest_is_kept(work: Work, mirror: Mirror) -> None:
    missing = [artifact.path for artifact in wanted(work.plan, "amd64") if artifact.name in ("kubeadm", "runc")]
    kept = {path: mirror.files.pop(path) for path in missing}
    error = work.refused("amd64")
    for path in missing:
        assert f"{mirror.url}/{path}: HTTP status 404" in error.observed
    mirror.files |= kept
    mirror.asked.clear()
    work.collect("amd64")
    assert sorted(asked.path for asked in mirror.asked if not asked.path.startswith("v2/")) == sorted(missing)


def test_an_image_that_is_nowhere_is_named_with_every_place_that_was_asked(
    work: Work, mirror: Mirror, registry: Registry
) -> None:
    work.images = (*work.images, f"{registry.host}/coredns:v9")
    error = work.refused()
    assert error.operation == f"get {registry.host}/coredns:v9"
    assert error.observed == f"{mirror.url}: HTTP status 404; {registry.url}: HTTP status 404"


def test_a_damaged_blob_is_named_with_its_image_and_registry(work: Work, registry: Registry) -> None:
    layer = registry.layers("pause", "3.10")[1]
    registry.damage(layer, b"x" * 30)
    error = work.refused()
    assert f"{registry.host}/pause:3.10: {layer}" in error.operation
    assert registry.url in error.observed
    assert not (work.directory / IMAGE_SUMS).exists()


def test_without_network_it_ends_at_once_and_says_so(work: Work, mirror: Mirror) -> None:
    work.collect("amd64")
    plan = work.plan
    for artifact in wanted(plan, "amd64"):
        (work.directory / artifact.path).unlink()
    nobody = plan.artifacts.model_copy(update={"mirror": "http://127.0.0.1:9", "sums_from": "http://127.0.0.1:9"})
    planfile.save(work.path, plan.model_copy(update={"artifacts": nobody}))
    error = work.refused("amd64")
    assert "http://127.0.0.1:9" in error.observed
    assert "refused" in error.observed
    assert "network" in error.hint


def test_a_place_that_cannot_be_written_is_named(work: Work, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    work.directory = tmp_path / "file" / "out"
    assert "Not a directory" in work.refused().observed


def test_two_at_once_do_not_meet_in_one_directory(work: Work) -> None:
    with bundle._locked(work.directory), pytest.raises(InstallerError, match="another `craton bundle`") as caught:
        work.collect()
    assert caught.value.exit_code is ExitCode.LOCKED


def test_archives_that_the_plan_has_other_sums_of_are_told(work: Work) -> None:
    work.collect()
    plan = checksums.settle(work.path, work.directory, work.told.append).plan
    image = image_archives(plan)[0]
    changed = plan.artifacts.model_copy(update={"mirror": None, "sums": plan.artifacts.sums | {image: "0" * 64}})
    mended = plan.model_copy(update={"artifacts": changed})
    made = bundle.collect(mended, work.directory, BOTH, work.images, work.told.append)
    assert made.stale == (image,)


def test_archives_of_another_directory_are_made_again_and_no_different(work: Work, tmp_path: Path) -> None:
    work.collect()
    checksums.record(work.path, work.directory)
    before = read_image_sums(work.directory)
    work.directory = tmp_path / "another"
    assert work.collect().stale == ()
    assert read_image_sums(work.directory) == before


def test_an_archive_unpacks_to_one_directory_and_serves_the_next_bundle(
    work: Work, mirror: Mirror, tmp_path: Path
) -> None:
    file = tmp_path / "demo.tar"
    made = bundle.pack(work.plan, file, BOTH, work.images, work.told.append)
    assert made.path == file
    with tarfile.open(file) as archive:
        assert archive.getnames() == [f"demo/{path}" for path in made.files]
    (tmp_path / "unpacked").mkdir()
    subprocess.run(["tar", "-xf", str(file), "-C", str(tmp_path / "unpacked")], check=True)
    checksums.settle(work.path, tmp_path / "unpacked" / "demo", work.told.append)
    mirror.asked.clear()
    bundle.pack(work.plan, file, BOTH, work.images, work.told.append)
    assert mirror.asked == []
    assert [path.name for path in tmp_path.glob(".demo*")] == []


@pytest.mark.parametrize(
    ("harm", "lacking"),
    [
        (lambda out, _: out.joinpath("images/SHA256SUMS").unlink(), ["HOST/pause:3.10", "HOST/flannel/flannel:v1"]),
        (lambda out, _: next(out.glob("images/*pause*")).unlink(), ["HOST/pause:3.10"]),
        (lambda out, plan: (out / wanted(plan, "amd64")[1].path).unlink(), ["RUNC"]),
        (
            lambda out, plan: _publish(out, plan, "arm64"),
            ["HOST/pause:3.10 (arm64)", "HOST/flannel/flannel:v1 (arm64)"],
        ),
    ],
)
def test_what_machines_would_lack_is_known_before(
    work: Work, registry: Registry, harm: Callable[[Path, InstallPlan], None], lacking: Sequence[str]
) -> None:
    work.collect("amd64")
    harm(work.directory, work.plan)
    runc = wanted(work.plan, "amd64")[1].path
    expected = tuple(name.replace("HOST", registry.host).replace("RUNC", runc) for name in lacking)
    assert bundle.missing(work.plan, work.directory, work.images) == expected


def _publish(directory: Path, plan: InstallPlan, architecture: str) -> None:
    for path, data in published(plan, (architecture,)).items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)


@pytest.mark.parametrize(
    ("platform", "machine", "recorded", "chosen", "found"),
    [
        ("machines", "x86_64", BOTH, (), BOTH),
        ("machines", "x86_64", ("arm64",), (), ("arm64",)),
        ("machines", "x86_64", BOTH, ("arm64",), ("arm64",)),
        ("local", "aarch64", BOTH, (), ("arm64",)),
        ("local", "aarch64", ("amd64",), (), ("amd64",)),
        ("local", "x86_64", BOTH, ("arm64", "amd64"), BOTH),
    ],
)
def test_architectures_are_those_of_the_machines_as_far_as_that_is_known(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    platform: str,
    machine: str,
    recorded: Sequence[str],
    chosen: Sequence[str],
    found: tuple[str, ...],
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    plan = planfile.load(path)
    known = {artifact.path: "0" * 64 for architecture in recorded for artifact in wanted(plan, architecture)}
    artifacts = plan.artifacts.model_copy(update={"sums": known})
    plan = plan.model_copy(update={"platform": platform, "artifacts": artifacts})
    assert bundle.architectures(plan, chosen) == found


def test_an_architecture_that_the_mirror_does_not_have_is_refused(path: Path, mirror: Mirror) -> None:
    plan = planfile.load(path)
    known = {artifact.path: "0" * 64 for artifact in wanted(plan, "amd64")}
    artifacts = plan.artifacts.model_copy(update={"sums": known})
    plan = plan.model_copy(update={"artifacts": artifacts})
    with pytest.raises(InstallerError, match=f"arm64 machines: {mirror.url} had none"):
        bundle.architectures(plan, ["arm64"])


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Craton]:
    found = Craton(tmp_path)
    yield found
    found.end_everything()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.tar.gz"], "say -o x.tar"),
        (["-o", "demo.yaml"], "demo.yaml is a file"),
        (["--architecture", "riscv64"], "riscv64"),
    ],
)
def test_places_and_choices_that_make_no_sense_are_refused(
    path: Path, user: Craton, arguments: Sequence[str], said: str
) -> None:
    assert said in user.run("bundle", "demo.yaml", *arguments, expect=ExitCode.USAGE).stderr


def test_a_rehearsal_has_nothing_to_bundle(user: Craton) -> None:
    (user.directory / "plan.yaml").write_text("name: demo\nsubdomain: example.test\nplatform: rehearsal\n")
    assert "is a rehearsal" in user.run("bundle", "plan.yaml", expect=ExitCode.USAGE).stderr


def test_an_archive_given_to_apply_is_to_be_unpacked_first(path: Path, user: Craton) -> None:
    (user.directory / "demo.tar").write_bytes(b"")
    said = user.run("apply", "demo.yaml", "--yes", "--artifacts", "demo.tar", expect=ExitCode.USAGE).stderr
    assert "tar -xf" in said


def test_the_command_says_what_it_made_and_what_to_do_next(
    path: Path, registry: Registry, mirror: Mirror, user: Craton
) -> None:
    plan = planfile.load(path)
    _push(registry, mirror, images(plan))
    checksums.record(path, refresh=True)
    done = user.run("bundle", "demo.yaml", "--architecture", "amd64", "-o", "to go.tar")
    assert "[14/14] ghcr.io/headlamp-k8s/headlamp:" in done.stderr
    summary, following = done.stdout.splitlines()
    assert summary.startswith("to go.tar: 29 files, ")
    assert summary.endswith("; 14 container images; for amd64 machines")
    command = following.removeprefix("next:    ")
    assert command == "tar -xf 'to go.tar' && craton apply demo.yaml --artifacts 'to go'"
    subprocess.run(command.partition(" && ")[0], shell=True, check=True, cwd=user.directory)
    told: list[str] = []
    checksums.settle(path, user.directory / "to go", told.append)
    assert told[-1].startswith("looking at the files in")  # and nothing is missing


def test_the_command_makes_a_directory_and_says_so_in_json(
    path: Path, registry: Registry, mirror: Mirror, user: Craton
) -> None:
    _push(registry, mirror, images(planfile.load(path)))
    checksums.record(path, refresh=True)
    document = user.json("bundle", "demo.yaml")
    assert document["path"] == "demo-bundle"
    assert document["architectures"] == ["amd64", "arm64"]
    assert document["next"] == "craton apply demo.yaml --artifacts demo-bundle"
    assert document["bytes"] == sum(
        (user.directory / "demo-bundle" / name).stat().st_size for name in document["files"]
    )


def test_an_interrupted_bundle_goes_on_where_it_stopped(
    path: Path, registry: Registry, mirror: Mirror, user: Craton
) -> None:
    _push(registry, mirror, images(planfile.load(path)))
    checksums.record(path, refresh=True)
    kubelet = wanted(planfile.load(path), "amd64")[5].path
    mirror.faults[kubelet] = ["stall"]
    running = user.start("bundle", "demo.yaml", "--architecture", "amd64")
    part = user.directory / "demo-bundle" / f"{kubelet}.part"
    eventually(lambda: part.exists() and part.stat().st_size > 0, "half of the file")
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=PATIENCE)
    assert running.returncode == ExitCode.INTERRUPTED
    assert "Traceback" not in said
    came = part.stat().st_size
    mirror.asked.clear()
    user.run("bundle", "demo.yaml", "--architecture", "amd64")
    assert [asked.start for asked in mirror.requests(kubelet)] == [came]
