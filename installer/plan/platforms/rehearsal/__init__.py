"""What a plan knows of the platform `rehearsal`: stand-in machines on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan import rules
from installer.plan.change import Risk, always
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
        "stand-in machines on this computer behind real SSH; needs no root, no cloud, no download",
        stand_ins=True,
        notice="rehearsal · nothing leaves this computer",
        cost="$0 (rehearsal)",
    ),
    _settings,
    questions={
        "Platform": (
            Question(
                "rehearsal.load_balancers",
                "--load-balancers",
                "Load balancers",
                "Has the environment that is rehearsed load balancers?",
                rules.INFRA_SENTENCE,
                kind=Kind.YES_NO,
                change=always(Risk.SAFE, "it describes the environment and changes no machine"),
            ),
        )
    },
)
