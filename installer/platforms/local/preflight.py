"""Whether this computer can host a plan's machines: what is missing, what will be tight, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from installer.plan.model import InstallPlan
from installer.plan.platforms.local.settings import Local
from installer.plan.rules import Role
from installer.plan.topology import Topology
from installer.platforms.local import limits
from installer.platforms.local.computer import MODULES, Computer

MEMORY = {Role.MASTER: 900, Role.INFRA: 450, Role.WORKER: 450}
"""MiB that a node at work takes, with etcd and the control plane on masters."""
BALANCER_MEMORY = 100
_IMAGE_DISK = 1500
"""MiB for the cached root file system, the engine's copy, and what building takes on top."""
_MACHINE_DISK = 1500
"""MiB of container images and logs on a node."""
_INSTANCES = 18
"""inotify instances of a machine at work: systemd, containerd, kubelet, and what runs in pods, 13 to 18 as counted."""
_WATCHES = 4096
_MIN_CPUS = 2
"""kubeadm refuses a control plane with fewer."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`fatal` if machines or nodes would not come up; else it will be tight."""

    seen: str
    remedy: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Shortage:
    """A limit of the kernel, by its sysctl name, that is too low for machines yet to be made."""

    name: str
    limit: int
    needed: int
    enough: int
    """What to raise it to."""


def shortages(computer: Computer, count: int) -> list[Shortage]:
    """Limits that are too low for `count` more machines."""
    found = (
        Shortage(name, limit, needed, max(better, needed))
        for name, limit, needed, better in (
            (limits.INSTANCES, computer.inotify_instances, computer.inotify_used + count * _INSTANCES, 512),
            (limits.WATCHES, computer.inotify_watches, count * _WATCHES, 524288),
        )
        if count and limit is not None
    )
    return [shortage for shortage in found if shortage.limit < shortage.needed]


def to_make(topology: Topology, existing: Collection[str]) -> int:
    """How many machines are yet to be made, with the load balancer."""
    balancer = [topology.load_balancer.name] if topology.load_balancer else []
    names = {machine.name for machine in topology.machines}
    return len(names.union(balancer).difference(existing))


def judge(computer: Computer, plan: InstallPlan, topology: Topology, existing: Collection[str] = ()) -> list[Problem]:
    """What speaks against these machines here; those that are `existing` have taken their share already."""
    new = [machine for machine in topology.machines if machine.name not in existing]
    memory, count = sum(MEMORY[machine.role] for machine in new), to_make(topology, existing)
    memory += BALANCER_MEMORY * (count - len(new))
    raises = computer.raises_limits and plan.settings_of(Local).raise_limits
    return [
        *_cpus(computer, len(topology.machines)),
        *_memory(computer, memory, count),
        *_limits(plan, topology),
        *_disk(computer, count),
        *(() if raises else _inotify(computer, count)),
        *_modules(computer),
    ]


def notes(computer: Computer) -> list[str]:
    """What is unusual here and taken care of."""
    output = []
    if computer.cgroup == 1:
        output.append("cgroup v1: machines get hierarchies of their own, the kubelet is told to accept them")
    if computer.confined:
        output.append("limits cannot be raised here (no CAP_SYS_RESOURCE): machines run with the current limits")
    return output


def _cpus(computer: Computer, machines: int) -> Iterator[Problem]:
    if computer.cpus < _MIN_CPUS:
        seen = f"this computer has {computer.cpus} CPU; a control plane needs {_MIN_CPUS}"
        yield Problem(seen, "use a computer, or a virtual machine, with more CPUs", fatal=True)
    elif machines > computer.cpus * 4:
        yield Problem(f"{machines} machines share {computer.cpus} CPUs", "expect it to be slow, or plan fewer machines")


def _memory(computer: Computer, needed: int, count: int) -> Iterator[Problem]:
    if computer.memory is None or computer.memory >= needed * 1.2:
        return
    seen = f"{count} machines take about {needed} MiB of memory; {computer.memory} MiB are free"
    yield Problem(seen, "end other programs, or plan fewer masters and workers", fatal=computer.memory < needed * 0.6)


def _limits(plan: InstallPlan, topology: Topology) -> Iterator[Problem]:
    limit = plan.settings_of(Local).memory
    if limit is None:
        return
    greatest = max(MEMORY[machine.role] for machine in topology.machines)
    if limit < greatest:
        seen = f"machines are limited to {limit} MiB each; a master at work takes about {greatest} MiB"
        yield Problem(seen, f"set local.memory to {greatest} or more, or leave it out")


def _disk(computer: Computer, count: int) -> Iterator[Problem]:
    needed = _IMAGE_DISK + count * _MACHINE_DISK
    if not count or computer.disk is None or computer.disk >= needed:
        return
    seen = f"{count} machines may take {needed} MiB of disk; {computer.disk_path} has {computer.disk} MiB free"
    yield Problem(seen, "free some disk, or `craton local prune`", fatal=computer.disk < needed * 0.4)


def _inotify(computer: Computer, count: int) -> Iterator[Problem]:
    """Too few instances end kube-proxy and others on the machines that come last; watches are an estimate."""
    leave = "set local.raise_limits: true in the plan" if computer.raises_limits else "run Craton as root"
    for shortage in shortages(computer, count):
        seen = f"{count} more machines need {shortage.name} to be {shortage.needed}; it is {shortage.limit}"
        fatal = shortage.name == limits.INSTANCES or shortage.limit < shortage.needed * 0.4
        yield Problem(seen, f"{leave}, or: sudo sysctl {shortage.name}={shortage.enough}", fatal=fatal)


def _modules(computer: Computer) -> Iterator[Problem]:
    missing = [name for name in MODULES if name not in computer.modules]
    if missing and computer.cgroup is not None:
        names = " ".join(missing)
        seen = f"the kernel has not loaded {names}, and machines cannot load it themselves"
        yield Problem(seen, f"sudo modprobe -a {names}", fatal="overlay" in missing)
