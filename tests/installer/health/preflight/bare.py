"""Bare machines' preflight evidence, as the scripts print it, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from installer.health.check import Finding
from installer.health.preflight import PREFLIGHT, evaluate_preflight, probes, software
from installer.health.preflight.check import PreflightCheck
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.platforms.machines.settings import Machines
from installer.plan.topology import Machine, topology
from installer.steps.evidence import Evidence, Probed

NOW = 1_795_381_262.0
GIB = 1024**2
"""In KiB, as df and /proc/meminfo count."""
ADDRESSES = ("10.10.0.11", "10.10.0.12", "10.10.0.13", "10.10.0.21", "10.10.0.101", "10.10.0.102")
PLAN = InstallPlan(
    name="demo",
    subdomain="k8s.example.test",
    platform="machines",
    machines=Machines(inventory=tuple(Host(address=address) for address in ADDRESSES)),
)
TOPOLOGY = topology(PLAN)
MASTER, INFRA, WORKER = "demo-master-1", "demo-infra-1", "demo-worker-1"
CHECK: Mapping[str, PreflightCheck] = {check.id: check for check in PREFLIGHT}


def mac(machine: Machine) -> str:
    return f"52:54:00:12:34:{int(machine.located) % 256:02x}"


def identity(machine: Machine) -> str:
    """A number of 32 hexadecimal digits that no other machine has."""
    return f"{int(machine.located):032x}"


def space(free: float, size: float = 100, point: str = "/") -> str:
    return f"space /dev/vda1 {round(size * GIB)} {round((size - free) * GIB)} {round(free * GIB)} 9% {point}"


def inodes(free: int, count: int = 6_000_000, point: str = "/") -> str:
    return f"inodes /dev/vda1 {count} {count - free} {free} 9% {point}"


PATHS = """\
path / /
path /etc /etc
path /usr/local /usr/local
path /opt /opt
path /var/lib /var/lib
path /var/log /var/log
path /var/lib/containerd /var/lib
path /var/lib/kubelet /var/lib
path /var/lib/etcd /var/lib"""
SYSTEM = """\
os PRETTY_NAME="Debian GNU/Linux 13 (trixie)"
os ID=debian
os VERSION_ID="13"
kernel 6.12.48+deb13-amd64
hardware x86_64
user 0
cpus 4
init systemd
uid-map 0          0 4294967295
apparmor Y
virtualization kvm
container none"""
UNITS = """\
Id=containerd.service
LoadState=not-found
ActiveState=inactive

Id=systemd-timesyncd.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
"""
ALL_PROGRAMS = ("apt-get", "curl", "perl", *software.INSTALLED, *software.ESSENTIAL)


def network(machine: Machine, *lines: str, mtu: int = 1500) -> str:
    """An ordinary machine's network, with more `lines`."""
    return "\n".join(
        [
            f"link eth0 {mtu} up {mac(machine)}",
            "link lo 65536 unknown 00:00:00:00:00:00",
            "address lo 127.0.0.1/8",
            f"address eth0 {machine.address}/24",
            "route Iface Destination Gateway Flags Mask Metric",
            "route eth0 00000000 01000A0A 0003 00000000 100",
            "route eth0 00000A0A 00000000 0001 00FFFFFF 100",
            "neighbour 10.10.0.1 0x2 02:fc:00:00:00:05 eth0",
            "ip_local_port_range 32768\t60999",
            "ip_local_reserved_ports ",
            *lines,
        ]
    )


