"""What the check of the API's virtual address makes of what the masters say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from installer.health.check import Verdict
from tests.installer.health.healthy import TOPOLOGY, evidence, examine, spoiled

MASTERS = ("demo-master-1", "demo-master-2", "demo-master-3")
WITHOUT = replace(TOPOLOGY, virtual_address="")

CASES = (
    (("active held", "active free", "active free"), Verdict.PASS, "10.10.0.9 is on this machine"),
    (("active free", "active free", "active held"), Verdict.PASS, "10.10.0.9 is on demo-master-3"),
    (("active free", "active free", "active free"), Verdict.FAIL, "no master holds 10.10.0.9"),
    (("active held", "active held", "active free"), Verdict.FAIL, "on demo-master-1 and demo-master-2 at once"),
    (("failed free", "active held", "active free"), Verdict.FAIL, "keepalived is failed, so 10.10.0.9 can't move here"),
    (("sh: ip: not found", "active held", "active free"), Verdict.UNKNOWN, "no answer of the probe"),
)


@pytest.mark.parametrize(("said", "verdict", "words"), CASES, ids=[words for *_, words in CASES])
def test_one_master_has_it(said: tuple[str, ...], verdict: Verdict, words: str) -> None:
    everyone = evidence()
    for name, output in zip(MASTERS, said, strict=True):
        everyone[name] = spoiled(everyone[name], "virtual-address", output)
    found = examine("virtual-address", MASTERS[0], everyone)
    assert (found.verdict, words in found.seen) == (verdict, True), found.seen


def test_a_master_that_did_not_answer_may_have_it() -> None:
    everyone = {name: spoiled(one, "virtual-address", "active free") for name, one in evidence().items()}
    del everyone[MASTERS[2]]
    found = examine("virtual-address", MASTERS[0], everyone)
    assert (found.verdict, found.seen) == (Verdict.UNKNOWN, "no master that answered holds 10.10.0.9")


def test_a_plan_without_one_has_nothing_to_check() -> None:
    assert examine("virtual-address", MASTERS[0], evidence(), WITHOUT).verdict is Verdict.NOT_APPLICABLE
