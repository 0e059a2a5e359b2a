"""The machines of a worker pool: they join by themselves while they are invited, and leave drained.

Craton never logs in to them. Which there are, and at which addresses, the cloud says; how they are as nodes, the API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from installer.cluster import certificates, drain, masters, nodes, overview
from installer.common.errors import InstallerError
from installer.common.text import count
from installer.node.program import read_fields, run_program
from installer.plan.topology import Machine, Pool
from installer.platforms.clouds import pool_secret
from installer.platforms.clouds.listing import Instance
from installer.platforms.clouds.platform import CloudPlatform, cloud_of
from installer.platforms.clouds.pool_bundle import Held, bundle, generation
from installer.steps.step import Context, Observation, Permanent

JOINING = 1200.0
"""Seconds in which machines that the cloud just makes have to boot, prepare themselves and join."""
LEAVING = 600.0
"""Seconds in which the pods of one machine have to move."""
_LOOK_EVERY = 5.0
Nodes = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Members(Permanent):
    """As many machines as planned are nodes, of this plan's release, with labels, taints and certificates."""

    pool: Pool

    def observe(self, ctx: Context) -> Observation:
        members, listed = _members(ctx), overview.every_node(ctx)
        todo = [*self._amiss(ctx, members, listed), *(f"{one.machine} is outdated" for one in _outdated(ctx, members))]
        if (held := cloud_of(ctx).held()) and held.token:
            todo.append("an invitation is still there")
        return Observation(not todo, "; ".join([self._census(members, listed), *todo[:3]]))

    def apply(self, ctx: Context) -> None:
        platform = cloud_of(ctx)
        self._shrink(ctx, platform)
        for name in self._gone(_members(ctx), overview.every_node(ctx)):
            nodes.remove(ctx, masters.reachable_master(ctx), name)
        self._admit(ctx, platform)
        outdated, few = _outdated(ctx, _members(ctx)), self.pool.away
        for first in range(0, len(outdated), few):
            leaving = outdated[first : first + few]
            ctx.stage(first + 1, len(outdated), f"replace {', '.join(str(one.machine) for one in leaving)}")
            for one in leaving:
                _leave(ctx, platform, one, again=True)
            self._admit(ctx, platform)
        self._hold(ctx, platform)  # from now on nobody is invited

    def _shrink(self, ctx: Context, platform: CloudPlatform) -> None:
        """Those leave first that are no nodes; of the others those of the fullest zone, so that zones stay even."""
        while len(members := _members(ctx)) > self.pool.count:
            listed = overview.every_node(ctx)
            zones = [one.zone for one in members]
            last = max(members, key=lambda one: (one.machine not in listed, zones.count(one.zone), one.id))
            _leave(ctx, platform, last, again=False)
        platform.resize_pool(self.pool.count)

    def _admit(self, ctx: Context, platform: CloudPlatform) -> None:
        """Invite machines, label and certify their nodes, until all are as they should be."""
        if not self._amiss(ctx, _members(ctx), overview.every_node(ctx)):
            return
        self._invite(ctx, platform)
        until = max(0.0, ctx.remaining() - JOINING)
        new: set[str] = set()

        def look() -> tuple[bool | None, str]:
            members, listed = _members(ctx), overview.every_node(ctx)
            new.update(str(one.machine) for one in members if one.machine not in listed)
            for one in members:
                self._settle(ctx, platform, one, listed)
            amiss = self._amiss(ctx, members, overview.every_node(ctx))
            joined = new & {str(one.machine) for one in members}
            amiss += [
                f"{name}'s kubelet has no certificate yet"
                for name in sorted(joined)
                if not certificates.of_kubelet(ctx, name)
            ]
            if amiss and ctx.remaining() <= until:
                raise InstallerError(
                    "let the pool's machines join",
                    "; ".join(amiss[:3]),
                    hint=f"Their consoles say what they do: {platform.pool_hint()}. Resume invites them again.",
                )
            return None if amiss else True, "; ".join([self._census(members, listed), *amiss[:2]])

        ctx.wait_until(f"{count(self.pool.count, 'worker')} of the pool to join", look, _LOOK_EVERY)

    def _invite(self, ctx: Context, platform: CloudPlatform) -> None:
        fields = read_fields(run_program(ctx, masters.reachable_master(ctx), "invite", secret=True))
        self._hold(ctx, platform, fields["token"], fields["ca_hash"])

    def _hold(self, ctx: Context, platform: CloudPlatform, token: str = "", ca_hash: str = "") -> None:
        """The bundle goes with it: what the secret held so far, a cloud may show late."""
        made = bundle(ctx.world.plan, ctx.world.topology, self.pool)
        pool_secret.keep(ctx, platform, Held(made, token, ca_hash))

    def _settle(self, ctx: Context, platform: CloudPlatform, one: Instance, listed: Nodes) -> None:
        """What only the administrator may do for a node: labels and taints, and its kubelet's certificate."""
        machine, node = self._machine(platform, one), listed.get(str(one.machine))
        if node is None:
            return
        if nodes.is_ready(node):
            for verb, changes in (
                ("label", nodes.label_changes(node, machine)),
                ("taint", nodes.taint_changes(node, machine)),
            ):
                if changes:
                    masters.kubectl(ctx, verb, "node", machine.name, *changes, "--overwrite")
            if drain.is_marked(node):  # by a removal that was given up
                drain.uncordon(ctx, machine.name)
        for request in certificates.waiting(ctx, machine.name):
            if why := certificates.refusal(request, machine):
                ctx.log(f"refused {request.name}: {why}")
            else:
                certificates.approve(ctx, request)
                ctx.log(f"approved {request.name} of {machine.name}")

    def _gone(self, members: Sequence[Instance], listed: Nodes) -> list[str]:
        """Nodes of the pool whose machine somebody ended, also if the cloud has made another of its name since."""
        known = {one.machine: one.born for one in members}
        mine = (name for name in listed if name.startswith(f"{self.pool.name}-"))
        return [name for name in mine if name not in known or nodes.born(listed[name]) < int(known[name])]

    def _census(self, members: Sequence[Instance], listed: Nodes) -> str:
        """How far the pool's machines are, in numbers."""
        joined = [listed[str(one.machine)] for one in members if one.machine in listed]
        runs, ready = sum(one.runs for one in members), sum(map(nodes.is_ready, joined))
        return f"{self.pool.count} asked, {runs} up, {len(joined)} joined, {ready} Ready"

    def _machine(self, platform: CloudPlatform, one: Instance) -> Machine:
        return platform.located_at(self.pool.member(str(one.machine), one.private), one)

    def _amiss(self, ctx: Context, members: Sequence[Instance], listed: Nodes) -> list[str]:
        """What isn't as planned, in words."""
        platform = cloud_of(ctx)
        found = []
        if len(members) != self.pool.count:
            why = platform.pool_trouble() if len(members) < self.pool.count else ""
            found.append(f"{len(members)} of {self.pool.count} machines exist{why and f': {why}'}")
        found += [f"{name} is a node without a machine" for name in self._gone(members, listed)]
        for one in members:
            node = listed.get(str(one.machine))
            if node is None:
                found.append(f"{one.machine} has not joined")
            elif not nodes.is_ready(node):
                found.append(f"{one.machine} is not Ready")
            else:
                machine = self._machine(platform, one)
                changes = [*nodes.label_changes(node, machine), *nodes.taint_changes(node, machine)]
                found += [f"{one.machine} lacks {', '.join(changes)}"] if changes else []
                found += [f"{one.machine} is cordoned"] if drain.is_marked(node) else []
        return found


def _members(ctx: Context) -> list[Instance]:
    """The pool's machines that live, as the cloud lists them now."""
    instances = cloud_of(ctx).instances
    return sorted(
        (one for one in instances.value(instances.version) if one.pooled and one.lives), key=lambda one: one.id
    )


def _outdated(ctx: Context, members: Sequence[Instance]) -> list[Instance]:
    wanted = generation(ctx.world.plan, ctx.world.topology)
    return [one for one in members if one.generation != wanted]


def _leave(ctx: Context, platform: CloudPlatform, one: Instance, *, again: bool) -> None:
    """Drain a machine, delete it, and forget its node; `again`: the group makes another in its place."""
    name = str(one.machine)
    if node := nodes.node_of(ctx, name):
        drain.drain(ctx, node, master=masters.reachable_master(ctx), within=LEAVING)
    platform.leave_pool(one, again=again)
    if node:
        nodes.remove(ctx, masters.reachable_master(ctx), name)
    ctx.log(f"{name} has left the cluster")
