"""Certificates are renewed: kubeadm's master by master, then those of kubelets, the console, and the kubeconfig.

What has most of its time left stays as it is: a renewal that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from installer.cluster import admin_access, etcd, masters
from installer.cluster.certificates import ServingCertificate
from installer.cluster.console_certificate import ConsoleCertificate
from installer.cluster.kubeconfig import Kubeconfig
from installer.common.errors import InstallerError
from installer.node import machine_certificates
from installer.node.machine_certificates import MachineCertificate
from installer.node.program import BUILT_IN, Asked, ensure_program, run_program, source_sum, status
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import Machine, Topology
from installer.steps.step import Context, Observation, Permanent, Phase, Step

FRESH = timedelta(days=335)
"""What has more left was made within the last month, and is not renewed: kubeadm's certificates are good for a year."""
_KUBELET = timedelta(days=30)
"""A kubelet renews its own certificate long before so little is left of it."""
_MASTER_DEADLINE = 900.0
_OLDER = Observation(False, "its craton-node has another version")


@dataclass(frozen=True)
class ControlPlaneRenewed(Permanent):
    """A master has new certificates and kubeconfigs of kubeadm's, its control plane uses them, and etcd is healthy."""

    machine: Machine

    def observe(self, ctx: Context) -> Observation:
        if not _has_program(ctx, self.machine.name):
            return _OLDER
        pending, found = _shown(ctx, self.machine.name)
        own = [each for each in found if each.kind == "kubeadm"]
        if not own:
            raise InstallerError(
                "look at its certificates",
                "it has none of kubeadm's",
                machine=self.machine.name,
                hint="craton resume brings the machine into the cluster first",
            )
        least = min(map(_left, own))
        if least < _longest(found):
            old = [each for each in own if _left(each) < _longest(found)]
            return Observation(False, f"{len(old)} of {len(own)} certificates are older than a month")
        if pending:
            return Observation(False, "the control plane has yet to start with its new certificates")
        return Observation(True, f"{len(own)} certificates have {least.days} days left or more")

    def apply(self, ctx: Context) -> None:
        ensure_program(ctx, self.machine.name)
        if self.observe(ctx).holds:
            return
        run_program(ctx, self.machine.name, "certs", "renew")
        masters.wait_until_up(ctx, self.machine)
        ctx.wait_until("etcd to be healthy again", lambda: self._etcd(ctx), every=2.0)

    def _etcd(self, ctx: Context) -> tuple[bool | None, str]:
        try:
            members = etcd.members_of(ctx, self.machine.name)
            healthy = etcd.healthy_of(ctx, self.machine.name, members)
        except InstallerError as error:
            return None, str(error)
        sick = [member.name for member in members if member.name not in healthy]
        return (None, f"etcd is not healthy on {', '.join(sick)}") if sick else (True, "healthy")


@dataclass(frozen=True)
class KubeletRenewed(Permanent):
    """A kubelet's own certificate, with which it asks the API server, has more than a month left."""

    machine: str

    def observe(self, ctx: Context) -> Observation:
        if not _has_program(ctx, self.machine):
            return _OLDER
        left = _left(self._own(ctx))
        return Observation(left > _KUBELET, f"{max(0, left.days)} days are left")

    def apply(self, ctx: Context) -> None:
        ensure_program(ctx, self.machine)
        own = self._own(ctx)
        if _left(own) > _KUBELET:
            return
        if own.ends <= time.time():
            raise InstallerError(
                "renew the kubelet's certificate",
                "it has expired, so the API server no longer accepts the kubelet",
                machine=self.machine,
                hint="take the machine out of the cluster and add it again: craton nodes remove --force, then "
                "craton nodes add",
            )
        run_program(ctx, self.machine, "certs", "kubelet")

        def probe() -> tuple[bool | None, str]:
            seen = self.observe(ctx)
            return (True, seen.seen) if seen.holds else (None, seen.seen)

        ctx.wait_until(f"the kubelet of {self.machine} to have a new certificate", probe, every=2.0)

    def _own(self, ctx: Context) -> MachineCertificate:
        _, found = _shown(ctx, self.machine)
        own = machine_certificates.first(each for each in found if each.path.endswith("kubelet-client-current.pem"))
        if own is None:
            raise InstallerError(
                "look at its certificates",
                "its kubelet has none of the cluster's",
                machine=self.machine,
                hint="craton resume brings the machine into the cluster first",
            )
        return own


