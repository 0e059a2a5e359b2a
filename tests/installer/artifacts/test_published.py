"""Manifests that other projects publish: their sums are recorded at the review, and bundles hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.artifacts import bundle, checksums, published
from installer.artifacts.catalogue import IMAGE_SUMS
from installer.common.errors import InstallerError
from installer.plan import planfile
from tests.doubles.mirror import Mirror, running_mirror
from tests.doubles.mirror import published as publishers_files

PLAN = """\
name: demo
subdomain: example.test
platform: machines
masters: 1
workers: 1
ingress: {kind: infra, infra: 1}
machines:
  inventory: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]
addons: {gateway: true}
artifacts:
  mirror: MIRROR
"""
KINDS = published.published("gateway-api")
CONTENT = b"kind: CustomResourceDefinition\n"


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    files = publishers_files(planfile.loads(PLAN.replace("MIRROR", "http://127.0.0.1"))) | {KINDS.path: CONTENT}
    with running_mirror(files) as mirror:
        yield mirror


@pytest.fixture
def path(tmp_path: Path, mirror: Mirror) -> Path:
    place = tmp_path / "plan.yaml"
    place.write_text(PLAN.replace("MIRROR", mirror.url))
    return place


def test_a_review_records_their_sums_and_an_install_takes_nothing_else(path: Path, mirror: Mirror) -> None:
    assert checksums.lacks(planfile.load(path))
    plan = checksums.record(path).plan
    assert plan.artifacts.sums[KINDS.path] == hashlib.sha256(CONTENT).hexdigest()
    assert not checksums.lacks(plan)
    assert published.text(KINDS, plan) == CONTENT.decode()
    mirror.files[KINDS.path] += b"# and a little more"
    with pytest.raises(InstallerError, match=r"has the sum .* not the reviewed"):
        published.text(KINDS, plan)
    assert checksums.record(path, refresh=True).changed == (KINDS.path,)


def test_a_plan_that_gets_the_gateway_api_later_lacks_one_sum(path: Path) -> None:
    path.write_text(path.read_text().replace("gateway: true", "gateway: false"))
    checksums.record(path)
    path.write_text(path.read_text().replace("gateway: false", "gateway: true"))
    assert checksums.lacks(planfile.load(path))
    assert checksums.record(path).count == 1


def test_a_mirror_without_them_is_named(path: Path, mirror: Mirror) -> None:
    del mirror.files[KINDS.path]
    with pytest.raises(InstallerError) as caught:
        checksums.record(path)
    assert f"GET {mirror.url}/{KINDS.path}: HTTP status 404" in caught.value.observed


def test_artifacts_have_them_before_any_mirror(path: Path, tmp_path: Path, mirror: Mirror) -> None:
    plan = checksums.record(path).plan
    file = tmp_path / "artifacts" / KINDS.path
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    del mirror.files[KINDS.path]
    assert published.text(KINDS, plan, tmp_path / "artifacts") == CONTENT.decode()


def test_a_bundle_holds_them_and_says_when_they_are_missing(path: Path, tmp_path: Path) -> None:
    plan = checksums.record(path).plan
    made = bundle.collect(plan, tmp_path / "bundle", ("amd64",), (), lambda _line: None)
    assert KINDS.path in made.files
    assert (tmp_path / "bundle" / KINDS.path).read_bytes() == CONTENT
    (tmp_path / "bundle" / KINDS.path).unlink()
    (tmp_path / "bundle" / IMAGE_SUMS).unlink()
    assert bundle.missing(plan, tmp_path / "bundle", ()) == (KINDS.path,)


def test_stand_ins_need_none() -> None:
    plan = planfile.loads(PLAN.replace("machines\n", "rehearsal\n", 1).replace("MIRROR", "http://127.0.0.1"))
    assert published.lacking(plan) == ()
