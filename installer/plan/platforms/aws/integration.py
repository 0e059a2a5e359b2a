"""What Kubernetes runs to use AWS: cloud-provider-aws and the CSI driver of EBS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from installer.plan.clouds import controller, controller_arguments
from installer.plan.registration import CloudAddon, Integration

if TYPE_CHECKING:
    from installer.plan.common_settings import CommonSettings
    from installer.plan.platforms.aws.settings import Aws


def _values(plan: CommonSettings, _aws: Aws) -> Mapping[str, object]:
    return {
        "controller_arguments": controller_arguments(plan, "aws"),
        "controller_files": {},  # the instance's tags say which cluster it is of
        "volumes_controller": "ebs-csi-controller",
        "volumes_node": "ebs-csi-node",
        # The tag by which a destroy finds volumes: kubernetes.io/cluster/NAME.
        "cluster_tag": f"--k8s-tag-cluster-id={plan.name}",
        # With the account's own key for EBS: another would have to be the masters' to use.
        "volume_parameters": {"type": "gp3", "encrypted": "true"},
    }


INTEGRATION = Integration(
    controller("aws-cloud-controller", "AWS"),
    CloudAddon(
        "aws-volumes",
        "bring up the CSI driver of EBS volumes",
        ("volumes-access.yaml", "aws-volumes.yaml"),
        "Deployment",
        "ebs-csi-controller",
    ),
    _values,
)
