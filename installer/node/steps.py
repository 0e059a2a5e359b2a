"""The steps of the phases connect and prepare, one of each per machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from installer.artifacts.catalogue import ARCHITECTURES, wanted
from installer.common.errors import InstallerError
from installer.common.text import shown
from installer.node.claim import is_ours, publish_removed
from installer.node.configuration import configuration, configuration_sum
from installer.node.program import (
    BUILT_IN,
    Asked,
    condition,
    ensure_program,
    run_program,
    source_sum,
    status,
)
from installer.node.survey import runs_commands
from installer.node.upload import upload
from installer.node.waiting import wait_for_ssh
from installer.plan import releases
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Topology
from installer.ssh.connection import Result
from installer.ssh.host_keys import pinned_keys
from installer.steps import ids
from installer.steps.step import Context, Observation, Permanent, Phase, Step

T = TypeVar("T")
Look = Callable[[Context, str], bool]
"""Logs in to a machine, keeps its survey and whatever else it asks for; False where it did nothing or couldn't."""


def _no_look(_ctx: Context, _machine: str) -> bool:
    return False


@dataclass(frozen=True)
class Connect(Permanent):
    """Pin the host key that the platform vouches for, then log in. The pin goes with the machine.

    `look` takes the place of that where it can.
    """

    machine: str
    look: Look = field(default=_no_look, compare=False)

    def observe(self, ctx: Context) -> Observation:
        if pinned_keys.pinned(ctx.world.directory, self.machine) is None:
            return Observation(False, "no host key is pinned yet")
        if not self.look(ctx, self.machine):
            self._log_in(ctx)
        return Observation(True, "logged in; the host key is the pinned one")

    def apply(self, ctx: Context) -> None:
        endpoint = self._wait(ctx, lambda _seconds: ctx.world.platform.endpoint(self.machine))
        if endpoint.host_key is None:
            raise InstallerError(
                "pin the host key",
                "the platform does not vouch for a host key",
                machine=self.machine,
                hint=f"compare the machine's key yourself and add it to {ctx.world.directory.known_hosts}",
            )
        pinned_keys.pin(ctx.world.directory, self.machine, endpoint.host_key)
        self._log_in(ctx)

    def _log_in(self, ctx: Context) -> None:
        if self._wait(ctx, lambda seconds: _asked(ctx, self.machine, seconds)):
            ctx.log("logged in")
            return
        result = self._wait(ctx, lambda seconds: _hostname(ctx, self.machine, seconds))
        if result.status != 0:
            raise InstallerError(
                "log in",
                f"`hostname` ended with exit status {result.status}: {result.stderr.strip() or 'no message'}",
                machine=self.machine,
                hint="the user's login shell must run commands; try `craton ssh`",
            )
        ctx.log(f"logged in to {result.stdout.strip()}")

    def _wait(self, ctx: Context, attempt: Callable[[float], T]) -> T:
        return wait_for_ssh(ctx, self.machine, attempt, console=lambda: ctx.world.platform.console(self.machine))


def _asked(ctx: Context, machine: str, seconds: float) -> bool:
    """Log in and hear all that the machine says of itself, or that it has no program yet that could say.

    A machine that is done is asked no more in this run.
    """
    return runs_commands(ctx, machine, ctx.world.connect(machine, seconds))


def _hostname(ctx: Context, machine: str, seconds: float) -> Result:
    """Log in and ask for the machine's own name."""
    return ctx.world.connect(machine, seconds).run("hostname", deadline=ctx.remaining())


DOWNLOADING = 1800.0
"""Seconds in which a machine is prepared that downloads some 250 MB, on a slow line."""
_REHEARSED = 600.0


