"""The rehearsal of a plan: the same machines and rules, simulated, under a name of its own."""

from __future__ import annotations

import pytest
from hypothesis import given

from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan
from installer.plan.rehearse import rehearsal_of
from installer.plan.topology import topology
from tests.strategies import plans, repeatable


@repeatable
@given(plans())
def test_every_plan_that_is_no_rehearsal_has_one_with_the_same_machines(plan: InstallPlan) -> None:
    if plan.traits.stand_ins:
        with pytest.raises(InstallerError, match="is a rehearsal already") as raised:
            rehearsal_of(plan)
        assert raised.value.exit_code is ExitCode.USAGE
        return
    rehearsal = rehearsal_of(plan)
    assert rehearsal.traits.stand_ins
    assert rehearsal.name.endswith("-rehearsal")
    assert rehearsal.name != plan.name
    for field in ("masters", "workers", "ingress", "may", "kubernetes", "networks", "schedulable_masters"):
        assert getattr(rehearsal, field) == getattr(plan, field)
    planned, rehearsed = topology(plan), topology(rehearsal)
    assert [machine.role for machine in rehearsed.machines] == [machine.role for machine in planned.machines]
    assert [machine.labels for machine in rehearsed.machines] == [machine.labels for machine in planned.machines]


@pytest.mark.parametrize(
    ("name", "rehearsal"),
    [("lab", "lab-rehearsal"), ("a" * 20, "a" * 10 + "-rehearsal"), ("production-eu", "production-rehearsal")],
)
def test_the_name_is_cut_where_it_would_be_too_long(name: str, rehearsal: str) -> None:
    plan = InstallPlan(name=name, subdomain="example.test", platform="local")
    assert rehearsal_of(plan).name == rehearsal
