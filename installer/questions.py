"""Every question once, in the order asked: the wizard, the prompts and the flags of `craton new` all come from here."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from installer import contract
from installer.question import Answers, Choice, Flag, Kind, Page, Question, flag

# installer.plan is imported where it is used: the flags are needed for --help, pydantic is not.


@cache
def plan_defaults() -> dict[str, Any]:
    """The plan's own defaults by field."""
    from installer import validation
    from installer.plan import InstallPlan

    return validation.values(InstallPlan(name="a", subdomain="a.b"))


class _PlanDefault:
    """The plan's own default, whatever was answered before."""

    def __init__(self, field: str) -> None:
        self._field = field

    def __call__(self, _answers: Answers) -> Any:
        return plan_defaults()[self._field]


def _default_subdomain(answers: Answers) -> str:
    """Only a rehearsal can do with a domain that nobody has."""
    return "example.test" if answers.get("platform") == "rehearsal" else ""


def _default_pods(answers: Answers) -> str:
    """The plan's default, or a network with a /24 for each machine where there are more."""
    from installer.plan import MAX_WORKERS

    machines = sum(_count(answers, field) for field in ("masters", "workers", "ingress.infra"))
    if not 256 < machines <= 2 * MAX_WORKERS:
        return str(plan_defaults()["networks.pods"])
    return f"10.128.0.0/{24 - (machines - 1).bit_length()}"


def _count(answers: Answers, field: str) -> int:
    value = answers.get(field)
    return value if isinstance(value, int) else 0


def _default_may(answers: Answers) -> tuple[str, ...]:
    offered = [choice.value for choice in _may_choices(answers)]
    return tuple(rule for rule in contract.default_may() if rule in offered)


def own_public_key(_answers: Answers | None = None) -> str | None:
    """The user's first usable public key in ~/.ssh, or None: Craton makes its own for each cluster anyway."""
    for name in ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"):
        found = _key_file(Path.home() / ".ssh" / name)
        if found:
            return found
    return None


def _key_file(path: Path) -> str | None:
    """The public key in a file, or None if there is none."""
    from installer import validation

    try:
        with path.open(encoding="utf-8") as file:
            line = file.read(16_384).strip()
    except (OSError, ValueError):
        return None
    return None if not line or validation.field_mistake("ssh.public_key", line) else line


def _read_key(text: str) -> str | None:
    """A key itself, or the path of the file that holds it; nothing for none."""
    if not text or text.lower() == "none":
        return None
    if " " not in text and text.startswith(("/", "~", ".")):
        try:
            return _key_file(Path(text).expanduser()) or text
        except RuntimeError:  # no such home directory
            return text
    return text


def _platform_choices(_answers: Answers) -> tuple[Choice, ...]:
    from installer.plan import PLATFORMS

    return tuple(Choice(traits.name, traits.title, traits.summary) for traits in PLATFORMS.values())


def _master_choices(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice(1, "1", "no high availability"),
        Choice(3, "3", "survives the loss of 1"),
        Choice(5, "5", "survives the loss of 2"),
    )


def _ingress_choices(answers: Answers) -> tuple[Choice, ...]:
    from installer.answers import preview

    plan = preview({**answers, "ingress.kind": "infra"})
    none_here = f"there is no load balancer here. {contract.INFRA_SENTENCE}" if not plan.load_balancers else ""
    return (
        Choice("infra", "Infra nodes", "machines of their own serve the console and Dex on ports 80 and 443"),
        Choice(
            "load-balancer",
            "Load balancer",
            "the platform's own, in front of the masters' node ports 32000-32002",
            unavailable=none_here,
        ),
    )


def _may_choices(answers: Answers) -> tuple[Choice, ...]:
    rules = [contract.RULES[id] for id in contract.choosable()]
    infra = answers.get("ingress.kind", "infra") == "infra"
    return tuple(
        Choice(rule.id, f"{rule.id} {rule.purpose}", f"obsolete: {rule.obsolete}" if rule.obsolete else rule.quote)
        for rule in rules
        if infra or contract.Role.INFRA not in rule.roles
    )


def _ask(field: str, flag: str, title: str, prompt: str, why: str, **more: Any) -> Question:
    """A question of kind text with the plan's default, unless `more` says otherwise."""
    return Question(field, flag, title, prompt, why, **{"kind": Kind.TEXT, "default": _PlanDefault(field), **more})


