"""Hypothesis strategies for valid plans, and the settings under which properties are tested."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from installer.plan import rules
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.releases import KUBERNETES_VERSIONS

_TIMES = int(os.environ.get("CRATON_EXAMPLES") or 1)
"""How many times the usual number of examples is tried: `make thorough` has more time than `make test`."""
_REPEATABLE = settings(derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


def examples(count: int) -> settings:
    """The same `count` examples at every run, on machines of any speed."""
    return settings(_REPEATABLE, max_examples=count * _TIMES)


repeatable = examples(25)

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
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
_KEYS = st.sampled_from(
    [
        PUBLIC_KEY,
        f"{PUBLIC_KEY} you@host",
        f"{PUBLIC_KEY} é # 'half' \"quoted\" \\ 🙂",
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
        "addons": draw(_ADDONS),
        "sign_in": draw(st.sampled_from([{}, {"email": "ada@example.test"}, {"groups": ["acme:ops"]}])),
        "pod_security": draw(st.sampled_from(["privileged", "baseline", "restricted"])),
        "ssh": draw(st.fixed_dictionaries({}, optional={"user": _LABELS, "public_key": st.none() | _KEYS})),
        "may": draw(st.lists(st.sampled_from(rules.choosable()), unique=True)),
    }
    given = {key: value for key, value in choices.items() if draw(st.booleans())}
    if given.get("addons", {}).get("sign_in") is False:
        given.pop("sign_in", None)  # nobody asks for an administrator where nobody signs in
    return {
        "name": draw(_LABELS),
        "subdomain": ".".join(draw(st.lists(_LABELS, min_size=2, max_size=4))),
        "schedulable_masters": schedulable,
        "workers": draw(st.integers(0 if schedulable else 1, 100)),
        "rehearsal": {"load_balancers": load_balancers},
        **given,
    }


_ADDONS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("gateway", "metrics_server", "node_exporter", "sign_in", "console"), st.booleans())
)


def _infra(load_balancers: bool) -> st.SearchStrategy[dict[str, Any]]:
    infra = st.fixed_dictionaries({"infra": st.integers(1, 80)}, optional={"kind": st.just("infra")})
    return infra | st.just({"kind": "load-balancer"}) if load_balancers else infra


def _networks(draw: st.DrawFn) -> dict[str, str]:
    networks = {"user": _USERS, "machines": _MACHINES, "pods": _PODS, "services": _SERVICES}
    return {key: draw(strategy) for key, strategy in networks.items() if draw(st.booleans())}


_NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,5}[a-z0-9])?(\.example\.com)?", fullmatch=True)
_JUMPS = st.sampled_from(["bastion", "ops@bastion:2222", "a,ops@[2001:db8::9]:22"])
_KEY_PATHS = st.sampled_from(["~/.ssh/id_ed25519", "/keys/my key, 'new' \"one\" \\ #1", "é"])
_ROLES = ("master", "infra", "worker")
_ADDRESSES = st.integers(1, 126).flatmap(lambda first: st.ip_addresses(network=f"{first}.0.0.0/8")).map(str)
"""Some of those that a machine can have."""
_WAYS: dict[str, st.SearchStrategy[Any]] = {
    "user": _LABELS | st.sampled_from(["first.last", "Administrator", "user@realm", "DOMAIN\\user"]),
    "port": st.integers(1, 65535),
    "key": _KEY_PATHS,
    "jump": _JUMPS,
}
"""How a host is logged in to."""


def hosts() -> st.SearchStrategy[Host]:
    """Hosts with any of their fields, and addresses of every kind."""
    addresses = _NAMES | _ADDRESSES | st.sampled_from(["2001:db8::1", "2001:db8::a:1"])
    internal = {"internal": _ADDRESSES, "role": st.sampled_from(_ROLES)}
    fields = st.fixed_dictionaries({"address": addresses}, optional={**internal, **_WAYS})
    return fields.map(Host.model_validate)


@st.composite
def machines_data(draw: st.DrawFn) -> dict[str, Any]:
    """Data of a valid plan on at most 17 machines of one's own."""
    schedulable = draw(st.booleans())
    counts = (draw(st.sampled_from([1, 3, 5])), draw(st.integers(1, 4)), draw(st.integers(0 if schedulable else 1, 8)))
    masters, infra, workers = counts
    roles = [role for role, count in zip(_ROLES, counts, strict=True) for _ in range(count)]
    inventory = [_inventory_item(draw, number, role) for number, role in enumerate(draw(st.permutations(roles)))]
    paths = st.sampled_from(["release/v1.36.2/bin/linux/amd64/kubeadm", "cni: #1"])
    urls = st.none() | st.sampled_from(["https://mirror.example.com", "http://10.0.0.1:3128"])
    proxy = draw(urls)  # without one, `no_proxy` means nothing, and the wizard leaves it out
    choices: dict[str, Any] = {
        "networks": {key: value for key, value in _networks(draw).items() if key != "machines"},
        "ssh": draw(st.fixed_dictionaries({}, optional=_WAYS)),
        "artifacts": {
            "mirror": draw(urls),
            "proxy": proxy,
            "no_proxy": draw(st.none() | st.just("10.0.0.0/8,.example.com")) if proxy else None,
            "sums": draw(st.dictionaries(paths, st.just("0f" * 32))),
        },
    }
    return {
        "name": draw(_LABELS),
        "subdomain": "example.test",
        "platform": "machines",
        "masters": masters,
        "schedulable_masters": schedulable,
        "workers": workers,
        "ingress": {"kind": "infra", "infra": infra},
        "machines": {"inventory": inventory, "firewall": draw(st.booleans())},
        **{key: value for key, value in choices.items() if draw(st.booleans())},
    }


def _inventory_item(draw: st.DrawFn, number: int, role: str) -> dict[str, Any]:
    """The number keeps addresses apart; a role that is given is the one that the plan has room for."""
    address = f"192.168.7.{number + 1}"
    named = {"address": f"{draw(_LABELS)}{number}", "internal": address}
    item = draw(st.sampled_from([{"address": address}, named]))
    given = draw(st.fixed_dictionaries({}, optional={"role": st.just(role), **_WAYS}))
    return {**item, **given}


def plans() -> st.SearchStrategy[InstallPlan]:
    """Valid plans: rehearsals of at most 100 workers, and machines of one's own."""
    return (plan_data() | machines_data()).map(InstallPlan.model_validate)
