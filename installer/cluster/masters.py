"""What machines are in their cluster, and which master speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from installer.cluster import outdated
from installer.common.errors import InstallerError
from installer.node import program
from installer.node.program import Asked, run_program
from installer.plan.rules import Role
from installer.plan.topology import Machine
from installer.steps.step import Context

STATIC_PODS = frozenset({"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"})
"""What a master runs before, and without, any scheduler."""
OK = "ok"
STARTING = 180.0
"""Seconds in which a member's kubelet and API server have to come up, as after a restart of the machine."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a machine is in its cluster, as `craton-node condition` says it (installer.node.program)."""

    member: str = ""
    begun: str = ""
    kubelet: str = ""
    serving: str = ""
    """`ok` if its kubelet's server shows a certificate of the cluster's CA, `own` if it signs its own, else why not."""
    manifests: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    api: str = ""
    version: str = ""
    kubelet_version: str = ""
    kubeadm_version: str = ""
    busy: str = ""
    """`yes` while a craton-node changes the machine, as for an engine that is gone."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Condition:
        """From the verb's keys and values; those that it did not say are empty."""
        names = {key: frozenset(filter(None, fields.get(key, "").split(","))) for key in ("manifests", "running")}
        words = {key: fields.get(key, "") for key in cls.__slots__ if key not in names}
        return cls(**words, **names)  # type: ignore[arg-type]

    def is_up(self, role: Role) -> bool:
        """Whether its part of a cluster works: the kubelet, and on a master all of the control plane."""
        return self.kubelet == OK and (role is not Role.MASTER or (self.api == OK and self.running >= STATIC_PODS))

    def trouble(self, role: Role) -> str:
        """What does not work, in a sentence; empty if all does."""
        found = [] if self.kubelet == OK else [f"kubelet: {self.kubelet or 'no answer'}"]
        if role is Role.MASTER:
            found += [f"no manifest of {name}" for name in sorted(STATIC_PODS - self.manifests)]
            found += [f"{name} does not run" for name in sorted((STATIC_PODS & self.manifests) - self.running)]
            found += [] if self.api == OK else [f"API server: {self.api or 'no answer'}"]
        return "; ".join(found)


def condition(ctx: Context, machine: str, asked: Asked = Asked.NOW) -> Condition:
    """What `machine` says that it is; nothing at all where craton-node has not been brought to it.

    Raises InstallerError if the machine cannot be asked.
    """
    seen = Condition.of(program.condition(ctx, machine, asked))
    if not seen.member:
        outdated.forget(ctx.world.directory, machine)
    elif outdated.is_marked(ctx.world.directory, machine):  # a restore left it behind: it joins again
        return replace(seen, member="", begun="restore")
    return seen


def own_condition(ctx: Context, machine: str, asked: Asked = Asked.NOW) -> Condition:
    """As `condition`. Raises InstallerError if the machine belongs to another cluster: nothing may take it over."""
    seen, cluster = condition(ctx, machine, asked), ctx.world.plan.name
    if seen.member in ("", cluster):
        return seen
    ctx.world.answers.forget(machine)  # whoever tries again has taken it out of there
    whose = "a cluster that Craton did not make" if seen.member == "another" else f"the cluster {seen.member}"
    raise InstallerError(
        "join the cluster",
        f"the machine is a node of {whose}",
        machine=machine,
        hint="take it out of there first (kubeadm reset), or leave it out of the plan",
    )


def settled(ctx: Context, machine: str) -> Condition:
    """As `own_condition`, once what an engine that is gone began on the machine is at work no more."""

    asked = iter((Asked.JUST_NOW,))

    def probe() -> tuple[Condition | None, str]:
        seen = own_condition(ctx, machine, next(asked, Asked.NOW))
        return (None, f"{seen.begun} is still at work") if seen.begun and seen.busy == "yes" else (seen, "")

    return ctx.wait_until(f"what began on {machine} before to end", probe, every=2.0)


def established(ctx: Context, besides: str = "") -> str | None:
    """The first master that is a member of this cluster and whose API server works, not counting `besides`.

    Masters that cannot be reached, or do not work, are passed over.
    """
    return _first(ctx, besides)[0]


