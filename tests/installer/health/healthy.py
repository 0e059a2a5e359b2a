"""A healthy cluster's evidence, as its machines' probes print it, and ways to spoil it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from installer.health.catalogue import CHECKS
from installer.health.check import Check, Finding, Subject
from installer.health.evaluate import evaluate
from installer.health.outside import NOT_LOOKED, Outside
from installer.health.reach import pairs
from installer.health.report.model import Report
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.sections import Networks
from installer.plan.topology import Machine, Topology, topology
from installer.steps.evidence import Evidence, Probed
from tests.doubles import certificates as doubles

NOW = 1_795_381_262.0
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHealthy"
PLAN = InstallPlan(name="demo", subdomain="k8s.example.test", networks=Networks(api_address="10.10.0.9"))
TOPOLOGY = topology(PLAN)
CHECK: Mapping[str, Check] = {check.id: check for check in CHECKS}
KIB_PER_GIB = 1024**2


@cache
def certificates(*days: int) -> str:
    """What a machine prints whose API server, kubelet and cluster's CA have so many days left."""
    paths = ("/etc/kubernetes/pki/apiserver.crt", "/var/lib/kubelet/pki/kubelet-client-current.pem",
             "/etc/kubernetes/pki/ca.crt")  # fmt: skip
    since = datetime.fromtimestamp(NOW, UTC) - doubles.NOW + timedelta(hours=1)
    made = (doubles.make(begins=timedelta(days=-9999), ends=since + timedelta(days=left)).chain() for left in days)
    return "".join(f"#certificate {path}\n{chain}" for path, chain in zip(paths, made, strict=False)).rstrip()


def node_line(machine: Machine, version: str = PLAN.kubernetes, ready: str = "True") -> str:
    labels = ",".join(("kubernetes.io/os=linux", *machine.labels))
    return f"{machine.name} {ready} {version} {labels} {','.join(machine.taints) or '-'}"


def members(whole: Topology) -> str:
    found = [
        {"ID": str(machine.number), "name": machine.name, "clientURLs": [f"https://{machine.address}:2379"]}
        for machine in whole.of_role(Role.MASTER)
    ]
    return json.dumps({"header": {"cluster_id": "1"}, "members": found})


def outputs(machine: Machine, whole: Topology = TOPOLOGY) -> dict[str, str]:
    """What every probe prints on a healthy machine."""
    common = {
        "clock": f"{NOW + 0.05:.9f}",
        "hostname": machine.name,
        "memory": f"MemTotal:       {4 * KIB_PER_GIB} kB\nMemFree:         1000000 kB",
        "disk": "Filesystem     1024-blocks     Used Available Capacity Mounted on\n"
        f"/dev/vda1  {40 * KIB_PER_GIB} {10 * KIB_PER_GIB} {30 * KIB_PER_GIB} 25% /",
        "swap": "Filename                                Type            Size            Used            Priority",
        "modules": "overlay loaded\nbr_netfilter loaded\nvxlan builtin",
        "sysctls": "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1",
        "containerd": "active",
        "kubelet": "ok",
        "serving": "ok",
        "expiry": certificates(300, 290, 3000),
        "names": "\n".join(" ".join((record.name, *whole.addresses_on(machine, record))) for record in whole.records),
        "exporter": 'node_arp_entries{device="cni0"} 4',
        "firewall": "",
        "reach": "\n".join(
            f"{target.protocol} {target.address} {target.port} {'open' if target.protocol == 'udp' else 'refused'}"
            for target in pairs.targets(machine, whole)
        ),
    }
    if machine.role is not Role.MASTER:
        return common | {"api-proxy": "ok"}
    return common | {
        "apiserver": "ok",
        "virtual-address": f"active {'held' if machine is whole.first_master else 'free'}",
        "console": f'expires Nov 20 06:35:00 2027 GMT\nstatus 200\n#sign-in\n{{"issuer": "{PLAN.issuer}"}}',
        "requests": "",
        "etcd-health": '{"health":"true","reason":""}',
        "etcd-members": members(whole),
        "nodes": "\n".join(node_line(other) for other in whole.machines),
    }


def evidence(whole: Topology = TOPOLOGY) -> dict[str, Evidence]:
    """Evidence of every machine, by name."""
    return {
        machine.name: Evidence(
            machine.name,
            {id: Probed(0, output) for id, output in outputs(machine, whole).items()},
            HOST_KEY,
            NOW,
            NOW + 0.1,
        )
        for machine in whole.machines
    }


def spoiled(healthy: Evidence, probe: str, output: str, status: int = 0) -> Evidence:
    """The same evidence, but for what one probe left."""
    return replace(healthy, probes={**healthy.probes, probe: Probed(status, output)})


def examine(check: str, machine: str, everyone: Mapping[str, Evidence], whole: Topology = TOPOLOGY) -> Finding:
    """The finding of one check on one machine of the healthy cluster's plan."""
    pinned = dict.fromkeys(everyone, HOST_KEY)
    subject = Subject(whole.machine(machine), PLAN, whole, everyone[machine], everyone, pinned)
    return CHECK[check].examine(subject)


def report(
    everyone: Mapping[str, Evidence] | None = None, plan: InstallPlan = PLAN, outside: Outside = NOT_LOOKED
) -> Report:
    """The report on a cluster whose platform keeps every planned firewall rule."""
    whole = topology(plan)
    known = evidence(whole) if everyone is None else everyone
    firewall = {machine.name: machine.firewall for machine in whole.machines}
    pinned = {machine.name: HOST_KEY for machine in whole.machines}
    return evaluate(plan, whole, known, {}, pinned, firewall, checked_at=NOW, seconds=3.1, outside=outside)
