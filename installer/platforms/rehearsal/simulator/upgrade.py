"""`craton-node upgrade` on a stand-in machine: minor by minor, the control plane first."""

from __future__ import annotations

import time

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import ClusterRecord
from installer.platforms.rehearsal.simulator import certificates, cluster, stages
from installer.platforms.rehearsal.simulator.cluster import minor
from installer.platforms.rehearsal.simulator.command import Command, Exit, Stage
from installer.platforms.rehearsal.simulator.documents import setting

_FATAL = "[upgrade/version] FATAL: the --version argument is invalid due to these fatal errors"


async def images(command: Command, what: str, names: list[str]) -> None:
    """Of the images that are named, say which are missing, or bring them."""
    setting(await command.read(), "KUBERNETES")
    missing = [name for name in names if name not in command.machine.images]
    if what == "missing":
        for name in missing:
            command.say(name)
        return
    command.enter("upgrade")
    if not command.machine.member:
        raise Exit(1, "craton-node: this machine is no node of a cluster")
    for number, name in enumerate(missing, 1):
        command.say(f"stage {number} {len(missing)} image {number} of {len(missing)} {name}")
        await command.pause(0.3, "image", name)
        command.machine.images = sorted({*command.machine.images, name})
        await command.site.store.save()


async def apply(command: Command, known: ClusterRecord) -> None:
    """`kubeadm upgrade apply`, on a master: the cluster is of the new release from now on."""
    text = await command.read()
    release = setting(text, "KUBERNETES")
    _check_step(known.kubernetes, release)
    behind = _behind(command, known, known.kubernetes)
    if minor(release) > minor(known.kubernetes) and behind:
        raise Exit(1, f"{_FATAL}: the control plane of {behind} runs an older release than {known.kubernetes}")
    _check_job(command, known, setting(text, "PAUSE_IMAGE"))
    certificates.check_files(command.machine.files, known.configuration)
    await _run(command, release, stages.UPGRADE_APPLY)
    certificates.configure(known, command.machine)
    known.kubernetes = command.machine.release = release
    known.revision += 1
    await command.site.store.save()


async def node(command: Command, known: ClusterRecord) -> None:
    """`kubeadm upgrade node`, on every other machine."""
    release = setting(await command.read(), "KUBERNETES")
    machine = command.machine
    if known.kubernetes != release:
        observed = f"the control plane is of {known.kubernetes}: `upgrade apply` with {release} comes first"
        raise Exit(1, f"error execution phase preflight: {observed}")
    master = machine.role is Role.MASTER
    behind = _behind(command, known, release)
    if behind and not master:
        raise Exit(1, f"error execution phase preflight: the control plane of {behind} is not upgraded yet")
    if master:
        certificates.check_files(machine.files, known.configuration)
    await _run(command, release, stages.UPGRADE_MASTER if master else stages.UPGRADE_NODE)
    certificates.configure(known, machine)
    if master:
        machine.release = release
    await command.site.store.save()


def _check_step(current: str, release: str) -> None:
    if _order(release) < _order(current):
        raise Exit(1, f'{_FATAL}: specified version to upgrade to "{release}" is lower than the cluster\'s "{current}"')
    if minor(release) > minor(current) + 1:
        observed = f'specified version to upgrade to "{release}" is too high'
        raise Exit(1, f"{_FATAL}: {observed}; kubeadm can upgrade only 1 minor version at a time")


def _check_job(command: Command, known: ClusterRecord, pause: str) -> None:
    """kubeadm starts a Job with the new pause image, which may land on any node that isn't cordoned, and no stand-in
    pulls it then.
    """
    machines = command.site.record.machines
    able = [name for name, node in known.nodes.items() if name in machines and not node.cordoned]
    lacking = next((name for name in able if pause not in machines[name].images), None)
    if lacking:
        job = "upgrade-health-check-1"
        command.say(f"evidence waiting {pause} {lacking} {job}")
        observed = f'Job "{job}" in the namespace "kube-system" did not complete in 1m0s: no condition of type Complete'
        raise Exit(1, f"[preflight] Some fatal errors occurred:\n\t[ERROR CreateJob]: {observed}")


def _behind(command: Command, known: ClusterRecord, release: str) -> str:
    """A master whose control plane is older than `release`, or nothing."""
    machines = command.site.record.machines
    return next(
        (
            name
            for name in known.members
            if name in machines and machines[name].release and _order(machines[name].release) < _order(release)
        ),
        "",
    )


def _order(release: str) -> list[int]:
    return [int(part) for part in release.removeprefix("v").split(".")]


async def _run(command: Command, release: str, todo: tuple[Stage, ...]) -> None:
    if not cluster.has_quorum(command.site.record):
        raise Exit(1, "error: etcdserver: request timed out")
    command.machine.kubeadm = release
    await command.stages(f"upgrade {release}", todo)
    if command.machine.role is Role.MASTER:
        command.machine.certificates_made = time.time()  # kubeadm renews them with every upgrade
