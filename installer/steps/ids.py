"""Ids of steps, in the order of an install. They are stable: journals, retries and resumes refer to them.

Every id is `PHASE/WHAT` or `PHASE/WHAT/MACHINE`, with the machine's full name. Nothing else builds one that a step of
another module needs.
"""

from __future__ import annotations


def checked_facts(machine: str) -> str:
    """An own machine was examined."""
    return f"check/facts/{machine}"


def created(machine: str) -> str:
    """The machine exists: the last step of the phase `machines` for it, on every platform."""
    return f"machines/create/{machine}"


def connected(machine: str) -> str:
    """The machine's host key is pinned, and Craton can log in."""
    return f"connect/{machine}"


def prepared(machine: str) -> str:
    """The machine is one that kubeadm accepts."""
    return f"prepare/{machine}"


def firewalled(machine: str) -> str:
    """The machine enforces the contract's rules itself."""
    return f"firewall/{machine}"


def founded(machine: str) -> str:
    """The first master runs the control plane."""
    return f"control-plane/init/{machine}"


KUBECONFIG = "control-plane/kubeconfig"
OVERLAY = "control-plane/overlay"
CLOUD_CONTROLLER = "control-plane/cloud-controller"


def joined_as_master(machine: str) -> str:
    return f"control-plane/join/{machine}"


def joined(machine: str) -> str:
    """An infra node or a worker is a node of the cluster."""
    return f"join/{machine}"


def roles_set(machine: str) -> str:
    """The node is Ready, with its role's labels and taints."""
    return f"join/roles/{machine}"


def certified(machine: str) -> str:
    """The machine's kubelet serves with a certificate of the cluster's CA."""
    return f"join/certificate/{machine}"


POOL = "join/pool"
"""As many machines of the worker pool as planned are nodes."""
CLUSTER_DNS = "join/cluster-dns"
NODE_PORTS = "control-plane/node-ports"
INGRESS = "ingress/controller"
ZONE_CHECKED = "check/zone"
CERTIFICATE_CHECKED = "check/certificate"
CONNECTORS_CHECKED = "check/connectors"
MANIFESTS_CHECKED = "check/manifests"
CHARTS_CHECKED = "check/charts"
CERTIFICATE = "ingress/certificate"
SIGN_IN_SECRETS = "ingress/sign-in-secrets"
ADDONS_LEFT_OUT = "ingress/left-out"


GATEWAY_KINDS = "ingress/gateway-kinds"
CERT_MANAGER = "ingress/cert-manager"
ACME_KEYS = "ingress/acme-keys"


def addon(name: str) -> str:
    """An addon runs, or is ready to be asked."""
    return INGRESS if name == "ingress" else f"ingress/{name}"


def own_manifests(number: int) -> str:
    """What the plan's `addons.manifests` names at this place, counted from 1, is applied."""
    return f"ingress/own/{number}"


def own_chart(name: str) -> str:
    """A chart of the plan's `addons.charts` is applied, or taken out again."""
    return f"ingress/chart/{name}"


def named(name: str) -> str:
    """A name of the contract leads where it should."""
    return f"dns/{name}"


def published(name: str) -> str:
    """A name of the contract is in the DNS that the plan names."""
    return f"dns/publish/{name}"


def verified(machine: str) -> str:
    return f"verify/{machine}"


CONTRACT = "verify/contract"

MADE_INSIDE = "destroy/made-inside"
OTHER_MACHINES = "destroy/other-machines"
SWEEP = "destroy/sweep"
NOTHING_LEFT = "destroy/nothing-left"


def trusted(machine: str) -> str:
    """A master's API server believes those who signed in, or nobody if the plan has no sign-in."""
    return f"ingress/trust/{machine}"
