"""Minor by minor: where a cluster can go from the release that it runs."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from installer.engine.events import RunKind
from installer.engine.journal import Journal
from installer.plan import releases, validation
from installer.plan.question import Kind
from installer.plan.questions import guide, reading
from installer.plan.questions.answers import complete
from installer.plan.questions.catalogue import question_of
from installer.plan.releases import MINORS, NEWEST, Support
from tests.craton import Craton

IN_NOVEMBER = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("v1.35.6", "v1.36.2", ""),
        ("v1.36.2", "v1.36.10", ""),
        ("v1.35.6", "v1.35.7", ""),
        ("v1.36.2", "v1.36.2", "already"),
        ("v1.36.2", "v1.36.1", "back"),
        ("v1.36.2", "v1.35.9", "back"),
        ("v1.36.9", "v1.36.10", ""),
        ("v1.34.1", "v1.36.2", "minor by minor: a release of v1.35 comes first"),
    ],
)
def test_a_cluster_goes_to_a_patch_or_to_the_next_minor(old: str, new: str, reason: str) -> None:
    refusal = releases.refusal(old, new)
    assert reason in refusal
    assert bool(reason) == bool(refusal)


def test_what_is_near_is_known_to_craton() -> None:
    assert releases.reachable("v1.34.1") == ("v1.34", "v1.35")
    assert releases.reachable(NEWEST.newest) == (NEWEST.name,)


@pytest.mark.parametrize(
    ("old", "found"),
    [
        ("v1.34.1", ("v1.34.9", "v1.35.9")),
        ("v1.34.9", ("v1.35.9",)),
        ("v1.36.2", ("v1.36.5", "v1.37.1")),
        (NEWEST.newest, ()),
        ("v1.99.0", ()),
    ],
)
def test_a_cluster_could_go_to_the_newest_known_patches_near_it(old: str, found: tuple[str, ...]) -> None:
    assert releases.targets(old) == found


def test_three_minors_are_supported_now() -> None:
    assert [minor.name for minor in releases.supported(IN_NOVEMBER)] == ["v1.37", "v1.36", "v1.35"]


@pytest.mark.parametrize(
    ("release", "day", "support"),
    [
        ("v1.34.9", IN_NOVEMBER, Support.ENDED),
        ("v1.34.9", date(2026, 10, 27), Support.MAINTENANCE),
        ("v1.35.9", IN_NOVEMBER, Support.FULL),
        ("v1.35.9", date(2027, 1, 1), Support.MAINTENANCE),
        ("v1.35.9", date(2027, 3, 1), Support.ENDED),
        ("v1.99.0", IN_NOVEMBER, Support.UNKNOWN),
    ],
)
def test_support_depends_on_the_day(release: str, day: date, support: Support) -> None:
    assert releases.support(release, day) is support


@pytest.mark.parametrize("minor", MINORS, ids=lambda minor: minor.name)
def test_what_is_known_of_a_minor_is_consistent(minor: releases.Minor) -> None:
    assert minor.newest.startswith(f"{minor.name}.")
    assert minor.released < minor.maintenance < minor.end
    assert minor.end - minor.released < timedelta(days=450)


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("v1.34.9", "Kubernetes v1.34 left support on 2026-10-27"),
        ("v1.38.0", "This Craton doesn't know v1.38"),
        ("v1.36.2", ""),
    ],
)
def test_what_is_not_supported_is_warned_about(release: str, words: str) -> None:
    warning = releases.warning(release, IN_NOVEMBER)
    assert warning.startswith(words)
    assert bool(warning) == bool(words)


@pytest.mark.parametrize("release", ["v1.34.0", "v1.36.2", "v1.37.1", "v1.38.0", "v1.120.3"])
def test_a_plan_may_have_a_known_or_a_newer_release(release: str) -> None:
    assert validation.field_mistake("kubernetes", release) is None


@pytest.mark.parametrize(
    "release", ["v1.33.9", "v1.36", "1.36.2", "v2.0.0", "v1.36.02", "v1.36.2-rc.1", "v1.3600.1", ""]
)
def test_a_plan_may_have_no_older_and_no_half_written_release(release: str) -> None:
    mistake = validation.field_mistake("kubernetes", release)
    assert mistake is not None
    assert "v1.37" in mistake.text


def test_the_wizard_offers_the_newest_patch_of_each_supported_minor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "today", lambda: IN_NOVEMBER)
    question = question_of("kubernetes")
    assert question.kind is Kind.CHOICE
    offered = {choice.value: choice.detail for choice in guide.offered(question, complete({}))}
    assert list(offered) == ["v1.37.1", "v1.36.5", "v1.36.2", "v1.35.9"]
    assert offered["v1.36.2"] == "fixes until 2027-06-28, tested with this Craton"
    assert dict(guide.of_answer(question, complete({}), "v1.36.2"))[guide.ADVICE].startswith("v1.36.5, because")
    older = {choice.value: choice.detail for choice in guide.offered(question, complete({"kubernetes": "v1.34.3"}))}
    assert older["v1.34.3"] == "out of support since 2026-10-27"


def test_a_release_that_is_not_offered_can_be_given_by_its_flag() -> None:
    question = question_of("kubernetes")
    assert reading.error(question, reading.parse(question, "v1.36.4")) is None
    assert reading.error(question, reading.parse(question, "v1.38.0")) is None


def test_the_command_lists_releases_and_what_each_cluster_could_go_to(tmp_path: Path) -> None:
    user = Craton(tmp_path)
    (tmp_path / "home").mkdir()
    plan = user.plan()
    (user.home / "clusters" / "demo").mkdir(parents=True)
    (user.home / "clusters" / "demo" / "plan.yaml").write_bytes(plan.read_bytes())
    said = user.run("releases").stdout
    assert "v1.37.1" in said
    assert "2027-10-28" in said
    assert "demo     v1.36.2  v1.36.5, v1.37.1" in said
    (user.home / "clusters" / "half").mkdir()
    with Journal(user.home / "clusters" / "half" / "journal.db") as journal:
        journal.begin(RunKind.INSTALL, [], {})
    (user.home / "clusters" / "half" / "plan.yaml").write_bytes(plan.read_bytes())
    assert "half" not in user.run("releases").stdout
    document = user.json("releases", "--json")
    assert document["clusters"] == [{"name": "demo", "kubernetes": "v1.36.2", "upgrades": ["v1.36.5", "v1.37.1"]}]
    assert [minor["minor"] for minor in document["minors"]] == ["v1.37", "v1.36", "v1.35", "v1.34"]
