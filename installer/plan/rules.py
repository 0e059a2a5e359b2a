"""The Generic Platform contract as data: every rule by its id, and whether a plan switches it on.

Ids and quotations are those of the specification; people read `wording`. NEEDED rules are ours: the specification
leaves them out, but a working cluster needs them. Firewalls, the review screen, probes and the report are all derived
from RULES.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from installer.plan.wordings import WORDINGS


class Role(StrEnum):
    MASTER = "master"
    INFRA = "infra"
    WORKER = "worker"


class Level(StrEnum):
    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"
    NEEDED = "NEEDED"
    NAME = "NAME"


class Kind(StrEnum):
    FIREWALL = "firewall"
    LABEL = "label"
    TAINT = "taint"
    BOOT = "boot"
    ACCESS = "access"
    NAME = "name"


class Peer(StrEnum):
    """The other end of a flow."""

    MASTERS = "masters"
    INFRA = "infra"
    WORKERS = "workers"
    ALL = "all"
    USER = "the user's network"
    LOAD_BALANCER = "the load balancer"
    EXTERNAL_ETCD = "external etcd"
    CLOUD_API = "cloud API"


class When(StrEnum):
    """What switches a rule on."""

    ALWAYS = "always"
    LOAD_BALANCER = "a load balancer chosen"
    INFRA = "infra nodes chosen"
    CLOUD = "cloud platforms"
    CHOSEN = "switched on in the plan"


@dataclass(frozen=True, slots=True)
class Traffic:
    """One protocol and an inclusive range of ports."""

    protocol: Literal["tcp", "udp", "all"]
    first: int
    last: int

    def __str__(self) -> str:
        if self.protocol == "all":
            return "all ports"
        return f"{self.protocol} {self.first}" + (f"-{self.last}" if self.last != self.first else "")


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic that machines of some roles accept from (`in`) or open to (`out`) their peers."""

    roles: tuple[Role, ...]
    direction: Literal["in", "out"]
    traffic: tuple[Traffic, ...]
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the contract. `value` is a label, a taint or a name pattern; `obsolete` the reason if it is."""

    id: str
    level: Level
    kind: Kind
    roles: tuple[Role, ...]
    purpose: str
    quote: str
    when: When = When.ALWAYS
    flows: tuple[Flow, ...] = ()
    value: str = ""
    default: bool = False
    """Whether a rule that the plan may choose is on unless the user says otherwise."""
    obsolete: str = ""

    @property
    def wording(self) -> str:
        """What the rule asks for, in clean words and without its level; `quote` is the specification's own text."""
        return WORDINGS[self.id]


_M, _I, _W = Role.MASTER, Role.INFRA, Role.WORKER
_EVERY = (_M, _I, _W)
_NODES = (Peer.MASTERS, Peer.WORKERS)
_ALL_NODES = (Peer.MASTERS, Peer.WORKERS, Peer.INFRA)

_NO_BOOTKUBE = "bootkube is gone"
_NO_ETCD_OPERATOR = "the etcd operator is gone"


def _tcp(first: int, last: int | None = None) -> Traffic:
    return Traffic("tcp", first, last or first)


def _udp(first: int, last: int | None = None) -> Traffic:
    return Traffic("udp", first, last or first)


def _both(first: int, last: int) -> tuple[Traffic, ...]:
    return (_tcp(first, last), _udp(first, last))


def _firewall(
    id: str,
    level: Level,
    role: Role,
    direction: Literal["in", "out"],
    traffic: Traffic | tuple[Traffic, ...],
    peers: Peer | tuple[Peer, ...],
    purpose: str,
    quote: str,
    when: When = When.ALWAYS,
    *,
    default: bool = False,
    obsolete: str = "",
) -> Rule:
    flow = Flow(
        (role,),
        direction,
        traffic if isinstance(traffic, tuple) else (traffic,),
        peers if isinstance(peers, tuple) else (peers,),
    )
    return Rule(id, level, Kind.FIREWALL, (role,), purpose, quote, when, (flow,), default=default, obsolete=obsolete)


_MUST, _SHOULD, _MAY, _NEEDED = Level.MUST, Level.SHOULD, Level.MAY, Level.NEEDED
_IMAGES = "MUST have 443 to download gcr, quay, and docker hub images"

