"""What becomes of the machines of one's own when their list changes: judged by the machine behind each name. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from installer.plan.change import Change, Risk, some
from installer.plan.host import Host
from installer.plan.inventory import data, show
from installer.plan.model import InstallPlan
from installer.plan.topology import hosts

_WHY = {
    Risk.REFUSED: "a machine keeps its name and its hardware; `craton nodes remove` takes one out",
    Risk.CAREFUL: "Craton reaches a machine that runs by another address or as somebody else",
    Risk.SAFE: "new machines join, or only the way to a machine changes",
}


def machine_changes(old: InstallPlan, new: InstallPlan) -> tuple[Change, ...]:
    """One change for each risk, worst first, naming the machines; none where every name means the same host."""
    before, after = hosts(old), hosts(new)
    risks = {name: _risk(before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))}
    found = []
    for risk in (Risk.REFUSED, Risk.CAREFUL, Risk.SAFE):
        names = [name for name, judged in risks.items() if judged is risk]
        if names:
            lists = _list(names, before), _list(names, after)
            found.append(Change(new.traits.inventory_field, *lists, risk, _WHY[risk]))
    return tuple(found)


def _risk(old: Host | None, new: Host | None) -> Risk | None:
    """None where nothing changes for the machine: a role that was assigned may be given in words."""
    if old is None:
        return Risk.SAFE
    if new is None or old.node_address != new.node_address:
        return Risk.REFUSED
    if (old.address, old.user) != (new.address, new.user):
        return Risk.CAREFUL
    return Risk.SAFE if _way(old) != _way(new) else None


def _way(host: Host) -> tuple[object, ...]:
    return host.port, host.key, host.jump


def _list(names: Iterable[str], machines: dict[str, Host]) -> str:
    return some([f"{name} {show(data(machines[name]))}" for name in names if name in machines])
