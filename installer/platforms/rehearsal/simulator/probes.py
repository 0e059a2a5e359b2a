"""What a stand-in machine answers to the health checks' script, from the state it is in.

The script's shape, and what each probe prints, are described in installer.health.gather.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from installer.health.catalogue import CHECKS
from installer.plan.oidc_names import PREFIX, PROBE_EMAIL
from installer.platforms.rehearsal.simulator import benchmark, certificates, cluster, conditions, etcd, expiry, program
from installer.platforms.rehearsal.simulator.command import Command, Exit
from installer.platforms.rehearsal.simulator.reach import reach
from installer.platforms.rehearsal.simulator.stages import CONTAINERD, KERNEL_MODULES, SWAP_OFF, SYSCTLS, WAYS

_NONCE = re.compile(r"^#: nonce (\S+)$", re.MULTILINE)
_SECTION = re.compile(r"^#: probe (?P<id>\S+)\n(?P<body>.*?)(?=^#: probe |\Z)", re.MULTILINE | re.DOTALL)
_DISK = 41_152_736
"""1024-byte blocks."""

Answer = tuple[int, str]
"""Exit status and output."""


async def answer(command: Command) -> None:
    """Answer every probe of the script on stdin."""
    command.enter("verify")
    script = await command.read()
    nonce = _NONCE.search(script)
    if nonce is None:
        raise Exit(2, "sh: a stand-in runs no script but that of the health checks")
    sections = list(_SECTION.finditer(script))
    printed: list[str] = []
    for number, section in enumerate(sections):
        if number in (1, len(sections) // 2):
            printed = _say(command, printed)  # the first is the clock, whose time of arrival counts
        if number == len(sections) // 2:
            await command.strike()
        probe = _PROBES.get(section["id"]) or _healthy(section["id"])
        status, output = probe(command, section["body"])
        printed.append(f"=== {nonce[1]} {section['id']}\n{output}\n=== {nonce[1]} {section['id']} exit {status}")
        await command.pause(0.08, "probe", section["id"])
    _say(command, printed)


def _say(command: Command, printed: list[str]) -> list[str]:
    """Say it in one packet, as sshd does with what a script prints quickly; what is left to be said."""
    if printed:
        command.say("\n".join(printed))
    return []


def _healthy(id: str) -> Callable[[Command, str], Answer]:
    """The answer to a probe that no state of a stand-in decides: that of its healthy machine, if it says one."""
    known = {probe.id: probe.healthy for check in CHECKS for probe in check.probes}
    output = known.get(id, "")
    return lambda _command, _body: (0, output) if output else (127, "sh: not found")


def _done(command: Command, title: str) -> bool:
    return f"prepare/{title}" in command.machine.done


def _clock(_command: Command, _body: str) -> Answer:
    return 0, f"{time.time():.9f}"


def _hostname(command: Command, _body: str) -> Answer:
    return 0, command.machine.name


def _firewall(_command: Command, _body: str) -> Answer:
    return 0, ""


def _memory(command: Command, _body: str) -> Answer:
    used = 1_220_000 if command.machine.member else 310_000
    sizes = {"MemTotal": 4_026_532, "MemFree": 3_100_000 - used, "MemAvailable": 4_026_532 - used, "Buffers": 61_200}
    return 0, "\n".join(f"{name + ':':<16}{size:>8} kB" for name, size in sizes.items())


def _disk(command: Command, _body: str) -> Answer:
    full = command.site.has_fault(command.machine.name, "disk-full")
    used = _DISK - 4_096 if full else 6_310_004 if command.machine.prepared else 1_990_512
    line = f"/dev/vda1        {_DISK} {used} {_DISK - used} {100 * used // _DISK:>3}%"
    header = "Filesystem     1024-blocks    Used Available Capacity Mounted on"
    return 0, "\n".join([header, f"{line} /", f"{line} /var"])


def _swap(command: Command, _body: str) -> Answer:
    header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"
    area = "/swap.img                               file\t\t2097148\t\t0\t\t-2"
    return 0, header if _done(command, SWAP_OFF) else f"{header}\n{area}"


def _modules(command: Command, _body: str) -> Answer:
    state = "loaded" if _done(command, KERNEL_MODULES) else "missing"
    return 0, "\n".join(f"{name} {state}" for name in ("overlay", "br_netfilter", "vxlan"))


def _sysctls(command: Command, _body: str) -> Answer:
    if not _done(command, SYSCTLS):
        return 0, "net.ipv4.ip_forward = 0\nnet.bridge.bridge-nf-call-iptables missing"
    return 0, "net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1"


def _containerd(command: Command, _body: str) -> Answer:
    return (0, "active") if _done(command, CONTAINERD) else (3, "inactive")


def _kubelet(command: Command, _body: str) -> Answer:
    return (0, "ok") if conditions.kubelet_runs(command.machine) else _refused(10248)


def _serving(command: Command, _body: str) -> Answer:
    output = certificates.serving(command.site.record.cluster, command.machine) or "own"
    return 0 if output in ("ok", "own") else 35, output


def _expiry(command: Command, _body: str) -> Answer:
    return 0, "\n".join(expiry.lines(command.machine))


def _console(command: Command, body: str) -> Answer:
    known, asked = command.site.record.cluster, re.search(r"^host=(\S+)$", body, re.MULTILINE)
    if known is None or asked is None or "ingress" not in known.addons:
        return 7, "curl: (7) Failed to connect to port 443: Connection refused\nstatus 000\n#sign-in"
    ends = datetime.fromtimestamp(time.time() + expiry.YEAR, UTC)
    page = 200 if "console" in known.addons else 404
    issuer = json.dumps({"issuer": f"https://{asked[1]}/dex"}) if "sign-in" in known.addons else "404 page not found"
    issuer += f"\n#signed-in\n{PREFIX}{PROBE_EMAIL}" if "craton-sign-in/probe" in known.secrets else ""
    issuer += "\n#gateway\nTrue Programmed" if "gateway" in known.addons else ""
    issuer += "\n#metrics\nTrue Passed" if "metrics-server" in known.addons else ""
    return 0, f"expires {ends:%b %d %H:%M:%S %Y} GMT\nstatus {page}\n#sign-in\n{issuer}"


def _exporter(command: Command, _body: str) -> Answer:
    known = command.site.record.cluster
    there = known is not None and "node-exporter" in known.addons
    return (0, 'node_arp_entries{device="cni0"} 4') if there else _refused(9100)


def _requests(command: Command, _body: str) -> Answer:
    known = command.site.record.cluster
    if known is None or not _is_master(command):
        return 1, "error: stat /etc/kubernetes/admin.conf: no such file or directory"
    return 0, "\n".join(f"system:node:{request.machine}" for request in known.requests.values())


def _apiserver(command: Command, _body: str) -> Answer:
    return (0, "ok") if conditions.api_answers(command) else _refused(6443)


def _api_proxy(command: Command, _body: str) -> Answer:
    if not _done(command, WAYS):
        return 0, "absent"
    if not cluster.has_quorum(command.site.record):
        return 35, "curl: (35) Recv failure: Connection reset by peer"
    return 0, "ok"


def _virtual_address(command: Command, body: str) -> Answer:
    """It is at the first of the masters whose API servers answer."""
    if "echo none" in body:
        return 0, "none"
    if not _done(command, WAYS):
        return 0, "inactive free"
    known = command.site.record.cluster
    ready = sorted(known.members) if known and cluster.has_quorum(command.site.record) else []
    return 0, f"active {'held' if ready[:1] == [command.machine.name] else 'free'}"


def _etcd_health(command: Command, _body: str) -> Answer:
    if not _is_master(command):
        return _refused(2381)
    healthy = cluster.has_quorum(command.site.record)
    return 0, '{"health":"true","reason":""}' if healthy else '{"health":"false","reason":"RAFT NO LEADER"}'


def _etcd_members(command: Command, _body: str) -> Answer:
    known = command.site.record.cluster
    return (0, etcd.members(known)) if known is not None and _is_master(command) else _refused(2379)


def _nodes(command: Command, _body: str) -> Answer:
    record, pace = command.site.record, command.site.pace
    if record.cluster is None or not _is_master(command):
        return 1, "error: stat /etc/kubernetes/admin.conf: no such file or directory"
    lines = []
    for name, node in sorted(record.cluster.nodes.items()):
        labels = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
        taints = ",".join(cluster.taints(record, name, pace))
        lines.append(f"{name} {cluster.is_ready(record, name, pace)} {node.version} {labels or '-'} {taints or '-'}")
    return 0, "\n".join(lines)


def _names(command: Command, body: str) -> Answer:
    asked = re.search(r"^set -- (.+)$", body, re.MULTILINE)
    names = asked[1].split() if asked else []
    return 0, "\n".join(" ".join([name, *_addresses(command, name)]) for name in names)


def _addresses(command: Command, name: str) -> Iterator[str]:
    """By the hosts file, and by the site's names where that says nothing."""
    known = [line.split() for line in command.machine.hosts]
    if found := [address for address, host in known if host == name]:
        yield from found
        return
    entries = command.site.record.entries
    for target in entries.get("dns", {}).get(name, []):
        balancer = entries.get("load-balancer", {}).get(target)
        yield balancer["address"] if balancer else target


def _reach(command: Command, body: str) -> Answer:
    return 0, "\n".join(reach(command.site.record, command.machine, body))


def _is_master(command: Command) -> bool:
    known = command.site.record.cluster
    return known is not None and bool(command.machine.member) and command.machine.name in known.members


def _refused(port: int) -> Answer:
    return 7, f"curl: (7) Failed to connect to 127.0.0.1 port {port}: Connection refused"


_PROBES: dict[str, Callable[[Command, str], Answer]] = {
    "clock": _clock,
    "firewall": _firewall,
    "hostname": _hostname,
    "memory": _memory,
    "disk": _disk,
    "swap": _swap,
    "modules": _modules,
    "sysctls": _sysctls,
    "containerd": _containerd,
    "kubelet": _kubelet,
    "serving": _serving,
    "expiry": _expiry,
    "console": _console,
    "exporter": _exporter,
    "requests": _requests,
    "apiserver": _apiserver,
    "api-proxy": _api_proxy,
    "virtual-address": _virtual_address,
    "etcd-health": _etcd_health,
    "etcd-members": _etcd_members,
    "nodes": _nodes,
    "names": _names,
    "reach": _reach,
    "survey": lambda command, _body: (0, program.survey(command)),
    **benchmark.PROBES,
}
