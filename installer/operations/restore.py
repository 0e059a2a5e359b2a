"""Restoring a cluster's etcd from a backup: on one master, whose cluster the others then join again.

Every step looks first at what is done already, so that running it again after an interruption completes it. The
snapshot itself is put in place again then: that costs only what was written in between.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from installer.cluster import masters, outdated
from installer.cluster.masters import Condition
from installer.common.errors import ExitCode, InstallerError
from installer.engine.lock import hold_lock
from installer.node.program import run_program
from installer.node.upload import upload
from installer.operations import backup
from installer.operations.backup import Backup
from installer.operations.context import DirectContext, Say, say_nothing
from installer.steps.world import World

_BRING = 1800.0
"""Seconds for a snapshot of etcd's greatest size, 8 GB, to be there and to be taken in."""
_RESET = 300.0
"""Seconds for a master to leave, which waits for an etcd that has lost its majority."""
_START = 300.0
"""Seconds for the API server to answer."""
_ASK = 60.0


@dataclass(frozen=True)
class Intent:
    """What a restore is going to do. `master` gets the snapshot; `lost` says of each other master why it is lost."""

    archive: Path
    backup: Backup
    master: str
    reset: tuple[str, ...]
    """Masters that answer: they leave the cluster, and forget what they know of it."""
    lost: Mapping[str, str]
    kubernetes: str
    """The release that the cluster runs."""

    @property
    def others(self) -> tuple[str, ...]:
        return (*self.reset, *self.lost)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What happens, for whoever has to agree."""
        taken, cluster = self.backup, self.backup.cluster
        lines = [
            f"{cluster} goes back to {taken.clock} (revision {taken.revision}): what was written since then is lost.",
            f"  {self.master}: its etcd is rebuilt from the snapshot; the one that it has is kept aside",
        ]
        lines += [f"  {name}: is reset, and can join again" for name in self.reset]
        lines += [f"  {name}: counts as lost ({why}); its node object goes" for name, why in self.lost.items()]
        if self.lost:
            lines.append(f"  A lost master that comes back has the old data until `craton resume {cluster}` resets it.")
        if taken.kubernetes != self.kubernetes:
            lines.append(
                f"  It was taken when the cluster ran Kubernetes {taken.kubernetes}; now it runs {self.kubernetes}."
            )
        return (*lines, "  The API does not answer meanwhile. Running pods continue; pods newer than the backup end.")


def intend(world: World, archive: Path, machine: str | None = None) -> Intent:
    """What restoring `archive` would do, by a look at all masters; `machine` is the master to take, by full name.

    Raises InstallerError: the backup is another cluster's or damaged, or no master is left that could take it.
    """
    found = backup.read(archive)
    _check_same_cluster(world, archive, found)
    seen = backup.look(world)
    master = machine or _choose(seen, world.plan.name)
    if master is None or master not in seen or not _may_take(seen[master], world.plan.name):
        raise _no_master(world, seen, machine)
    lost = {name: _why(state) for name, state in seen.items() if isinstance(state, InstallerError)}
    reset = tuple(name for name in seen if name != master and name not in lost)
    return Intent(archive, found, master, reset, lost, world.plan.kubernetes)


def restore(world: World, intent: Intent, say: Say = say_nothing) -> None:
    """Do what was intended, under the cluster's lock; all masters but one then have to join again, through a resume.

    Raises InstallerError at what fails; the same call completes what was begun.
    """
    remote = f"/var/lib/craton/restore-{intent.backup.sha256[:16]}.db"
    with hold_lock(world.directory) as lock, _to_be_completed(say):
        _bring(world, intent, remote, say)
        for name in intent.reset:
            lock.check()
            _reset(world, name, say)
        for name in intent.lost:
            outdated.mark(world.directory, name)
        lock.check()
        say(f"{intent.master}: etcd is rebuilt from the snapshot")
        run_program(DirectContext(world, _BRING, say), intent.master, "etcd", "restore", remote)
        _await_api(world, intent.master, say)
        for name in intent.others:
            say(f"{name}: its node object is deleted, so that it can join again")
            _kubectl(world, intent.master, "delete", "node", name, "--ignore-not-found")
        with suppress(InstallerError):  # it is in nobody's way
            backup.remove(DirectContext(world, _ASK), intent.master, remote)


@contextmanager
def _to_be_completed(say: Say) -> Iterator[None]:
    try:
        yield
    except (InstallerError, KeyboardInterrupt):
        say("The restore isn't finished. Run the same command again: nothing else completes it.")
        raise


def _bring(world: World, intent: Intent, remote: str, say: Say) -> None:
    say(f"{intent.master}: bringing the snapshot there")
    with tempfile.TemporaryDirectory(dir=world.directory.path, prefix=".restore.") as room:
        snapshot = Path(room) / backup.SNAPSHOT
        backup.unpack(intent.archive, snapshot)
        upload(DirectContext(world, _BRING, say), intent.master, snapshot, remote, mode=0o600)


def _reset(world: World, name: str, say: Say) -> None:
    """Before the snapshot is in place, so that no majority of old members goes on without it."""
    ctx = DirectContext(world, _RESET, say)
    seen = masters.condition(ctx, name)
    if seen.member != world.plan.name and not seen.begun:
        say(f"{name}: is out of the cluster already")
        return
    say(f"{name}: is reset")
    run_program(ctx, name, "reset")


def _await_api(world: World, master: str, say: Say) -> None:
    ctx = DirectContext(world, _START, say)

    def probe() -> tuple[bool | None, str]:
        try:
            why = backup.trouble(masters.condition(ctx, master), world.plan.name)
        except InstallerError as error:
            if not error.retryable:
                raise
            why = error.observed
        return (None if why else True), why

    ctx.wait_until(f"the API server of {master}", probe, every=2.0)


def _kubectl(world: World, master: str, *arguments: str) -> None:
    run_program(DirectContext(world, _ASK), master, "kubectl", *arguments)


def _choose(seen: Mapping[str, Condition | InstallerError], cluster: str) -> str | None:
    """The first master that could take the snapshot."""
    return next((name for name, state in seen.items() if _may_take(state, cluster)), None)


def _may_take(seen: Condition | InstallerError, cluster: str) -> bool:
    """Whether a master has what a snapshot does not hold: certificates, and the key of the Secrets."""
    return not isinstance(seen, InstallerError) and seen.member == cluster and not seen.begun


def _why(error: InstallerError) -> str:
    return f"{error.operation}: {error.observed}"


def _no_master(world: World, seen: Mapping[str, Condition | InstallerError], machine: str | None) -> InstallerError:
    cluster = world.plan.name
    states = {name: backup.trouble(state, cluster) or "a member" for name, state in seen.items()}
    asked = {machine: states.get(machine, "it is no master")} if machine else states
    return InstallerError(
        "find a master to restore on",
        "; ".join(f"{name}: {state}" for name, state in asked.items()),
        hint="a restore needs one master with its certificates and the key that Secrets are encrypted with; "
        "bring one up again, or name another one with --machine",
        exit_code=ExitCode.CLUSTER,
    )


def _check_same_cluster(world: World, archive: Path, found: Backup) -> None:
    cluster, own = world.plan.name, backup.authority(world)
    if found.cluster != cluster:
        observed = f"{archive} is a backup of {found.cluster}, not of {cluster}"
    elif found.authority and own and found.authority != own:
        observed = f"{archive} is a backup of an earlier cluster of the name {cluster}"
    else:
        return
    raise InstallerError(
        "restore the backup",
        f"{observed}: its certificates and key differ",
        hint="give a backup of this cluster",
        exit_code=ExitCode.USAGE,
    )
