"""Helm charts of the user's own: rendered before anything is made, applied like manifests, and taken out again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from installer.artifacts import charts
from installer.cluster import applied_sums, masters
from installer.cluster.applied_sums import Reference
from installer.cluster.own_manifests import Given, OwnManifests, parsed
from installer.plan.charts import Chart
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent, Proof

_STAY = ("CustomResourceDefinition", "Namespace")
"""Kinds that are not deleted with a chart: others' objects would go with them. Helm keeps definitions, too."""


@dataclass(frozen=True)
class CheckCharts(Proof):
    """Every chart that the plan names can be rendered: nothing else begins before."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        wanted = [each for each in self.plan.addons.charts if not each.remove]
        found = [len(_given(ctx, self.plan, each).identities) for each in wanted]
        return Observation(True, f"{sum(found)} objects of {len(found)} charts")


@dataclass(frozen=True)
class OwnChart(OwnManifests):
    """The cluster has what the chart renders to, and its workloads run; what an earlier version had besides is gone."""

    plan: InstallPlan
    chart: Chart

    @classmethod
    def of(cls, plan: InstallPlan, chart: Chart) -> OwnChart:
        return cls(place_of(chart), plan, chart)

    def given(self, ctx: Context) -> Given:
        return _given(ctx, self.plan, self.chart)

    def applied(self, ctx: Context, given: Given) -> None:
        before = applied_sums.objects_of(ctx, self.path)
        _delete(ctx, [each for each in before if each not in given.references])
        applied_sums.record(ctx, self.path, given.sum, given.references)


@dataclass(frozen=True)
class ChartRemoved(Permanent):
    """Nothing is in the cluster of what was applied of the chart, but for its definitions and namespaces."""

    chart: Chart

    def observe(self, ctx: Context) -> Observation:
        there = bool(applied_sums.read(ctx, place_of(self.chart)))
        return Observation(not there, "it is in the cluster" if there else "it isn't there")

    def apply(self, ctx: Context) -> None:
        place = place_of(self.chart)
        _delete(ctx, applied_sums.objects_of(ctx, place))
        applied_sums.record(ctx, place, "")


def place_of(chart: Chart) -> str:
    """By which the cluster knows what was applied of it."""
    return f"chart {chart.name}"


def _given(ctx: Context, plan: InstallPlan, chart: Chart) -> Given:
    return parsed(place_of(chart), charts.rendered(chart, plan, ctx.world.directory, ctx.world.artifacts))


def _delete(ctx: Context, objects: Iterable[Reference]) -> None:
    gone = [each for each in objects if each[1] not in _STAY]
    if not gone:
        return
    documents = [
        {"apiVersion": version, "kind": kind, "metadata": {"name": name} | ({"namespace": space} if space else {})}
        for version, kind, space, name in gone
    ]
    ctx.log(f"removing {', '.join(f'{kind} {name}' for _, kind, _, name in gone)}")
    text = "---\n".join(json.dumps(each) + "\n" for each in documents)
    masters.kubectl(ctx, "delete", "--filename", "-", "--ignore-not-found", "--wait=false", stdin=text)
