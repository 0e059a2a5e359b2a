"""The words that Craton's screens and pages use and a newcomer may not know: one list, for all of them.

`docs/glossary.md`, `craton glossary` and the screens' list of terms are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_PAGE = """\
# Glossary

The terms that Craton's screens use. In Craton, press `f3` on any screen to look them up, or run `craton glossary TERM`.
"""


@dataclass(frozen=True, slots=True)
class Term:
    """A term and its meaning in a few sentences. `others` are words that mean the same, plurals included."""

    name: str
    meaning: str
    others: tuple[str, ...] = ()

    @property
    def spellings(self) -> tuple[str, ...]:
        return (self.name, *self.others)


GLOSSARY: tuple[Term, ...] = (
    Term(
        "A record",
        "A DNS entry that leads from a name to an IPv4 address. A cluster needs one for each of its two names.",
        ("A records",),
    ),
    Term(
        "API server",
        "The part of Kubernetes that everything else talks to, kubectl included. It runs on every master and answers "
        "on TCP port 6443.",
        ("API servers",),
    ),
    Term(
        "bundle",
        "A directory with everything that a plan's machines download, for places without internet access. "
        "`craton bundle` makes one.",
        ("bundles",),
    ),
    Term(
        "CIDR",
        "How a range of addresses is written: 10.10.0.0/16 means all addresses that begin with 10.10, and 0.0.0.0/0 "
        "means every address.",
    ),
    Term(
        "CNI",
        "The interface through which Kubernetes asks a network plugin to connect a pod. Craton installs flannel.",
    ),
    Term(
        "console",
        "A web page from which people look at and manage a cluster. Its name is <cluster>.<subdomain>.",
    ),
    Term(
        "container image",
        "A packed program that containers start from. Machines pull images from a registry over HTTPS (TCP 443).",
        ("container images", "image", "images"),
    ),
    Term(
        "containerd",
        "The program that runs containers on each machine. The kubelet tells it which ones.",
    ),
    Term(
        "contract",
        "The Generic Platform contract: the rules on ports, names, labels and taints that machines have to keep. "
        "Craton checks each rule in the plan, on the platform and between the machines.",
    ),
    Term(
        "control plane",
        "The programs that manage a cluster: API server, scheduler, controller manager and etcd. Masters run them.",
    ),
    Term(
        "CoreDNS",
        "The DNS server inside a cluster. It tells pods where services are.",
    ),
    Term(
        "Dex",
        "A service that lets people log in to a cluster with an account they already have, such as LDAP or GitHub. "
        "It shares the console's name.",
    ),
    Term(
        "drain",
        "To move a machine's pods elsewhere before it leaves or is upgraded.",
        ("drained", "drains"),
    ),
    Term(
        "etcd",
        "The database that holds everything a cluster knows. Each master runs a member, and more than half of the "
        "members have to work.",
    ),
    Term(
        "flannel",
        "The network plugin that Craton installs. It joins the pods of all machines into one network, the overlay.",
    ),
    Term(
        "high availability",
        "The cluster goes on working when a machine fails. It takes three or five masters and two or more infra nodes, "
        "or a load balancer.",
    ),
    Term(
        "host key",
        "The key by which an SSH server proves that it is the machine you mean. Craton pins it and never accepts "
        "another one silently.",
        ("host keys",),
    ),
    Term(
        "infra node",
        "A machine that takes web traffic into the cluster on ports 80 and 443, and runs none of your applications.",
        ("infra nodes",),
    ),
    Term(
        "ingress",
        "The way web traffic takes into a cluster. An ingress controller sends each request to the right application.",
        ("ingress controller",),
    ),
    Term(
        "inventory",
        "The list of your own machines in a plan: addresses, and if needed roles, users, ports and jump hosts.",
    ),
    Term(
        "journal",
        "The file in which a run records each step before and after it happens. Resume, watch and replay read it.",
    ),
    Term(
        "jump host",
        "A machine that SSH connections go through to reach machines in a network you can't reach directly.",
        ("jump hosts", "bastion"),
    ),
    Term(
        "kubeadm",
        "Kubernetes' own tool for starting a control plane and joining machines. Craton runs it for you.",
    ),
    Term(
        "kubeconfig",
        "The file that tells kubectl where a cluster is and who you are. It is a secret: whoever has it is the "
        "administrator.",
    ),
    Term("kubectl", "The command with which people use a Kubernetes cluster."),
    Term(
        "kubelet",
        "The program on every machine that starts its pods and reports how they are.",
        ("kubelets",),
    ),
    Term(
        "label",
        "A name and a value attached to something in the cluster, such as a machine's role. Selectors look for labels.",
        ("labels",),
    ),
    Term(
        "load balancer",
        "A service of the platform that spreads connections over machines and leaves out those that don't answer.",
        ("load balancers",),
    ),
    Term(
        "master",
        "A machine that runs the control plane and an etcd member. Kubernetes calls it a control plane node.",
        ("masters",),
    ),
    Term(
        "mirror",
        "A server of your own with copies of what machines download, under the same paths.",
        ("mirrors",),
    ),
    Term(
        "node port",
        "A port between 30000 and 32767 that every machine opens for a service.",
        ("node ports", "node port range"),
    ),
    Term(
        "overlay",
        "A network on top of the machines' network, in which every pod has an address of its own. Packets between "
        "machines are wrapped in VXLAN.",
    ),
    Term(
        "plan",
        "A YAML file with all that you decided about a cluster. It has no secrets, so you can commit and share it.",
        ("plans",),
    ),
    Term(
        "pod",
        "The smallest thing that Kubernetes runs: one or more containers that share an address.",
        ("pods",),
    ),
    Term(
        "pod security",
        "The rules on what pods may do, such as running as root or using the machine's network. Namespaces can choose "
        "another level by a label.",
    ),
    Term(
        "quorum",
        "How many etcd members have to work for the cluster to accept changes: more than half, so 2 of 3 or 3 of 5.",
    ),
    Term(
        "rehearsal",
        "An install on simulated machines on this computer. Engine, SSH, checks and screens are the real ones.",
    ),
    Term(
        "service",
        "A fixed address inside a cluster that leads to whichever pods an application has right now.",
        ("services",),
    ),
    Term(
        "subdomain",
        "The DNS domain that a cluster's names end in, such as k8s.example.com.",
    ),
    Term(
        "taint",
        "A mark on a machine that keeps pods away, unless they tolerate it. Masters and infra nodes have one.",
        ("taints",),
    ),
    Term(
        "VXLAN",
        "The way flannel carries packets between pods on different machines: wrapped in UDP packets to port 4789.",
    ),
    Term(
        "worker",
        "A machine that runs your applications.",
        ("workers",),
    ),
)


def find(word: str) -> Term | None:
    """The term with this name or spelling, in upper or lower case."""
    wanted = " ".join(word.lower().split())
    return next((term for term in GLOSSARY if wanted in map(str.lower, term.spellings)), None)


def matching(text: str, terms: Iterable[Term] = GLOSSARY) -> tuple[Term, ...]:
    """Those of `terms` that have `text` in a spelling, then those that have it only in their meaning."""
    wanted, terms = " ".join(text.lower().split()), tuple(terms)
    named = [term for term in terms if any(wanted in spelling.lower() for spelling in term.spellings)]
    return (*named, *(term for term in terms if term not in named and wanted in term.meaning.lower()))


def mentioned(text: str) -> tuple[Term, ...]:
    """The terms that occur in `text`, in the glossary's order."""
    words = " ".join(text.split())
    return tuple(term for term in GLOSSARY if _pattern(term).search(words))


@cache
def _pattern(term: Term) -> re.Pattern[str]:
    spellings = "|".join(re.escape(one) for one in sorted(term.spellings, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{spellings})(?![\w-]|\.\w)", re.IGNORECASE)


def page() -> str:
    """The glossary as the Markdown page that `docs/glossary.md` holds."""
    # Markdown takes <cluster> for a tag, unless it is code.
    entries = (f"**{term.name}**: " + re.sub(r"<\S+>", r"`\g<0>`", term.meaning) for term in GLOSSARY)
    return "\n\n".join([_PAGE.rstrip(), *entries]) + "\n"
