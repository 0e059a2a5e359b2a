"""The steps of addons: each its own, so that one that fails leaves a cluster that works, and the others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from installer.cluster.acme import ACMEKeys, CheckACME
from installer.cluster.addons import Addon, LeftOut
from installer.cluster.connectors import CheckConnectors
from installer.cluster.console_certificate import CheckCertificate, ConsoleCertificate
from installer.cluster.own_charts import ChartRemoved, CheckCharts, OwnChart
from installer.cluster.own_manifests import CheckManifests, OwnManifests
from installer.cluster.published_manifests import PublishedManifests
from installer.cluster.sign_in import SignInSecrets, Trust
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Topology
from installer.steps import ids
from installer.steps.step import Phase, Step

_DEADLINE = 300.0
"""Seconds for an addon's images to come and its pods to be ready."""
_applied = partial(Step, phase=Phase.INGRESS, limit="ssh", deadline=_DEADLINE)
"""A step that applies what runs on nodes, and waits until it works."""
_TITLES = {
    "ingress": "bring up the ingress controller (Traefik)",
    "gateway": "bring up a Gateway at Traefik",
    "sign-in": "bring up sign-in (Dex)",
    "console": "bring up the console (Headlamp)",
    "metrics-server": "bring up metrics-server, for kubectl top",
    "node-exporter": "bring up the node exporter on every node (port 9100)",
}


def cloud_controller(plan: InstallPlan, after: str) -> Iterator[Step]:
    """The platform's controller, before any node is Ready: no pod runs on a node that it has not looked at."""
    if integration := plan.integration:
        yield Step(
            id=ids.CLOUD_CONTROLLER,
            title=integration.controller.title,
            phase=Phase.CONTROL_PLANE,
            needs=(after,),
            action=Addon(plan, integration.controller.name),
            weight=3.0,
            limit="ssh",
            deadline=_DEADLINE,
        )


def node_ports(plan: InstallPlan) -> Iterator[Step]:
    """The node ports behind a load balancer (contract M3), before anything else can get one of them."""
    if plan.addons.ingress and plan.ingress.kind == "load-balancer":
        yield Step(
            id=ids.NODE_PORTS,
            title="reserve the node ports 32000 to 32002 for the ingress",
            phase=Phase.CONTROL_PLANE,
            needs=(ids.OVERLAY,),
            action=Addon(plan, "node-ports"),
            weight=0.5,
            limit="ssh",
        )


def certificate_check(plan: InstallPlan) -> Iterator[Step]:
    """Files that the plan names are looked at before anything is made."""
    if plan.addons.ingress and plan.certificate.source != "craton":
        where = f"the ACME server {plan.certificate.acme_directory}" if plan.by_acme else plan.certificate.file
        yield Step(
            id=ids.CERTIFICATE_CHECKED,
            title=f"check {where}" if plan.by_acme else f"check the certificate in {where}",
            phase=Phase.CHECK,
            action=CheckACME(plan) if plan.by_acme else CheckCertificate(plan),
            weight=0.1,
        )


def connectors_check(plan: InstallPlan) -> Iterator[Step]:
    """Files with secrets of connectors are looked at before anything is made."""
    if plan.addons.sign_in and plan.sign_in.connectors:
        yield Step(
            id=ids.CONNECTORS_CHECKED,
            title="read the secrets of sign-in connectors",
            phase=Phase.CHECK,
            action=CheckConnectors(plan),
            weight=0.1,
        )


def manifests_check(plan: InstallPlan) -> Iterator[Step]:
    """The user's own manifests are read before anything is made."""
    if plan.addons.manifests:
        yield Step(
            id=ids.MANIFESTS_CHECKED,
            title="read your own manifests",
            phase=Phase.CHECK,
            action=CheckManifests(plan),
            weight=0.1,
        )


def charts_check(plan: InstallPlan) -> Iterator[Step]:
    """The user's own charts are rendered before anything is made."""
    if any(not each.remove for each in plan.addons.charts):
        yield Step(
            id=ids.CHARTS_CHECKED,
            title="render your own charts",
            phase=Phase.CHECK,
            action=CheckCharts(plan),
            weight=0.5,
        )


def _own(plan: InstallPlan, nodes: tuple[str, ...]) -> Iterator[Step]:
    """One for each place that the plan names, one after the other: a later one may need an earlier one."""
    before = (*nodes, *((ids.INGRESS,) if plan.addons.ingress else ()))
    for number, path in enumerate(plan.addons.manifests, 1):
        yield _applied(
            id=ids.own_manifests(number),
            title=f"apply your manifests in {path}",
            needs=before,
            action=OwnManifests(path),
            weight=4.0,
        )
        before = (ids.own_manifests(number),)
    for chart in plan.addons.charts:
        yield _applied(
            id=ids.own_chart(chart.name),
            title=f"take your chart {chart.name} out" if chart.remove else f"apply your chart {chart.name}",
            needs=before,
            action=ChartRemoved(chart) if chart.remove else OwnChart.of(plan, chart),
            weight=4.0,
        )
        before = (ids.own_chart(chart.name),)