@dataclass(frozen=True)
class _Prepare:
    """Make a bare machine one that kubeadm accepts: kernel, container runtime, kubelet."""

    plan: InstallPlan
    machine: str
    upgrades: bool = False
    """Whether it may bring another release to a machine that is a node already: a step of an upgrade alone may."""

    def observe(self, ctx: Context) -> Observation:
        fields = status(ctx, self.machine, Asked.SURVEYED)
        prepared = fields.get("prepared", "")
        if prepared != self.plan.kubernetes and fields.get("member") == self.plan.name and not self.upgrades:
            runs = prepared or condition(ctx, self.machine).get("kubelet_version", "")
            ctx.world.answers.forget(self.machine)  # whoever tries again has changed something
            self._refuse_upgrade(runs)
        if prepared != self.plan.kubernetes:
            return Observation(False, f"prepared for {prepared or 'nothing'}", remains=is_ours(fields, self.plan.name))
        if fields.get("configuration") != configuration_sum(self._configuration(ctx)):
            return Observation(False, f"prepared for {prepared}, not as the plan is now", remains=True)
        if fields.get("program") not in (source_sum(), BUILT_IN):
            return Observation(False, f"prepared for {prepared}, by another version of Craton", remains=True)
        return Observation(True, f"prepared for {prepared}")

    def _refuse_upgrade(self, runs: str) -> None:
        """Raises InstallerError if a node runs another release: all nodes at once would get the plan's."""
        name, release = self.plan.name, self.plan.kubernetes
        if not runs or runs == release:
            return
        reason = releases.refusal(runs, release)
        raise InstallerError(
            "prepare the machine",
            f"it is a node of {name} that runs {runs}, and the plan says {release}",
            machine=self.machine,
            hint=f"Put the release that {name} runs into its plan: {reason}."
            if reason
            else f"`craton upgrade {name} --to {release}` brings it machine by machine, or goes on with that.",
        )

    def apply(self, ctx: Context) -> None:
        run_program(ctx, self.machine, "prepare", stdin=self.bring(ctx))

    def bring(self, ctx: Context) -> str:
        """Have the program, and artifacts of this computer, on the machine; return its configuration."""
        fields = ensure_program(ctx, self.machine)
        text = self._configuration(ctx)
        directory = ctx.world.artifacts
        if directory is not None and fields.get("program") != BUILT_IN:
            self._upload(ctx, directory, text)
        return text

    def _upload(self, ctx: Context, directory: Path, text: str) -> None:
        """Upload what the machine would fetch otherwise, by the platform's own way as far as it has one."""
        needed = self._needed(ctx, text)
        if needed and self._copied(ctx, {_place(path): directory / path for path in needed}):
            needed = self._needed(ctx, text)  # the machine looks at the sums of what came
        for path in needed:
            ctx.log(f"uploading {path}")
            upload(ctx, self.machine, directory / path, _place(path), sha256=self.plan.artifacts.sums.get(path))

    def _needed(self, ctx: Context, text: str) -> list[str]:
        paths = run_program(ctx, self.machine, "needed", stdin=text, secret=True).split()
        for path in paths:
            self._refuse_others(path)
        return paths

    def _copied(self, ctx: Context, files: Mapping[str, Path]) -> bool:
        """Whether the platform had a quicker way than SSH."""
        ctx.check_stop()
        try:
            return bool(ctx.world.platform.copy_in(self.machine, files, ctx.remaining()))
        except InstallerError as error:
            ctx.log(f"{error.observed}: going on over SSH")
            return True

    def _refuse_others(self, path: str) -> None:
        """A machine gets the plan's artifacts, and no other file of this computer that it may ask for."""
        known = {artifact.path for architecture in ARCHITECTURES for artifact in wanted(self.plan, architecture)}
        if path not in known | self.plan.artifacts.sums.keys():
            raise InstallerError(
                "upload",
                f"the machine asks for {shown(path)}, which the plan does not install",
                machine=self.machine,
                hint="Something else runs there as craton-node: see what with craton ssh before you go on.",
            )

    def _configuration(self, ctx: Context) -> str:
        return configuration(self.plan, ctx.world.topology, self.machine)


@dataclass(frozen=True)
class Prepare(_Prepare, Permanent):
    """On a machine that the platform made: it goes with its machine."""


@dataclass(frozen=True)
class PrepareOwn(_Prepare):
    """On a machine that is the user's: removes what was added, and logs what was found and left."""

    def undo(self, ctx: Context) -> None:
        fields = status(ctx, self.machine)
        if not is_ours(fields, self.plan.name):
            ctx.log(f"nothing of {self.plan.name} is here to remove")
            return
        publish_removed(ctx, self.machine, "undo", run_program(ctx, self.machine, "undo"))


def _place(path: str) -> str:
    """Where `craton-node` looks for an artifact that was brought."""
    return f"/var/lib/craton/artifacts/{path}"


def steps(plan: InstallPlan, topology: Topology, look: Look = _no_look) -> Iterator[Step]:
    """`look` logs in to machines that are there already, where it can."""
    action = PrepareOwn if plan.traits.inventory else Prepare
    # A machine's hosts file has the addresses behind the contract's names; some platforms give those late.
    named = {target for record in topology.records for target in record.targets}
    late = [machine.name for machine in topology.machines if machine.address is None and machine.name in named]
    known = tuple(ids.created(name) for name in late)
    # On one computer the first master is slower for each machine that is prepared meanwhile, and others join in the
    # time in which the further masters wait for their etcd.
    founded = (ids.founded(topology.first_master.name),) if plan.traits.here and plan.masters > 1 else ()
    for machine in topology.machines:
        name = machine.name
        yield Step(
            id=ids.connected(name),
            title=f"log in to {name} and pin its host key",
            phase=Phase.CONNECT,
            machine=name,
            needs=(ids.created(name),),
            action=Connect(name, look),
            weight=1.0,
            limit="ssh",
            deadline=120.0,
        )
        yield Step(
            id=ids.prepared(name),
            title=f"prepare {name} for Kubernetes {plan.kubernetes}",
            phase=Phase.PREPARE,
            machine=name,
            needs=(ids.connected(name), *known, *(() if machine.role is Role.MASTER else founded)),
            action=action(plan, name),
            weight=12.0,
            limit="processors" if plan.traits.here else "ssh",
            deadline=_REHEARSED if plan.traits.stand_ins else DOWNLOADING,
        )
