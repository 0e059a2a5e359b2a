"""What a plan knows of the platform `local`: machines on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan import enforcement
from installer.plan.change import Risk, always, host_firewall
from installer.plan.guidance import Guidance
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
        Choice("auto", "Whichever is installed", "podman if both are"),
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
        shared_link=True,
        cost="$0 (this computer)",
        guidance=Guidance(
            "A real cluster in system containers on this computer, each of which acts as a machine.",
            "For development and tests that need real Kubernetes. It needs Linux, root, and podman or docker.",
            "No money. Count on 1 GB of memory for each machine, and some 5 GB of disk in all.",
        ),
    ),
    _settings,
    questions={
        "Platform": (
            Question(
                "local.engine",
                "--engine",
                "Engine",
                "Which container engine runs the machines?",
                "Machines are system containers. A rootless engine can't connect them.",
                kind=Kind.CHOICE,
                choices=_engines,
                change=always(Risk.REFUSED, "the machines run in the engine that made them"),
            ),
            Question(
                "local.memory",
                "--memory",
                "Memory",
                "How much memory may each machine use, in MiB? (empty for no limit)",
                "Without a limit, the machines share this computer's memory.",
                read=number_or_none,
                change=always(Risk.SAFE, "it applies to machines that join later"),
            ),
            Question(
                "local.raise_limits",
                "--raise-limits",
                "Kernel limits",
                "May Craton raise the kernel's inotify limits, if the machines need more?",
                "Seven machines need more than the usual 128. Destroying the last local cluster sets it back.",
                kind=Kind.YES_NO,
                change=always(Risk.SAFE, "it applies the next time machines are created"),
            ),
            Question(
                "local.firewall",
                "--local-firewall",
                "Firewall",
                "Should the machines enforce the contract's firewall rules themselves?",
                "If so, the firewall rules really apply, and checks can observe them.",
                kind=Kind.YES_NO,
                choices=enforcement.choices,
                advice=enforcement.advised_here,
                change=host_firewall,
            ),
        )
    },
)
