"""A worker pool while its control plane is upgraded, before its machines are replaced.

`kubeadm upgrade apply` proves with a Job of the new pause image that pods still run. Nobody brings images to a pool's
machines, and they can't pull one where images come as archives: so the Job has to run elsewhere, on a master at least.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from installer.cluster import drain, masters, overview
from installer.common.errors import InstallerError
from installer.plan.topology import Pool
from installer.steps.step import Context

_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_AT_ONCE = 100
"""Nodes in one command."""


@contextmanager
def kept_off(ctx: Context, pool: Pool | None) -> Iterator[None]:
    """No new pod lands on the pool's nodes meanwhile, but for those of DaemonSets."""
    names = _schedulable(ctx, pool) if pool else []
    groups = [names[first : first + _AT_ONCE] for first in range(0, len(names), _AT_ONCE)]
    for group in groups:  # said before it is done: whoever goes on knows whose it is
        masters.kubectl(ctx, "label", "node", *group, f"{drain.MARK}=yes", "--overwrite")
        masters.kubectl(ctx, "cordon", *group)
    try:
        yield
    finally:
        for group in groups:
            _release(ctx, group)


def _schedulable(ctx: Context, pool: Pool) -> list[str]:
    """The pool's nodes, without those that somebody else cordoned."""
    return [
        name
        for name, node in overview.every_node(ctx).items()
        if name.startswith(f"{pool.name}-")
        and (drain.is_marked(node) or _UNSCHEDULABLE not in {taint["key"] for taint in node["spec"]["taints"]})
    ]


def _release(ctx: Context, names: list[str]) -> None:
    try:
        drain.uncordon(ctx, *names)
    except InstallerError as error:
        ctx.log(f"nodes of the pool stay cordoned until its machines are replaced: {error.observed}")
