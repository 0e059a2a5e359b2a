"""Every question once, in the order asked: the wizard, the prompts and the flags of `craton new` all come from here.

Questions that one platform alone asks are in its registration (`installer.plan.platforms`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from installer.plan.change import Judge, Risk, always, growing
from installer.plan.platforms import DEFAULT, PLATFORMS
from installer.plan.question import Answers, Flag, Kind, Page, Question, flag, or_none
from installer.plan.questions import advice, choices, conditions, defaults, explanations, keys


def _release(old: str, new: str) -> tuple[Risk, str]:
    """Upgrades go machine by machine, which no install does."""
    from installer.plan import releases

    return Risk.REFUSED, releases.refusal(old, new) or f"use `craton upgrade CLUSTER --to {new}` instead"


def _may(old: tuple[str, ...], new: tuple[str, ...]) -> tuple[Risk, str]:
    """Firewalls, labels and taints follow a plan; what kubelets were set up with does not."""
    if ("M7" in old) != ("M7" in new):
        return Risk.REFUSED, "kubelets get or close the read-only port (M7) when they are set up; keep M7 as it was"
    return Risk.CAREFUL, "firewall rules, labels or taints change on running machines"


_PLATFORM = "Platform"
_NETWORK = always(Risk.REFUSED, "addresses and firewall rules depend on it, so a cluster keeps its networks")
_API_ADDRESS = always(
    Risk.REFUSED, "API servers' certificates get it when the masters join; another address means another cluster"
)
_WAY = always(Risk.SAFE, "it only changes how Craton reaches the machines")
_POD_SECURITY = always(
    Risk.REFUSED,
    "API servers read it when the cluster is made; "
    "label namespaces instead (kubectl label namespace NAME pod-security.kubernetes.io/enforce=LEVEL)",
)
_ADDON = always(Risk.CAREFUL, "what it brings is added to the running cluster, or removed from it")
_MANIFESTS = always(Risk.CAREFUL, "what it names is applied; what it no longer names stays until you delete it")
_CHARTS = always(Risk.CAREFUL, "charts are applied as they are now; one with remove: true is taken out of the cluster")
_CERTIFICATE = always(Risk.SAFE, "the ingress shows the new certificate as soon as there is one")
_NAMES = always(Risk.SAFE, "the names are published there by the next run; records that an older plan made stay")
_SIGN_IN = always(Risk.SAFE, "it only changes how Craton signs in")
_DOWNLOADS = always(Risk.SAFE, "it only changes where machines that join download from")

_PAGES = (
    Page("Name", (
        Question("name", "--name", "Name", "What is the cluster's name?",
                 "It becomes part of the machines' names, DNS names and everything created on the platform.",
                 default=lambda _: "demo", rules=("D1", "D2"),
                 change=always(Risk.REFUSED,
                               "machines, DNS names and certificates contain it; another name means another cluster")),
    )),
    Page(_PLATFORM, (
        Question("platform", "--platform", "Platform", "Where do the machines come from?",
                 "A rehearsal runs the same install on simulated machines. The plan works on real ones later.",
                 kind=Kind.CHOICE, choices=choices.platforms, advice=advice.platform,
                 change=always(Risk.REFUSED, "machines cannot move from one platform to another")),
    )),
    Page("Masters", (
        Question("masters", "--masters", "Masters", "How many masters?",
                 "Masters run etcd and the control plane. One is enough to try things out; "
                 "3 survive the loss of one and 5 of two.",
                 kind=Kind.CHOICE, choices=choices.masters, rules=("M13",),
                 default=defaults.masters, advice=advice.masters,
                 change=growing("masters", " two at a time, and their etcd members with them")),
        Question("schedulable_masters", "--schedulable-masters", "Workloads on masters",
                 "May your workloads run on masters?",
                 "Dedicated masters keep your workloads away from etcd. A small cluster may need the room.",
                 kind=Kind.YES_NO, rules=("M14",), default=defaults.schedulable,
                 choices=choices.schedulable, advice=advice.schedulable,
                 change=always(Risk.CAREFUL, "the masters' taint changes; workloads may start on them or leave")),
    )),
    Page("Workers", (
        Question("workers", "--workers", "Workers", "How many workers?",
                 "Workers run your applications. You can add more later.",
                 kind=Kind.INTEGER, rules=("W1", "W2", "W9"), default=defaults.workers,
                 guidance=explanations.WORKERS, advice=advice.workers,
                 change=growing("workers")),
    )),
    Page("Ingress", (
        Question("ingress.kind", "--ingress", "Ingress", "How does web traffic enter the cluster?",
                 "Use a load balancer if your platform has one. Otherwise infra nodes take the traffic.",
                 kind=Kind.CHOICE, choices=choices.ingress, rules=("M3", "I1"), advice=advice.ingress,
                 change=always(Risk.REFUSED, "DNS names and firewall rules depend on where traffic enters")),
        Question("ingress.infra", "--infra", "Infra nodes", "How many infra nodes?",
                 "They take web traffic into the cluster. With two or more, you can lose one without an outage.",
                 kind=Kind.INTEGER, rules=("I1", "I3", "I4"), default=defaults.infra,
                 guidance=explanations.INFRA_COUNT, advice=advice.infra,
                 applies=lambda answers: answers.get("ingress.kind", "infra") == "infra",
                 change=growing("infra nodes")),
    )),
    Page("DNS", (
        Question("subdomain", "--subdomain", "Subdomain", "What DNS domain will the cluster use?",
                 "The cluster's names, such as the API server's, end in this domain.",
                 default=defaults.subdomain, rules=("D1", "D2"),
                 change=always(Risk.REFUSED, "the API server's certificate contains a name in it")),
    )),
    Page("Access", (
        Question("ssh.user", "--ssh-user", "SSH user", "Which account should you and Craton log in with?",
                 "Craton uses it on every machine. On your own machines it must exist and be able to use sudo.",
                 default=defaults.login_name,
                 change=always(Risk.REFUSED, "the account was made with the machines")),
        Question("ssh.key", "--ssh-key", "SSH key",
                 "Which private key should Craton log in with? (a path, or empty)",
                 "If empty, Craton tries what ~/.ssh/config and your ssh-agent offer.",
                 applies=conditions.own_machines, read=or_none, files="~/.ssh",
                 change=_WAY),
        Question("ssh.port", "--ssh-port", "SSH port", "Which port do the machines' SSH servers use?",
                 "It applies to machines for which neither your list nor ~/.ssh/config has another.",
                 kind=Kind.INTEGER, applies=conditions.own_machines,
                 change=_WAY),
        Question("ssh.jump", "--ssh-jump", "Jump host",
                 "Which jump host leads to the machines? (user@host, or empty for none)",
                 "It applies to machines for which neither your list nor ~/.ssh/config has another.",
                 applies=conditions.own_machines, read=or_none,
                 change=_WAY),
        Question("ssh.public_key", "--public-key", "Public key",
                 "Which public key may log in? (the key, the path of its .pub file, or empty)",
                 "Craton creates its own key for each cluster. Yours is authorised as well.",
                 default=keys.own_public_key, read=keys.read_key, explain=keys.file_mistake, files="~/.ssh",
                 applies=conditions.made_machines,
                 change=always(Risk.SAFE, "the new key may log in to every machine, and the old one no longer")),
        Question("networks.user", "--user-network", "User network", "Which network will you use the cluster from?",
                 "Only this network can reach SSH and the API server from outside.", rules=("M1", "N1"),
                 default=defaults.user_network, guidance=explanations.USER_NETWORK, advice=advice.user_network,
                 change=_NETWORK),
    )),
    Page("Networks", (
        Question("networks.machines", "--machine-network", "Machine network",
                 "Which network should the machines be in?",
                 "Each machine gets a fixed address in it; DNS names and firewall rules use these addresses.",
                 applies=conditions.made_machines, guidance=explanations.MACHINE_NETWORK,
                 advice=advice.machine_network, change=_NETWORK),
        Question("networks.pods", "--pod-network", "Pod network", "Which network should pods use?",
                 "Each machine gets a /24 of it for its pods.", default=defaults.pods, rules=("M2", "W3"),
                 guidance=explanations.POD_NETWORK, advice=advice.pods,
                 change=_NETWORK),
        Question("networks.services", "--service-network", "Service network", "Which network should services use?",
                 "These addresses exist only inside the cluster. The network must not overlap the other two.",
                 default=defaults.services, guidance=explanations.SERVICE_NETWORK, advice=advice.services,
                 change=_NETWORK),
        Question("networks.api_address", "--api-address", "API address",
                 "Which virtual address should the API have? (an address that nothing has, or empty for none)",
                 "It moves to another master when one fails. Clients outside need it if they can't wait 10 s.",
                 applies=conditions.address_can_move, read=or_none, rules=("D1",), change=_API_ADDRESS),
    ), optional=True),
    Page("Kubernetes", (
        Question("kubernetes", "--kubernetes", "Kubernetes", "Which Kubernetes release should Craton install?",
                 "Every machine runs it. You can upgrade later.",
                 kind=Kind.CHOICE, choices=choices.releases, advice=advice.release,
                 change=_release),
    ), optional=True),
    Page("Add-ons", (
        Question("addons.ingress", "--traefik", "Ingress controller", "Should Craton install an ingress controller?",
                 "Traefik serves your Ingresses on ports 80 and 443.",
                 kind=Kind.YES_NO, rules=("I1", "M3"), change=_ADDON),
        Question("addons.metrics_server", "--metrics-server", "Metrics server", "Should Craton install metrics-server?",
                 "kubectl top and autoscalers need it.",
                 kind=Kind.YES_NO, change=_ADDON),
        Question("addons.node_exporter", "--node-exporter", "Node exporter",
                 "Should every node serve its metrics for Prometheus?",
                 "The node exporter answers on port 9100, to the cluster's own machines only.",
                 kind=Kind.YES_NO, rules=("M4", "W5"), change=_ADDON),
    ), optional=True),
    Page("Sign-in", (
        Question("addons.sign_in", "--sign-in", "Sign-in", "Should people sign in with e-mail and password?",
                 "Dex checks passwords for the console and kubectl. You can add GitHub, LDAP and others to it later.",
                 kind=Kind.YES_NO, rules=("D2",), default=conditions.with_ingress,
                 change=_ADDON),
        Question("sign_in.email", "--admin-email", "Administrator",
                 "What is the administrator's e-mail address? (or empty)",
                 "If empty, admin@ and your domain. `craton password` sets the password; no plan holds it.",
                 applies=conditions.with_sign_in, read=or_none, change=_ADDON),
        Question("addons.console", "--console", "Console", "Should Craton install a web console?",
                 "Headlamp shows the cluster in a browser, with the rights of whoever signs in.",
                 kind=Kind.YES_NO, rules=("D2",), default=conditions.with_ingress,
                 change=_ADDON),
    ), optional=True),
    Page("DNS records", (
        Question("dns.provider", "--dns", "DNS", "Who publishes the cluster's names?",
                 "The machines find each other without any DNS. This is for everybody else.",
                 kind=Kind.CHOICE, choices=choices.dns_provider, rules=("D1", "D2"),
                 applies=conditions.names_left_to_plan, change=_NAMES),
        Question("dns.server", "--dns-server", "DNS server", "Which server takes updates of the zone? (an address)",
                 "The zone's primary server. Craton asks it over TCP.",
                 applies=conditions.updates_zone, read=or_none, change=_NAMES),
        Question("dns.port", "--dns-port", "DNS port", "Which port does that server answer on?",
                 "Almost always 53.",
                 kind=Kind.INTEGER, applies=conditions.updates_zone, change=_NAMES),
        Question("dns.zone", "--dns-zone", "DNS zone", "Which zone are the names in? (or empty)",
                 "If empty, the zone is the cluster's domain.",
                 applies=conditions.updates_zone, read=or_none, change=_NAMES),
        Question("dns.key_name", "--dns-key-name", "DNS key", "What is the name of the key that may update the zone?",
                 "The server knows the key by this name (TSIG).",
                 applies=conditions.updates_zone, read=or_none, change=_NAMES),
        Question("dns.key_file", "--dns-key-file", "DNS key file", "Which file has that key?",
                 "A path on this computer, as tsig-keygen writes it. The plan holds the path, never the key.",
                 applies=conditions.updates_zone, read=or_none, files=".", change=_NAMES),
        Question("dns.profile", "--dns-profile", "AWS profile",
                 "Which profile of ~/.aws/config should Craton use for Route 53? (empty for the default credentials)",
                 "The profile may use SSO or assume a role. Craton stores no credentials.",
                 applies=conditions.in_route53, read=or_none, change=_SIGN_IN),
        Question("dns.hosted_zone", "--dns-hosted-zone", "Hosted zone",
                 "Which hosted zone? (its id, or empty for the one that fits the subdomain)",
                 "It must be a public zone, and the subdomain must be in it.",
                 applies=conditions.in_route53, read=or_none, change=_NAMES),
        Question("dns.project", "--dns-project", "Google project",
                 "Which project has the DNS zone? (its id; empty for the project of your credentials)",
                 "Craton signs in as gcloud does, and stores no credentials.",
                 applies=conditions.in_cloud_dns, read=or_none, change=_NAMES),
        Question("dns.impersonate", "--dns-impersonate", "Act as",
                 "Which service account should Craton act as there? (empty for your own credentials)",
                 "You need the role Service Account Token Creator on it.",
                 applies=conditions.in_cloud_dns, read=or_none, change=_SIGN_IN),
        Question("dns.managed_zone", "--dns-managed-zone", "Managed zone",
                 "Which managed zone? (its name, or empty for the one that fits the subdomain)",
                 "It must be a public zone, and the subdomain must be in it.",
                 applies=conditions.in_cloud_dns, read=or_none, change=_NAMES),
    ), optional=True),
    Page("Certificate", (
        Question("certificate.source", "--certificate", "Certificate",
                 "Who signs the certificate of the console's name?",
                 "Craton checks your files before anything starts, and renews what it signs itself.",
                 kind=Kind.CHOICE, choices=choices.certificate, rules=("D2",), applies=conditions.with_ingress,
                 change=_CERTIFICATE),
        Question("certificate.file", "--certificate-file", "Certificate file",
                 "Which file has the certificate? (PEM; its issuers after it)",
                 "A path on this computer. For your CA, the CA's own certificate.",
                 applies=conditions.own_certificate, read=or_none, files=".", change=_CERTIFICATE),
        Question("certificate.key", "--certificate-key", "Certificate key",
                 "Which file has the private key? (PEM, no passphrase)",
                 "A path on this computer. The plan holds the path, never the key.",
                 applies=conditions.own_certificate, read=or_none, files=".", change=_CERTIFICATE),
        Question("certificate.email", "--acme-email", "ACME e-mail",
                 "Which e-mail address should the ACME account have? (or empty)",
                 "Let's Encrypt needs none. Some servers write to it before certificates end.",
                 applies=conditions.by_acme, read=or_none, change=_CERTIFICATE),
        Question("certificate.directory", "--acme-directory", "ACME directory",
                 "What is the ACME server's directory? (an address, or empty)",
                 "If empty, Let's Encrypt's.",
                 applies=conditions.by_acme, read=or_none, change=_CERTIFICATE),
        Question("certificate.challenge", "--acme-challenge", "ACME challenge",
                 "How is the ACME server shown that the name is yours?",
                 "The server must reach the console's name on port 80, or the zone of the name must take updates.",
                 kind=Kind.CHOICE, choices=choices.challenge, applies=conditions.by_acme, change=_CERTIFICATE),
    ), optional=True),
    Page("Downloads", (
        Question("artifacts.mirror", "--mirror", "Mirror",
                 "Which mirror should the machines download from? (an address, or empty)",
                 "If empty, they download from the projects' own sites. A mirror must have the same layout.",
                 applies=conditions.real_machines, read=or_none,
                 change=_DOWNLOADS),
        Question("artifacts.proxy", "--proxy", "Proxy",
                 "Which HTTP proxy should the machines use? (an address, or empty)",
                 "Craton uses it only for downloads.",
                 applies=conditions.real_machines, read=or_none,
                 change=_DOWNLOADS),
        Question("artifacts.no_proxy", "--no-proxy", "Without the proxy",
                 "What should bypass the proxy? (names, addresses and networks, or empty)",
                 "Traffic between the machines always does. Add your mirror if it's in your own network.",
                 applies=conditions.behind_a_proxy, read=or_none,
                 change=_DOWNLOADS),
    ), optional=True),
    Page("Hardening", (
        Question("pod_security", "--pod-security", "Pod security",
                 "Which pods may run in namespaces that don't say so themselves?",
                 "A namespace's own label (pod-security.kubernetes.io/enforce) comes before it.",
                 kind=Kind.CHOICE, choices=choices.pod_security, default=lambda _: "baseline",
                 advice=advice.pod_security,
                 change=_POD_SECURITY),
        Question("may", "--may", "MAY rules", "Which optional rules of the contract should be on?",
                 "The defaults suit most clusters.",
                 kind=Kind.MULTI_CHOICE, choices=choices.may_rules, default=defaults.may_rules,
                 change=_may),
    ), optional=True),
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
        yield replace(page, questions=(*page.questions, *brought.get(page.title, ())))
        if page.title == _PLATFORM:
            yield from (Page(title, tuple(own)) for title, own in brought.items() if title not in titles)


PAGES: tuple[Page, ...] = tuple(_with_platforms())
"""The questions, page by page."""

QUESTIONS: tuple[Question, ...] = tuple(question for page in PAGES for question in page.questions)

UNASKED: Mapping[str, Judge] = {
    "addons.gateway": _ADDON,
    "addons.manifests": _MANIFESTS,
    "addons.charts": _CHARTS,
    "certificate.account": _CERTIFICATE,
    "certificate.account_key": _CERTIFICATE,
    "certificate.trust": _CERTIFICATE,
    "sign_in.groups": _ADDON,
    "sign_in.editors": _ADDON,
    "sign_in.viewers": _ADDON,
    "sign_in.connectors": _ADDON,
    "dns.algorithm": _NAMES,
    "dns.ttl": _NAMES,
    "artifacts.sums": _DOWNLOADS,
    "artifacts.digests": _DOWNLOADS,
    "artifacts.versions": _DOWNLOADS,
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
