"""Preflight checks of the kernel: version, modules, options, settings, control groups and limits."""

from __future__ import annotations

import re

from installer.common.text import whole_number
from installer.health.check import Judgement, Subject
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import cgroup_version, system
from installer.health.preflight.records import Records, listed, records
from installer.plan.rules import Level
from installer.steps.evidence import Evidence, Unreadable

OLDEST = (4, 19)
"""kubeadm's SystemVerification refuses older kernels."""
OLDEST_FOR_CGROUPS_2 = (5, 8)
NEEDED_MODULES = ("overlay", "br_netfilter", "vxlan", "nf_conntrack")
CONTROLLERS = {
    1: ("cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids"),
    2: ("cpu", "cpuset", "memory", "pids"),
}
"""Those that the kubelet needs; version 2 has devices and freezer built in."""
FEW_THREADS, ENOUGH_THREADS = 1024, 8192
ENOUGH_FILES = 4096
ENOUGH_INSTANCES, ENOUGH_WATCHES = 128, 8192
"""Of inotify; what a kernel comes with."""


def _version(subject: Subject) -> Judgement:
    release = system(subject.evidence).kernel
    found = re.match(r"([0-9]{1,4})\.([0-9]{1,4})", release)
    if not found:
        raise Unreadable(f"no kernel release: {brief(release)}")
    version = int(found[1]), int(found[2])
    if version < OLDEST:
        return fails(f"{brief(release)} is older than {OLDEST[0]}.{OLDEST[1]}")
    if version < OLDEST_FOR_CGROUPS_2 and cgroup_version(subject.evidence) == 2:
        return warns(f"{brief(release)} is older than 5.8, with which control groups version 2 work as they should")
    return holds(brief(release))


def _options(evidence: Evidence) -> dict[str, str]:
    """Options that the kernel was built with, without CONFIG_: y or m; empty if nobody knows."""
    try:
        lines = evidence.output(probes.KERNEL_CONFIG.id).splitlines()
    except Unreadable:
        return {}
    found = (re.fullmatch(r"CONFIG_([A-Z0-9_]+)=([ym])", line.strip()) for line in lines)
    return {match[1]: match[2] for match in found if match}


def _modules(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.KERNEL)
    states: dict[str, str] = {}
    for name, state in reported.rows("module", 2):
        states.setdefault(name, state)
    options = _options(subject.evidence)
    for name, option in probes.MODULE_OPTIONS.items():
        if options.get(option) == "y":
            states.setdefault(name, "builtin")
    if not states and not options:
        raise Unreadable("the machine named no kernel module")
    locked = settings(reported).get("kernel/modules_disabled") == "1"
    missing = [name for name in probes.MODULE_OPTIONS if name not in states or (locked and states[name] == "available")]
    return _judge_modules(subject, states, missing, locked)


def _judge_modules(subject: Subject, states: dict[str, str], missing: list[str], locked: bool) -> Judgement:
    needed = [name for name in missing if name in NEEDED_MODULES]
    if needed and locked:
        return fails(f"{listed(needed)} not loaded, and kernel.modules_disabled is 1", "restart the machine without it")
    if missing and system(subject.evidence).container:
        # The kernel loads most of them by itself when they are used, from files that only its host sees.
        remedy = f"on the container's host: modprobe -a {' '.join(missing)}"
        return warns(f"not loaded: {listed(missing)}, and a container cannot load them", remedy)
    if needed:
        return fails(f"the kernel has no {listed(needed)}")
    if missing:
        return warns(f"the kernel has no {listed(missing)}, which kube-proxy uses")
    idle = [name for name in NEEDED_MODULES if states[name] == "available"]
    return holds(f"there; Craton loads {listed(idle)}" if idle else f"{', '.join(NEEDED_MODULES)} are loaded")


def _config(subject: Subject) -> Judgement:
    found = set(_options(subject.evidence))
    if not found:
        raise Unreadable("no kernel configuration was found, so kubeadm's SystemVerification can't tell either")
    if "IP_NF_TARGET_REDIRECT" in found:  # its name in older kernels
        found.add("NETFILTER_XT_TARGET_REDIRECT")
    required = (*probes.REQUIRED_OPTIONS, *probes.REQUIRED_OF_VERSION[cgroup_version(subject.evidence)])
    missing = [f"CONFIG_{name}" for name in required if name not in found]
    if missing:
        return fails(f"built without {listed(missing)}")
    lacking = [f"CONFIG_{name}" for name in probes.OPTIONAL_OPTIONS if name not in found]
    if lacking:
        return warns(f"built without {listed(lacking)}")
    return holds(f"all {len(required)} options are there")