def addon_steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    """One for each addon that the plan has, and one that removes what an earlier plan had."""
    nodes = tuple(ids.roles_set(machine.name) for machine in topology.machines)
    nodes = (*nodes, ids.POOL) if topology.pool else nodes
    if plan.addons.gateway:
        yield _applied(
            id=ids.GATEWAY_KINDS,
            title="add the kinds of the Gateway API",
            needs=nodes,
            action=PublishedManifests(plan, "gateway-api"),
            weight=2.0,
        )
    if integration := plan.integration:
        yield _applied(
            id=ids.addon(integration.volumes.name),
            title=integration.volumes.title,
            needs=nodes,
            action=Addon(plan, integration.volumes.name),
            weight=4.0,
        )
    for name in plan.addons.chosen:
        yield _applied(
            id=ids.addon(name),
            title=_TITLES[name],
            needs=(*nodes, *_before(plan, name)),
            action=Addon(plan, name),
            weight=4.0,
        )
    if plan.by_acme:
        yield from _acme(plan, topology, nodes)
    elif plan.addons.ingress:
        yield Step(
            id=ids.CERTIFICATE,
            title=f"give the ingress a certificate for {plan.console_host}",
            phase=Phase.INGRESS,
            needs=nodes,
            action=ConsoleCertificate(plan),
            weight=0.5,
            limit="ssh",
        )
    yield from _trust(plan, topology, nodes)
    yield from _own(plan, nodes)
    if plan.addons.left_out:
        yield _applied(
            id=ids.ADDONS_LEFT_OUT,
            title=f"make sure that what the plan leaves out is not there: {', '.join(plan.addons.left_out)}",
            needs=(ids.founded(topology.first_master.name),),
            action=LeftOut(plan),
            weight=0.5,
        )


def _acme(plan: InstallPlan, topology: Topology, nodes: tuple[str, ...]) -> Iterator[Step]:
    """cert-manager, what it needs to know, and the certificate, once the name can be asked for."""
    yield _applied(
        id=ids.CERT_MANAGER,
        title="bring up cert-manager, which gets and renews certificates",
        needs=nodes,
        action=PublishedManifests(plan, "cert-manager"),
        weight=4.0,
    )
    needed: tuple[str, ...] = (ids.CERT_MANAGER, ids.INGRESS)
    if plan.certificate.account_key or plan.certificate.challenge == "dns-01":
        yield Step(
            id=ids.ACME_KEYS,
            title="give cert-manager the keys of your files",
            phase=Phase.INGRESS,
            needs=(ids.CERT_MANAGER,),
            action=ACMEKeys(plan),
            weight=0.5,
            limit="ssh",
        )
        needed += (ids.ACME_KEYS,)
    if plan.publishes_names:
        needed += tuple(ids.published(record.name) for record in topology.records if record.rule == "D2")
    yield _applied(
        id=ids.CERTIFICATE,
        title=f"get a certificate for {plan.console_host} ({plan.certificate.challenge})",
        needs=needed,
        action=Addon(plan, "acme"),
        weight=4.0,
        deadline=2 * _DEADLINE,
    )


def _before(plan: InstallPlan, name: str) -> tuple[str, ...]:
    """What an addon needs besides nodes."""
    if name == "ingress":
        return (ids.NODE_PORTS,) if plan.ingress.kind == "load-balancer" else ()
    if name == "gateway":
        return (ids.GATEWAY_KINDS, ids.INGRESS, ids.CERTIFICATE)
    if name in ("sign-in", "console"):
        return (ids.INGRESS, *((ids.SIGN_IN_SECRETS,) if plan.addons.sign_in else ()))
    return ()


def _trust(plan: InstallPlan, topology: Topology, nodes: tuple[str, ...]) -> Iterator[Step]:
    """What sign-in, console and API servers have to know of each other."""
    if plan.addons.sign_in:
        yield Step(
            id=ids.SIGN_IN_SECRETS,
            title=f"let {plan.administrator} sign in",
            phase=Phase.INGRESS,
            needs=nodes,
            action=SignInSecrets(plan),
            weight=1.0,
            limit="ssh",
        )
    # An API server takes an issuer only once that answers, and asks again a minute later if it does not.
    answering = (*nodes, ids.addon("sign-in"), ids.CERTIFICATE)
    first, *others = topology.of_role(Role.MASTER)
    running = {first.name: ids.founded(first.name)} | {one.name: ids.joined_as_master(one.name) for one in others}
    for master in topology.of_role(Role.MASTER):
        believes = "believes those who sign in" if plan.addons.sign_in else "believes nobody's sign-in"
        yield _applied(
            id=ids.trusted(master.name),
            title=f"make sure that the API server of {master.name} {believes}",
            machine=master.name,
            needs=answering if plan.addons.sign_in else (running[master.name],),
            action=Trust(plan, master.name),
            weight=0.5,
        )
