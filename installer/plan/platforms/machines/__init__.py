"""What a plan knows of the platform `machines`: your own machines over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan.change import Risk, always
from installer.plan.platforms.machines.conflicts import CONFLICTS
from installer.plan.question import Kind, Question
from installer.plan.registration import PlatformTraits, Registration

if TYPE_CHECKING:
    from installer.plan.platforms.machines.settings import Machines

PLACE = 2


def _settings() -> type[Machines]:
    from installer.plan.platforms.machines.settings import Machines

    return Machines


REGISTRATION = Registration(
    PlatformTraits(
        "machines",
        "Own machines",
        "machines that you have, reached over SSH; Craton prepares them, and takes back what it did",
        inventory=True,
        load_balancers=False,
        cost="$0 (your machines)",
    ),
    _settings,
    comment=(
        "Your machines, once each: `address` is where SSH finds one, `internal` where the others do, if not there.\n"
        "Those without a `role` become masters, then infra nodes, then workers, in this order.\n"
        "With `firewall`, the contract's rules are enforced on the machines themselves."
    ),
    questions={
        "Machines": (
            Question(
                "machines.inventory",
                "--machines",
                "Machines",
                "Which machines?",
                "Each is tested over SSH while you type the next; nothing is changed on any of them.",
                kind=Kind.INVENTORY,
                default=lambda _: "",
            ),
        ),
        "Access": (
            Question(
                "machines.firewall",
                "--firewall",
                "Firewall",
                "Is the contract to be enforced on the machines themselves?",
                "An nftables table of Craton's own, taken back by itself if it locks anybody out; other rules stay.",
                kind=Kind.YES_NO,
                change=always(Risk.CAREFUL, "which packets the machines let through changes while they run"),
            ),
        ),
    },
    conflicts=CONFLICTS,
    changes={
        "ssh.user": always(Risk.CAREFUL, "Craton logs in to the machines as somebody else, who needs sudo there"),
        "networks.machines": always(Risk.SAFE, "machines of one's own have the addresses that they have"),
    },
)
