"""What a plan knows of the platform `rehearsal`: stand-in machines on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan.change import Risk, always
from installer.plan.guidance import Guidance
from installer.plan.question import Kind, Question
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from installer.plan.platforms.rehearsal.settings import Rehearsal

PLACE = 1


def _settings() -> type[Rehearsal]:
    from installer.plan.platforms.rehearsal.settings import Rehearsal

    return Rehearsal


REGISTRATION = Registration(
    PlatformTraits(
        "rehearsal",
        "Rehearsal",
        "simulated machines on this computer, over real SSH; needs no root, cloud account or downloads",
        stand_ins=True,
        shared_link=True,
        unbalanced="The environment you're rehearsing has no load balancer.",
        notice="rehearsal · nothing leaves this computer",
        cost="$0 (rehearsal)",
        guidance=Guidance(
            "Simulated machines on this computer. Engine, SSH, checks and screens are the real ones.",
            "To learn Craton, or to see a plan at work before you spend money on machines.",
            "Nothing, and about a minute. You can't run applications on it.",
        ),
    ),
    _settings,
    questions={
        "Platform": (
            Question(
                "rehearsal.load_balancers",
                "--load-balancers",
                "Load balancers",
                "Does the environment you're rehearsing have a load balancer?",
                "Without one, the plan needs infra nodes to take the cluster's web traffic.",
                kind=Kind.YES_NO,
                change=always(Risk.SAFE, "it describes the environment and changes no machine"),
            ),
        )
    },
)
