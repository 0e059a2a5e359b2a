"""etcd's members: who they are, how many losses they survive, and when one may be taken out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from installer.common import json_reader
from installer.common.errors import InstallerError
from installer.common.shape import shaped
from installer.node.program import run_program
from installer.plan.topology import Topology
from installer.steps.step import Context

SETTLING = 120.0
"""Seconds in which members that started, or were started again, have to be healthy."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of etcd. One that was announced and has not started has no client URLs; a learner does not vote yet."""

    id: str
    """Decimal, as etcd's JSON has it."""
    name: str
    peers: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    learner: bool = False


_MEMBERS = {"members": [{"ID": (str, int), "name": str, "peerURLs": [str], "clientURLs": [str], "isLearner": bool}]}


def parse_members(text: str) -> tuple[Member, ...]:
    """etcd's member list (JSON of `/v3/cluster/member/list`). Raises ValueError if it is none."""
    members = shaped(json_reader.parse(text), _MEMBERS).get("members")
    if members is None:
        raise ValueError("no members in it")
    return tuple(
        Member(
            str(member.get("ID", "")),
            str(member.get("name", "")),
            tuple(member.get("peerURLs", ())),
            tuple(member.get("clientURLs", ())),
            member.get("isLearner") is True,
        )
        for member in members
    )


def named(members: Iterable[Member], topology: Topology) -> tuple[Member, ...]:
    """The members, those that have not started yet (and told no name) named after the machine at their address."""
    names = {f"https://{machine.address}:2380": machine.name for machine in topology.machines}
    found = ((member, next((names[url] for url in member.peers if url in names), "")) for member in members)
    return tuple(member if member.name else replace(member, name=name) for member, name in found)


def quorum(voters: int) -> int:
    """How many of so many voting members have to agree."""
    return voters // 2 + 1


def survives(masters: int) -> str:
    """What a cluster of so many masters survives, for a person."""
    losses = masters - quorum(masters)
    return f"the loss of {losses} of {masters} masters" if losses else "nothing: it has only one master"


def may_remove(members: Sequence[Member], healthy: Collection[str], name: str) -> str | None:
    """Why the member `name` must not be taken out now, in a sentence with what is and what has to be; or None.

    `healthy` are the names of members that answer. Taking a member out is a decision of etcd's majority, and those
    that stay need a majority among themselves.
    """
    voters = [member.name for member in members if not member.learner]
    staying = [voter for voter in voters if voter != name]
    if not staying:
        return "it is etcd's only voting member"
    for group, what in ((voters, "members"), (staying, "members that stay")):
        well, need = sum(voter in healthy for voter in group), quorum(len(group))
        if well < need:
            return f"{well} of the {len(group)} {what} are healthy, and it takes {need}"
    return None


def why_not_join(members: Sequence[Member], healthy: Collection[str]) -> str | None:
    """Why no further member may be added now, in a sentence; or None.

    There has to be a majority now, and with the new member's vote as well.
    """
    voters = [member.name for member in members if not member.learner]
    sick = [voter for voter in voters if voter not in healthy]
    well = len(voters) - len(sick)
    if well >= quorum(len(voters)) and well + 1 >= quorum(len(voters) + 1):
        return None
    return f"{well} of etcd's {len(voters)} members are healthy; not so {', '.join(sick)}"


def why_not_joined(members: Sequence[Member], healthy: Collection[str], name: str) -> str | None:
    """What is missing until the member `name` votes, and etcd is healthy with it; or None."""
    own = next((member for member in members if member.name == name), None)
    if own is None:
        return "it isn't a member of etcd"
    if not own.clients:
        return "its etcd has not started"
    if own.learner:
        return "its etcd is catching up"
    if name not in healthy:
        return "its etcd does not answer"
    return why_not_join(members, healthy)


def members_of(ctx: Context, master: str) -> tuple[Member, ...]:
    """etcd's members, as `master` has them. Raises InstallerError."""
    output = run_program(ctx, master, "etcd", "members", secret=True)
    try:
        return named(parse_members(output), ctx.world.topology)
    except ValueError as error:
        observed = f"etcd's member list cannot be read: {error}"
        raise InstallerError("list etcd's members", observed, machine=master, retryable=True) from None


def healthy_of(ctx: Context, master: str, members: Sequence[Member]) -> frozenset[str]:
    """Names of the members whose etcd is healthy, asked from `master`; why others are not is logged.

    Raises InstallerError.
    """
    names = {member.clients[0]: member.name for member in members if member.clients}
    if not names:
        return frozenset()
    output = run_program(ctx, master, "etcd", "health", *names, secret=True)
    told = {url: words for url, _, words in (line.partition(" ") for line in output.splitlines())}
    for url, name in names.items():
        if told.get(url) != "ok":
            ctx.log(f"etcd of {name}: {told.get(url) or 'no answer'}")
    return frozenset(name for url, name in names.items() if told.get(url) == "ok")


def remove_stale(ctx: Context, master: str, name: str) -> None:
    """Take the member `name` out of etcd, through `master`: its machine is no master any more. None is no error.

    Raises InstallerError if etcd would not survive that.
    """
    members = members_of(ctx, master)
    stale = [member for member in members if member.name == name]
    if not stale:
        return
    reason = may_remove(members, healthy_of(ctx, master, members), name)
    if reason:
        raise InstallerError(
            "take the old member out of etcd",
            f"etcd still lists {name}, whose machine has left, and can't remove it: {reason}",
            machine=name,
            hint="bring the other masters' etcd up again, then resume; if they are lost, craton etcd restore",
        )
    for member in stale:
        ctx.log(f"taking the old member {name} out of etcd")
        run_program(ctx, master, "etcd", "remove", member.id)


def wait_for_quorum(ctx: Context, master: str) -> None:
    """Wait until etcd is healthy enough for one member more. Raises InstallerError naming a member that is not."""
    _settle(ctx, master, "etcd to be ready for one more member", why_not_join)


def wait_for_member(ctx: Context, master: str, name: str) -> None:
    """Wait until the member `name` votes and etcd is healthy with it. Raises InstallerError naming who is not."""
    _settle(
        ctx,
        master,
        f"etcd to be healthy with {name}",
        lambda members, healthy: why_not_joined(members, healthy, name),
    )


def _settle(
    ctx: Context, master: str, what: str, missing: Callable[[Sequence[Member], Collection[str]], str | None]
) -> None:
    """Wait until nothing is `missing`, at most SETTLING seconds. Raises InstallerError."""
    until = time.monotonic() + SETTLING

    def probe() -> tuple[bool | None, str]:
        members = members_of(ctx, master)
        healthy = healthy_of(ctx, master, members)
        seen = missing(members, healthy)
        if seen is None:
            return True, "healthy"
        if time.monotonic() > until:
            sick = [member.name for member in members if member.name not in healthy]
            raise InstallerError(
                f"wait for {what}",
                f"not within {SETTLING:.0f} s; last seen: {seen}",
                machine=sick[0] if sick else master,
                hint="look at that machine's etcd (crictl logs, craton gather), then resume",
            )
        return None, seen

    ctx.wait_until(what, probe, every=1.0)
