"""The kubeconfig that a master gives, with real certificates that open nothing."""

from __future__ import annotations

from functools import cache

from installer.cluster import admin_access
from installer.cluster.admin_access import AdminAccess
from installer.plan.model import InstallPlan
from installer.platforms.rehearsal.simulator.kubeconfig import kubeconfig


@cache
def _given(cluster: str, server: str, number: int) -> str:
    return kubeconfig(cluster, server)


def given_by_master(plan: InstallPlan, number: int = 1) -> str:
    """As kubeadm writes it; another `number` means other certificates."""
    return _given(plan.name, admin_access.server_of(plan), number)


def access(plan: InstallPlan, number: int = 1) -> AdminAccess:
    return admin_access.read(given_by_master(plan, number), plan)
