"""Sums are read from a publisher or a mirror over HTTP, and stand in the plan's file from then on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from installer.artifacts import checksums
from installer.artifacts.catalogue import ARCHITECTURES, wanted
from installer.cli import bundle as bundle_command
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine import process
from installer.operations import runs, session
from installer.operations.assignment import Assignment
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.steps.platform import RunOptions
from tests.doubles.mirror import Mirror, published, running_mirror

COMMENTED = """\
# Ours, since spring.
name: demo
subdomain: example.test  # the lab's
platform: machines
masters: 1
workers: 1
ingress: {kind: infra, infra: 1}
machines:
  inventory:
    - address: 10.0.0.11  # rack 1
    - address: 10.0.0.12
    - address: 10.0.0.13
artifacts:
  # next to the machines
  mirror: MIRROR
"""
PLAN = planfile.loads(COMMENTED.replace("MIRROR", "http://127.0.0.1"))
ACCEPTING = "craton review demo --refresh"
ALL = {artifact.path for architecture in ARCHITECTURES for artifact in wanted(PLAN, architecture)}


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror(published(PLAN)) as mirror:
        yield mirror


@pytest.fixture
def path(tmp_path: Path, mirror: Mirror) -> Path:
    """A plan that names the mirror."""
    path = tmp_path / "plan.yaml"
    path.write_text(COMMENTED.replace("MIRROR", mirror.url))
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory of `--artifacts` with everything for amd64."""
    return filled(tmp_path / "artifacts", published(PLAN, ("amd64",)))


