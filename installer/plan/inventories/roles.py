"""Roles of machines, as other tools name them in groups, columns and outputs."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = {
    **dict.fromkeys(("master", "masters", "controlplane", "controlplanes", "controller", "controllers"), "master"),
    **dict.fromkeys(("infra", "infras", "ingress", "router", "routers"), "infra"),
    **dict.fromkeys(("worker", "workers", "node", "nodes", "agent", "agents", "compute"), "worker"),
}
_ORDER = ("master", "infra", "worker")


def is_role(text: str) -> bool:
    """Whether `text` names a role and nothing else: `worker`, but not `node-a`."""
    return re.sub(r"[-_ ]", "", text.lower()) in _WORDS


def role_of(name: str) -> str:
    """`master` for `masters`, `kube_control_plane` or `master_ips`, and so on; "" for a name that says none."""
    words = re.split(r"[^a-z]+", re.sub(r"control[-_ ]?planes?", "controlplane", name.lower()))
    return first(role for word in words if (role := _WORDS.get(word)))


def first(roles: Iterable[str]) -> str:
    """The role that counts of several: a master that also runs workloads is a master."""
    given = set(roles)
    return next((role for role in _ORDER if role in given), "")