_NAMES = (
    Rule("D1", Level.NAME, Kind.NAME, (), "API server", "API server will generally be <cluster-name>-k8s.<subdomain>",
         value="<cluster>-k8s.<subdomain>"),
    Rule("D2", Level.NAME, Kind.NAME, (), "console, Dex and the rest",
         "Console, Dex, etc will generally be <cluster-name>.<subdomain>", value="<cluster>.<subdomain>"),
)  # fmt: skip

_MASTERS = (
    _firewall("M1", _MUST, _M, "in", _tcp(22), Peer.USER, "SSH",
              "MUST allow tcp port 22 (ssh) from user network"),
    _firewall("M2", _MUST, _M, "in", _udp(4789), _NODES, "flannel VXLAN",
              "MUST allow port 4789 (UDP) from masters & workers for flannel"),
    _firewall("M3", _MUST, _M, "in", _tcp(32000, 32002), Peer.ALL, "Tectonic ingress",
              "MUST allow 32000-32002 from all for: Tectonic ingress (if using node ports for ingress like on AWS, "
              "otherwise use host ports on workers)", When.LOAD_BALANCER),
    _firewall("M4", _SHOULD, _M, "in", _tcp(9100), _NODES, "Prometheus node exporter",
              "SHOULD allow port 9100 from masters & workers for: Prometheus Node Exporter metrics"),
    _firewall("M5", _MAY, _M, "in", _both(30000, 32767), Peer.USER, "node port range",
              "MAY have tcp/udp port 30000-32767 (node port range open)", When.CHOSEN),
    _firewall("M6", _MAY, _M, "in", _tcp(2379), Peer.MASTERS, "etcd client API, when etcd is not external",
              "MAY have tcp port 2379 (etcd client API when not using external etcd)", When.CHOSEN, default=True),
    _firewall("M7", _MAY, _M, "in", _tcp(10255), Peer.ALL, "read-only kubelet status, API health checks",
              "MAY allow port 10255 from all for: read-only kubelet status & LB health checks for k8s API",
              When.CHOSEN, obsolete="today's kubelet has no read-only port unless asked"),
    _firewall("M8", _MUST, _M, "out", _tcp(443), Peer.ALL, "container images", _IMAGES),
    _firewall("M9", _MAY, _M, "out", _tcp(2379), Peer.EXTERNAL_ETCD, "external etcd",
              "MAY have 2379 to external etcd cluster", When.CHOSEN),
    _firewall("M10", _MAY, _M, "out", _tcp(2379, 2380), Peer.MASTERS, "self-hosted etcd",
              "MAY allow 2379-2380 for self-hosted etcd pods if using experimental etcd operator",
              obsolete=_NO_ETCD_OPERATOR),
    _firewall("M11", _MAY, _M, "out", _tcp(12379, 12380), Peer.MASTERS, "temporary etcd pod",
              "MAY allow 12379-12380 for temporary etcd pod if using experimental etcd operator",
              obsolete=_NO_BOOTKUBE),
    Rule("M12", _MUST, Kind.ACCESS, (_M,), "the Kubernetes cloud plugin's access",
         "MUST have any necessary API access for k8s cloud plugin functionality (i.e. AWS node IAM Role)", When.CLOUD),
    Rule("M13", _MUST, Kind.LABEL, (_M,), "marks masters",
         "MUST run the kubelet with label node-role.kubernetes.io/master", value="node-role.kubernetes.io/master="),
    Rule("M14", _MAY, Kind.LABEL, (_M,), "marks masters as nodes too",
         "MAY run the kubelet with label with label node-role.kubernetes.io/node", When.CHOSEN,
         value="node-role.kubernetes.io/node="),
)  # fmt: skip

_INFRA = (
    _firewall("I1", _MUST, _I, "in", _tcp(443), Peer.ALL, "ingress controller for the console and Dex",
              "MUST have tcp port 443 (Ingress controller for Tectonic Console and Dex)", When.INFRA),
    _firewall("I2", _MUST, _I, "out", _tcp(443), Peer.ALL, "container images", _IMAGES, When.INFRA),
    Rule("I3", _MUST, Kind.BOOT, (_I,), "runs the kubelet", "MUST run the kubelet", When.INFRA),
    Rule("I4", _MAY, Kind.TAINT, (_I,), "keeps user workloads away",
         "MAY have a taint annotation to avoid user workloads from running here", When.CHOSEN,
         value="node-role.kubernetes.io/infra=:NoSchedule", default=True),
)  # fmt: skip

