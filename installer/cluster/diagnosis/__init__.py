"""What a failed verb of `craton-node` means: the machine that is in trouble, what was seen, what to do.

Kubeadm's output and the `evidence` lines with it (installer.node.program) are read by `transcript`; `preflight`,
`images`, `clock`, `static` and `known` each explain one kind of them. The most specific explanation wins.
"""

from __future__ import annotations

from installer.cluster.diagnosis.explain import explain_images, explain_init, explain_join, explain_upgrade

__all__ = ["explain_images", "explain_init", "explain_join", "explain_upgrade"]