KERNEL = """\
module overlay loaded
module br_netfilter available
module vxlan available
module nf_conntrack builtin
module xt_comment available
module xt_conntrack available
module xt_mark available
module xt_statistic available
module xt_addrtype available
setting net/ipv4/ip_forward 0
setting kernel/modules_disabled 0
setting kernel/pid_max 4194304
setting kernel/threads-max 62000
setting fs/inotify/max_user_instances 128
setting fs/inotify/max_user_watches 62000
cgroup /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime
controllers cpuset cpu io memory hugetlb pids rdma
threads 180
open-files 1048576"""
CONFIG = "\n".join(
    ["source /boot/config-6.12.48+deb13-amd64"]
    + [
        f"CONFIG_{name}=y"
        for name in (*probes.REQUIRED_OPTIONS, *probes.OPTIONAL_OPTIONS, *probes.REQUIRED_OF_VERSION[2])
        if name not in probes.MODULE_OPTIONS.values()
    ]
    + [f"CONFIG_{name}=m" for name in probes.MODULE_OPTIONS.values()]
)


def outputs(machine: Machine) -> dict[str, str]:
    """What every probe prints on a bare machine that is fit to be a node."""
    return {
        "clock": f"{NOW + 0.05:.9f}",
        "hostname": f"host-{machine.number}-{machine.role}",
        "memory": f"MemTotal:       {8 * GIB} kB\nMemFree:  {6 * GIB} kB\nMemAvailable:   {7 * GIB} kB",
        "swap": "Filename                                Type            Size            Used            Priority",
        "system": "\n".join(
            [SYSTEM, *(f"{kind} {identity(machine)}" for kind in ("machine-id", "product-uuid", "boot-id"))]
        ),
        "storage": f"{PATHS}\n{space(60)}\n{inodes(5_000_000)}\nmount / ext4 rw,relatime\ndisk vda 107374182400",
        "network": network(machine),
        "sockets": 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=412,fd=3))',
        "firewall": "chain nft inet filter input input accept 0 0\nkube 0",
        "kernel": KERNEL,
        "kernel-config": CONFIG,
        "resolver": "resolv nameserver 10.10.0.2\nresolv search example.test\n"
        f"lookup host-{machine.number}-{machine.role} 0 0\nlookup demo-k8s.k8s.example.test 2 0\nlookup dl.k8s.io 0 0",
        "programs": "\n".join(f"program {name}" for name in ALL_PROGRAMS),
        "software": f"{UNITS}\ntime NTP=yes\ntime NTPSynchronized=yes",
        "leftovers": "",
        "proxy": "",
    }


def evidence() -> dict[str, Evidence]:
    """Evidence of every machine, by name."""
    return {
        machine.name: Evidence(
            machine.name,
            {id: Probed(0, output) for id, output in outputs(machine).items()},
            f"ssh-ed25519 {identity(machine)}",
            NOW,
            NOW + 0.1,
        )
        for machine in TOPOLOGY.machines
    }


def spoiled(bare: Evidence, probe: str, output: str, status: int = 0) -> Evidence:
    """The same evidence, but for what one probe left."""
    return replace(bare, probes={**bare.probes, probe: Probed(status, output)})


def swapped(name: str, probe: str, old: str, new: str) -> dict[str, Evidence]:
    """Everyone's evidence, with `new` in place of `old` in what one probe of one machine printed."""
    everyone = evidence()
    output = everyone[name].probes[probe].output
    assert old in output, f"{probe} prints no {old}"
    return everyone | {name: spoiled(everyone[name], probe, output.replace(old, new))}


def added(name: str, probe: str, *lines: str) -> dict[str, Evidence]:
    """Everyone's evidence, with more lines in what one probe of one machine printed."""
    everyone = evidence()
    output = everyone[name].probes[probe].output
    return everyone | {name: spoiled(everyone[name], probe, "\n".join([output, *lines]).strip("\n"))}


def examine(check: str, machine: str, everyone: Mapping[str, Evidence], plan: InstallPlan = PLAN) -> Finding:
    """The finding of one check on one machine."""
    pinned = {name: one.host_key for name, one in evidence().items()}
    findings = evaluate_preflight(plan, TOPOLOGY, everyone, pinned, [CHECK[check]])
    return next(finding for finding in findings if finding.machine == machine)
