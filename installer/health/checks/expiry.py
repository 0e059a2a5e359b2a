"""The check of how long the certificates on a machine last: the control plane's, the kubelet's, and the authorities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.health.checks import addons
from installer.health.ending import USUAL, Ending, left
from installer.health.parsing import pairs
from installer.node import machine_certificates
from installer.node.machine_certificates import MachineCertificate
from installer.plan.rules import Level
from installer.plan.topology import Machine, Topology
from installer.steps.evidence import Evidence, Probe, Unreadable

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

PLACE = 2

_SHOWN = 3


@cache
def _listing() -> str:
    file = resources.files("assets") / "node" / "lib" / "certificate-list.sh"
    return file.read_text(encoding="utf-8") + "list_certificates\n"


def _ask(_machine: Machine, _topology: Topology) -> str:
    return _listing()


EXPIRY = Probe("expiry", _ask)


def certificates(evidence: Evidence) -> tuple[MachineCertificate, ...]:
    """The certificates of a machine. Raises Unreadable."""
    output = evidence.output(EXPIRY.id)
    try:
        found = machine_certificates.read(output)
    except ValueError:
        raise Unreadable("one of its certificates can't be read") from None
    if not found:
        raise Unreadable("it has no certificate of Kubernetes")
    return found


def first_end(plan: InstallPlan, topology: Topology, evidence: Mapping[str, Evidence]) -> Ending | None:
    """The certificate that ends first, of all machines that said which they have."""
    found = list(_of_ingress(plan, evidence))
    for machine in topology.machines:
        try:
            one = machine_certificates.first(certificates(evidence[machine.name]))
        except (KeyError, Unreadable):
            continue
        if one is not None:
            found.append(Ending(one.title, machine.name, one.ends))
    return min(found, key=lambda each: each.at, default=None)


def _of_ingress(plan: InstallPlan, evidence: Mapping[str, Evidence]) -> Iterator[Ending]:
    """That of the console's name, as far as masters saw it; one that is renewed in the cluster, once that is late."""
    for one in evidence.values():
        probed = one.probes.get(addons.CONSOLE.id)
        shown = pairs(probed.output, " ") if probed else {}
        ends = addons.time_of(shown.get("expires", ""))
        if ends is None:
            continue
        limits = addons.limits(plan, shown)
        if limits == USUAL or limits.judge(ends, one.answered_at) is not Verdict.PASS:
            yield Ending("ingress", plan.console_host, ends)


def _judge(subject: Subject) -> Judgement:
    now = subject.evidence.answered_at
    found = sorted(certificates(subject.evidence), key=lambda each: each.ends)
    ending = [each for each in found if USUAL.judge(each.ends, now) is not Verdict.PASS]
    if not ending:
        first = f"{found[0].title}, {left(found[0].ends, now)}"
        return Verdict.PASS, f"the first of {len(found)} to end: {first}", ""
    words = [f"{each.title}: {left(each.ends, now)}" for each in ending[:_SHOWN]]
    more = f"; and {len(ending) - _SHOWN} more" if len(ending) > _SHOWN else ""
    return USUAL.judge(ending[0].ends, now), "; ".join(words) + more, _remedy(subject.plan.name, ending)


def _remedy(cluster: str, ending: list[MachineCertificate]) -> str:
    if any(each.kind != "authority" for each in ending):
        return f"craton certs renew {cluster}"
    return "kubeadm renews no authority: Kubernetes' documentation on manual rotation of CA certificates says how"


CHECKS = (Check("expiry", "certificates' days", Level.NEEDED, _judge, (EXPIRY,)),)
