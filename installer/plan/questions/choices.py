"""What there is to choose from, by the answers so far."""

from __future__ import annotations

from datetime import date

from installer.plan import releases as known
from installer.plan import rules as contract
from installer.plan.guidance import Guidance
from installer.plan.platforms import PLATFORMS
from installer.plan.question import Answers, Choice
from installer.plan.questions import defaults, explanations
from installer.plan.questions.conditions import load_balancers, traits_of


def platforms(_answers: Answers) -> tuple[Choice, ...]:
    found = [platform.traits for platform in PLATFORMS.values()]
    return tuple(Choice(traits.name, traits.title, traits.summary, guidance=traits.guidance) for traits in found)


def masters(answers: Answers) -> tuple[Choice, ...]:
    size = len(defaults.machines(answers))
    details = {1: "no high availability", 3: "survives the loss of 1", 5: "survives the loss of 2"}

    def unavailable(count: int) -> str:
        return f"you listed {size} machines, one of them an infra node" if count > 1 and 0 < size <= count else ""

    return tuple(
        Choice(count, str(count), detail, unavailable(count), explanations.MASTERS[count])
        for count, detail in details.items()
    )


def schedulable(_answers: Answers) -> tuple[Choice, ...]:
    explained = explanations.MASTERS_RUN_WORKLOADS
    return tuple(Choice(value, label, guidance=explained[value]) for value, label in ((True, "Yes"), (False, "No")))


def _unbalanced(answers: Answers) -> str:
    traits = traits_of(answers)
    return traits.unbalanced if traits else "There is no load balancer here."


def ingress(answers: Answers) -> tuple[Choice, ...]:
    none_here = "" if load_balancers(answers) else f"{_unbalanced(answers)} Use infra nodes."
    return (
        Choice(
            "infra",
            "Infra nodes",
            "dedicated machines take web traffic on ports 80 and 443",
            guidance=explanations.INFRA_NODES,
        ),
        Choice(
            "load-balancer",
            "Load balancer",
            "the platform's load balancer forwards web traffic to node ports 32000-32002",
            unavailable=none_here,
            guidance=explanations.LOAD_BALANCER,
        ),
    )


def dns_provider(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("hosts", "Hosts files", "the machines' own; you add two lines to yours"),
        Choice("manual", "By hand", "you enter the records, and Craton waits until the zone's servers have them"),
        Choice("rfc2136", "Signed updates", "BIND, Knot, PowerDNS and others take them (RFC 2136, TSIG)"),
        Choice("route53", "Route 53", "Craton makes the records in a hosted zone of your AWS account"),
        Choice("cloud-dns", "Cloud DNS", "Craton makes the records in a managed zone of your Google Cloud project"),
    )


def certificate(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("craton", "A CA of Craton's", "made for this cluster; browsers trust it after you import it"),
        Choice("ca", "Your CA", "signs a certificate now and at each renewal; its key stays on this computer"),
        Choice("files", "Your certificate", "you renew it yourself"),
        Choice("acme", "ACME", "Let's Encrypt or another ACME server; cert-manager renews it in the cluster"),
    )


def challenge(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("http-01", "On port 80", "the server asks the console's name (http-01)"),
        Choice("dns-01", "In the zone", "with the key of dns.provider rfc2136 (dns-01)"),
    )


def releases(answers: Answers) -> tuple[Choice, ...]:
    """The newest known patch of each minor that is supported today, and the release that was answered or is usual."""
    from installer.plan import validation

    day = known.today()
    offered = [minor.newest for minor in known.supported(day)]
    usual = str(answers.get("kubernetes") or validation.defaults()["kubernetes"])
    if usual not in offered and known.is_release(usual):
        offered.append(usual)
    offered.sort(key=known.parts, reverse=True)
    return tuple(Choice(release, release, _support(release, day), guidance=_explained(release)) for release in offered)


def _support(release: str, day: date) -> str:
    from installer.plan import validation

    minor = known.minor_of(release)
    if minor is None:
        return "newer than this Craton, and untested with it"
    state = known.support(release, day)
    if state is known.Support.ENDED:
        return f"out of support since {minor.end}"
    fixes = "critical fixes" if state is known.Support.MAINTENANCE else "fixes"
    if release == validation.defaults()["kubernetes"]:
        return f"{fixes} until {minor.end}, tested with this Craton"
    patch = "" if release == minor.newest else f", newer patch known: {minor.newest}"
    return f"{fixes} until {minor.end}{patch}"


def _explained(release: str) -> Guidance:
    minor = known.minor_of(release)
    if minor is None:
        return Guidance(known.warning(release, known.today()), "If you need it before a newer Craton is out.", "Time.")
    if minor is known.NEWEST:
        when = "If you want the newest features, and the longest time until the next upgrade."
    else:
        when = "If your applications are tested with it."
    cost = f"An upgrade to the next minor before {minor.end}."
    return Guidance(f"Kubernetes {minor.name}, first released on {minor.released}.", when, cost)


def pod_security(_answers: Answers) -> tuple[Choice, ...]:
    levels = {
        "baseline": "no privileged pods, none that share the machine's network, processes or files",
        "restricted": "no pods that run as root either; many images don't pass",
        "privileged": "any pod, as Kubernetes has it by default",
    }
    explained = explanations.POD_SECURITY
    return tuple(Choice(level, level.title(), text, guidance=explained[level]) for level, text in levels.items())


def may_rules(answers: Answers) -> tuple[Choice, ...]:
    rules = [contract.RULES[id] for id in contract.choosable()]
    infra = answers.get("ingress.kind", "infra") == "infra"
    return tuple(
        Choice(rule.id, f"{rule.id} {rule.purpose}", f"obsolete: {rule.obsolete}" if rule.obsolete else rule.wording)
        for rule in rules
        if infra or contract.Role.INFRA not in rule.roles
    )
