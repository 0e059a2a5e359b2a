"""The check of a machine's own proxy to the API, which leads to the masters that are ready."""

from __future__ import annotations

import shlex

from installer.health.check import Check, Judgement, Subject, Verdict
from installer.health.parsing import brief
from installer.health.probing import api_host
from installer.plan.rules import Level, Role
from installer.plan.topology import API_PROXY, Machine, Topology
from installer.steps.evidence import Probe

PLACE = 4
_ROLES = (Role.INFRA, Role.WORKER)
_ABSENT = "absent"


def _ask(_machine: Machine, topology: Topology) -> str:
    host = api_host(topology)
    url, local = shlex.quote(f"https://{host}:6443/readyz"), shlex.quote(f"{host}:6443:{API_PROXY}")
    return (
        f"[ -e /etc/systemd/system/craton-api-proxy.service ] || {{ echo {_ABSENT}; exit 0; }}\n"
        f"curl -sS --noproxy '*' --max-time 8 --cacert /etc/kubernetes/pki/ca.crt --resolve {local} {url}"
    )


PROXY = Probe("api-proxy", _ask, _ROLES, healthy="ok")


def _judge(subject: Subject) -> Judgement:
    if not subject.topology.has_api_proxy(subject.machine):
        return Verdict.NOT_APPLICABLE, "there is one master, and its name leads there", ""
    output = subject.evidence.output(PROXY.id).strip()
    if output == "ok" and subject.evidence.probes[PROXY.id].status == 0:
        return Verdict.PASS, "leads to a master that is ready", ""
    if output == _ABSENT:
        remedy = "install haproxy on the machine if it has none, then resume"
        return Verdict.WARN, "there is none: clients here try one master after the other", remedy
    remedy = "journalctl -u craton-api-proxy says which masters it leads to; systemctl restart craton-api-proxy"
    return Verdict.FAIL, f"leads to no master that is ready: {brief(output)}", remedy


CHECKS = (Check("api-proxy", "API proxy", Level.NEEDED, _judge, (PROXY,), _ROLES),)
