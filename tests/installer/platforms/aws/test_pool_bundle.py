"""What machines of a worker pool are told and given: small, valid, without a secret, and filled in by themselves."""

from __future__ import annotations

import base64
import gzip
import json
import lzma
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from ruamel.yaml import YAML

from installer.common.errors import InstallerError
from installer.health.check import Verdict
from installer.health.evaluate import evaluate
from installer.health.report.partial import recheck
from installer.plan import resize
from installer.plan.change import Risk
from installer.plan.changes import changes
from installer.plan.rules import Role
from installer.plan.topology import Topology, topology
from installer.platforms import open_platform, platform_steps
from installer.platforms.aws.pool_user_data import LIMIT, PoolBirth
from installer.platforms.clouds import pool_bundle
from installer.steps import ids
from installer.steps.evidence import Evidence, Probed
from installer.steps.platform import RunOptions
from tests.installer.platforms.aws.plans import plan

POOLED = plan(workers=3, worker_pool=True)


def located(masters: int = 1) -> Topology:
    shape = topology(plan(workers=3, masters=masters, worker_pool=True))
    machines = tuple(replace(one, address=IPv4Address(f"10.0.0.{n}")) for n, one in enumerate(shape.machines, 10))
    return replace(shape, machines=machines)


def made(shape: Topology) -> dict[str, str]:
    assert shape.pool is not None
    text = pool_bundle.bundle(POOLED, shape, shape.pool)
    found: dict[str, str] = json.loads(lzma.decompress(base64.b64decode(text)))
    return found


def test_workers_of_a_pool_are_no_machines_of_the_plan_and_one_line_for_people() -> None:
    shape = topology(POOLED)
    assert shape.of_role(Role.WORKER) == ()
    assert shape.pool is not None
    assert shape.pool.count == 3
    assert shape.pool.labels == topology(plan(workers=1)).of_role(Role.WORKER)[0].labels
    assert [one.name for one in shape.listed][-1] == "demo-worker-* (3)"
    assert Role.WORKER in shape.roles
    assert ids.POOL in {step.id for step in platform_steps(POOLED, shape)}


def test_the_user_data_is_small_and_names_no_secret_value() -> None:
    longest = PoolBirth("abcdefghijklmnopqrst-worker-", "craton/abcdefghijklmnopqrst/pool", "ap-southeast-3",
                        "https://secretsmanager.ap-southeast-3.amazonaws.com", "5e" * 32, pool_bundle.ADDRESS,
                        pool_bundle.PROVIDER_ID)  # fmt: skip
    assert len(longest.render()) <= LIMIT
    head, _, body = gzip.decompress(longest.render()).decode().partition("\n")
    assert head == "#cloud-config"
    document: dict[str, Any] = json.loads(body)
    assert "users" not in document, "nobody logs in"
    assert document["runcmd"] == [[document["write_files"][1]["path"]]]


def test_a_bundle_fits_into_a_secret_and_joins_with_the_machine_s_own_name_and_address() -> None:
    shape = located(masters=3)
    assert shape.pool is not None
    assert len(pool_bundle.bundle(POOLED, shape, shape.pool)) < 60_000
    found = made(shape)
    assert f"ADDRESS='{pool_bundle.ADDRESS}'\n" in found["configuration"]
    assert "LOGIN=" not in found["configuration"]
    assert "10.0.0.10 10.0.0.11 10.0.0.12" in found["configuration"], "its proxy to the API knows all masters"
    for name, ignored in (("join", []), ("join_excused", ["SystemVerification"])):
        (joining,) = YAML(typ="safe", pure=True).load_all(found[name].removeprefix("#file kubeadm.yaml\n"))
        assert joining["nodeRegistration"]["name"] == pool_bundle.NODE
        assert joining["nodeRegistration"]["ignorePreflightErrors"] == ignored
        assert joining["discovery"]["bootstrapToken"]["token"] == found["token"]


def test_machines_are_outdated_by_a_release_or_other_masters_alone() -> None:
    now = pool_bundle.generation(POOLED, located())
    assert pool_bundle.generation(plan(workers=9, worker_type="c7g.large", worker_pool=True), located()) == now
    assert pool_bundle.generation(POOLED.model_copy(update={"kubernetes": "v1.36.9"}), located()) != now
    assert pool_bundle.generation(POOLED, located(masters=3)) != now


def test_a_pool_is_scaled_by_its_number_and_nothing_else_is() -> None:
    (grown,) = changes(POOLED, resize.scaled(POOLED, 5))
    assert (grown.field, grown.risk) == ("workers", Risk.SAFE)
    (shrunk,) = changes(POOLED, resize.scaled(POOLED, 1))
    assert shrunk.risk is Risk.CAREFUL
    for given, words in ((POOLED, "has 3 workers already"), (plan(workers=3), "are no pool")):
        with pytest.raises(InstallerError, match=words):
            resize.scaled(given, 3)


def test_artifacts_of_this_computer_are_refused() -> None:
    with pytest.raises(InstallerError, match="get nothing from this computer"):
        open_platform(POOLED, RunOptions(artifacts="/srv/artifacts"))


@pytest.mark.parametrize(
    ("joined", "ready", "release", "verdict", "words"),
    [
        (3, 3, "v1.36.2", Verdict.PASS, "3 asked, 3 joined, 3 Ready"),
        (3, 2, "v1.36.2", Verdict.FAIL, "3 asked, 3 joined, 2 Ready"),
        (1, 1, "v1.36.2", Verdict.FAIL, "3 asked, 1 joined, 1 Ready"),
        (3, 3, "v1.35.6", Verdict.WARN, "3 asked, 3 joined, 3 Ready; demo-worker-00 is at v1.35.6"),
    ],
)
def test_a_report_has_a_row_for_the_pool(joined: int, ready: int, release: str, verdict: Verdict, words: str) -> None:
    shape = located()
    states = [(f"demo-worker-0{number}", str(number < ready), release) for number in range(joined)]
    output = "".join(
        f"{name} {state} {at} - -\n" for name, state, at in [("demo-master-1", "True", "v1.36.2"), *states]
    )
    evidence = {"demo-master-1": Evidence("demo-master-1", {"nodes": Probed(0, output)}, "", 0.0, 0.0)}
    given = POOLED.model_copy(update={"kubernetes": "v1.36.2"})
    report = evaluate(given, shape, evidence, {}, {}, {}, checked_at=1, seconds=1)
    assert report.machines[-1] == "demo-worker"
    row = report.matrix()["demo-worker"]
    assert (row["node"].verdict, row["node"].seen) == (verdict, words)
    assert bool(row["node"].remedy) is (verdict is not Verdict.PASS)
    assert {one.verdict for check, one in row.items() if check != "node"} == {Verdict.NOT_APPLICABLE}
    assert recheck(report, shape, None, ["node"]) is not None


def test_a_pool_of_which_no_master_tells_is_unknown() -> None:
    report = evaluate(POOLED, located(), {}, {}, {}, {}, checked_at=1, seconds=1)
    assert report.matrix()["demo-worker"]["node"].verdict is Verdict.UNKNOWN
