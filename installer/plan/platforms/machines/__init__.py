"""What a plan knows of the platform `machines`: your own machines over SSH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from installer.plan import enforcement
from installer.plan.change import Risk, always, host_firewall
from installer.plan.guidance import Guidance
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
        "machines you already have, reached over SSH; Craton prepares them and can undo what it did",
        inventory=True,
        shared_link=True,
        load_balancers=False,
        unbalanced="Your own machines have no load balancer.",
        cost="$0 (your machines)",
        guidance=Guidance(
            "Machines that you already have: servers, virtual machines, or boards with Debian or Ubuntu.",
            "If you have them, and can log in over SSH and use sudo. There is no load balancer; infra nodes take "
            "web traffic.",
            "No money, and about ten minutes. Craton writes down what it changes on each, and destroy undoes it.",
        ),
    ),
    _settings,
    comment=(
        "Your machines, each listed once: SSH uses `address`; the other machines use `internal`, if it differs.\n"
        "Machines without a `role` become masters, then infra nodes, then workers, in that order.\n"
        "With `firewall`, each machine enforces the contract's firewall rules itself."
    ),
    questions={
        "Machines": (
            Question(
                "machines.inventory",
                "--machines",
                "Machines",
                "Which machines should Craton use?",
                "Craton tests each over SSH while you type the next, and changes nothing on it.",
                kind=Kind.INVENTORY,
                files=".",
                default=lambda _: "",
            ),
        ),
        "Access": (
            Question(
                "machines.firewall",
                "--firewall",
                "Firewall",
                "Should the machines enforce the contract's firewall rules themselves?",
                "Craton adds its own nftables table, and removes it if it locks you out. Other rules stay.",
                kind=Kind.YES_NO,
                choices=enforcement.choices,
                advice=enforcement.advised_elsewhere,
                change=host_firewall,
            ),
        ),
    },
    conflicts=CONFLICTS,
    changes={
        "ssh.user": always(Risk.CAREFUL, "Craton logs in to the machines with another account, which needs sudo there"),
        "ssh.public_key": always(
            Risk.REFUSED, "your own machines keep their keys; edit ~/.ssh/authorized_keys on each (craton ssh)"
        ),
        "networks.machines": always(Risk.SAFE, "your own machines keep their addresses"),
    },
)
