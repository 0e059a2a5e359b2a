"""Load balancers reach the machines: what a call changed is so when it returns."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Any

from tests.doubles.aws.account import Account
from tests.doubles.aws.call import Call
from tests.doubles.aws.rules.registry import follows
from tests.doubles.cloud.machines import Balancer, Listener


@follows(
    "elbv2:CreateLoadBalancer", "elbv2:DeleteLoadBalancer", "elbv2:CreateListener", "elbv2:DeleteListener",
    "elbv2:RegisterTargets", "elbv2:DeregisterTargets",
)  # fmt: skip
def balance(account: Account, call: Call, _body: bytes) -> None:
    store = account.store("elbv2", call.region)
    account.machines.balance({
        arn: Balancer(one.dns_name.lower(), "", _prober(one), tuple(_listeners(one, store)))
        for arn, one in store.load_balancers.items()
    })  # fmt: skip


def _prober(balancer: Any) -> str:
    """A network load balancer asks from its own address in a subnet, which the subnet's machines don't have."""
    return str(IPv4Network(balancer.subnets[0].cidr_block)[-2])


def _listeners(balancer: Any, store: Any) -> Iterator[Listener]:
    for one in balancer.listeners.values():
        group = store.target_groups[one.default_actions[0].data["TargetGroupArn"]]
        targets = tuple((str(target["Id"]), int(target["Port"])) for target in group.targets.values())
        path = str(group.health_check_path or "/") if group.health_check_protocol == "HTTP" else ""
        yield Listener(int(one.port), targets, checked_port(group), path)


def checked_port(group: Any) -> int:
    """The port that a target group's health check asks; 0 for the target's own."""
    port = str(group.health_check_port or "traffic-port")
    return 0 if port == "traffic-port" else int(port)
