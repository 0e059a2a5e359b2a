"""kubeadm's configuration, derived from a plan (API kubeadm.k8s.io/v1beta4)."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

from installer.contract import Role
from installer.plan import InstallPlan
from installer.topology import Machine

_API = "kubeadm.k8s.io/v1beta4"


@dataclass(frozen=True)
class Invitation:
    """What a machine needs to join. Secret: kept in memory, never in the journal."""

    token: str = field(repr=False)
    ca_hash: str
    certificate_key: str = field(repr=False)


def init_configuration(plan: InstallPlan, machine: Machine) -> str:
    """The YAML documents for `kubeadm init` on the first master."""
    return _documents(
        {
            "apiVersion": _API,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": str(machine.address), "bindPort": 6443},
            "nodeRegistration": _registration(machine),
        },
        {
            "apiVersion": _API,
            "kind": "ClusterConfiguration",
            "clusterName": plan.name,
            "kubernetesVersion": plan.kubernetes,
            "controlPlaneEndpoint": f"{plan.api_host}:6443",
            "apiServer": {"certSANs": [plan.api_host]},
            "networking": {
                "podSubnet": str(plan.networks.pods),
                "serviceSubnet": str(plan.networks.services),
                "dnsDomain": "cluster.local",
            },
        },
    )


def join_configuration(plan: InstallPlan, machine: Machine, invitation: Invitation) -> str:
    """The YAML document for `kubeadm join`; holds secrets, so it travels on stdin alone."""
    document: dict[str, Any] = {
        "apiVersion": _API,
        "kind": "JoinConfiguration",
        "discovery": {
            "bootstrapToken": {
                "apiServerEndpoint": f"{plan.api_host}:6443",
                "token": invitation.token,
                "caCertHashes": [invitation.ca_hash],
            }
        },
        "nodeRegistration": _registration(machine),
    }
    if machine.role is Role.MASTER:
        document["controlPlane"] = {
            "localAPIEndpoint": {"advertiseAddress": str(machine.address), "bindPort": 6443},
            "certificateKey": invitation.certificate_key,
        }
    return _documents(document)


def _registration(machine: Machine) -> dict[str, Any]:
    """Taints stand from the first moment; the role labels cannot, since the kubelet refuses to set them itself."""
    return {
        "name": machine.name,
        "kubeletExtraArgs": [{"name": "node-ip", "value": str(machine.address)}],
        "taints": [_taint(taint) for taint in machine.taints],
    }


def _taint(text: str) -> dict[str, str]:
    """`key=value:effect` as the API writes it."""
    key, _, rest = text.partition("=")
    value, _, effect = rest.partition(":")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})


def _documents(*documents: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = io.StringIO()
    yaml.dump_all(documents, stream)
    return stream.getvalue()