@dataclass(frozen=True)
class KubeconfigRenewed(Permanent):
    """The administrator's kubeconfig on this computer has a certificate that was made within the last month."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:
        seen = Kubeconfig(self.plan).observe(ctx)
        if not seen.holds:
            return seen
        ends = admin_access.read_kept(ctx.world.directory.kubeconfig, self.plan).ends
        left = timedelta(seconds=ends - time.time())
        return Observation(left > FRESH, f"its certificate has {max(0, left.days)} days left")

    def apply(self, ctx: Context) -> None:
        Kubeconfig(self.plan).apply(ctx)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    """Master after master; then what belongs to each machine, the console, and this computer."""
    previous: tuple[str, ...] = ()
    for machine in topology.of_role(Role.MASTER):
        yield Step(
            id=f"renew/control-plane/{machine.name}",
            title=f"renew the control plane's certificates on {machine.name}, and start it again",
            phase=Phase.RENEW,
            machine=machine.name,
            needs=previous,
            action=ControlPlaneRenewed(machine),
            weight=40.0,
            limit="ssh",
            deadline=_MASTER_DEADLINE,
        )
        previous = (f"renew/control-plane/{machine.name}",)
    for machine in topology.machines:
        yield from _kubelet(machine.name, previous)
    renewed = Step(
        id="renew/kubeconfig",
        title="fetch the administrator's kubeconfig again",
        phase=Phase.RENEW,
        needs=previous,
        action=KubeconfigRenewed(plan),
        weight=0.5,
        limit="ssh",
    )
    yield renewed
    if plan.addons.ingress and not plan.by_acme:  # cert-manager renews by itself
        yield replace(
            renewed,
            id="renew/ingress",
            title=f"renew the certificate for {plan.console_host}",
            action=ConsoleCertificate(plan, FRESH),
        )


def _kubelet(machine: str, needs: tuple[str, ...]) -> Iterator[Step]:
    yield Step(
        id=f"renew/kubelet/{machine}",
        title=f"look after the certificate of {machine}'s kubelet",
        phase=Phase.RENEW,
        machine=machine,
        needs=needs,
        action=KubeletRenewed(machine),
        weight=1.0,
        limit="ssh",
        deadline=180.0,
    )
    yield Step(
        id=f"renew/serving/{machine}",
        title=f"approve the certificate of {machine}'s kubelet's server",
        phase=Phase.RENEW,
        machine=machine,
        needs=(f"renew/kubelet/{machine}",),
        action=ServingCertificate(machine),
        weight=0.5,
        limit="ssh",
        deadline=180.0,
    )


def _shown(ctx: Context, machine: str) -> tuple[bool, tuple[MachineCertificate, ...]]:
    """(whether new certificates have yet to be used, all that the machine has). Raises InstallerError."""
    output = run_program(ctx, machine, "certs", "show", secret=True)
    pending, _, rest = output.partition("\n")
    try:
        return pending == "pending=yes", machine_certificates.read(rest)
    except ValueError as error:
        raise InstallerError("look at its certificates", str(error), machine=machine) from None


def _has_program(ctx: Context, machine: str) -> bool:
    """Whether its craton-node is this version's, which knows these verbs."""
    return status(ctx, machine, Asked.JUST_NOW).get("program") in (source_sum(), BUILT_IN)


def _left(certificate: MachineCertificate) -> timedelta:
    return timedelta(seconds=certificate.ends - time.time())


def _longest(found: tuple[MachineCertificate, ...]) -> timedelta:
    """What a new certificate has left at least: it ends no later than the authority that signs it."""
    authority = machine_certificates.first(each for each in found if each.kind == "authority")
    return min(FRESH, _left(authority) - timedelta(days=1)) if authority else FRESH
