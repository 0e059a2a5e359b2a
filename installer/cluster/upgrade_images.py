"""The images of a new release, on every machine before the first one is upgraded.

`kubeadm upgrade apply` starts a Job with the new pause image on any node, then rolls kube-proxy and CoreDNS out to all
of them. Nodes whose turn comes later would have to pull these images by themselves, which they can't without internet.
"""

from __future__ import annotations

from dataclasses import dataclass

from installer.artifacts.container_images import images_of
from installer.cluster import diagnosis
from installer.node.configuration import configuration
from installer.node.program import BUILT_IN, run_program, source_sum, status
from installer.node.steps import Prepare
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine
from installer.steps.step import Context, Observation, Permanent


@dataclass(frozen=True)
class ImagesBrought(Permanent):
    """A node has the images that it runs after the upgrade; those that it runs now stay."""

    plan: InstallPlan
    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        name, names = self.machine.name, images_of(self.plan, self.machine.role)
        fields = status(ctx, name)
        if fields.get("prepared") == self.plan.kubernetes:
            return Observation(True, f"prepared for {self.plan.kubernetes}")
        if fields.get("program") not in (source_sum(), BUILT_IN):
            return Observation(False, "its craton-node has another version")
        text = configuration(self.plan, ctx.world.topology, name)
        missing = run_program(ctx, name, "images", "missing", *names, stdin=text, secret=True).split()
        return Observation(not missing, f"{len(names) - len(missing)} of {len(names)} images are here")

    def apply(self, ctx: Context) -> None:
        name, names = self.machine.name, images_of(self.plan, self.machine.role)
        text = Prepare(self.plan, name).bring(ctx)
        explain = diagnosis.explain_images(self.plan, name)
        run_program(ctx, name, "images", "bring", *names, stdin=text, explain=explain)
