"""What a plan makes of each rule of the contract: on, off, not applicable or obsolete. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from installer.plan.rules import RULES, Role, Rule, When

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


class State(StrEnum):
    """What a plan makes of a rule."""

    ON = "on"
    OFF = "off"
    NOT_APPLICABLE = "not applicable"
    OBSOLETE = "obsolete"


@dataclass(frozen=True, slots=True)
class Decision:
    rule: Rule
    state: State
    reason: str


def decide(rule: Rule, plan: InstallPlan) -> Decision:
    """Say what `plan` makes of `rule`, with the reason in words."""
    if rule.when is When.CHOSEN:
        return _decide_choice(rule, plan)
    if rule.obsolete:
        return Decision(rule, State.OBSOLETE, f"obsolete: {rule.obsolete}")
    infra = plan.ingress.kind == "infra"
    not_applicable = {
        When.LOAD_BALANCER: (infra, "infra nodes serve instead (I1)"),
        When.INFRA: (not infra, "no infra nodes: a load balancer serves instead (M3)"),
        When.CLOUD: (not plan.traits.cloud, f"the {plan.platform} platform has no cloud API"),
    }
    applies_not, reason = not_applicable.get(rule.when, (False, ""))
    if applies_not:
        return Decision(rule, State.NOT_APPLICABLE, reason)
    return Decision(rule, State.ON, rule.when.value)


def _decide_choice(rule: Rule, plan: InstallPlan) -> Decision:
    if Role.INFRA in rule.roles and plan.ingress.kind != "infra":
        return Decision(rule, State.NOT_APPLICABLE, "no infra nodes: a load balancer serves instead (M3)")
    if rule.id in plan.may:
        return Decision(rule, State.ON, When.CHOSEN.value)
    if rule.obsolete:
        return Decision(rule, State.OBSOLETE, f"obsolete: {rule.obsolete}")
    return Decision(rule, State.OFF, "switched off in the plan" if rule.default else "off by default")


def decisions(plan: InstallPlan) -> tuple[Decision, ...]:
    """What `plan` makes of every rule, in the contract's order."""
    return tuple(decide(rule, plan) for rule in RULES.values())
