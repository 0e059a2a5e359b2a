"""Plans of clusters in the double's project."""

from __future__ import annotations

from typing import Any

from installer.plan.model import InstallPlan

ROLES = ("compute.*", "iam.serviceAccounts.*", "resourcemanager.projects.*", "dns.*", "serviceusage.services.get")
"""What the roles allow that docs/gcp.md names."""


def plan(workers: int = 1, masters: int = 1, *, balancer: bool = False, **gcp: Any) -> InstallPlan:
    """A cluster of the smallest kind, with other settings of Google Cloud."""
    given = {
        "name": "demo",
        "subdomain": "k8s.example.com",
        "platform": "gcp",
        "masters": masters,
        "workers": workers,
        "ingress": {"kind": "load-balancer"} if balancer else {"kind": "infra", "infra": 1},
        "networks": {"user": "203.0.113.0/24", **({"pods": "10.128.0.0/13"} if workers > 200 else {})},
        "gcp": {"dns": "manual", **gcp},
    }
    return InstallPlan.model_validate(given)