def reachable_master(ctx: Context, besides: str = "") -> str:
    """As `established`. Raises InstallerError, which names the master to repair, if there is none."""
    found, troubles = _first(ctx, besides)
    if found is None:
        raise next((error for error in troubles if not isinstance(error, _NoMemberError)), troubles[0])
    return found


def elsewhere(ctx: Context, first: str) -> str | None:
    """The master whose cluster `first` has to join; None if there is no cluster yet, so that `first` may found it.

    Raises InstallerError if nobody can tell: a master that may be a member cannot be asked, or does not work. Two
    clusters of one name would be worse than none.
    """
    found, troubles = _first(ctx, first)
    doubts = [error for error in troubles if not isinstance(error, _NoMemberError)]
    if found is None and doubts:
        raise InstallerError(
            "start the cluster",
            f"{doubts[0].machine} may be a master of {ctx.world.plan.name} already: {doubts[0].observed}",
            machine=doubts[0].machine,
            hint=f"fix that first, then resume: {first} doesn't start a second cluster. "
            + (doubts[0].hint and f"({doubts[0].hint})"),
            retryable=doubts[0].retryable,
        )
    return found


def kubectl(ctx: Context, *arguments: str, stdin: str = "") -> str:
    """What kubectl says on a master that speaks for the cluster: the last that did, as long as it answers.

    Raises InstallerError naming that master.
    """
    world = ctx.world
    if asked := world.reachable_master:
        try:
            return run_program(ctx, asked, "kubectl", *arguments, stdin=stdin, secret=True)
        except InstallerError:
            world.reachable_master = reachable_master(ctx)
            if world.reachable_master == asked:
                raise
    else:
        world.reachable_master = reachable_master(ctx)
    return run_program(ctx, world.reachable_master, "kubectl", *arguments, stdin=stdin, secret=True)


def wait_until_up(ctx: Context, machine: Machine) -> Condition:
    """Wait until a member works, as after its restart. Raises InstallerError naming `machine` and what does not."""
    allowed = ctx.remaining() - STARTING

    def probe() -> tuple[Condition | None, str]:
        seen = own_condition(ctx, machine.name)
        if seen.is_up(machine.role):
            return seen, "up"
        if ctx.remaining() <= allowed:
            raise InstallerError(
                "start the node again",
                f"it is a member of {ctx.world.plan.name}, and does not work: {seen.trouble(machine.role)}",
                machine=machine.name,
                hint="journalctl -u kubelet on the machine says why; craton gather collects more",
            )
        return None, seen.trouble(machine.role)

    return ctx.wait_until(f"{machine.name} to work again", probe, every=2.0)


class _NoMemberError(InstallerError):
    """A master that is known to be no member of this cluster."""


def _first(ctx: Context, besides: str) -> tuple[str | None, list[InstallerError]]:
    """(the first master that works, why each before it does not)"""
    troubles: list[InstallerError] = []
    for master in ctx.world.topology.of_role(Role.MASTER):
        if master.name == besides:
            continue
        try:
            _check(ctx, master)
        except InstallerError as error:
            error.machine = error.machine or master.name
            troubles.append(error)
        else:
            return master.name, troubles
    return None, troubles


def _check(ctx: Context, master: Machine) -> None:
    """Raises InstallerError unless `master` is a member of this cluster whose API server works."""
    cluster = ctx.world.plan.name
    seen = condition(ctx, master.name, Asked.JUST_NOW)
    if seen.member != cluster or seen.api != OK:  # perhaps it does by now
        seen = condition(ctx, master.name)
    if seen.member != cluster:
        observed = f"it is no member of {cluster}" + (f": its {seen.begun} hasn't finished" if seen.begun else "")
        raise _NoMemberError(
            "ask a master", observed, machine=master.name, hint="resume: it is brought into the cluster first"
        )
    if seen.api != OK:
        raise InstallerError(
            "ask a master",
            f"its API server does not work: {seen.trouble(Role.MASTER)}",
            machine=master.name,
            hint="craton gather collects what its containers say; fix it, then resume",
            retryable=True,
        )
