"""Every question once, in the order asked: the wizard, the prompts and the flags of `craton new` all come from here."""

from __future__ import annotations

import getpass
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from installer.plan import rules as contract
from installer.plan.questions import defaults
from installer.plan.questions.question import Answers, Choice, Flag, Kind, Page, Question, flag

if TYPE_CHECKING:
    from installer.plan.platforms.traits import PlatformTraits

# installer.plan is imported where it is used: the flags are needed for --help, pydantic is not.


@cache
def plan_defaults() -> dict[str, Any]:
    """The plan's own defaults by field."""
    from installer.plan import validation
    from installer.plan.model import InstallPlan

    return validation.values(InstallPlan(name="a", subdomain="a.b"))


def traits_of(answers: Answers) -> PlatformTraits | None:
    """What is known of the platform that was answered, or None if there is no such platform."""
    from installer.plan.platforms.catalogue import PLATFORMS

    name = answers.get("platform", plan_defaults()["platform"])
    return PLATFORMS.get(name) if isinstance(name, str) else None


def _own_machines(answers: Answers) -> bool:
    traits = traits_of(answers)
    return traits is not None and traits.inventory


def _made_machines(answers: Answers) -> bool:
    return not _own_machines(answers)


def _real_machines(answers: Answers) -> bool:
    traits = traits_of(answers)
    return traits is not None and not traits.stand_ins


def _on(platform: str) -> Callable[[Answers], bool]:
    return lambda answers: bool(answers.get("platform", plan_defaults()["platform"]) == platform)


class _PlanDefault:
    """The plan's own default; on machines of the user's own what `own` says, if it says anything."""

    def __init__(self, field: str, own: Callable[[Answers], Any] | None = None) -> None:
        self._field = field
        self._own = own

    def __call__(self, answers: Answers) -> Any:
        found = self._own(answers) if self._own and _own_machines(answers) else None
        return plan_defaults()[self._field] if found is None else found


def _default_subdomain(answers: Answers) -> str:
    """Only a rehearsal can do with a domain that nobody has."""
    return "example.test" if answers.get("platform") == "rehearsal" else ""


def _default_pods(answers: Answers) -> str:
    """The plan's default, or a network with a /24 for each machine where there are more; no machine is in it."""
    from installer.plan.settings import MAX_WORKERS

    machines = sum(_count(answers, field) for field in ("masters", "workers", "ingress.infra"))
    if not 256 < machines <= 2 * MAX_WORKERS:
        return defaults.free_network(answers, plan_defaults()["networks.pods"], "172.20.0.0/16", "100.64.0.0/16")
    prefix = 24 - (machines - 1).bit_length()
    return defaults.free_network(answers, f"10.128.0.0/{prefix}", f"100.64.0.0/{prefix}")


def _free_services(answers: Answers) -> str:
    return defaults.free_network(answers, plan_defaults()["networks.services"], "172.21.0.0/16", "198.18.0.0/16")


def _login_name(_answers: Answers) -> str:
    """Who runs Craton, as OpenSSH takes it; empty, so that the question must be answered, if a plan cannot say it."""
    from installer.plan import validation

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return "" if validation.field_mistake("ssh.user", name) else name


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
    from installer.plan import validation

    try:
        with path.open(encoding="utf-8", errors="replace") as file:
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


def _or_none(text: str) -> str | None:
    """Text, or nothing for none."""
    return None if text.lower() in ("", "none") else text


def _number_or_none(text: str) -> int | str | None:
    found = _or_none(text)
    return int(found) if found and re.fullmatch(r"[0-9]{1,18}", found) else found


def _engine_choices(_answers: Answers) -> tuple[Choice, ...]:
    return (
        Choice("auto", "Whichever is there", "podman, if there are both"),
        Choice("podman", "podman", "as root"),
        Choice("docker", "docker"),
    )


def _platform_choices(_answers: Answers) -> tuple[Choice, ...]:
    from installer.plan.platforms.catalogue import PLATFORMS

    return tuple(Choice(traits.name, traits.title, traits.summary) for traits in PLATFORMS.values())


