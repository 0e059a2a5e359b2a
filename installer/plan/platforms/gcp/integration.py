"""What Kubernetes runs to use Google Cloud: cloud-provider-gcp and the CSI driver of persistent disks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from installer.plan.clouds import controller, controller_arguments
from installer.plan.registration import CloudAddon, Integration
from installer.plan.rules import Role

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.gcp.settings import Gcp

_FILE = "gce.conf"
LABEL = "craton-cluster"
"""The label by which a destroy finds disks."""


def _values(plan: CommonSettings, gcp: Gcp) -> Mapping[str, object]:
    return {
        # Kubernetes itself gives nodes their part of the pods' network.
        "controller_arguments": controller_arguments(
            plan, "gce", f"--cloud-config=/etc/cloud/{_FILE}", "--controllers=*,-nodeipam"
        ),
        "controller_files": {_FILE: "\n".join(["[Global]", *_configuration(plan, gcp), ""])},
        "volumes_controller": "csi-gce-pd-controller",
        "volumes_node": "csi-gce-pd-node",
        "disk_labels": f"--extra-labels={LABEL}={plan.name}",
        "volume_parameters": {"type": "pd-balanced"},
    }


def _configuration(plan: CommonSettings, gcp: Gcp) -> Iterator[str]:
    """Lines of what cloud-provider-gcp calls gce.conf. The metadata service knows project and zone."""
    if gcp.project:
        yield f"project-id = {gcp.project}"
    if gcp.network_project:
        yield f"network-project-id = {gcp.network_project}"
    yield f"network-name = {gcp.network or plan.name}"
    yield f"subnetwork-name = {gcp.subnetwork or plan.name}"
    # Whom the firewall rules of load balancers let in: by network tags, as the contract's rules do.
    for role in (Role.INFRA, Role.WORKER):
        yield f"node-tags = {plan.name}-{role}"
    if plan.schedulable_masters:
        yield f"node-tags = {plan.name}-{Role.MASTER}"
    yield f"node-instance-prefix = {plan.name}-"
    yield "multizone = true"


INTEGRATION = Integration(
    controller("gcp-cloud-controller", "Google Cloud", "gcp-cluster-id.yaml"),
    CloudAddon(
        "gcp-volumes",
        "bring up the CSI driver of persistent disks",
        ("volumes-access.yaml", "gcp-volumes.yaml"),
        "Deployment",
        "csi-gce-pd-controller",
    ),
    _values,
)
