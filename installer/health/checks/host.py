"""Checks of a machine by itself: host key, clock, name, memory, disk, swap, kernel, container runtime, kubelet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from statistics import median

from installer.health.check import Check, Judgement, Subject, Verdict, worst
from installer.health.parsing import brief, number, pairs
from installer.health.probing import line, quick_asset, quick_line
from installer.plan.rules import Level, Role
from installer.plan.topology import Topology
from installer.steps.evidence import Evidence, Unreadable

GB = 1_000_000_000
GIB = 1024**3
MASTER_MEMORY = 1700 * 1024**2
"""Below it kubeadm's preflight refuses a control plane ("1700 MB", in its count MiB)."""
MODULES = ("overlay", "br_netfilter", "vxlan")
SYSCTLS = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")
CLOCK_WARN, CLOCK_FAIL = 1.0, 30.0
"""Seconds."""

PLACE = 1

_SHOW = 'while read -r key rest; do echo "$key $rest";'
"""Begins a loop over the lines of a short file, by the shell alone."""
CLOCK = quick_line("clock", "exec date +%s.%N")
HOSTNAME = quick_line("hostname", 'read -r name </proc/sys/kernel/hostname && echo "$name"')
MEMORY = quick_line("memory", f"{_SHOW} [ $key != Cached: ] || break; done </proc/meminfo")
DISK = quick_asset("disk")
SWAP = quick_line("swap", f"{_SHOW} done </proc/swaps")
KERNEL_MODULES = quick_asset("modules")
KERNEL_SETTINGS = quick_asset("sysctls")
CONTAINERD = line("containerd", "systemctl is-active containerd")
KUBELET = line("kubelet", "curl -sS --noproxy '*' --max-time 5 http://127.0.0.1:10248/healthz")


def _ssh(subject: Subject) -> Judgement:
    evidence = subject.evidence
    return Verdict.PASS, f"answered in {evidence.answered_at - evidence.asked_at:.1f} s", ""


def _host_key(subject: Subject) -> Judgement:
    shown, pinned = (
        key.split()[:2] for key in (subject.evidence.host_key, subject.pinned.get(subject.machine.name, ""))
    )
    if not shown or not pinned:
        raise Unreadable("no host key is pinned for it" if shown else "the connection doesn't say which key it saw")
    if shown != pinned:
        remedy = "find out why before anything else: another machine may be answering in its place"
        return Verdict.FAIL, "the server showed another key than the one pinned", remedy
    return Verdict.PASS, f"{shown[0]}, as pinned", ""


def _offset(evidence: Evidence) -> tuple[float, float]:
    """(seconds that the machine's clock is ahead of ours, by how much that may be wrong either way)"""
    told = number(evidence.output("clock"), "the clock")
    heard = evidence.answered_at if evidence.clock_at is None else evidence.clock_at
    return told - (evidence.asked_at + heard) / 2, abs(heard - evidence.asked_at) / 2


def _reference(_topology: Topology, evidence: Mapping[str, Evidence]) -> tuple[float, str]:
    """(offset of the clock that all are compared with, its name)"""
    offsets = []
    for one in evidence.values():
        try:
            offsets.append(_offset(one)[0])
        except Unreadable:
            continue
    # Of one or two clocks, none can be called the odd one out.
    return (median(offsets), f"the median of {len(offsets)} machines") if len(offsets) > 2 else (0.0, "this computer")


def _clock(subject: Subject) -> Judgement:
    offset, doubt = _offset(subject.evidence)
    reference, whose = subject.across(_reference)
    skew = offset - reference
    # Only what the round trip cannot explain counts.
    certain = abs(skew) - doubt
    seen = f"{abs(skew):.1f} s {'ahead of' if skew >= 0 else 'behind'} {whose}"
    if certain <= CLOCK_WARN:
        return Verdict.PASS, seen, ""
    seen += f" (warns over {CLOCK_WARN:g} s, fails over {CLOCK_FAIL:g} s)"
    remedy = "timedatectl set-ntp true, or check that udp 123 leaves the machine (N9)"
    if certain > CLOCK_FAIL:
        return Verdict.FAIL, seen + "; certificates may not be valid yet", remedy
    return Verdict.WARN, seen + "; etcd tolerates this, logs will not line up", remedy


def _hostname_counts(_topology: Topology, evidence: Mapping[str, Evidence]) -> Counter[str]:
    return Counter(one.probes["hostname"].output.strip() for one in evidence.values() if "hostname" in one.probes)


def _hostname(subject: Subject) -> Judgement:
    name, planned = subject.evidence.output("hostname").strip(), subject.machine.name
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", name):
        raise Unreadable(f"no host name: {brief(name)}")
    if name != planned and not subject.plan.traits.inventory:
        return Verdict.FAIL, f"it calls itself {name}", f"hostnamectl set-hostname {planned}"
    same = subject.across(_hostname_counts)[name]
    if same > 1:
        return Verdict.FAIL, f"{same} machines call themselves {name}", "give every machine the name it has in the plan"
    return Verdict.PASS, f"{name}, as planned" if name == planned else f"{name}; its node is {planned}", ""


