"""Hypothesis strategies for valid plans, and the settings under which properties are tested."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from installer import contract
from installer.plan import KUBERNETES_VERSIONS, InstallPlan

repeatable = settings(derandomize=True, deadline=None, database=None)
"""The same examples at every run, on machines of any speed."""

COMMENTED = """\
# The demo cluster.
name: demo
subdomain: example.test  # reserved
masters: 3

# Room for the shop.
workers: 2
ingress:
  kind: infra
  infra: 1  # one will do

# Networks stay.
networks:
  user: 10.0.0.0/8
may:
- M6   # etcd
# tolerated
- I4
"""
"""A plan file with comments wherever a person would put them."""

_LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_KEYS = st.sampled_from(
    [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0",
        "ssh-rsa AAAAB3NzaC1yc2E= you@host",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNh é # 'half' \"quoted\" \\ 🙂",
    ]
)

# Disjoint, and large enough for 200 machines.
_MACHINES = st.sampled_from(["10.10.0.0/16", "192.168.0.0/22", "172.16.4.0/23"])
_PODS = st.sampled_from(["10.244.0.0/16", "10.128.0.0/11", "100.64.0.0/10"])
_SERVICES = st.sampled_from(["10.96.0.0/12", "10.32.0.0/24", "198.18.0.0/16"])
_USERS = st.sampled_from(["127.0.0.0/8", "0.0.0.0/0", "203.0.113.7/32", "10.0.0.0/8"])


@st.composite
def plan_data(draw: st.DrawFn) -> dict[str, Any]:
    """Data of a valid plan as a file might hold it: any field with a default may be left out."""
    schedulable = draw(st.booleans())
    load_balancers = draw(st.booleans())
    choices: dict[str, Any] = {
        "craton": 1,
        "platform": "rehearsal",
        "masters": draw(st.sampled_from([1, 3, 5])),
        "ingress": draw(st.sampled_from([{}, {"kind": "infra"}]) | _infra(load_balancers)),
        "networks": _networks(draw),
        "kubernetes": f"{draw(st.sampled_from(KUBERNETES_VERSIONS))}.{draw(st.integers(0, 30))}",
        "ssh": draw(st.fixed_dictionaries({}, optional={"user": _LABELS, "public_key": st.none() | _KEYS})),
        "may": draw(st.lists(st.sampled_from(contract.choosable()), unique=True)),
    }
    given = {key: value for key, value in choices.items() if draw(st.booleans())}
    return {
        "name": draw(_LABELS),
        "subdomain": ".".join(draw(st.lists(_LABELS, min_size=2, max_size=4))),
        "schedulable_masters": schedulable,
        "workers": draw(st.integers(0 if schedulable else 1, 100)),
        "rehearsal": {"load_balancers": load_balancers},
        **given,
    }


def _infra(load_balancers: bool) -> st.SearchStrategy[dict[str, Any]]:
    infra = st.fixed_dictionaries({"infra": st.integers(1, 80)}, optional={"kind": st.just("infra")})
    return infra | st.just({"kind": "load-balancer"}) if load_balancers else infra


def _networks(draw: st.DrawFn) -> dict[str, str]:
    networks = {"user": _USERS, "machines": _MACHINES, "pods": _PODS, "services": _SERVICES}
    return {key: draw(strategy) for key, strategy in networks.items() if draw(st.booleans())}


def plans() -> st.SearchStrategy[InstallPlan]:
    """Valid plans of at most 100 workers, of the rehearsal platform."""
    return plan_data().map(InstallPlan.model_validate)
