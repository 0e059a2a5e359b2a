"""What plans have in common wherever machines are made in a cloud: questions, conflicts, the risk of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

from installer.plan.change import Judge, Risk, always
from installer.plan.conflict import Conflict, ConflictRule
from installer.plan.question import Answers, Kind, Question, number_or_none, or_none
from installer.plan.registration import CloudAddon

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings

LATER = always(Risk.SAFE, "machines that exist keep theirs; those that join later get it")
SIGN_IN = always(Risk.SAFE, "it only changes how Craton signs in")
DNS = always(Risk.CAREFUL, "records that exist are changed or left to you")
_LOOPBACK = IPv4Network("127.0.0.0/8")
_USER = ("networks", "user")
_POOL_ABOVE = 100
"""Offered for a new cluster: beyond so many workers, few people want to know each by its name."""


def words(text: str) -> tuple[str, ...]:
    """Words with spaces or commas between them; none for nothing and for `none`."""
    return tuple((or_none(text) or "").replace(",", " ").split())


def machine_type(section: str, prompt: str) -> Callable[[str, str, str], Question]:
    """Makes the question for the type of one role's machines: role, noun, why. `prompt` has a place for the noun."""

    def question(role: str, noun: str, why: str) -> Question:
        return Question(
            f"{section}.{role}_type",
            f"--{section}-{role}-type",
            f"{noun} type",
            prompt.format(noun.lower()),
            why,
            change=LATER,
        )

    return question


def private_workers(section: str, way_out: str, change: Judge) -> Question:
    """The question whether workers are kept off the internet; `way_out` is what they reach it through."""
    return Question(
        f"{section}.private_workers",
        f"--{section}-private-workers",
        "Private workers",
        "Should the workers have private addresses only?",
        f"They reach the internet through {way_out}, billed by the hour. SSH to them goes through a master.",
        kind=Kind.YES_NO,
        change=change,
    )


def worker_pool(section: str, group: str) -> Question:
    """The question whether the workers are one pool; `group` is what the cloud calls it."""
    return Question(
        f"{section}.worker_pool",
        f"--{section}-worker-pool",
        "Worker pool",
        f"Should the workers be {group}?",
        "They are made alike and replaced one by one, and they join by themselves. Craton never logs in to them.",
        kind=Kind.YES_NO,
        change=always(Risk.REFUSED, "workers with names of their own and those of a pool don't become each other"),
    )


def pool_above(section: str, group: str) -> Question:
    """The question for the number of workers above which they are one pool; `group` is what the cloud calls it."""

    def not_anyway(answers: Answers) -> bool:
        return not answers.get(f"{section}.worker_pool")

    return Question(
        f"{section}.pool_above",
        f"--{section}-pool-above",
        "Pool above",
        f"Above how many workers should they be {group} all the same? (none for never)",
        "The number of workers at the install decides. Later, a cluster keeps the kind of workers that it has.",
        applies=not_anyway,
        default=lambda _: _POOL_ABOVE,
        read=number_or_none,
        change=always(Risk.SAFE, "it decides for new clusters; the workers of this one stay as they are"),
    )


def integration_question(section: str, cloud: str, volumes: str) -> Question:
    """The question whether Kubernetes uses the cloud, called `cloud`, itself; `volumes` are what it makes there."""
    return Question(
        f"{section}.integration",
        f"--{section}-integration",
        "Integration",
        f"Should Kubernetes make load balancers and volumes in {cloud}?",
        f"For Services of type LoadBalancer and PersistentVolumes ({volumes}). It's untested in {cloud} itself.",
        kind=Kind.YES_NO,
        change=always(Risk.REFUSED, "kubelets learn it when they join; another choice means another cluster"),
    )


def controller_arguments(plan: CommonSettings, provider: str, *more: str) -> list[str]:
    """The arguments of a cloud's controller manager. flannel is the network, and gets its parts from Kubernetes."""
    return [
        f"--cloud-provider={provider}",
        f"--cluster-name={plan.name}",
        "--configure-cloud-routes=false",
        "--allocate-node-cidrs=false",
        "--use-service-account-credentials=false",
        "--bind-address=127.0.0.1",
        "--profiling=false",
        "--v=2",
        *more,
    ]


def controller(name: str, cloud: str, *more: str) -> CloudAddon:
    """The controller manager of the cloud called `cloud`; `more` are manifests of its own."""
    title = f"bring up the controller manager of {cloud}"
    return CloudAddon(name, title, (*more, "cloud-controller.yaml"), "DaemonSet", "cloud-controller-manager")


def zones_elsewhere(section: str, region: str, zones: Sequence[str]) -> Iterator[Conflict]:
    """Zones whose name does not begin with the region's."""
    for number, zone in enumerate(zones):
        if not zone.startswith(region):
            message = f"{zone} is not in {region}. Choose zones of that region, or another region."
            yield (section, "zones", number), f"'{zone}'", message


def conflicts(section: str, cloud: str) -> tuple[ConflictRule, ...]:
    """Rules that hold in every cloud, of the platform `section`, called `cloud`."""

    def nobody_in(plan: CommonSettings, _settings: Any) -> Iterator[Conflict]:
        if plan.networks.user.subnet_of(_LOOPBACK):
            message = (
                f"Machines in {cloud} would let nobody in from outside. "
                "Enter the public address that you and Craton connect from, such as 203.0.113.7/32."
            )
            yield _USER, f"'{plan.networks.user}'", message

    def names_twice(plan: CommonSettings, _settings: Any) -> Iterator[Conflict]:
        if plan.dns.provider != "hosts":  # it would publish the machines' private addresses
            message = (
                f"In {cloud}, {section}.dns says who publishes the cluster's names. Choose it there, and provider: "
                "hosts here."
            )
            yield ("dns", "provider"), f"'{plan.dns.provider}'", message

    return ConflictRule((_USER,), nobody_in), ConflictRule((("dns", "provider"),), names_twice)