_WORKERS = (
    _firewall("W1", _MUST, _W, "in", Traffic("all", 1, 65535), Peer.MASTERS, "masters reach every port of a worker",
              "MUST allow all ports open to master nodes (TODO: be more specific)"),
    _firewall("W2", _MUST, _W, "in", _both(30000, 32767), Peer.ALL, "node port range",
              "MUST have 30000 to 32767 host port range access open"),
    _firewall("W3", _MUST, _W, "in", _udp(4789), _NODES, "flannel VXLAN",
              "MUST allow port 4789 (UDP) from masters & workers for: VXLAN (flannel)"),
    _firewall("W4", _SHOULD, _W, "in", _tcp(10250), Peer.MASTERS, "port-forward, exec, proxy",
              "SHOULD allow port 10250 from masters for k8s features: port-forward, exec, proxy"),
    _firewall("W5", _SHOULD, _W, "in", _tcp(9100), _NODES, "Prometheus node exporter",
              "SHOULD allow port 9100 from masters & workers for: Prometheus Node Exporter metrics"),
    _firewall("W6", _SHOULD, _W, "in", _tcp(4194), Peer.MASTERS, "cAdvisor",
              "SHOULD allow port 4194 from masters for: Heapster connections to CAdvisor",
              obsolete="the port is gone, its metrics are on 10250 (W1 covers it)"),
    _firewall("W7", _MAY, _W, "in", _tcp(2379, 2380), Peer.MASTERS, "self-hosted etcd",
              "MAY allow 2379-2380 for self-hosted etcd pods if using experimental etcd operator",
              obsolete=_NO_ETCD_OPERATOR),
    _firewall("W8", _MUST, _W, "out", _tcp(443), Peer.ALL, "container images", _IMAGES),
    Rule("W9", _MUST, Kind.LABEL, (_W,), "marks workers",
         "MUST run the kubelet with label node-role.kubernetes.io/node=true",
         value="node-role.kubernetes.io/node=true"),
)  # fmt: skip

_OURS = "not in the specification; a working cluster needs it"

_NEEDED_RULES = (
    _firewall("N1", _NEEDED, _M, "in", _tcp(6443), (*_ALL_NODES, Peer.USER, Peer.LOAD_BALANCER), "Kubernetes API",
              _OURS),
    _firewall("N2", _NEEDED, _M, "in", _tcp(2379, 2380), Peer.MASTERS, "stacked etcd, client and peer", _OURS),
    _firewall("N3", _NEEDED, _M, "in", _tcp(10250), Peer.MASTERS, "logs, exec, metrics of the masters' own pods",
              _OURS),
    _firewall("N4", _NEEDED, _I, "in", _tcp(22), Peer.USER, "SSH", _OURS, When.INFRA),
    Rule("N5", _NEEDED, Kind.FIREWALL, _EVERY, "the overlay reaches infra nodes too", _OURS, When.INFRA, (
        Flow((_I,), "in", (_udp(4789),), _ALL_NODES),
        Flow((_M, _W), "in", (_udp(4789),), (Peer.INFRA,)),
    )),
    _firewall("N6", _NEEDED, _I, "in", _tcp(10250), Peer.MASTERS, "port-forward, exec, proxy", _OURS, When.INFRA),
    _firewall("N7", _NEEDED, _I, "in", _tcp(80), Peer.ALL, "redirect to 443", _OURS, When.INFRA),
    _firewall("N8", _NEEDED, _W, "in", _tcp(22), Peer.USER, "SSH", _OURS),
    Rule("N9", _NEEDED, Kind.FIREWALL, _EVERY, "name resolution, time", _OURS, When.ALWAYS, (
        Flow(_EVERY, "out", (_udp(53), _tcp(53), _udp(123)), (Peer.ALL,)),
    )),
    _firewall("N10", _NEEDED, _I, "in", _tcp(9100), _ALL_NODES, "node exporter", _OURS, When.INFRA),
)  # fmt: skip

RULES: dict[str, Rule] = {rule.id: rule for rule in (*_NAMES, *_MASTERS, *_INFRA, *_WORKERS, *_NEEDED_RULES)}


def choosable() -> tuple[str, ...]:
    """Ids of the MAY rules that a plan can switch on or off."""
    return tuple(rule.id for rule in RULES.values() if rule.when is When.CHOSEN)


def default_may() -> tuple[str, ...]:
    """Ids of the MAY rules that are on unless the user says otherwise."""
    return tuple(rule.id for rule in RULES.values() if rule.when is When.CHOSEN and rule.default)
