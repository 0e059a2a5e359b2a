"""How a plan file is laid out: its groups of fields, in order, and the comment above each."""

from __future__ import annotations

from installer.plan.platforms import PLATFORMS

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("A plan of Craton: all that was decided about one cluster. It holds no secrets.", ("craton",)),
    (
        "API server: <name>-k8s.<subdomain>. Console, Dex and the rest: <name>.<subdomain>.",
        ("name", "subdomain"),
    ),
    (
        "Where the machines come from.",
        ("platform", *(name for name, platform in PLATFORMS.items() if not platform.comment)),
    ),
    *((platform.comment, (name,)) for name, platform in PLATFORMS.items() if platform.comment),
    (
        "Masters run etcd and the control plane: 1, or 3 or 5 for high availability.\n"
        "Schedulable masters run user workloads too.",
        ("masters", "schedulable_masters"),
    ),
    ("Workers run the user's applications.", ("workers",)),
    ("Where traffic for the console enters: infra (nodes, and how many) or load-balancer.", ("ingress",)),
    ("What Craton brings up in the cluster besides its network; false leaves it out.", ("addons",)),
    (
        "Where the cluster's names are published, besides the machines' hosts files: nowhere (hosts), by you\n"
        "(manual), in a zone that takes signed updates (rfc2136), or in your account (route53, cloud-dns).",
        ("dns",),
    ),
    ("Who administers the cluster by signing in. Passwords are kept outside plans.", ("sign_in",)),
    (
        "Who signs the certificate of the console's name: craton (a CA that Craton makes), ca (yours, from files),\n"
        "files (your own certificate and key) or acme (Let's Encrypt, or another ACME server).",
        ("certificate",),
    ),
    (
        "IPv4 networks. SSH and the API server are open to `user`; machines, pods and services must not overlap.",
        ("networks",),
    ),
    ("The Kubernetes release.", ("kubernetes",)),
    (
        "Pods that may run in namespaces without a label of their own: privileged, baseline or restricted, of the\n"
        "Pod Security Standards.",
        ("pod_security",),
    ),
    ("The account on every machine, and your own keys and ways to it, if any.", ("ssh",)),
    (
        "Where machines download from, if not from the projects' own sites, and through which proxy. The SHA-256 sums\n"
        "and the images' digests are those of the review: what is installed is what was reviewed.",
        ("artifacts",),
    ),
    ("Rules that the Generic Platform contract leaves to the user, and that are on.", ("may",)),
)
"""The file's order: a comment, and the fields below it."""