def filled(directory: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_sums_of_both_architectures_are_recorded_and_every_line_stays(path: Path, mirror: Mirror) -> None:
    before = path.read_text()
    recorded = checksums.record(path)
    assert recorded.plan == planfile.load(path)
    assert recorded.plan.artifacts.sums == {name: digest(mirror.files[name]) for name in ALL}
    assert recorded.sentences == (
        f"recorded the sums of 14 artifacts in {path}, as read from {mirror.url}",
        f"recorded the digests of 14 images in {path}",
    )
    assert (recorded.warning, recorded.unread) == ("", "")
    assert path.read_text().startswith(before)
    assert not checksums.lacks(recorded.plan)


def test_what_is_recorded_is_not_read_again(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    text, asked = path.read_text(), len(mirror.asked)
    again = checksums.record(path)
    assert (again.sentences, path.read_text(), len(mirror.asked)) == ((), text, asked)


def test_asked_for_again_all_are_read_again_and_what_differs_is_said(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    kubectl = wanted(PLAN, "arm64")[-1]
    mirror.files[kubectl.sums] = digest(b"rebuilt").encode()
    assert checksums.record(path).count == 0
    recorded = checksums.record(path, refresh=True)
    assert (recorded.count, recorded.changed) == (1, (kubectl.path,))
    assert recorded.sentences == (f"recorded the sum of 1 artifact in {path}, as read from {mirror.url}",)
    assert planfile.load(path).artifacts.sums[kubectl.path] == digest(b"rebuilt")


def test_another_version_brings_its_own_sums_and_drops_the_old_ones(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    with path.open("a") as file:
        file.write("kubernetes: v1.35.1\n")
    mirror.files = published(planfile.load(path)) | mirror.files
    recorded = checksums.record(path)
    assert {name for name in recorded.plan.artifacts.sums if "release/" in name} >= {
        f"release/v1.35.1/bin/linux/arm64/{name}" for name in ("kubeadm", "kubelet", "kubectl")
    }
    assert "v1.36.2" not in path.read_text()
    assert recorded.warning == ""


def test_another_mirror_is_read_again_and_what_differs_is_said(path: Path, mirror: Mirror) -> None:
    checksums.record(path)
    kubeadm = wanted(PLAN, "amd64")[4]
    files = {**mirror.files, kubeadm.path: b"built elsewhere", kubeadm.sums: digest(b"built elsewhere").encode()}
    with running_mirror(files) as other:
        edit(path, f"  mirror: {mirror.url}", f"  mirror: {other.url}")
        assert checksums.lacks(planfile.load(path))
        text = path.read_text()
        with pytest.raises(InstallerError, match="sums or digests that differ from the reviewed ones") as refused:
            checksums.record(path, reviewing=False)
        assert kubeadm.path in refused.value.observed
        assert "craton review" in refused.value.hint
        assert path.read_text() == text
        recorded = checksums.record(path)
        assert recorded.changed == (kubeadm.path,)
        assert recorded.warning.startswith(f"sums or digests that differ from the plan's: {kubeadm.path}; find out why")
        assert recorded.plan.artifacts.sums_from == other.url


def test_sums_of_a_mirror_that_is_no_longer_named_are_the_publishers_to_give(path: Path) -> None:
    plan = checksums.record(path).plan
    without = plan.artifacts.model_copy(update={"mirror": None})
    assert checksums.lacks(plan.model_copy(update={"artifacts": without}))
    assert checksums.source(plan.model_copy(update={"artifacts": without})) == "the publishers"


def test_a_failure_names_the_address_what_was_seen_and_three_ways_out(path: Path, mirror: Mirror) -> None:
    asked = wanted(PLAN, "amd64")[-1].sums
    mirror.faults[asked] = [403]
    text = path.read_text()
    with pytest.raises(InstallerError) as failed:
        checksums.record(path)
    assert failed.value.observed == f"GET {mirror.url}/{asked}: HTTP status 403"
    for way in ("http_proxy", "artifacts.mirror", "--artifacts"):
        assert way in failed.value.hint
    assert failed.value.exit_code is ExitCode.PREFLIGHT
    assert path.read_text() == text


def test_a_rehearsal_needs_no_sums(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    planfile.save(path, InstallPlan(name="demo", subdomain="example.test"))
    assert not checksums.lacks(planfile.load(path))
    assert checksums.record(path).sentences == ()
    told: list[str] = []
    checksums.settle(path, tmp_path / "nowhere", told.append)
    assert told == []


def test_a_directory_gives_the_sums_as_a_mirror_would(path: Path, directory: Path, mirror: Mirror) -> None:
    recorded = checksums.record(path, directory)
    assert set(recorded.plan.artifacts.sums) == {artifact.path for artifact in wanted(PLAN, "amd64")}
    assert recorded.source == str(directory)
    assert {asked.path.partition("/")[0] for asked in mirror.asked} == {"v2"}
    checksums.check_directory(recorded.plan, directory, ACCEPTING)


def test_archives_of_images_in_a_directory_join_what_was_read_from_elsewhere(path: Path, directory: Path) -> None:
    checksums.record(path)
    sum_ = digest(b"layers")
    filled(directory, {"images/base.tar": b"layers", "images/SHA256SUMS": f"{sum_}  base.tar\n".encode()})
    recorded = checksums.record(path, directory, reviewing=False)
    assert recorded.count == 1
    assert recorded.plan.artifacts.sums["images/base.tar"] == sum_
    assert set(recorded.plan.artifacts.sums) > ALL
    assert not checksums.lacks(recorded.plan, directory)


KUBELET, CRICTL = wanted(PLAN, "amd64")[5].path, wanted(PLAN, "amd64")[3].path


def test_what_a_directory_lacks_and_what_differs_is_named(path: Path, directory: Path) -> None:
    plan = checksums.record(path).plan
    (directory / KUBELET).unlink()
    (directory / CRICTL).write_bytes(b"cut off")
    with pytest.raises(InstallerError) as failed:
        checksums.check_directory(plan, directory, ACCEPTING)
    assert f"no {KUBELET}" in failed.value.observed
    assert f"{CRICTL} has the sum {digest(b'cut off')}, not {plan.artifacts.sums[CRICTL]}" in failed.value.observed
    assert "arm64" not in failed.value.observed
    assert f"`{ACCEPTING}`" in failed.value.hint
    assert failed.value.exit_code is ExitCode.PREFLIGHT


def test_of_an_empty_directory_everything_is_missing(path: Path, tmp_path: Path) -> None:
    plan = checksums.record(path).plan
    (tmp_path / "empty").mkdir()
    with pytest.raises(InstallerError, match="and 1 more"):
        checksums.check_directory(plan, tmp_path / "empty", ACCEPTING)


def test_other_sums_in_the_directory_of_an_upgrade_are_accepted_by_the_command_that_the_error_names(
    path: Path, directory: Path, tmp_path: Path, mirror: Mirror
) -> None:
    checksums.record(path, directory)
    mirror.files.clear()  # from here on nobody reaches anything
    before = planfile.load(path)
    scratch = tmp_path / "scratch.yaml"
    upgraded = before.model_copy(update={"kubernetes": "v1.36.3"})
    planfile.save(scratch, upgraded)
    files = published(upgraded, ("amd64",)) | published(PLAN, ("amd64",))
    newer = filled(tmp_path / "new", {name: data for name, data in files.items() if "release/v1.36.2/" not in name})
    filled(newer, {CRICTL: b"rebuilt", f"{CRICTL}.sha256": digest(b"rebuilt").encode()})
    with pytest.raises(InstallerError) as refused:
        checksums.record(scratch, newer, target="demo", reviewing=False, refresh=True)
    assert f"`craton review demo --refresh --artifacts {newer}`" in refused.value.hint
    assert "scratch" not in refused.value.hint
    recorded = checksums.record(path, newer, target="demo", refresh=True)
    assert recorded.changed == (CRICTL,)
    assert recorded.sentences == (f"recorded the sum of 1 artifact in the plan of demo, as read from {newer}",)
    assert recorded.unread == ""
    assert recorded.plan.artifacts.sums == before.artifacts.sums | {CRICTL: digest(b"rebuilt")}
    assert recorded.plan.artifacts.digests == before.artifacts.digests, "what nobody can read again stays"
    planfile.save(scratch, recorded.plan.model_copy(update={"kubernetes": "v1.36.3"}))
    checksums.settle(scratch, newer, lambda _line: None, "demo")


@dataclass
class Launched:
    """The engines that were started."""

    lines: list[str] = field(default_factory=list)
    """Their assignments, as JSON."""
    plans: list[InstallPlan] = field(default_factory=list)
    """What each was to install, as it was when it began."""
    refusal: InstallerError | None = None
    """Why none begins."""


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Launched:
    started = Launched()

    def launch(argv: list[str], *_: Any, **__: Any) -> int:
        if started.refusal:
            raise started.refusal
        started.lines.append(argv[-1])
        started.plans.append(planfile.load(Assignment.from_json(argv[-1]).source))
        return 1

    monkeypatch.setattr(process, "launch", launch)
    return started


@pytest.fixture
def cluster(path: Path) -> ClusterDirectory:
    """A cluster whose saved plan is the one at `path`."""
    cluster = ClusterDirectory.of("demo")
    cluster.path.mkdir(parents=True)
    cluster.plan.write_text(path.read_text())
    return cluster


def test_an_install_records_what_is_missing_and_says_so(path: Path, mirror: Mirror, launched: Launched) -> None:
    told: list[str] = []
    runs.start_install(path, RunOptions(), told.append)
    assert told == [
        f"reading the sums of what is installed from {mirror.url} ...",
        f"recorded the sums of 14 artifacts in {path}, as read from {mirror.url}",
        f"recorded the digests of 14 images in {path}",
    ]
    assert not checksums.lacks(planfile.load(path))
    assert launched.plans == [planfile.load(path)]


def test_an_install_whose_plan_cannot_be_written_any_more_runs_with_its_sums_and_warns(
    path: Path, launched: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = planfile.save

    def saving(place: Path, plan: InstallPlan) -> None:
        if place == path:
            raise InstallerError("save the plan", f"{path}: Read-only file system")
        save(place, plan)

    monkeypatch.setattr(planfile, "save", saving)
    told: list[str] = []
    runs.start_install(path, RunOptions(), told.append)
    assert told[1:] == [f"warning: the install runs, but its sums are not in your plan: {path}: Read-only file system"]
    assert not checksums.lacks(launched.plans[0])


def test_an_install_without_sums_starts_no_engine(path: Path, mirror: Mirror, launched: Launched) -> None:
    mirror.files.clear()
    with pytest.raises(InstallerError, match="HTTP status 404"):
        runs.start_install(path, RunOptions())
    assert launched.lines == []


def test_a_resumed_install_hands_the_clusters_own_plan_with_its_sums_to_the_engine(
    cluster: ClusterDirectory, launched: Launched
) -> None:
    told: list[str] = []
    runs.start_resume("demo", RunOptions(), told.append)
    assert Assignment.from_json(launched.lines[0]).plan_path == str(cluster.plan)
    assert not checksums.lacks(launched.plans[0])
    assert "in the plan of demo" in told[1]


def test_the_directory_of_another_release_is_refused_and_nothing_of_it_stays_in_a_plan(
    path: Path, directory: Path, cluster: ClusterDirectory, launched: Launched
) -> None:
    recorded = checksums.record(path, directory)
    cluster.plan.write_text(path.read_text())
    sum_ = digest(b"layers")
    newer = published(recorded.plan.model_copy(update={"kubernetes": "v1.36.3"}), ("amd64",))
    newer |= {"images/base.tar": b"layers", "images/SHA256SUMS": f"{sum_}  base.tar\n".encode()}
    other = filled(directory.parent / "other", newer)
    before = path.read_bytes()
    options = RunOptions(artifacts=str(other))
    for begin in (partial(runs.start_install, path, options), partial(runs.start_resume, "demo", options)):
        with pytest.raises(InstallerError, match=r"release/v1\.36\.2"):
            begin()
    assert (path.read_bytes(), cluster.plan.read_bytes()) == (before, before)
    assert launched.lines == []


def test_an_engine_that_refuses_to_begin_leaves_plans_as_they_were(
    path: Path, cluster: ClusterDirectory, launched: Launched
) -> None:
    launched.refusal = InstallerError("start the engine", "another install holds the lock")
    before = path.read_bytes()
    told: list[str] = []
    for begin in (
        partial(runs.start_install, path, RunOptions(), told.append),
        partial(runs.start_resume, "demo", RunOptions()),
    ):
        with pytest.raises(InstallerError, match="holds the lock"):
            begin()
    assert (path.read_bytes(), cluster.plan.read_bytes()) == (before, before)
    assert not any(sentence.startswith("recorded") for sentence in told)


def test_a_bundle_that_can_be_written_nowhere_records_nothing(path: Path) -> None:
    before = path.read_bytes()
    done = CliRunner().invoke(bundle_command.app, [str(path), "-o", "all.tar.gz"])
    assert isinstance(done.exception, InstallerError)
    assert "plain .tar" in done.exception.observed
    assert path.read_bytes() == before


def test_a_directory_is_looked_at_before_an_engine_starts_and_handed_to_it(
    path: Path, directory: Path, launched: Launched
) -> None:
    told: list[str] = []
    runs.start_install(path, RunOptions(artifacts=str(directory)), told.append)
    assert told[1] == f"looking at the files in {directory} ..."
    assert told[2].startswith(f"{directory} lacks 14 container images; machines pull them themselves: registry.k8s.io/")
    assert f'"artifacts": "{directory}"' in launched.lines[0]
    (directory / KUBELET).unlink()
    with pytest.raises(InstallerError, match=f"no {KUBELET}"):
        runs.start_install(path, RunOptions(artifacts=str(directory)))
    assert len(launched.lines) == 1


def test_steps_find_the_directory_in_their_world(directory: Path) -> None:
    plan = InstallPlan(name="demo", subdomain="example.test")
    with session.open_world(plan, ClusterDirectory.of("demo"), RunOptions(artifacts=str(directory))) as world:
        assert world.artifacts == directory
    with session.open_world(plan, ClusterDirectory.of("demo"), RunOptions()) as world:
        assert world.artifacts is None
