"""Every question once, in the order asked: the wizard, the prompts and the flags of `craton new` all come from here.

Questions that one platform alone asks are in its registration (`installer.plan.platforms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from installer.plan import rules as contract
from installer.plan.change import Judge, Risk, always, growing
from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.question import Answers, Flag, Kind, Page, Question, flag, or_none
from installer.plan.questions import choices, conditions, defaults, keys


def _release(old: str, new: str) -> tuple[Risk, str]:
    """A release comes machine by machine, which no install does."""
    from installer.plan import releases

    return Risk.REFUSED, releases.refusal(old, new) or f"`craton upgrade` brings it: craton upgrade CLUSTER --to {new}"


def _may(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[Risk, str]:
    """Firewalls, labels and taints follow a plan; what kubelets were set up with does not."""
    if ("M7" in old) != ("M7" in new):
        return Risk.REFUSED, "kubelets get or close the read-only port (M7) when they are set up; keep M7 as it was"
    return Risk.CAREFUL, "firewall rules, labels or taints change on machines that run"


_PLATFORM = "Platform"
_NETWORK = always(Risk.REFUSED, "addresses and firewalls are built on it; a cluster keeps its networks")
_WAY = always(Risk.SAFE, "it only says how machines are reached")
_POD_SECURITY = always(
    Risk.REFUSED,
    "API servers read it when the cluster is made; "
    "label namespaces instead (kubectl label namespace NAME pod-security.kubernetes.io/enforce=LEVEL)",
)
_DOWNLOADS = always(Risk.SAFE, "it says where machines that join download from; what is installed stays")

_PAGES = (
    Page("Name", (
        Question("name", "--name", "Name", "What is the cluster's name?",
                 "Machines, DNS names and everything on the platform carry it.",
                 default=lambda _: "demo", rules=("D1", "D2"),
                 change=always(Risk.REFUSED,
                               "machines, names and certificates carry it; another name is another cluster")),
    )),
    Page(_PLATFORM, (
        Question("platform", "--platform", "Platform", "Where do the machines come from?",
                 "A rehearsal is the same install on stand-in machines, and can be repeated on a real platform.",
                 kind=Kind.CHOICE, choices=choices.platforms,
                 change=always(Risk.REFUSED, "machines cannot move from one platform to another")),
    )),
    Page("Masters", (
        Question("masters", "--masters", "Masters", "How many masters?",
                 "An odd number of masters keeps etcd's majority when some are lost: "
                 "\"At least one dedicated master node for etcd and Kubernetes components, 3 or 5 nodes for HA\".",
                 kind=Kind.CHOICE, choices=choices.masters, rules=("M13",),
                 default=defaults.masters,
                 change=growing("masters", " one at a time, and their etcd members with them")),
        Question("schedulable_masters", "--schedulable-masters", "Workloads on masters",
                 "May user workloads run on masters?",
                 "Dedicated masters keep user workloads away from etcd; a small cluster may want the room.",
                 kind=Kind.YES_NO, rules=("M14",), default=defaults.schedulable,
                 change=always(Risk.CAREFUL, "the masters' taint changes; workloads may land on them, or leave")),
    )),
    Page("Workers", (
        Question("workers", "--workers", "Workers", "How many workers?",
                 "Workers run all of the user's applications, and more can join later.",
                 kind=Kind.INTEGER, rules=("W1", "W2", "W9"), default=defaults.workers,
                 change=growing("workers")),
    )),
    Page("Ingress", (
        Question("ingress.kind", "--ingress", "Ingress", "Where does traffic for the console enter?",
                 contract.INFRA_SENTENCE,
                 kind=Kind.CHOICE, choices=choices.ingress, rules=("M3", "I1"),
                 change=always(Risk.REFUSED, "the console's name and every firewall depend on where traffic enters")),
        Question("ingress.infra", "--infra", "Infra nodes", "How many infra nodes?",
                 "Each serves the console and Dex; with two or more, losing one is not noticed.",
                 kind=Kind.INTEGER, rules=("I1", "I3", "I4"), default=defaults.infra,
                 applies=lambda answers: answers.get("ingress.kind", "infra") == "infra",
                 change=growing("infra nodes")),
    )),
    Page("DNS", (
        Question("subdomain", "--subdomain", "Subdomain", "Under which DNS name does the cluster stand?",
                 "The API server and the console get their names under it.",
                 default=defaults.subdomain, rules=("D1", "D2"),
                 change=always(Risk.REFUSED, "the API server's certificate is made out to the name under it")),
    )),
    Page("Access", (
        Question("ssh.user", "--ssh-user", "SSH user", "Which account do Craton and you log in to?",
                 "It exists, or is made, on every machine.",
                 default=defaults.login_name,
                 change=always(Risk.REFUSED, "the account was made with the machines")),
        Question("ssh.key", "--ssh-key", "SSH key",
                 "Which private key of yours opens the machines? (a path, or nothing)",
                 "Without one, what ~/.ssh/config and the ssh-agent offer is tried.",
                 applies=conditions.own_machines, read=or_none,
                 change=_WAY),
        Question("ssh.port", "--ssh-port", "SSH port", "On which port do the machines' SSH servers listen?",
                 "It holds for machines of which neither the list nor ~/.ssh/config says another.",
                 kind=Kind.INTEGER, applies=conditions.own_machines,
                 change=_WAY),
        Question("ssh.jump", "--ssh-jump", "Jump host",
                 "Through which host are the machines reached? (user@host, or nothing)",
                 "It holds for machines of which neither the list nor ~/.ssh/config says another.",
                 applies=conditions.own_machines, read=or_none,
                 change=_WAY),
        Question("ssh.public_key", "--public-key", "Public key",
                 "Which public key of yours may log in? (the key, the path of its .pub file, or nothing)",
                 "Craton makes a key of its own for each cluster; yours is authorised beside it.",
                 default=keys.own_public_key, read=keys.read_key, applies=conditions.made_machines,
                 change=always(Risk.REFUSED,
                               "it came with the machines; edit ~/.ssh/authorized_keys on each (craton ssh)")),
        Question("networks.user", "--user-network", "User network", "From which network do people reach the cluster?",
                 "SSH and the API server are open to it and closed to the rest.", rules=("M1", "N1"),
                 default=defaults.user_network,
                 change=_NETWORK),
    )),
    Page("Advanced", (
        Question("networks.machines", "--machine-network", "Machine network", "Which network are the machines in?",
                 "Machines get fixed addresses in it, which names and firewalls refer to.",
                 applies=conditions.made_machines, change=_NETWORK),
        Question("networks.pods", "--pod-network", "Pod network", "Which network are the pods in?",
                 "flannel gives each machine a /24 of it.", default=defaults.pods, rules=("M2", "W3"),
                 change=_NETWORK),
        Question("networks.services", "--service-network", "Service network", "Which network are the services in?",
                 "Cluster-internal addresses; no machine or pod may have one of them.",
                 default=defaults.services,
                 change=_NETWORK),
        Question("kubernetes", "--kubernetes", "Kubernetes", "Which Kubernetes release?",
                 "Every machine runs this release.",
                 change=_release),
        Question("pod_security", "--pod-security", "Pod security",
                 "Which pods may run in namespaces that don't say so themselves?",
                 "A namespace's own label (pod-security.kubernetes.io/enforce) comes before it.",
                 kind=Kind.CHOICE, choices=choices.pod_security, default=lambda _: "baseline",
                 change=_POD_SECURITY),
        Question("artifacts.mirror", "--mirror", "Mirror",
                 "From which mirror do the machines download? (an address, or nothing)",
                 "Without one, from the projects' own sites; a mirror has their layout.",
                 applies=conditions.real_machines, read=or_none,
                 change=_DOWNLOADS),
        Question("artifacts.proxy", "--proxy", "Proxy",
                 "Through which HTTP proxy do the machines download? (an address, or nothing)",
                 "Only what is installed is fetched through it.",
                 applies=conditions.real_machines, read=or_none,
                 change=_DOWNLOADS),
        Question("artifacts.no_proxy", "--no-proxy", "Without the proxy",
                 "What do the machines reach without the proxy? (names, addresses and networks, or nothing)",
                 "They never use it for each other; a mirror in your own network may need it.",
                 applies=conditions.behind_a_proxy, read=or_none,
                 change=_DOWNLOADS),
        Question("may", "--may", "MAY rules", "Which of the contract's MAY rules are on?",
                 "The contract leaves these to the user, and the defaults suit most clusters.",
                 kind=Kind.MULTI_CHOICE, choices=choices.may_rules, default=defaults.may_rules,
                 change=_may),
    )),
)  # fmt: skip


def _of_platform(name: str, question: Question) -> Question:
    """A question that a platform brings applies only where that platform was chosen."""

    def applies(answers: Answers) -> bool:
        return answers.get("platform", DEFAULT) == name and question.applies(answers)

    return replace(question, applies=applies)


def _with_platforms() -> Iterator[Page]:
    """The pages with what each platform asks: at their ends, or on pages of their own after that of the platform."""
    brought: dict[str, list[Question]] = {}
    for name, platform in PLATFORMS.items():
        for title, questions in platform.questions.items():
            brought.setdefault(title, []).extend(_of_platform(name, question) for question in questions)
    titles = {page.title for page in _PAGES}
    for page in _PAGES:
        yield Page(page.title, (*page.questions, *brought.get(page.title, ())))
        if page.title == _PLATFORM:
            yield from (Page(title, tuple(own)) for title, own in brought.items() if title not in titles)


PAGES: tuple[Page, ...] = tuple(_with_platforms())
"""The questions, page by page."""

QUESTIONS: tuple[Question, ...] = tuple(question for page in PAGES for question in page.questions)

UNASKED: Mapping[str, Judge] = {
    "artifacts.sums": _DOWNLOADS,
    "artifacts.digests": _DOWNLOADS,
    "artifacts.sums_from": _DOWNLOADS,
}
"""Fields that no question asks, and that a plan which is edited keeps; and what changing one means."""


def question_of(field: str) -> Question:
    """The question about a field. Raises KeyError if none is."""
    return {question.field: question for question in QUESTIONS}[field]


def page_of(field: str) -> Page:
    """The page on which a field is asked. Raises KeyError if on none."""
    return {question.field: page for page in PAGES for question in page.questions}[field]


def flags() -> list[Flag]:
    """The options of `craton new` that answer questions."""
    return [flag(question) for question in QUESTIONS]
