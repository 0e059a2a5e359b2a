"""The plan of a cluster with machines more, or fewer: what `craton nodes` changes. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.plan import validation
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, hosts, topology

_ADD, _REMOVE, _SCALE = "add machines", "remove machines", "scale the pool"
_LEAVING = (Role.WORKER, Role.INFRA, Role.MASTER)


def grown(plan: InstallPlan, *, masters: int | None = None, infra: int = 0, workers: int = 0) -> InstallPlan:
    """`plan` with `masters` masters in all, and so many infra nodes and workers more.

    Raises InstallerError (plan): there is nothing to add, or the plan would break a rule.
    """
    if plan.traits.inventory:
        raise _refused(_ADD, f"{plan.name} consists of machines that you have", "name each new one: --machine ADDRESS")
    more_masters = (plan.masters if masters is None else masters) - plan.masters
    if more_masters < 0:
        raise _refused(
            _ADD,
            f"{plan.name} has {plan.masters} masters already, more than {masters}",
            f"`craton nodes remove {plan.name} MACHINE...` takes masters out",
        )
    return _changed(_ADD, plan, {Role.MASTER: more_masters, Role.INFRA: infra, Role.WORKER: workers})


def scaled(plan: InstallPlan, workers: int) -> InstallPlan:
    """`plan` with `workers` machines in its pool.

    Raises InstallerError (plan): it has no pool, or as many already, or the plan would break a rule.
    """
    if not plan.worker_pool:
        hint = "`craton nodes add` adds workers, `craton nodes remove` takes them out"
        raise _refused(_SCALE, f"the workers of {plan.name} are no pool", hint)
    if workers == plan.workers:
        raise _refused(_SCALE, f"the pool of {plan.name} has {workers} workers already", "choose another number")
    return _changed(_SCALE, plan, {Role.MASTER: 0, Role.INFRA: 0, Role.WORKER: workers - plan.workers})


def with_hosts(plan: InstallPlan, added: Sequence[Host]) -> InstallPlan:
    """`plan` with machines of the user's own more; one that says no role is a worker.

    Every machine that is there keeps its name: its role is written in its entry from now on.
    Raises InstallerError (plan): the plan makes its machines itself, or would break a rule.
    """
    if not plan.traits.inventory:
        hint = "say how many: --workers, --infra or --masters"
        raise _refused(_ADD, f"the platform {plan.platform} makes its machines itself", hint)
    roles = {host: Role(name.rsplit("-", 2)[1]) for name, host in hosts(plan).items()}
    present = [host.model_copy(update={"role": str(roles[host])}) for host in plan.inventory]
    new = [host if host.role else host.model_copy(update={"role": str(Role.WORKER)}) for host in added]
    more = {role: sum(host.role == role for host in new) for role in Role}
    changed = _changed(_ADD, plan, more, [*present, *new])
    if not _keep_their_names(plan, changed):  # some had an explicit role and came after others that had none
        in_order = [host.model_copy(update={"role": str(roles[host])}) for host in hosts(plan).values()]
        changed = _changed(_ADD, plan, more, [*in_order, *new])
    return changed


def joining(plan: InstallPlan, changed: InstallPlan) -> tuple[Machine, ...]:
    """The machines of `changed` that `plan` does not have."""
    present = {machine.name for machine in topology(plan).machines}
    return tuple(machine for machine in topology(changed).machines if machine.name not in present)


def shrunk(plan: InstallPlan, names: Collection[str]) -> InstallPlan:
    """`plan` without the machines of these full names.

    Machines of a role are numbered without gaps, so only its last ones can go. Raises InstallerError (plan) that says
    which can: for any other, for the first master, or where no odd number of masters would be left.
    """
    fewer = {}
    for role in Role:
        present = [machine.name for machine in topology(plan).of_role(role)]
        leaving = [name for name in present if name in names]
        if leaving != present[len(present) - len(leaving) :]:
            raise _not_the_last(plan, role, present, leaving)
        fewer[role] = -len(leaving)
    _refuse_too_few(plan, fewer)
    own = hosts(plan)
    gone = {host for name, host in own.items() if name in names}
    kept = [host for host in plan.inventory if host not in gone] if own else None
    return _changed(_REMOVE, plan, fewer, kept)


def who_can_go(plan: InstallPlan) -> str:
    """The machines that can leave first, in words; masters go in pairs, so that an odd number stays."""
    roles = topology(plan)
    workers, infra, masters = ([one.name for one in roles.of_role(role)] for role in _LEAVING)
    groups = [
        workers[-1:] if len(workers) > 1 or plan.schedulable_masters else [],
        infra[-1:] if len(infra) > 1 else [],
        masters[-2:] if len(masters) > 1 else [],
    ]
    return ", ".join(" with ".join(reversed(group)) for group in groups if group) or "none"


def _not_the_last(plan: InstallPlan, role: Role, present: Sequence[str], leaving: Sequence[str]) -> InstallerError:
    stays = next(name for name in reversed(present) if name not in leaving)
    first = next(name for name in leaving if present.index(name) < present.index(stays))
    return _refused(
        _REMOVE,
        f"{first} cannot go while {stays} stays: a plan says how many {_plural(role)} there are, and numbers name them",
        f"the last ones go first: {', '.join(reversed(present[present.index(first) :]))}; "
        f"those that can go now: {who_can_go(plan)}",
    )


def _refuse_too_few(plan: InstallPlan, fewer: Mapping[Role, int]) -> None:
    masters, infra = plan.masters + fewer[Role.MASTER], plan.infra + fewer[Role.INFRA]
    can = f"those that can go now: {who_can_go(plan)}"
    if masters < 1:
        hint = f"`craton destroy {plan.name}` deletes the whole cluster; {can}"
        raise _refused(_REMOVE, f"{plan.name}-master-1 cannot go: the cluster began on it", hint)
    if masters not in (1, 3, 5):
        raise _refused(_REMOVE, f"{masters} masters would be left; a cluster has 1, 3 or 5", can)
    if fewer[Role.INFRA] and infra < 1:
        seen = "no infra node would be left, and there is no load balancer where traffic could enter"
        raise _refused(_REMOVE, seen, can)


def _changed(
    operation: str, plan: InstallPlan, more: Mapping[Role, int], inventory: Sequence[Host] | None = None
) -> InstallPlan:
    if not any(more.values()):
        raise _refused(operation, "no machine was named", f"`craton nodes --help` says how; {plan.name} stays as it is")
    if more[Role.INFRA] and plan.ingress.kind != "infra":
        hint = "its traffic enters through the load balancer"
        raise _refused(operation, f"{plan.name} has no infra nodes", hint)
    data: dict[str, Any] = plan.model_dump(mode="json", exclude_none=True)
    data["masters"] += more[Role.MASTER]
    data["workers"] += more[Role.WORKER]
    if plan.ingress.kind == "infra":
        data["ingress"]["infra"] += more[Role.INFRA]
    _keep_kind_of_workers(plan, data)
    if inventory is not None:
        data[plan.platform]["inventory"] = [host.model_dump(mode="json", exclude_none=True) for host in inventory]
    found = validation.validate(data)
    if isinstance(found, InstallPlan):
        return found
    text = "; ".join(f"{'.'.join(map(str, mistake.field))}: {mistake.text}" for mistake in found)
    raise _refused(operation, text, f"{plan.name} stays as it is")


def _keep_kind_of_workers(plan: InstallPlan, data: dict[str, Any]) -> None:
    """Another number of workers makes no pool of them, and none of a pool's machines into one with a name."""
    section = data[plan.platform]
    above = section.get("pool_above")
    if above is None or (data["workers"] > above) == plan.worker_pool:
        return
    if plan.worker_pool:
        section["worker_pool"] = True
    else:
        del section["pool_above"]


def _keep_their_names(plan: InstallPlan, changed: InstallPlan) -> bool:
    before, after = hosts(plan), hosts(changed)
    return all(after[name].node_address == host.node_address for name, host in before.items())


def _plural(role: Role) -> str:
    return {Role.MASTER: "masters", Role.INFRA: "infra nodes", Role.WORKER: "workers"}[role]


def _refused(operation: str, observed: str, hint: str) -> InstallerError:
    return InstallerError(operation, observed, hint=hint, exit_code=ExitCode.PLAN)