PAGES: tuple[Page, ...] = (
    Page("Name", (
        _ask("name", "--name", "Name", "What is the cluster's name?",
              "Machines, DNS names and everything on the platform carry it.",
              default=lambda _: "demo", rules=("D1", "D2")),
    )),
    Page("Platform", (
        _ask("platform", "--platform", "Platform", "Where do the machines come from?",
              "A rehearsal is the same install on stand-in machines, and can be repeated on a real platform.",
              kind=Kind.CHOICE, choices=_platform_choices),
        _ask("rehearsal.load_balancers", "--load-balancers", "Load balancers",
              "Has the environment that is rehearsed load balancers?",
              contract.INFRA_SENTENCE,
              kind=Kind.YES_NO, applies=lambda answers: answers.get("platform", "rehearsal") == "rehearsal"),
    )),
    Page("Masters", (
        _ask("masters", "--masters", "Masters", "How many masters?",
              "An odd number of masters keeps etcd's majority when some are lost: "
              "\"At least one dedicated master node for etcd and Kubernetes components, 3 or 5 nodes for HA\".",
              kind=Kind.CHOICE, choices=_master_choices, rules=("M13",)),
        _ask("schedulable_masters", "--schedulable-masters", "Workloads on masters",
              "May user workloads run on masters?",
              "Dedicated masters keep user workloads away from etcd; a small cluster may want the room.",
              kind=Kind.YES_NO, rules=("M14",)),
    )),
    Page("Workers", (
        _ask("workers", "--workers", "Workers", "How many workers?",
              "Workers run all of the user's applications, and more can join later.",
              kind=Kind.INTEGER, rules=("W1", "W2", "W9")),
    )),
    Page("Ingress", (
        _ask("ingress.kind", "--ingress", "Ingress", "Where does traffic for the console enter?",
              contract.INFRA_SENTENCE,
              kind=Kind.CHOICE, choices=_ingress_choices, rules=("M3", "I1")),
        _ask("ingress.infra", "--infra", "Infra nodes", "How many infra nodes?",
              "Each serves the console and Dex; with two or more, losing one is not noticed.",
              kind=Kind.INTEGER, rules=("I1", "I3", "I4"),
              applies=lambda answers: answers.get("ingress.kind", "infra") == "infra"),
    )),
    Page("DNS", (
        _ask("subdomain", "--subdomain", "Subdomain", "Under which DNS name does the cluster stand?",
              "The API server and the console get their names under it.",
              default=_default_subdomain, rules=("D1", "D2")),
    )),
    Page("Access", (
        _ask("ssh.user", "--ssh-user", "SSH user", "Which account do Craton and you log in to?",
              "It exists, or is made, on every machine."),
        _ask("ssh.public_key", "--public-key", "Public key",
              "Which public key of yours may log in? (the key, the path of its .pub file, or nothing)",
              "Craton makes a key of its own for each cluster; yours is authorised beside it.",
              default=own_public_key, read=_read_key),
        _ask("networks.user", "--user-network", "User network", "From which network do people reach the cluster?",
              "SSH and the API server are open to it and closed to the rest.", rules=("M1", "N1")),
    )),
    Page("Advanced", (
        _ask("networks.machines", "--machine-network", "Machine network", "Which network are the machines in?",
              "Machines get fixed addresses in it, which names and firewalls refer to."),
        _ask("networks.pods", "--pod-network", "Pod network", "Which network are the pods in?",
              "flannel gives each machine a /24 of it.", default=_default_pods, rules=("M2", "W3")),
        _ask("networks.services", "--service-network", "Service network", "Which network are the services in?",
              "Cluster-internal addresses; no machine or pod may have one of them."),
        _ask("kubernetes", "--kubernetes", "Kubernetes", "Which Kubernetes release?",
              "Every machine runs this release."),
        _ask("may", "--may", "MAY rules", "Which of the contract's MAY rules are on?",
              "The contract leaves these to the user, and the defaults suit most clusters.",
              kind=Kind.MULTI_CHOICE, choices=_may_choices, default=_default_may),
    )),
)  # fmt: skip
"""The questions, page by page."""

QUESTIONS: tuple[Question, ...] = tuple(question for page in PAGES for question in page.questions)


def question_of(field: str) -> Question:
    """The question about a field. Raises KeyError if none is."""
    return {question.field: question for question in QUESTIONS}[field]


def page_of(field: str) -> Page:
    """The page on which a field is asked. Raises KeyError if on none."""
    return {question.field: page for page in PAGES for question in page.questions}[field]


def flags() -> list[Flag]:
    """The options of `craton new` that answer questions."""
    return [flag(question) for question in QUESTIONS]
