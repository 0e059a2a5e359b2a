"""The steps of the phases control plane, join and ingress."""

from __future__ import annotations

from collections.abc import Iterator

from installer.cluster.addon_steps import (
    addon_steps,
    certificate_check,
    charts_check,
    cloud_controller,
    connectors_check,
    manifests_check,
    node_ports,
)
from installer.cluster.addons import Addon
from installer.cluster.certificates import ServingCertificate
from installer.cluster.cluster_dns import SpreadDNS
from installer.cluster.control_plane import Init
from installer.cluster.dns.steps import dns_check, dns_steps
from installer.cluster.join import Join
from installer.cluster.kubeconfig import Kubeconfig
from installer.cluster.nodes import Roles
from installer.node import firewall
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology
from installer.steps import ids
from installer.steps.step import Phase, Step

_INIT_DEADLINE, _JOIN_DEADLINE = 900.0, 600.0
"""Seconds that suffice although images are downloaded meanwhile."""
_CERTIFICATE_DEADLINE = 180.0
_REPORTING = 300.0
"""Seconds after which a kubelet that has nothing to report looks at its node all the same."""


def checks(plan: InstallPlan) -> Iterator[Step]:
    """What is looked at on this computer before anything is made."""
    yield from certificate_check(plan)
    yield from connectors_check(plan)
    yield from manifests_check(plan)
    yield from charts_check(plan)
    yield from dns_check(plan)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    yield from _control_plane(plan, topology)
    yield from _joins(plan, topology)
    if _spreads_dns(plan):
        yield Step(
            id=ids.CLUSTER_DNS,
            title="spread the cluster's own DNS over its nodes",
            phase=Phase.JOIN,
            needs=_dns_needs(topology),
            action=SpreadDNS(),
            weight=5.0,
            limit="ssh",
            deadline=300.0,
        )
    yield from addon_steps(plan, topology)
    yield from dns_steps(plan, topology)


def last(topology: Topology) -> tuple[str, ...]:
    """Ids of the steps after which the API can answer by name. No addon's: a cluster works without."""
    certificates = tuple(ids.certified(machine.name) for machine in topology.machines)
    return (*_roles(*topology.machines), *certificates, *((ids.POOL,) if topology.pool else ()))


def besides(plan: InstallPlan) -> tuple[str, ...]:
    """Ids of steps that no question to a machine and none by name waits for, and the end of an install does."""
    return (ids.CLUSTER_DNS,) if _spreads_dns(plan) else ()


def _spreads_dns(plan: InstallPlan) -> bool:
    """CoreDNS bears the control plane's taint, and not that of infra nodes."""
    return plan.masters + plan.workers > 1 and not plan.traits.stand_ins


def _dns_needs(topology: Topology) -> tuple[str, ...]:
    """CoreDNS needs two nodes: the masters that are there first, else all that it may run on."""
    masters, workers = topology.of_role(Role.MASTER), topology.of_role(Role.WORKER)
    if len(masters) > 1:
        return _roles(*masters[:2])
    return (*_roles(*masters, *workers), *((ids.POOL,) if topology.pool else ()))


def _roles(*machines: Machine) -> tuple[str, ...]:
    return tuple(ids.roles_set(machine.name) for machine in machines)


def _control_plane(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    first, *others = topology.of_role(Role.MASTER)
    init = ids.founded(first.name)
    yield Step(
        id=init,
        title=f"start the control plane on {first.name}",
        phase=Phase.CONTROL_PLANE,
        machine=first.name,
        # The other masters are asked whether there is a cluster already.
        needs=(firewall.last_preparation(plan, first.name), *(ids.connected(machine.name) for machine in others)),
        action=Init(plan, first),
        weight=8.0,
        limit="ssh",
        deadline=_INIT_DEADLINE,
    )
    yield Step(
        id=ids.KUBECONFIG,
        title="fetch the administrator's kubeconfig",
        phase=Phase.CONTROL_PLANE,
        needs=(init,),
        action=Kubeconfig(plan),
        weight=0.5,
        limit="ssh",
    )
    clouds = tuple(cloud_controller(plan, init))
    yield from clouds
    yield Step(
        id=ids.OVERLAY,
        title="bring up the pod network (flannel, VXLAN on udp 4789)",
        phase=Phase.CONTROL_PLANE,
        needs=(init, *(step.id for step in clouds)),
        action=Addon(plan, "overlay"),
        weight=3.0,
        limit="ssh",
        deadline=_JOIN_DEADLINE,
    )
    yield from node_ports(plan)
    # Two at a time: etcd takes one learner after the other, and kubeadm waits for its turn as long as etcdAPICall says.
    # A third would wait for two.
    for machine, before in zip(others, (first, first, *others), strict=False):
        after = init if before is first else ids.joined_as_master(before.name)
        yield _join(plan, machine, Phase.CONTROL_PLANE, after)


def _joins(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    first, *others = topology.of_role(Role.MASTER)
    joined = {first.name: ids.founded(first.name)}
    joined |= {machine.name: ids.joined_as_master(machine.name) for machine in others}
    for machine in topology.machines:
        if machine.role is not Role.MASTER:
            # One master is enough: the others join meanwhile, and wait for their etcd most of the time.
            step = _join(plan, machine, Phase.JOIN, joined[first.name])
            yield step
            joined[machine.name] = step.id
        yield Step(
            id=ids.roles_set(machine.name),
            title=f"wait until {machine.name} is Ready; set its role labels and taints",
            phase=Phase.JOIN,
            machine=machine.name,
            needs=(joined[machine.name], ids.OVERLAY),
            action=Roles(machine),
            weight=2.0,
            limit="ssh",
            deadline=_JOIN_DEADLINE,
        )
        yield Step(
            id=ids.certified(machine.name),
            title=f"approve the certificate of {machine.name}'s kubelet",
            phase=Phase.JOIN,
            machine=machine.name,
            # A cloud's controller adds names and addresses to the node, and its kubelet asks for all of them.
            needs=(ids.roles_set(machine.name) if plan.integration else joined[machine.name],),
            action=ServingCertificate(machine.name),
            weight=0.5,
            limit="ssh",
            deadline=_CERTIFICATE_DEADLINE + (_REPORTING if plan.integration else 0.0),
        )


def _join(plan: InstallPlan, machine: Machine, phase: Phase, after: str) -> Step:
    control_plane = phase is Phase.CONTROL_PLANE
    return Step(
        id=ids.joined_as_master(machine.name) if control_plane else ids.joined(machine.name),
        title=f"join {machine.name}{' to the control plane' if control_plane else ''}",
        phase=phase,
        machine=machine.name,
        needs=(after, firewall.last_preparation(plan, machine.name)),
        action=Join(plan, machine),
        weight=6.0 if control_plane else 3.0,
        limit="ssh",
        deadline=_JOIN_DEADLINE,
    )
