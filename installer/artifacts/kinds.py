"""Kinds of Kubernetes' objects that are in no namespace, as far as their names tell."""

from __future__ import annotations

_WITHOUT_NAMESPACE = frozenset({
    "APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "CustomResourceDefinition", "FlowSchema",
    "MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "Namespace", "Node",
    "PersistentVolume", "PriorityLevelConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration", "VolumeAttachment",
})  # fmt: skip


def has_namespace(kind: str) -> bool:
    """Kinds that others define follow Kubernetes' own habit: ClusterIssuer and GatewayClass have none."""
    return not (kind in _WITHOUT_NAMESPACE or kind.startswith("Cluster") or kind.endswith("Class"))
