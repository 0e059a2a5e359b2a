"""Manifests that another project publishes, applied as they were reviewed: kinds of the API, and what serves them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from installer.artifacts import published
from installer.artifacts.addon_images import addon_images, pinned
from installer.artifacts.published import Published
from installer.cluster import applied_sums, definitions, masters, pods
from installer.cluster.addons import Identity, is_current, pods_of, present
from installer.common.errors import InstallerError
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent


@dataclass(frozen=True)
class PublishedManifests(Permanent):
    """The cluster has what is published under `name`, as the plan's review saw it, and it works.

    Kinds that somebody else brought stay as they are: they may be newer, and there may be objects of them.
    """

    plan: InstallPlan
    name: str

    def observe(self, ctx: Context) -> Observation:
        wanted = published.published(self.name)
        if lacking := definitions.unknown(ctx, wanted.definitions):
            return Observation(False, f"the API does not know {lacking[0]}")
        applied = applied_sums.read(ctx, self._place)
        if not applied and not wanted.workloads:
            return Observation(True, "the API knows them already, from somebody else")
        if applied != self._sum(wanted):
            return Observation(False, f"{self.name} is not as planned")
        waiting = _waiting(ctx, wanted)
        return Observation(not waiting, waiting[0] if waiting else "all of it is there")

    def apply(self, ctx: Context) -> None:
        wanted = published.published(self.name)
        text = self._text(ctx, wanted)
        run_program(ctx, masters.reachable_master(ctx), "addon", self.name, stdin=text)
        applied_sums.record(ctx, self._place, self._sum(wanted))

        def probe() -> tuple[bool | None, str]:
            if lacking := definitions.unknown(ctx, wanted.definitions):
                return None, f"the API does not know {lacking[0]} yet"
            if waiting := _waiting(ctx, wanted):
                _, space, workload = wanted.workloads[0]
                return None, "; ".join([waiting[0], *pods.reasons(ctx, space, workload)])
            return True, "all of it is there"

        ctx.wait_until(f"{self.name} to be ready", probe, every=2.0)

    @property
    def _place(self) -> str:
        return f"published:{self.name}"

    def _text(self, ctx: Context, wanted: Published) -> str:
        if self.plan.traits.stand_ins:
            return _outline(wanted)
        text = published.text(wanted, self.plan, ctx.world.artifacts)
        for image in addon_images(self.plan, self.name).values():
            text = text.replace(image, pinned(self.plan, image))
        return text

    def _sum(self, wanted: Published) -> str:
        """Of the manifests as the plan has them, and of its images; of what stand-ins get in their place."""
        if self.plan.traits.stand_ins:
            return hashlib.sha256(_outline(wanted).encode()).hexdigest()
        found = self.plan.artifacts.sums.get(wanted.path)
        if not found:
            hint = f"craton review {self.plan.name} --refresh records it"
            raise InstallerError("apply published manifests", f"the plan has no sum of {wanted.path}", hint=hint)
        images = [pinned(self.plan, image) for image in addon_images(self.plan, self.name).values()]
        return hashlib.sha256("\n".join([found, *images]).encode()).hexdigest() if images else found


def _waiting(ctx: Context, wanted: Published) -> list[str]:
    """Workloads that do not run as they were applied, in words."""
    if not wanted.workloads:
        return []
    found = present(ctx, "---\n".join(json.dumps(_named(each)) + "\n" for each in wanted.workloads))
    lines = []
    for kind, space, name in wanted.workloads:
        each = found.get((kind, space, name))
        if each is None:
            lines.append(f"there is no {kind} {name}")
            continue
        ready, desired = pods_of(each)
        if not is_current(each) or ready < desired:
            lines.append(f"{kind} {name}: {ready} of {desired} pods are ready")
    return lines


def _named(workload: Identity) -> Mapping[str, Any]:
    kind, space, name = workload
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": space}}


def _outline(wanted: Published) -> str:
    """What stand-ins get: the names of all that is in the manifests. They serve no kinds, and nothing is downloaded."""
    spaces = sorted({space for _, space, _ in wanted.workloads})
    documents: list[Mapping[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}} for space in spaces
    ]
    version = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
    documents += [version | {"metadata": {"name": name}} for name in wanted.definitions]
    documents += [{**_named(each), "spec": {"replicas": 1}} for each in wanted.workloads]
    return "---\n".join(json.dumps(each) + "\n" for each in documents)
