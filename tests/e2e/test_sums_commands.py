"""Sums as a user meets them: `craton review` records them, `craton apply` refuses what does not match."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from installer.artifacts.catalogue import wanted
from installer.plan import planfile
from tests.craton import Craton
from tests.doubles.mirror import Mirror, published, running_mirror

PLAN = """\
name: demo  # kept
subdomain: example.test
platform: machines
masters: 1
workers: 1
machines:
  inventory: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]
artifacts:
  mirror: MIRROR
"""


@pytest.fixture
def user(tmp_path: Path) -> Iterator[Craton]:
    found = Craton(tmp_path)
    yield found
    found.end_everything()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running_mirror(published(planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1")))) as mirror:
        yield mirror


@pytest.fixture
def plan(user: Craton, mirror: Mirror) -> Path:
    path = user.directory / "plan.yaml"
    path.write_text(PLAN.replace("MIRROR", mirror.url))
    return path


def artifacts(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["artifacts"]
    return found


def test_a_review_reads_records_and_shows_the_sums(user: Craton, mirror: Mirror, plan: Path) -> None:
    done = user.run("review", "plan.yaml")
    assert f"recorded the sums of 14 artifacts in plan.yaml, as read from {mirror.url}" in done.stderr
    sums = planfile.load(plan).artifacts.sums
    for path, found in sums.items():
        assert f"{mirror.url}/{path}" in done.stdout
        assert f"sha256 {found}" in done.stdout
    assert plan.read_text().startswith("name: demo  # kept\n")
    again = user.run("review", "plan.yaml")
    assert (again.stderr, again.stdout) == ("", done.stdout)
    kubeadm = next(each for each in artifacts(user.json("review", "plan.yaml")) if each["name"] == "kubeadm")
    assert kubeadm == {
        "name": "kubeadm",
        "version": "v1.36.2",
        "architecture": "amd64",
        "url": f"{mirror.url}/release/v1.36.2/bin/linux/amd64/kubeadm",
        "sha256": sums["release/v1.36.2/bin/linux/amd64/kubeadm"],
    }


def test_a_review_offline_leaves_the_plan_as_it_is(user: Craton, mirror: Mirror, plan: Path) -> None:
    text = plan.read_text()
    done = user.run("review", "plan.yaml", "--offline")
    assert "no sum is recorded yet" in done.stdout
    assert (done.stderr, plan.read_text(), mirror.asked) == ("", text, [])


def test_a_review_without_a_mirror_that_answers_warns_and_is_shown(user: Craton, mirror: Mirror, plan: Path) -> None:
    mirror.files.clear()
    text = plan.read_text()
    done = user.run("review", "plan.yaml")
    assert f"warning: the sums are not recorded: GET {mirror.url}/" in done.stderr
    assert "HTTP status 404" in done.stderr
    assert "demo-master-1" in done.stdout
    assert plan.read_text() == text
    assert all(each["sha256"] is None for each in artifacts(user.json("review", "plan.yaml")))


def test_an_install_refuses_a_directory_that_does_not_exist_or_lacks_files(user: Craton, plan: Path) -> None:
    refused = user.run("apply", "plan.yaml", "--yes", "--artifacts", "nowhere", expect=2)
    assert "nowhere" in refused.stderr


def test_a_rehearsal_has_no_artifacts_to_show(user: Craton) -> None:
    user.run("new", "--yes", "--name", "lab", "--subdomain", "example.test", "-o", "lab.yaml")
    done = user.run("review", "lab.yaml")
    assert done.stderr == ""
    assert "Artifacts" not in done.stdout
    assert artifacts(user.json("review", "lab.yaml")) == []


def test_what_is_wanted_has_the_same_paths_at_a_mirror_as_at_its_publisher(mirror: Mirror) -> None:
    plan = planfile.loads(PLAN.replace("MIRROR", mirror.url))
    for artifact in wanted(plan, "amd64"):
        assert artifact.url(mirror.url).removeprefix(mirror.url) == artifact.url(None).removeprefix(artifact.publisher)
