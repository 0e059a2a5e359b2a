"""A double of `craton-node`: the verbs of installer.node.program, with simulated effects and believable words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from installer.plan.rules import Role
from installer.plan.topology import API_PROXY
from installer.platforms.rehearsal.records import ClusterRecord, MachineRecord
from installer.platforms.rehearsal.simulator import (
    addons,
    cluster,
    conditions,
    etcd,
    expiry,
    lease,
    membership,
    stages,
    upgrade,
)
from installer.platforms.rehearsal.simulator.cluster import minor
from installer.platforms.rehearsal.simulator.command import Command, Exit
from installer.platforms.rehearsal.simulator.documents import setting
from installer.platforms.rehearsal.simulator.kubeconfig import kubeconfig
from installer.platforms.rehearsal.simulator.kubectl import kubectl


async def craton_node(command: Command, verb: str, arguments: list[str]) -> None:
    """Run one verb. Raises Exit unless it succeeds."""
    match verb, arguments:
        case "status", []:
            command.say("\n".join(_status(command)))
        case "survey", []:
            command.say(survey(command))
        case "prepare", []:
            await _prepare(command)
        case "lease", [what, holder, owner]:
            await lease.lease(command, what, holder, owner)
        case "hosts", []:
            setting(await command.read(), "CLUSTER")  # names are the site's, and known to every machine
            command.say("unchanged")
        case "condition", []:
            command.say("\n".join(conditions.lines(command)))
        case "gather", []:
            conditions.gather(command)
        case (("init" | "join" | "reset"), []):
            await {"init": membership.init, "join": membership.join, "reset": membership.reset}[verb](command)
        case "images", ["missing" | "bring" as what, *names]:
            await upgrade.images(command, what, names)
        case _:
            await _in_cluster(command, verb, arguments)


async def _in_cluster(command: Command, verb: str, arguments: list[str]) -> None:
    match verb, arguments:
        case "upgrade", ["apply"]:
            await upgrade.apply(command, _control_plane(command))
        case "upgrade", ["node"]:
            await upgrade.node(command, _joined(command))
        case "certs", [what]:
            await expiry.certs(command, what)
        case _:
            await _on_master(command, verb, arguments)


async def _on_master(command: Command, verb: str, arguments: list[str]) -> None:
    match verb, arguments:
        case "invite", []:
            await _invite(command, _answering(command))
        case "addon", [name]:
            await addons.apply(command, _answering(command), name)
        case "kubectl", [_, *_]:
            await kubectl(command, _answering(command), arguments)
        case "policies", [] | ["sums"]:
            await membership.policies(command, _control_plane(command), arguments)
        case "kubeconfig", []:
            known = _control_plane(command)
            command.say(kubeconfig(known.name, f"https://{known.api}"))
        case "etcd", [_, *_]:
            await etcd.etcd(command, _control_plane(command), arguments)
        case _:
            raise Exit(2, f"craton-node: no such verb: {' '.join([verb, *arguments])}")


def survey(command: Command) -> str:
    """What the verb prints."""
    return "\n".join([*_status(command), "#condition", *conditions.lines(command)])


def _status(command: Command) -> Iterator[str]:
    machine, known = command.machine, command.site.record.cluster
    addons = ",".join(sorted(known.addons)) if known and machine.member and machine.role is Role.MASTER else ""
    yield f"prepared={machine.prepared}"
    yield f"configuration={machine.configuration}"
    yield f"kubelet={'active' if conditions.kubelet_runs(machine) else 'inactive'}"
    yield f"member={machine.member}"
    yield f"addons={addons}"
    yield "program=built-in"
    yield "claim="
    yield "architecture=amd64"
    yield "cgroup=2"
    yield "container=no"


async def _prepare(command: Command) -> None:
    command.enter("prepare")
    machine, text = command.machine, await command.read()
    version = setting(text, "KUBERNETES")
    known = command.site.record.cluster
    node = known.nodes.get(machine.name) if known and machine.member == known.name else None
    if known and node and minor(version) > minor(machine.release or known.kubernetes):
        older = machine.release or known.kubernetes
        raise Exit(1, f"craton-node: a kubelet of {version} does not go with a control plane of {older}")
    if machine.prepared not in ("", version):
        machine.done = [key for key in machine.done if not key.startswith("prepare/")]
    machine.prepared = machine.configuration = ""
    _let_in(machine, text)
    proxied = re.findall(r"^API='(\S+) .+'$", text, re.MULTILINE)
    await command.stages("prepare", stages.prepare(version, proxied=bool(proxied), virtual="\nVIRTUAL='" in text))
    machine.prepared = machine.kubeadm = version
    machine.images = sorted({*machine.images, setting(text, "PAUSE_IMAGE")})
    machine.hosts = re.findall(r"^HOST='(.+)'$", text, re.MULTILINE) + [f"{API_PROXY} {name}" for name in proxied]
    machine.configuration = hashlib.sha256(text.encode()).hexdigest()
    if node:
        node.version = version
    await command.site.store.save()


def _let_in(machine: MachineRecord, configuration: str) -> None:
    """The plan's key may log in, and none that a plan had before."""
    for wanted in re.findall(r"^LOGIN='\S+ ?(.*)'$", configuration, re.MULTILINE):
        machine.login_keys = sorted({*machine.login_keys, wanted} - {""})
        others = [key for key in machine.authorized_keys if " ".join(key.split()[:2]) not in machine.login_keys]
        machine.authorized_keys = others + ([wanted] if wanted else [])


async def _invite(command: Command, known: ClusterRecord) -> None:
    token = cluster.invite(known)
    await command.site.store.save()
    command.say(f"token={token}\nca_hash={known.ca_hash}\ncertificate_key={known.certificate_key}")
    command.say(f"encryption_key={known.encryption_key}")


def _joined(command: Command) -> ClusterRecord:
    """The cluster that the machine is a node of. Raises Exit if there is none."""
    known = command.site.record.cluster
    if known is None or command.machine.member != known.name:
        raise Exit(1, "craton-node: this machine is no node of a cluster")
    return known


def _control_plane(command: Command) -> ClusterRecord:
    """The cluster of which the machine is a master. Raises Exit if it is none."""
    known = command.site.record.cluster
    if known is None or command.machine.member != known.name or command.machine.name not in known.members:
        raise Exit(1, "error: open /etc/kubernetes/admin.conf: no such file or directory")
    return known


def _answering(command: Command) -> ClusterRecord:
    """As `_control_plane`, of a cluster whose API server answers."""
    known = _control_plane(command)
    if not cluster.has_quorum(command.site.record):
        raise Exit(1, "Error from server: etcdserver: request timed out")
    return known
