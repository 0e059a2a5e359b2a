"""`craton-node upgrade` on a stand-in machine: minor by minor, the control plane first."""

from __future__ import annotations

from installer.plan.rules import Role
from installer.platforms.rehearsal.records import ClusterRecord
from installer.platforms.rehearsal.simulator import cluster, stages
from installer.platforms.rehearsal.simulator.cluster import minor
from installer.platforms.rehearsal.simulator.command import Command, Exit, Stage
from installer.platforms.rehearsal.simulator.documents import setting

_FATAL = "[upgrade/version] FATAL: the --version argument is invalid due to these fatal errors"


async def apply(command: Command, known: ClusterRecord) -> None:
    """`kubeadm upgrade apply`, on a master: the cluster is of the new release from now on."""
    release = setting(await command.read(), "KUBERNETES")
    _check_step(known.kubernetes, release)
    behind = _behind(command, known, known.kubernetes)
    if minor(release) > minor(known.kubernetes) and behind:
        raise Exit(1, f"{_FATAL}: the control plane of {behind} runs an older release than {known.kubernetes}")
    await _run(command, release, stages.UPGRADE_APPLY)
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
    await _run(command, release, stages.UPGRADE_MASTER if master else stages.UPGRADE_NODE)
    if master:
        machine.release = release
    await command.site.store.save()


def _check_step(current: str, release: str) -> None:
    if _order(release) < _order(current):
        raise Exit(1, f'{_FATAL}: specified version to upgrade to "{release}" is lower than the cluster\'s "{current}"')
    if minor(release) > minor(current) + 1:
        observed = f'specified version to upgrade to "{release}" is too high'
        raise Exit(1, f"{_FATAL}: {observed}; kubeadm can upgrade only 1 minor version at a time")


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
