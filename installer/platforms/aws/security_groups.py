"""The contract's rules as rules of security groups, one group for each role, and the way back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from installer.node.nftables import POLICY
from installer.plan import rules as contract
from installer.plan.model import InstallPlan
from installer.plan.rules import Peer, Role, Traffic
from installer.plan.topology import FirewallRule

MOST_RULES = 60
"""AWS's quota of inbound rules in a group, unless it was raised."""
_ROLES = {Peer.MASTERS: Role.MASTER, Peer.INFRA: Role.INFRA, Peer.WORKERS: Role.WORKER}
_EVERYWHERE = "0.0.0.0/0"
_EVERY_PORT = Traffic("all", 1, 65535)
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]")
"""What a description must not hold ("SecurityGroupRuleDescription" in the EC2 API reference)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One rule of a group: traffic from `source`, a network or a group's id; and the contract's ids that ask for it."""

    traffic: Traffic
    source: str
    rules: tuple[str, ...]

    @property
    def description(self) -> str:
        purposes = ", ".join(dict.fromkeys(contract.RULES[rule].purpose for rule in self.rules))
        return _NOT_ALLOWED.sub(" ", f"{','.join(self.rules)}: {purposes}")[:255]

    @property
    def permission(self) -> dict[str, Any]:
        """As AuthorizeSecurityGroupIngress takes it."""
        of = {"Description": self.description}
        whom: dict[str, Any] = (
            {"UserIdGroupPairs": [{"GroupId": self.source, **of}]}
            if self.source.startswith("sg-")
            else {"IpRanges": [{"CidrIp": self.source, **of}]}
        )
        if self.traffic.protocol == "all":
            return {"IpProtocol": "-1", **whom}
        ports = {"FromPort": self.traffic.first, "ToPort": self.traffic.last}
        return {"IpProtocol": self.traffic.protocol, **ports, **whom}


def openings(plan: InstallPlan, firewall: Iterable[FirewallRule], groups: Mapping[Role, str]) -> tuple[Opening, ...]:
    """The inbound rules of one role's group. Two rules of the contract that open the same are one here.

    A network load balancer keeps clients' addresses, and asks after its targets' health from its own subnets.
    """
    found: dict[tuple[Traffic, str], list[str]] = {}
    for rule in firewall:
        if rule.direction == "in":
            for source in _sources(rule.peers, plan, groups):
                found.setdefault((rule.traffic, source), []).append(rule.rule)
    return tuple(Opening(traffic, source, tuple(dict.fromkeys(ids))) for (traffic, source), ids in found.items())


def _sources(peers: tuple[Peer, ...], plan: InstallPlan, groups: Mapping[Role, str]) -> Iterator[str]:
    if Peer.ALL in peers:
        yield _EVERYWHERE
        return
    for peer in peers:
        if peer in _ROLES:
            if group := groups.get(_ROLES[peer]):
                yield group
        elif peer is Peer.USER:
            yield str(plan.networks.user)
        elif peer is Peer.LOAD_BALANCER:
            yield str(plan.networks.machines)


def read(permissions: Iterable[Mapping[str, Any]]) -> Iterator[Opening]:
    """The rules of a group as AWS lists them; those whose description names no rule of the contract have none."""
    for permission in permissions:
        protocol = str(permission.get("IpProtocol"))
        traffic = _EVERY_PORT
        if protocol in ("tcp", "udp"):
            first, last = int(permission["FromPort"]), int(permission["ToPort"])
            traffic = Traffic("tcp" if protocol == "tcp" else "udp", first, last)
        elif protocol != "-1":
            continue
        sources = [(one["CidrIp"], one) for one in permission.get("IpRanges") or ()]
        sources += [(one["GroupId"], one) for one in permission.get("UserIdGroupPairs") or ()]
        for source, said in sources:
            yield Opening(traffic, str(source), _ids(str(said.get("Description") or "")))


def _ids(description: str) -> tuple[str, ...]:
    ids = tuple(description.partition(":")[0].split(","))
    return ids if all(id in contract.RULES for id in ids) else ()


def in_force(group: Mapping[str, Any], plan: InstallPlan, groups: Mapping[Role, str]) -> tuple[FirewallRule, ...]:
    """What a group of DescribeSecurityGroups lets through, as rules of the contract."""
    peers: dict[tuple[str, Traffic], set[Peer]] = {}
    for opening in read(group.get("IpPermissions") or ()):
        for id in opening.rules:
            peers.setdefault((id, opening.traffic), set()).update(_peers(id, opening.source, plan, groups))
    outgoing = read(group.get("IpPermissionsEgress") or ())
    opened = any((one.traffic, one.source) == (_EVERY_PORT, _EVERYWHERE) for one in outgoing)
    found = tuple(
        FirewallRule(id, "in", traffic, tuple(peer for peer in Peer if peer in whom))
        for (id, traffic), whom in peers.items()
    )
    return (*found, *((FirewallRule(POLICY, "out", _EVERY_PORT, (Peer.ALL,)),) if opened else ()))


def _peers(id: str, source: str, plan: InstallPlan, groups: Mapping[Role, str]) -> Iterator[Peer]:
    """Who comes from `source`. A network may be the user's and the balancer's at once: the rule's own peers count."""
    if source.startswith("sg-"):
        yield from (peer for peer, role in _ROLES.items() if groups.get(role) == source)
        return
    asked = {peer for flow in contract.RULES[id].flows for peer in flow.peers}
    networks = {
        Peer.ALL: _EVERYWHERE,
        Peer.USER: str(plan.networks.user),
        Peer.LOAD_BALANCER: str(plan.networks.machines),
    }
    yield from (peer for peer, network in networks.items() if peer in asked and network == source)
