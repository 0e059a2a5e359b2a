"""When a question applies: what the answers so far say of the platform."""

from __future__ import annotations

from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.question import Answers
from installer.plan.registration import PlatformTraits


def traits_of(answers: Answers) -> PlatformTraits | None:
    """What is known of the platform that was answered, or None if there is no such platform."""
    name = answers.get("platform", DEFAULT)
    return PLATFORMS[name].traits if isinstance(name, str) and name in PLATFORMS else None


def own_machines(answers: Answers) -> bool:
    """The user has the machines."""
    traits = traits_of(answers)
    return traits is not None and traits.inventory


def made_machines(answers: Answers) -> bool:
    """The platform makes the machines."""
    return not own_machines(answers)


def real_machines(answers: Answers) -> bool:
    """The machines are no stand-ins."""
    traits = traits_of(answers)
    return traits is not None and not traits.stand_ins


def names_left_to_plan(answers: Answers) -> bool:
    """The platform publishes no names itself, as a cloud's own settings do."""
    traits = traits_of(answers)
    return real_machines(answers) and traits is not None and not traits.cloud


def address_can_move(answers: Answers) -> bool:
    """Masters can share an address that moves between them, and the API's name leads to no load balancer."""
    traits = traits_of(answers)
    several = answers.get("masters") != 1 and answers.get("ingress.kind", "infra") == "infra"
    return traits is not None and traits.shared_link and several


def behind_a_proxy(answers: Answers) -> bool:
    """The machines download through a proxy."""
    return real_machines(answers) and bool(answers.get("artifacts.proxy"))


def stand_ins(answers: Answers) -> bool:
    """The machines are stand-ins."""
    traits = traits_of(answers)
    return traits is not None and traits.stand_ins


def load_balancers(answers: Answers) -> bool:
    """Load balancers are to be had where the answers install."""
    traits = traits_of(answers) or PLATFORMS[DEFAULT].traits
    return answers.get(f"{traits.name}.load_balancers", traits.load_balancers) is not False


def with_ingress(answers: Answers) -> bool:
    """The cluster gets an ingress controller, so something answers at the console's name."""
    return answers.get("addons.ingress") is not False


def updates_zone(answers: Answers) -> bool:
    """The names are published in a zone that takes updates."""
    return answers.get("dns.provider") == "rfc2136" and names_left_to_plan(answers)


def in_route53(answers: Answers) -> bool:
    """The names are published in a hosted zone of an AWS account."""
    return answers.get("dns.provider") == "route53" and names_left_to_plan(answers)


def in_cloud_dns(answers: Answers) -> bool:
    """The names are published in a managed zone of a Google Cloud project."""
    return answers.get("dns.provider") == "cloud-dns" and names_left_to_plan(answers)


def with_sign_in(answers: Answers) -> bool:
    """People sign in with e-mail and password."""
    return with_ingress(answers) and answers.get("addons.sign_in") is not False


def own_certificate(answers: Answers) -> bool:
    """The certificate of the console's name, or its CA, is the user's."""
    return with_ingress(answers) and answers.get("certificate.source") in ("ca", "files")


def by_acme(answers: Answers) -> bool:
    """An ACME server gives the certificate of the console's name."""
    return with_ingress(answers) and answers.get("certificate.source") == "acme"