def _memory(subject: Subject) -> Judgement:
    told = pairs(subject.evidence.output("memory"), ":").get("MemTotal", "")
    size = number(told, "MemTotal") * 1024
    master = subject.machine.role is Role.MASTER
    seen, remedy = f"{size / GIB:.1f} GiB", "give the machine more memory"
    if master and size < MASTER_MEMORY:
        return Verdict.FAIL, f"{seen}; kubeadm wants 1.7 GiB for a master", remedy
    if size < (2 * GB if master else GB):
        return Verdict.WARN, f"{seen}; {'2 GB for a master' if master else '1 GB'} or more is advised", remedy
    return Verdict.PASS, seen, ""


def _disk(subject: Subject) -> Judgement:
    verdicts = [found for line in subject.evidence.output("disk").splitlines() if (found := _file_system(line))]
    if not verdicts:
        raise Unreadable(f"df gave no file system: {brief(subject.evidence.output('disk'))}")
    verdict = worst([one for one, _ in verdicts])
    seen = next(seen for one, seen in verdicts if one is verdict)
    remedy = "" if verdict is Verdict.PASS else "make room: journalctl --vacuum-size=200M, crictl rmi --prune"
    return verdict, seen, remedy


def _file_system(line: str) -> tuple[Verdict, str] | None:
    """The verdict on one line of `df -Pk`, or None if it is none."""
    words = line.split(maxsplit=5)
    if len(words) < 6 or not all(re.fullmatch(r"[0-9]{1,18}", word) for word in words[1:4]) or int(words[1]) == 0:
        return None
    size, available = int(words[1]) * 1024, int(words[3]) * 1024
    share = available / size
    seen = f"{words[5]} has {share:.0%} free, {available / GIB:.1f} GiB"
    if share < 0.05 or available < GIB:
        return Verdict.FAIL, seen + " (fails below 5 % or 1 GiB)"
    if share < 0.15 or available < 5 * GIB:
        return Verdict.WARN, seen + " (warns below 15 % or 5 GiB)"
    return Verdict.PASS, seen


def _swap(subject: Subject) -> Judgement:
    lines = subject.evidence.output("swap").splitlines()
    if not lines or not lines[0].startswith("Filename"):
        raise Unreadable(f"this is not /proc/swaps: {brief(' '.join(lines))}")
    areas = [line.split()[0] for line in lines[1:] if line.strip()]
    if not areas:
        return Verdict.PASS, "off", ""
    seen, remedy = f"on: {', '.join(areas)}", "swapoff -a, and remove the swap from /etc/fstab"
    kubelet = subject.evidence.probes.get("kubelet")
    if kubelet and kubelet.status == 0 and kubelet.output.strip() == "ok":
        return Verdict.WARN, f"{seen}; this kubelet was told to run all the same", remedy
    return Verdict.FAIL, f"{seen}; the kubelet does not start with swap on", remedy


def _kernel(subject: Subject) -> Judgement:
    modules = pairs(subject.evidence.output("modules"), " ")
    settings = pairs(subject.evidence.output("sysctls"), " = ")
    if not any(module in modules for module in MODULES):
        raise Unreadable(f"no module was named: {brief(subject.evidence.output('modules'))}")
    missing = [module for module in MODULES if modules.get(module) not in ("loaded", "builtin")]
    wrong = [key for key in SYSCTLS if settings.get(key) != "1"]
    if missing or wrong:
        problems = [f"module {name} is not loaded" for name in missing]
        problems += [f"{key} is {settings.get(key, 'not there')}, not 1" for key in wrong]
        remedies = [f"modprobe {name}" for name in missing] + [f"sysctl -w {key}=1" for key in wrong]
        return Verdict.FAIL, "; ".join(problems), "; ".join(remedies)
    return Verdict.PASS, f"{', '.join(MODULES)} loaded; forwarding on", ""


def _containerd(subject: Subject) -> Judgement:
    state = subject.evidence.output("containerd").strip()
    if state == "active":
        return Verdict.PASS, "active", ""
    if not re.fullmatch(r"[a-z-]{1,20}", state):
        raise Unreadable(f"systemctl did not say: {brief(state)}")
    return Verdict.FAIL, state, "journalctl -u containerd, then systemctl restart containerd"


def _kubelet(subject: Subject) -> Judgement:
    output = subject.evidence.output("kubelet").strip()
    if output == "ok" and subject.evidence.probes["kubelet"].status == 0:
        return Verdict.PASS, "healthy", ""
    return Verdict.FAIL, f"not healthy: {brief(output)}", "journalctl -u kubelet says why"


SSH = Check("ssh", "ssh", Level.NEEDED, _ssh, (CLOCK,))
"""Whether a machine answers at all, to the quickest of questions."""

CHECKS = (
    SSH,
    Check("host-key", "host key", Level.NEEDED, _host_key, (CLOCK,)),
    Check("clock", "clock", Level.NEEDED, _clock, (CLOCK,), alone=False),
    Check("hostname", "host name", Level.NEEDED, _hostname, (HOSTNAME,)),
    Check("memory", "memory", Level.NEEDED, _memory, (MEMORY,)),
    Check("disk", "disk", Level.NEEDED, _disk, (DISK,)),
    Check("swap", "swap", Level.NEEDED, _swap, (SWAP, KUBELET)),
    Check("kernel", "kernel", Level.NEEDED, _kernel, (KERNEL_MODULES, KERNEL_SETTINGS)),
    Check("containerd", "containerd", Level.NEEDED, _containerd, (CONTAINERD,)),
    Check("kubelet", "kubelet", Level.MUST, _kubelet, (KUBELET,)),
)
