"""The number of workers above which they are a pool: what it decides, for whom, and where it is said."""

from __future__ import annotations

from typing import Any

import pytest

from installer.operations import review
from installer.plan import planfile, validation
from installer.plan.diagram import diagram
from installer.plan.model import InstallPlan
from installer.plan.questions import reading
from installer.plan.questions.answers import plan_of, preview
from installer.plan.questions.catalogue import question_of
from installer.plan.rehearse import rehearsal_of
from installer.plan.topology import topology

IN_AWS = {"platform": "aws", "subdomain": "example.test", "networks.user": "203.0.113.0/24"}


def answered(workers: int, cloud: str = "aws", **more: Any) -> InstallPlan:
    settings = {f"{cloud}.{name}": value for name, value in more.items()}
    return plan_of({**IN_AWS, "platform": cloud, "workers": workers, **settings})


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
@pytest.mark.parametrize(
    ("workers", "settings", "pooled"),
    [
        (100, {}, False),
        (101, {}, True),
        (101, {"pool_above": None}, False),
        (3, {"pool_above": 2}, True),
        (2, {"pool_above": 2}, False),
        (2, {"worker_pool": True}, True),
    ],
)
def test_a_new_plan_has_a_pool_on_request_or_for_more_workers_than_its_threshold(
    cloud: str, workers: int, settings: dict[str, Any], pooled: bool
) -> None:
    plan = answered(workers, cloud, **settings)
    shape = topology(plan)
    assert plan.worker_pool is pooled
    assert (shape.pool.count if shape.pool else 0) == (workers if pooled else 0)
    assert len(shape.machines) == plan.machine_count - (workers if pooled else 0)


def test_a_plan_file_without_a_threshold_has_none_however_many_workers_it_has() -> None:
    text = "name: demo\nsubdomain: example.test\nplatform: aws\nworkers: 900\n"
    text += "networks: {user: 203.0.113.0/24, pods: 10.128.0.0/12}\n"
    plan = planfile.loads(text)
    assert not plan.worker_pool
    assert not planfile.loads(planfile.dump(plan)).worker_pool


def test_the_threshold_is_in_the_plan_file_and_none_leaves_it_out() -> None:
    assert "pool_above: 100" in planfile.dump(answered(2))
    assert "pool_above" not in planfile.dump(answered(200, pool_above=None))


@pytest.mark.parametrize(("text", "value"), [("", None), ("none", None), ("250", 250)])
def test_none_and_nothing_mean_never(text: str, value: int | None) -> None:
    question = question_of("aws.pool_above")
    assert reading.parse(question, text) == value
    assert reading.error(question, value) is None


@pytest.mark.parametrize("value", [0, 5001, "many"])
def test_a_threshold_that_can_be_none_is_refused_with_what_can_be_entered(value: object) -> None:
    mistake = validation.field_mistake("aws.pool_above", value)
    assert mistake is not None
    assert mistake.text == f"Enter 1 to 5000 instead of {value!r}."


def test_platforms_without_pools_know_no_threshold() -> None:
    mistake = validation.field_mistake("local.pool_above", 5)
    assert mistake is not None
    assert mistake.found == validation.UNKNOWN_KEY


def test_review_and_wizard_say_why_the_workers_are_a_pool() -> None:
    plan = answered(101)
    words = "a pool (more than 100 workers)"
    assert any(words in line for line in review.text(plan, ()).splitlines() if line.startswith("  demo-worker-* (101)"))
    assert review.review(plan, ())["pool"] == {"name": "demo-worker", "count": 101, "why": "more than 100 workers"}
    assert words in "\n".join(diagram(preview({**IN_AWS, "workers": 101}), 44))
    assert "a pool (aws.worker_pool)" in review.overview(answered(2, worker_pool=True))


def test_a_rehearsal_has_machines_with_names() -> None:
    assert len(topology(rehearsal_of(answered(101))).machines) == answered(101).machine_count
