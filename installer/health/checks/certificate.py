"""The check of the certificate that a kubelet's server shows: `kubectl logs` and `exec` depend on it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.health.parsing import brief
from installer.health.probing import asset
from installer.plan.rules import Level, Role
from installer.plan.topology import Machine, Topology
from installer.steps.evidence import Evidence, Probe

PLACE = 2

_CA = "/etc/kubernetes/pki/ca.crt"


def _ask_kubelet(machine: Machine, _topology: Topology) -> str:
    # As the API server does, which accepts only a certificate of the cluster's CA.
    url = shlex.quote(f"https://{machine.located}:10250/healthz")
    curl = f"curl -sS --noproxy '*' --max-time 8 --cacert {_CA} -o /dev/null {url}"
    configured = "grep -qs '^serverTLSBootstrap: true' /var/lib/kubelet/config.yaml"
    return f"if {configured}; then {curl} && echo ok; else echo own; fi"


def _ask_requests(machine: Machine, _topology: Topology) -> str:
    return f"server={shlex.quote(f'https://{machine.located}:6443')}\n" + asset("requests.sh")


SERVING = Probe("serving", _ask_kubelet, healthy="ok")
REQUESTS = Probe("requests", _ask_requests, (Role.MASTER,), seconds=20)


def _waiting(topology: Topology, evidence: Mapping[str, Evidence]) -> frozenset[str]:
    """The machines whose kubelets wait for a certificate, by the first master that answered."""
    for master in topology.of_role(Role.MASTER):
        probed = evidence[master.name].probes.get(REQUESTS.id) if master.name in evidence else None
        if probed and probed.status == 0:
            return frozenset(name.removeprefix("system:node:") for name in probed.output.split())
    return frozenset()


def _certificate(subject: Subject) -> Judgement:
    output = subject.evidence.output(SERVING.id).strip()
    remedy = f"`craton resume {subject.plan.name}` approves its request, or says why not"
    if output == "own":
        return Verdict.PASS, "its kubelet signs its own until the next `craton upgrade`", ""
    if output != "ok":
        return Verdict.FAIL, f"kubectl logs and exec fail for its pods: {brief(output)}", remedy
    if subject.machine.name in subject.across(_waiting):
        return Verdict.WARN, "its kubelet waits for a new one, and uses the old one until it expires", remedy
    return Verdict.PASS, "signed by the cluster's CA", ""


CHECKS = (Check("certificate", "certificate", Level.NEEDED, _certificate, (SERVING, REQUESTS), alone=False),)