def _master_choices(answers: Answers) -> tuple[Choice, ...]:
    size = len(defaults.machines(answers)) if _own_machines(answers) else 0
    details = {1: "no high availability", 3: "survives the loss of 1", 5: "survives the loss of 2"}

    def unavailable(count: int) -> str:
        return f"{size} machines are too few: one is an infra node" if count > 1 and 0 < size <= count else ""

    return tuple(Choice(count, str(count), detail, unavailable(count)) for count, detail in details.items())


def _ingress_choices(answers: Answers) -> tuple[Choice, ...]:
    none_here = "" if _load_balancers(answers) else f"there is no load balancer here. {contract.INFRA_SENTENCE}"
    return (
        Choice("infra", "Infra nodes", "machines of their own serve the console and Dex on ports 80 and 443"),
        Choice(
            "load-balancer",
            "Load balancer",
            "the platform's own, in front of the masters' node ports 32000-32002",
            unavailable=none_here,
        ),
    )


def _load_balancers(answers: Answers) -> bool:
    """Whether load balancers are to be had where the answers install."""
    traits = traits_of(answers) or traits_of({})
    assert traits is not None, "the default platform exists"
    field = "rehearsal.load_balancers"
    return answers.get(field, plan_defaults()[field]) is not False if traits.stand_ins else traits.load_balancers


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
              kind=Kind.YES_NO, applies=_on("rehearsal")),
        _ask("local.engine", "--engine", "Engine", "Which container engine runs the machines?",
              "Machines are system containers; rootless engines have no network of their own between them.",
              kind=Kind.CHOICE, choices=_engine_choices, applies=_on("local")),
        _ask("local.memory", "--memory", "Memory", "How much memory may each machine use? (MiB, or nothing)",
              "Without a limit, machines share what this computer has.", applies=_on("local"), read=_number_or_none),
        _ask("local.firewall", "--local-firewall", "Firewall",
              "Is the contract to be enforced on the machines themselves?",
              "With it, the contract's rules are not only planned but in force, and observed.",
              kind=Kind.YES_NO, applies=_on("local")),
    )),
    Page("Machines", (
        _ask("machines.inventory", "--machines", "Machines", "Which machines?",
              "Each is tested over SSH while you type the next; nothing is changed on any of them.",
              kind=Kind.INVENTORY, applies=_own_machines, default=lambda _: ""),
    )),
    Page("Masters", (
        _ask("masters", "--masters", "Masters", "How many masters?",
              "An odd number of masters keeps etcd's majority when some are lost: "
              "\"At least one dedicated master node for etcd and Kubernetes components, 3 or 5 nodes for HA\".",
              kind=Kind.CHOICE, choices=_master_choices, rules=("M13",),
              default=_PlanDefault("masters", defaults.masters)),
        _ask("schedulable_masters", "--schedulable-masters", "Workloads on masters",
              "May user workloads run on masters?",
              "Dedicated masters keep user workloads away from etcd; a small cluster may want the room.",
              kind=Kind.YES_NO, rules=("M14",), default=_PlanDefault("schedulable_masters", defaults.schedulable)),
    )),
    Page("Workers", (
        _ask("workers", "--workers", "Workers", "How many workers?",
              "Workers run all of the user's applications, and more can join later.",
              kind=Kind.INTEGER, rules=("W1", "W2", "W9"), default=_PlanDefault("workers", defaults.workers)),
    )),
    Page("Ingress", (
        _ask("ingress.kind", "--ingress", "Ingress", "Where does traffic for the console enter?",
              contract.INFRA_SENTENCE,
              kind=Kind.CHOICE, choices=_ingress_choices, rules=("M3", "I1")),
        _ask("ingress.infra", "--infra", "Infra nodes", "How many infra nodes?",
              "Each serves the console and Dex; with two or more, losing one is not noticed.",
              kind=Kind.INTEGER, rules=("I1", "I3", "I4"), default=_PlanDefault("ingress.infra", defaults.infra),
              applies=lambda answers: answers.get("ingress.kind", "infra") == "infra"),
    )),
    Page("DNS", (
        _ask("subdomain", "--subdomain", "Subdomain", "Under which DNS name does the cluster stand?",
              "The API server and the console get their names under it.",
              default=_default_subdomain, rules=("D1", "D2")),
    )),
    Page("Access", (
        _ask("ssh.user", "--ssh-user", "SSH user", "Which account do Craton and you log in to?",
              "It exists, or is made, on every machine.",
              default=_PlanDefault("ssh.user", _login_name)),
        _ask("ssh.key", "--ssh-key", "SSH key", "Which private key of yours opens the machines? (a path, or nothing)",
              "Without one, what ~/.ssh/config and the ssh-agent offer is tried.",
              applies=_own_machines, read=_or_none),
        _ask("ssh.port", "--ssh-port", "SSH port", "On which port do the machines' SSH servers listen?",
              "It holds for machines of which neither the list nor ~/.ssh/config says another.",
              kind=Kind.INTEGER, applies=_own_machines),
        _ask("ssh.jump", "--ssh-jump", "Jump host",
              "Through which host are the machines reached? (user@host, or nothing)",
              "It holds for machines of which neither the list nor ~/.ssh/config says another.",
              applies=_own_machines, read=_or_none),
        _ask("ssh.public_key", "--public-key", "Public key",
              "Which public key of yours may log in? (the key, the path of its .pub file, or nothing)",
              "Craton makes a key of its own for each cluster; yours is authorised beside it.",
              default=own_public_key, read=_read_key, applies=_made_machines),
        _ask("networks.user", "--user-network", "User network", "From which network do people reach the cluster?",
              "SSH and the API server are open to it and closed to the rest.", rules=("M1", "N1"),
              default=_PlanDefault("networks.user", lambda _: "0.0.0.0/0")),
        _ask("machines.firewall", "--firewall", "Firewall",
              "Is the contract to be enforced on the machines themselves?",
              "An nftables table of Craton's own, taken back by itself if it locks anybody out; other rules stay.",
              kind=Kind.YES_NO, applies=_own_machines),
    )),
    Page("Advanced", (
        _ask("networks.machines", "--machine-network", "Machine network", "Which network are the machines in?",
              "Machines get fixed addresses in it, which names and firewalls refer to.", applies=_made_machines),
        _ask("networks.pods", "--pod-network", "Pod network", "Which network are the pods in?",
              "flannel gives each machine a /24 of it.", default=_default_pods, rules=("M2", "W3")),
        _ask("networks.services", "--service-network", "Service network", "Which network are the services in?",
              "Cluster-internal addresses; no machine or pod may have one of them.",
              default=_PlanDefault("networks.services", _free_services)),
        _ask("kubernetes", "--kubernetes", "Kubernetes", "Which Kubernetes release?",
              "Every machine runs this release."),
        _ask("artifacts.mirror", "--mirror", "Mirror",
              "From which mirror do the machines download? (an address, or nothing)",
              "Without one, from the projects' own sites; a mirror has their layout.",
              applies=_real_machines, read=_or_none),
        _ask("artifacts.proxy", "--proxy", "Proxy",
              "Through which HTTP proxy do the machines download? (an address, or nothing)",
              "Only what is installed is fetched through it.",
              applies=_real_machines, read=_or_none),
        _ask("may", "--may", "MAY rules", "Which of the contract's MAY rules are on?",
              "The contract leaves these to the user, and the defaults suit most clusters.",
              kind=Kind.MULTI_CHOICE, choices=_may_choices, default=_default_may),
    )),
)  # fmt: skip
"""The questions, page by page."""

QUESTIONS: tuple[Question, ...] = tuple(question for page in PAGES for question in page.questions)


UNASKED = ("artifacts.sums", "artifacts.sums_from")
"""Fields that no question asks, and that a plan which is edited keeps."""


def question_of(field: str) -> Question:
    """The question about a field. Raises KeyError if none is."""
    return {question.field: question for question in QUESTIONS}[field]


def page_of(field: str) -> Page:
    """The page on which a field is asked. Raises KeyError if on none."""
    return {question.field: page for page in PAGES for question in page.questions}[field]


def flags() -> list[Flag]:
    """The options of `craton new` that answer questions."""
    return [flag(question) for question in QUESTIONS]
