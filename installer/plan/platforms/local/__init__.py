"""What a plan knows of the platform `local`: machines on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan.change import Risk, always
from installer.plan.question import Answers, Choice, Kind, Question, number_or_none
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from installer.plan.platforms.local.settings import Local

PLACE = 3


def _settings() -> type[Local]:
    from installer.plan.platforms.local.settings import Local

    return Local


def _engines(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("auto", "Whichever is there", "podman, if there are both"),
        Choice("podman", "podman", "as root"),
        Choice("docker", "docker"),
    )


REGISTRATION = Registration(
    PlatformTraits(
        "local",
        "This computer",
        "real machines on this computer as system containers, through podman or docker; needs root",
        here=True,
        bridge=True,
        cost="$0 (this computer)",
    ),
    _settings,
    questions={
        "Platform": (
            Question(
                "local.engine",
                "--engine",
                "Engine",
                "Which container engine runs the machines?",
                "Machines are system containers; rootless engines have no network of their own between them.",
                kind=Kind.CHOICE,
                choices=_engines,
                change=always(Risk.REFUSED, "the machines run in the engine that made them"),
            ),
            Question(
                "local.memory",
                "--memory",
                "Memory",
                "How much memory may each machine use? (MiB, or nothing)",
                "Without a limit, machines share what this computer has.",
                read=number_or_none,
                change=always(Risk.SAFE, "machines that join get it, and the others keep what they have"),
            ),
            Question(
                "local.raise_limits",
                "--raise-limits",
                "Kernel limits",
                "May Craton raise the kernel's inotify limits, if the machines need more?",
                "Seven machines need more than the usual 128. Destroying the last local cluster sets it back.",
                kind=Kind.YES_NO,
                change=always(Risk.SAFE, "it counts the next time that machines are made"),
            ),
            Question(
                "local.firewall",
                "--local-firewall",
                "Firewall",
                "Is the contract to be enforced on the machines themselves?",
                "With it, the contract's rules are not only planned but in force, and observed.",
                kind=Kind.YES_NO,
                change=always(Risk.CAREFUL, "which packets the machines let through changes while they run"),
            ),
        )
    },
)
