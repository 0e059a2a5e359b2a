"""What a stand-in machine says that it is in its cluster, and what is worth reading of it."""

from __future__ import annotations

from collections.abc import Iterator

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import MachineRecord
from installer.platforms.rehearsal.simulator import certificates, cluster
from installer.platforms.rehearsal.simulator.command import Command
from installer.platforms.rehearsal.simulator.objects import CONTROL_PLANE


def lines(command: Command) -> Iterator[str]:
    """What the verb `condition` prints."""
    machine = command.machine
    pods = ",".join(_static_pods(machine))
    yield f"member={machine.member}"
    yield f"begun={machine.begun}"
    yield f"kubelet={'ok' if kubelet_runs(machine) else 'inactive (dead)'}"
    yield f"serving={certificates.serving(command.site.record.cluster, machine)}"
    yield f"manifests={pods}"
    yield f"running={pods}"
    if machine.role is Role.MASTER:
        yield f"api={_api(command)}"
        yield f"version={machine.release}"
    yield f"kubelet_version={machine.prepared}"
    yield f"kubeadm_version={machine.kubeadm}"


def kubelet_runs(machine: MachineRecord) -> bool:
    """On every machine that is prepared, also before it joins."""
    return bool(machine.member) or "prepare/kubelet service" in machine.done


def api_answers(command: Command) -> bool:
    return _api(command) == "ok"


def _api(command: Command) -> str:
    machine, record = command.machine, command.site.record
    if machine.begun and CONTROL_PLANE[-1] in _static_pods(machine):
        return "ok"
    if record.cluster is None or not machine.member:
        return "connection refused"
    if machine.name not in record.cluster.members:
        return "etcdserver: the member was removed from the cluster"
    return "ok" if cluster.has_quorum(record) else "etcdserver: request timed out"


def _static_pods(machine: MachineRecord) -> tuple[str, ...]:
    """Of a master, or of a machine that was becoming one."""
    if machine.role is not Role.MASTER:
        return ()
    if machine.member or f"{machine.begun}/control plane" in machine.done:
        return CONTROL_PLANE
    return CONTROL_PLANE[:1] if {"init/etcd", "join/etcd member"} & set(machine.done) else ()


def gather(command: Command) -> None:
    for name, lines in _files(command):
        command.say(f"#file {name}")
        for line in lines:
            command.say(line)


def _files(command: Command) -> Iterator[tuple[str, tuple[str, ...]]]:
    machine, record = command.machine, command.site.record
    yield "kubelet.log", (f"kubelet {machine.prepared or 'none'} of the stand-in machine {machine.name}",)
    yield "containerd.log", ("containerd successfully booted",)
    yield "cloud-init.log", ("Cloud-init finished: DataSourceNoCloud",)
    for name in _static_pods(machine):
        yield f"{name}.log", (f"{name} {machine.release or machine.prepared}: serving",)
    if record.cluster is not None and machine.name in record.cluster.members:
        yield "nodes.txt", tuple(f"{name} {node.version}" for name, node in sorted(record.cluster.nodes.items()))
        yield "events.txt", tuple(f"Normal NodeReady node/{name}" for name in sorted(record.cluster.nodes))
