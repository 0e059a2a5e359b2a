"""What a plan knows of the toy platform: stand-in machines that have a colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from installer.plan.change import Risk, always
from installer.plan.conflict import ConflictRule
from installer.plan.question import Choice, Kind, Question
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from installer.plan.conflict import Conflict
    from tests.recipes.toys import Toy


def _settings() -> type[Toy]:
    from tests.recipes.toys import Toy

    return Toy


def _lonely_blue(plan: Any, toy: Toy) -> Iterator[Conflict]:
    if toy.colour == "blue" and plan.workers == 0:
        yield ("toy", "colour"), "'blue'", "A cluster without workers must be red."


REGISTRATION = Registration(
    PlatformTraits(
        "toy", "Toy box", "stand-in machines that have a colour", stand_ins=True, notice="only toys", cost="$0 (toys)"
    ),
    _settings,
    comment="The colour of every machine.",
    questions={
        "Colour": (
            Question(
                "toy.colour",
                "--colour",
                "Colour",
                "Which colour have the machines?",
                "It is seen from afar.",
                kind=Kind.CHOICE,
                choices=lambda _: (Choice("red", "Red"), Choice("blue", "Blue", "like the sky")),
                change=always(Risk.REFUSED, "paint does not come off"),
            ),
        ),
    },
    conflicts=(ConflictRule((("toy", "colour"), ("workers",)), _lonely_blue),),
)
