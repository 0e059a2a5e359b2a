"""What things of a cluster are called here, and the labels by which they are found again."""

from __future__ import annotations

CLUSTER = "craton.cluster"
MACHINE = "craton.machine"
HOST_KEY = "craton.host-key"
"""Public host key as `TYPE BASE64`: the engine vouches for it, whoever lost what else."""


def network(cluster: str) -> str:
    return f"craton-{cluster}"


def volume(machine: str) -> str:
    """The volume of a machine's /var."""
    return f"{machine}-var"


def of_cluster(cluster: str) -> str:
    """The filter that finds what belongs to `cluster`."""
    return f"label={CLUSTER}={cluster}"