def settings(reported: Records) -> dict[str, str]:
    """Values under /proc/sys, by path."""
    return {path: value for path, value in reported.rows("setting", 2)}  # noqa: C416 (rows are lists)


def _settings(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.KERNEL)
    forward = settings(reported).get("net/ipv4/ip_forward")
    if forward is None:
        raise Unreadable("the machine didn't say whether it forwards packets")
    if forward != "1" and reported.get("settings") == "read-only":
        return fails("net.ipv4.ip_forward is 0, and /proc/sys is read-only")
    bridged = settings(reported).get("net/bridge/bridge-nf-call-iptables")
    off = ["net.ipv4.ip_forward"] if forward != "1" else []
    off += ["net.bridge.bridge-nf-call-iptables"] if bridged != "1" else []
    return holds(f"Craton sets {' and '.join(off)} to 1" if off else "forwarding is on")


def _cgroups(subject: Subject) -> Judgement:
    reported, version = records(subject.evidence, probes.KERNEL), cgroup_version(subject.evidence)
    if version == 2:
        enabled = set(reported.get("controllers").split())
    else:
        enabled = {name for name, on in reported.rows("controller", 2) if on == "1"}
    if not enabled:
        raise Unreadable("the machine named no controller of control groups")
    missing = [name for name in CONTROLLERS[version] if name not in enabled]
    if missing:
        remedy = "cgroup_enable=memory on the kernel's command line, then a restart" if "memory" in missing else ""
        return fails(f"version {version} without {listed(missing)}", remedy)
    if version == 1:
        return warns("version 1, which Kubernetes is dropping; Craton tells the kubelet to accept it")
    return holds("version 2, with every controller")


def _limits(subject: Subject) -> Judgement:
    reported = records(subject.evidence, probes.KERNEL)
    known = settings(reported)
    limits = [whole_number(known.get(path, "")) for path in ("kernel/pid_max", "kernel/threads-max")]
    limits.append(whole_number(reported.get("pids-max")))
    running, allowed = (
        whole_number(reported.get("threads")),
        min((limit for limit in limits if limit is not None), default=None),
    )
    if running is None or allowed is None:
        raise Unreadable("the machine didn't say how many threads it may run")
    free = allowed - running
    if free < FEW_THREADS:
        return fails(f"room for {max(0, free)} more threads, of {allowed}")
    files = reported.get("open-files")
    short = [f"room for {free} more threads, of {allowed}"] if free < ENOUGH_THREADS else []
    short += [f"{files} open files a process"] if (whole_number(files) or ENOUGH_FILES) < ENOUGH_FILES else []
    for path, enough in (("max_user_instances", ENOUGH_INSTANCES), ("max_user_watches", ENOUGH_WATCHES)):
        value = whole_number(known.get(f"fs/inotify/{path}", ""))
        short += [f"fs.inotify.{path} is {value}"] if value is not None and value < enough else []
    return warns("; ".join(short)) if short else holds(f"room for {free} threads")


CHECKS = (
    PreflightCheck("kernel-version", "kernel version", Level.NEEDED, _version, (probes.SYSTEM, probes.KERNEL),
        what="4.19 or newer, 5.8 for control groups version 2",
        remedy="install the distribution's newer kernel, then restart"),
    PreflightCheck("kernel-modules", "kernel modules", Level.NEEDED, _modules,
        (probes.KERNEL, probes.KERNEL_CONFIG, probes.SYSTEM),
        what="overlay, br_netfilter, vxlan, nf_conntrack and what kube-proxy's rules need can be loaded",
        remedy="install the kernel's extra modules (linux-modules-extra), and restart if the kernel was updated"),
    PreflightCheck("kernel-config", "kernel options", Level.NEEDED, _config, (probes.KERNEL_CONFIG, probes.KERNEL),
        what="namespaces, control groups and the rest of what kubeadm's SystemVerification wants are built in",
        remedy="run the distribution's own kernel"),
    PreflightCheck("kernel-settings", "kernel settings", Level.NEEDED, _settings, (probes.KERNEL,),
        what="packets are forwarded, or forwarding can be switched on",
        remedy="sysctl -w net.ipv4.ip_forward=1, on the host of a container"),
    PreflightCheck("cgroups", "control groups", Level.NEEDED, _cgroups, (probes.KERNEL,),
        what="version 2, with cpu, cpuset, memory and pids; version 1 is accepted",
        remedy="systemd.unified_cgroup_hierarchy=1 on the kernel's command line, then a restart"),
    PreflightCheck("limits", "limits", Level.NEEDED, _limits, (probes.KERNEL,),
        what="room for threads, open files and inotify watches",
        remedy="raise kernel.pid_max, kernel.threads-max, fs.inotify.* in /etc/sysctl.d; a container's --pids-limit"),
)  # fmt: skip
