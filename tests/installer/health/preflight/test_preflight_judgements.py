"""What each preflight check makes of what one machine prints: tables of output and verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from installer.health.check import Verdict
from installer.health.preflight import PREFLIGHT, evaluate_preflight
from installer.plan.sections import Artifacts
from installer.steps.evidence import Evidence, Probed
from tests.installer.health.preflight.bare import (
    GIB,
    INFRA,
    MASTER,
    PATHS,
    PLAN,
    TOPOLOGY,
    WORKER,
    added,
    evidence,
    examine,
    inodes,
    space,
    spoiled,
    swapped,
)

PASS, WARN, FAIL, UNKNOWN = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN


def test_machines_fit_to_be_nodes_pass_every_check() -> None:
    pinned = {name: one.host_key for name, one in evidence().items()}
    findings = evaluate_preflight(PLAN, TOPOLOGY, evidence(), pinned)
    assert [finding for finding in findings if finding.verdict is not PASS] == []
    assert len(findings) == len(PREFLIGHT) * len(TOPOLOGY.machines)


# by check, machine and probe: what is printed, what instead, verdict, words seen, words of the remedy
REPLACED: dict[tuple[str, str, str], list[tuple[str, str, Verdict, str, str]]] = {
    ("os", WORKER, "system"): [
        ('VERSION_ID="13"', 'VERSION_ID="12"', PASS, "Debian", ""),
        ('VERSION_ID="13"', 'VERSION_ID="11"', WARN, "tested on debian 12 and 13", "Debian 12"),
        ("ID=debian", "ID=rocky\nos ID_LIKE='rhel centos'", WARN, "not tested", ""),
        ("ID=debian", "ID=linuxmint\nos ID_LIKE='ubuntu debian'", WARN, "not tested", ""),
        ("ID=debian", "ID=devuan\nos ID_LIKE=debian", WARN, "not tested", ""),
        ("ID=debian", "ID=alpine", FAIL, "not supported", "Ubuntu 24.04"),
    ],
    ("architecture", WORKER, "system"): [
        ("x86_64", "aarch64", PASS, "arm64", ""),
        ("x86_64", "armv7l", FAIL, "armv7l", "64-bit"),
    ],
    ("init", WORKER, "system"): [
        ("init systemd", "init tini", FAIL, "tini", "systemd"),
    ],
    ("root", WORKER, "system"): [
        ("user 0", "user 1000", FAIL, "1000", "NOPASSWD"),
        ("0          0 4294967295", "0 100000 65536", FAIL, "unprivileged", "privileged"),
    ],
    ("container", WORKER, "system"): [
        ("container none", "container podman", PASS, "podman container", ""),
        ("container none", "container wsl", FAIL, "wsl", "virtual machine"),
    ],
    ("kernel-version", WORKER, "system"): [
        ("6.12.48", "4.18.0", FAIL, "older than 4.19", "newer kernel"),
        ("6.12.48", "5.4.0", WARN, "5.8", "restart"),
        ("6.12.48", "six", UNKNOWN, "six", ""),
    ],
    ("kernel-modules", WORKER, "kernel"): [
        ("module vxlan available\n", "", FAIL, "no vxlan", "linux-modules-extra"),
        ("module xt_mark available\n", "", WARN, "xt_mark", ""),
        ("modules_disabled 0", "modules_disabled 1", FAIL, "modules_disabled", "restart"),
    ],
    ("kernel-config", WORKER, "kernel-config"): [
        ("CONFIG_MEMCG=y\n", "", FAIL, "CONFIG_MEMCG", "distribution's own"),
        ("CONFIG_CFS_BANDWIDTH=y\n", "", WARN, "CFS_BANDWIDTH", ""),
    ],
    ("kernel-settings", WORKER, "kernel"): [
        ("ip_forward 0", "ip_forward 0\nsettings read-only", FAIL, "read-only", "host"),
        ("ip_forward 0", "ip_forward 1", PASS, "bridge-nf-call-iptables", ""),
    ],
    ("cgroups", WORKER, "kernel"): [
        ("memory hugetlb", "hugetlb", FAIL, "without memory", "cgroup_enable=memory"),
        ("cgroup /sys/fs/cgroup cgroup2", "cgroup /elsewhere cgroup2", UNKNOWN, "no control", ""),
    ],
    ("limits", WORKER, "kernel"): [
        ("threads 180", "threads 61500", FAIL, "500 more threads", "threads-max"),
        ("threads 180", "threads 180\npids-max 2048", WARN, "2048", "--pids-limit"),
        ("max_user_instances 128", "max_user_instances 16", WARN, "max_user_instances", ""),
        ("open-files 1048576", "open-files 1024", WARN, "1024 open files", ""),
    ],
    ("cpus", MASTER, "system"): [
        ("cpus 4", "cpus 1", FAIL, "1 CPU; kubeadm wants 2", "processors"),
    ],
    ("cpus", WORKER, "system"): [
        ("cpus 4", "cpus 1", PASS, "1 CPU", ""),
        ("cpus 4", "cpus many", UNKNOWN, "processors", ""),
    ],
    ("memory", MASTER, "memory"): [
        (str(8 * GIB), str(GIB), FAIL, "1.7 GiB", "memory"),
    ],
    ("disk-space", MASTER, "storage"): [
        (space(60), space(0), FAIL, "0 MiB free", "make room"),
        (space(60), space(5.5), FAIL, "6 GiB are needed", ""),
        (space(60), space(21.5), WARN, "22 GiB", ""),
    ],
    ("disk-space", WORKER, "storage"): [
        (space(60), space(5.5, 20), WARN, "14 GiB are advised", ""),
        (space(60), space(60, 1000), WARN, "15 %", ""),
        (space(60), "space none", UNKNOWN, "df", ""),
    ],
    ("inodes", WORKER, "storage"): [
        (inodes(5_000_000), inodes(900), FAIL, "900 inodes", "small files"),
        (inodes(5_000_000), inodes(400_000), WARN, "7%", ""),
        (inodes(5_000_000), inodes(0, 0), PASS, "as they go", ""),
    ],
    ("read-only", WORKER, "storage"): [
        ("ext4 rw,", "ext4 ro,", FAIL, "root file system is read-only", "dmesg"),
        ("mount / ext4", "mount /usr ext4 ro\nmount / ext4", FAIL, "/usr/local", ""),
    ],
    ("file-system", WORKER, "storage"): [
        ("/ ext4", "/ overlay", FAIL, "overlay on overlay", "volume"),
        ("/ ext4 rw", "/ xfs noexec,rw", FAIL, "noexec", "mount -o remount,exec /"),
        ("/ ext4 rw", "/ ext4 nosuid,rw", WARN, "nosuid", "remount,suid"),
        ("/ ext4", "/ tmpfs", WARN, "restart", ""),
    ],
    ("address", WORKER, "network"): [
        ("eth0 10.10.0.101/24", "eth0 10.10.0.99/24", FAIL, "10.10.0.99", "internal: 10.10.0.99"),
        ("eth0 10.10.0.101/24", "- 10.10.0.101", PASS, "10.10.0.101", ""),
    ],
    ("default-route", WORKER, "network"): [
        ("route eth0 00000000", "route eth0 0000000", FAIL, "no default route", "ip route"),
        ("route eth0 00000000", "route wan 00000000", WARN, "wan", ""),
    ],
    ("mtu", WORKER, "network"): [
        ("eth0 1500", "eth0 600", FAIL, "VXLAN", "mtu"),
        ("eth0 1500", "eth0 1300", WARN, "1250", ""),
    ],
    ("port-range", WORKER, "network"): [
        ("32768\t60999", "1024\t65535", WARN, "1024-65535", "ip_local_port_range"),
    ],
    ("resolver", WORKER, "resolver"): [
        ("nameserver 10.10.0.2", "nameserver", FAIL, "no name server", "resolv.conf"),
        ("dl.k8s.io 0 0", "dl.k8s.io 2 0", WARN, "does not know dl.k8s.io", "--artifacts"),
        ("nameserver 10.10.0.2", "nameserver 127.0.0.1", WARN, "ask itself", "resolved"),
    ],
    ("own-name", WORKER, "hostname"): [
        ("host-1-worker", "host_1", WARN, "host_1", "hostnamectl"),
        ("host-1-worker", "localhost", WARN, "localhost", "hostnamectl"),
    ],
    ("own-name", WORKER, "resolver"): [
        ("host-1-worker 0 0", "host-1-worker 0 5", WARN, "takes 5 s", "/etc/hosts"),
        ("host-1-worker 0 0", "host-1-worker 2 0", WARN, "can't resolve its own name", "10.10.0.101"),
    ],
    ("time-sync", WORKER, "software"): [
        ("NTPSynchronized=yes", "NTPSynchronized=no", WARN, "timesyncd runs", "set-ntp"),
        ("time NTPSynchronized=yes", "", PASS, "timesyncd runs", ""),
    ],
    ("programs", WORKER, "programs"): [
        ("program mount\n", "", FAIL, "mount", "util-linux"),
        ("program socat\n", "", PASS, "Craton installs socat", ""),
    ],
    ("perl", WORKER, "programs"): [
        ("program perl\n", "", WARN, "missing", "perl-base"),
    ],
    ("package-manager", WORKER, "programs"): [
        ("program apt-get\n", "", FAIL, "neither", ""),
    ],
    ("download", WORKER, "programs"): [
        ("program curl\n", "", PASS, "Craton installs curl", ""),
    ],
}


@pytest.mark.parametrize(
    ("check", "machine", "probe", "case"), [(*where, case) for where, cases in REPLACED.items() for case in cases]
)
def test_a_difference_is_judged(check: str, machine: str, probe: str, case: tuple[str, str, Verdict, str, str]) -> None:
    old, new, verdict, seen, remedy = case
    _expect(check, machine, swapped(machine, probe, old, new), verdict, seen, remedy)


SWAP = "/dev/sda2 partition 2000000 {used} -2"
SS = '{protocol} LISTEN 0 128 {local} 0.0.0.0:* users:(("{name}",pid=77,fd=3))'
NAME_SERVERS = "\n".join(f"resolv nameserver 10.10.0.{number}" for number in (3, 4, 5))
SEARCH = "resolv search " + " ".join(f"d{number}.test" for number in range(31))
DOCKER = "Id=docker.service\nLoadState=loaded\nActiveState=active\n"
KUBELET = "Id=kubelet.service\nLoadState=loaded\nActiveState=activating\n"

# by check, machine and probe: lines printed besides, verdict, words seen, words of the remedy
ADDED: dict[tuple[str, str, str], list[tuple[str, Verdict, str, str]]] = {
    ("reboot", WORKER, "system"): [
        ("reboot-required yes", WARN, "restart", "reboot"),
    ],
    ("security-modules", WORKER, "system"): [
        ("selinux 1", WARN, "enforcing", "permissive"),
        ("selinux 0", PASS, "permissive", ""),
    ],
    ("idle", WORKER, "programs"): [
        ("busy unattended-upgr 4711", WARN, "unattended-upgr (process 4711)", "wait"),
        ("cloud-init running", WARN, "cloud-init", "wait"),
    ],
    ("package-manager", WORKER, "programs"): [
        ("broken grub-pc", WARN, "grub-pc", "dpkg --configure -a"),
    ],
    ("swap", WORKER, "swap"): [
        (SWAP.format(used=0), PASS, "switches it off: /dev/sda2", ""),
        (SWAP.format(used=8 * GIB), FAIL, "more than", "swapoff"),
    ],
    ("inodes", WORKER, "storage"): [
        (inodes(10, point="/var/lib"), FAIL, "/var/lib has 10", ""),
    ],
    ("file-system", WORKER, "storage"): [
        ("mount /var/lib nfs4 rw", FAIL, "nfs4", "ext4"),
    ],
    ("disk-space", WORKER, "storage"): [
        (f"mount /var/lib ext4 rw\n{space(2, point='/var/lib')}", FAIL, "/var/lib has", ""),
    ],
    ("routes", WORKER, "network"): [
        ("route tun0 0000600A 00000000 0001 0000FFFF 0", FAIL, "services' network", "another network"),
        ("route cni0 0000F40A 00000000 0001 0000FFFF 0", PASS, "", ""),
    ],
    ("ports", MASTER, "sockets"): [
        (SS.format(protocol="tcp", local="*:6443", name="haproxy"), FAIL, "6443 by haproxy (process 77)", "haproxy"),
        (SS.format(protocol="tcp", local="127.0.0.1:2379", name="etcd"), FAIL, "2379 by etcd", ""),
    ],
    ("ports", WORKER, "sockets"): [
        (SS.format(protocol="tcp", local="*:6443", name="haproxy"), FAIL, "6443 by haproxy (process 77)", "haproxy"),
        (SS.format(protocol="udp", local="0.0.0.0:4789", name="x"), FAIL, "udp 4789", ""),
        ("udp UNCONN 0 0 0.0.0.0:4789 0.0.0.0:*", FAIL, "the kernel, for a tunnel", ""),
        (SS.format(protocol="tcp", local="*:31000", name="java"), WARN, "31000 by java", ""),
        (SS.format(protocol="tcp", local="*:9100", name="node_exporter"), PASS, "", ""),
        (SS.format(protocol="tcp", local="*:9100", name="java"), WARN, "9100 by java", ""),
        ("hex tcp 00000000:280A 0A", FAIL, "10250 by a process that has no name", ""),
    ],
    ("ports", INFRA, "sockets"): [
        (SS.format(protocol="tcp", local="[::]:443", name="nginx"), FAIL, "443 by nginx", ""),
    ],
    ("firewall", WORKER, "firewall"): [
        ("unread nf_tables", UNKNOWN, "no nft", ""),
        ("chain nft inet filter input input drop 12 0", WARN, "policy drop, 12 rules", "craton review"),
        ("chain nft inet filter input input accept 12 1", WARN, "12 rules", "nft list ruleset"),
        ("chain nft inet craton input input drop 12 0", PASS, "", ""),
    ],
    ("firewall", WORKER, "software"): [
        ("\nId=firewalld.service\nLoadState=loaded\nActiveState=active", WARN, "firewalld", "disable"),
        ("\nId=ufw.service\nLoadState=loaded\nActiveState=active", PASS, "", ""),
    ],
    ("resolver", WORKER, "resolver"): [
        (NAME_SERVERS, WARN, "4 name servers", "keep 3"),
        (SEARCH, WARN, "32 search", ""),
    ],
    ("proxy", WORKER, "proxy"): [
        ("proxy env https_proxy=http://proxy:3128", WARN, "http://proxy:3128", "10.244.0.0/16"),
        ("proxy env https_proxy=http://p:1\nproxy file no_proxy=10.0.0.0/8", PASS, "leaves the cluster out", ""),
        ("proxy env https_proxy=http://p:1\nproxy env no_proxy=localhost,10.244.0.0/16", WARN, "10.96.0.0/12", ""),
    ],
    ("container-runtime", WORKER, "software"): [
        ("version containerd containerd containerd.io 1.7.24 88aa2f", PASS, "containerd 1.7", ""),
        ("version containerd containerd v1.4.13", WARN, "older than 1.6", "newer"),
        ('version containerd c v2.1.1\nconfig disabled_plugins = ["cri"]', PASS, "switches its CRI", ""),
        (f"version containerd c v2.1.1\n\n{DOCKER}", WARN, "beside docker", "another machine"),
        ("version containerd c v2.1.1\ncontainers moby 4", WARN, "4 other containers", ""),
    ],
    ("runtime-sockets", WORKER, "software"): [
        ("socket /run/containerd/containerd.sock", PASS, "", ""),
        ("socket /run/crio/crio.sock", WARN, "crio.sock", "disable"),
    ],
    ("kubernetes", WORKER, "software"): [
        ("version kubelet Kubernetes v1.30.1", WARN, "kubelet v1.30.1", "apt-get remove"),
        (f"version kubeadm {PLAN.kubernetes}", PASS, PLAN.kubernetes, ""),
    ],
    ("leftovers", WORKER, "leftovers"): [
        ("path /etc/kubernetes/kubelet.conf", FAIL, "kubelet.conf", "kubeadm reset"),
        ("path /var/lib/kubelet\nlink cni0", WARN, "interface cni0", "ip link delete cni0"),
    ],
    ("leftovers", WORKER, "software"): [
        (f"\n{KUBELET}", FAIL, "a kubelet that runs", ""),
        ("containers k8s.io 7", FAIL, "7 containers of pods", ""),
        ("version k3s", FAIL, "k3s", "k3s-uninstall.sh"),
    ],
    ("leftovers", WORKER, "firewall"): [
        ("kube 31", WARN, "kube-proxy's rules", ""),
    ],
    ("cni", WORKER, "leftovers"): [
        ("cni 10-calico.conflist", WARN, "10-calico.conflist", "mv /etc/cni"),
    ],
    ("claim", WORKER, "leftovers"): [
        (
            "claim shop/shop-worker-2",
            FAIL,
            "cluster shop, as shop-worker-2",
            "craton destroy shop",
        ),
        ("claim demo/demo-worker-2", FAIL, "demo-worker-2", "the place"),
        ("claim demo/demo-worker-1", PASS, "this cluster's", ""),
    ],
}


@pytest.mark.parametrize(
    ("check", "machine", "probe", "case"), [(*where, case) for where, cases in ADDED.items() for case in cases]
)
def test_an_addition_is_judged(check: str, machine: str, probe: str, case: tuple[str, Verdict, str, str]) -> None:
    lines, verdict, seen, remedy = case
    _expect(check, machine, added(machine, probe, lines), verdict, seen, remedy)


def _expect(
    check: str, machine: str, everyone: Mapping[str, Evidence], verdict: Verdict, seen: str, remedy: str
) -> None:
    finding = examine(check, machine, everyone)
    assert finding.verdict is verdict, finding
    assert seen in finding.seen
    assert remedy in finding.remedy
    assert bool(finding.remedy) == (verdict in (WARN, FAIL)), "what is not well has a remedy, and nothing else has"


@pytest.mark.parametrize("status", [124, 127])
def test_a_probe_that_says_nothing_leaves_its_checks_unknown(status: int) -> None:
    silent = evidence()[WORKER]
    silent = replace(silent, probes={id: Probed(status, "") for id in silent.probes})
    for check in PREFLIGHT:
        if check.id not in ("host-key", "own-host-key"):  # the connection itself shows it
            assert examine(check.id, WORKER, evidence() | {WORKER: silent}).verdict is UNKNOWN, check.id


def test_name_servers_that_do_not_answer_fail() -> None:
    dead = "resolv nameserver 10.10.0.2\nlookup demo-k8s.k8s.example.test 124 7\nlookup dl.k8s.io 2 10"
    finding = examine("resolver", WORKER, evidence() | {WORKER: spoiled(evidence()[WORKER], "resolver", dead)})
    assert finding.verdict is FAIL
    assert "10.10.0.2 did not answer" in finding.seen


def test_a_resolver_on_the_machine_is_judged_by_the_servers_behind_it() -> None:
    stub = (
        "resolv nameserver 127.0.0.53\nupstream nameserver 10.10.0.2\n"
        "lookup demo-k8s.k8s.example.test 2 0\nlookup dl.k8s.io 0 0"
    )
    finding = examine("resolver", WORKER, evidence() | {WORKER: spoiled(evidence()[WORKER], "resolver", stub)})
    assert (finding.verdict, finding.seen) == (PASS, "10.10.0.2 answers")


def test_machines_with_a_mirror_need_not_know_the_internet() -> None:
    plan = PLAN.model_copy(update={"artifacts": Artifacts(mirror="https://mirror.example.test")})
    everyone = swapped(WORKER, "resolver", "dl.k8s.io 0 0", "dl.k8s.io 2 0")
    assert examine("resolver", WORKER, everyone, plan).verdict is PASS


def test_node_ports_that_are_reserved_may_lie_among_the_outgoing_ones() -> None:
    everyone = swapped(WORKER, "network", "32768\t60999", "1024\t65535")
    output = everyone[WORKER].probes["network"].output.replace("reserved_ports ", "reserved_ports 8080,30000-32767")
    assert (
        examine("port-range", WORKER, everyone | {WORKER: spoiled(everyone[WORKER], "network", output)}).verdict is PASS
    )


def test_ufw_is_in_force_where_it_is_switched_on() -> None:
    everyone = added(WORKER, "software", "\nId=ufw.service\nLoadState=loaded\nActiveState=active")
    switched_on = everyone | {WORKER: spoiled(everyone[WORKER], "firewall", "ufw yes")}
    finding = examine("firewall", WORKER, switched_on)
    assert (finding.verdict, "ufw disable" in finding.remedy) == (WARN, True)


def test_programs_that_nothing_can_install_fail() -> None:
    everyone = swapped(WORKER, "programs", "program apt-get\n", "")
    output = everyone[WORKER].probes["programs"].output.replace("program socat\n", "").replace("program curl\n", "")
    bare = everyone | {WORKER: spoiled(everyone[WORKER], "programs", output)}
    assert examine("programs", WORKER, bare).verdict is FAIL
    assert examine("download", WORKER, bare).verdict is FAIL


def test_control_groups_of_version_1_are_borne_with() -> None:
    controllers = "\n".join(
        f"controller {name} 1" for name in ("cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids")
    )
    old = f"cgroup /sys/fs/cgroup/memory cgroup rw,memory\n{controllers}"
    everyone = evidence() | {WORKER: spoiled(evidence()[WORKER], "kernel", old)}
    finding = examine("cgroups", WORKER, everyone)
    assert (finding.verdict, "version 1" in finding.seen) == (WARN, True)


def test_modules_built_into_a_kernel_without_modules_are_known_by_its_options() -> None:
    one = evidence()[WORKER]
    one = spoiled(one, "kernel", "threads 1")
    one = spoiled(one, "kernel-config", one.probes["kernel-config"].output.replace("=m", "=y"))
    assert examine("kernel-modules", WORKER, evidence() | {WORKER: one}).verdict is PASS


def test_modules_that_a_container_does_not_see_are_loaded_on_its_host() -> None:
    everyone = swapped(WORKER, "system", "container none", "container podman")
    everyone[WORKER] = spoiled(everyone[WORKER], "kernel", "module overlay loaded")
    everyone[WORKER] = spoiled(everyone[WORKER], "kernel-config", "")
    finding = examine("kernel-modules", WORKER, everyone)
    assert finding.verdict is WARN
    assert finding.remedy.startswith("on the container's host: modprobe -a br_netfilter vxlan")


def test_swap_of_a_containers_host_is_not_the_machines_to_switch_off() -> None:
    everyone = swapped(WORKER, "system", "container none", "container podman")
    on = everyone[WORKER].probes["swap"].output + "\n" + SWAP.format(used=0)
    finding = examine("swap", WORKER, everyone | {WORKER: spoiled(everyone[WORKER], "swap", on)})
    assert (finding.verdict, finding.remedy) == (WARN, "swapoff -a on the host")


def test_what_this_cluster_made_is_no_leftover() -> None:
    claim = ("claim demo/demo-worker-1",)
    made = ("path /etc/kubernetes/kubelet.conf", "link cni0", "cni 10-flannel.conflist")
    everyone = added(WORKER, "leftovers", *claim, *made)
    output = 'tcp LISTEN 0 9 *:10250 *:* users:(("kubelet",pid=9,fd=3))'
    everyone[WORKER] = spoiled(everyone[WORKER], "sockets", output)
    for check in ("leftovers", "cni", "ports", "claim"):
        assert examine(check, WORKER, everyone).verdict is PASS, check


def test_paths_are_judged_by_the_file_system_that_really_holds_them() -> None:
    linked = PATHS.replace("/var/lib/containerd /var/lib", "/var/lib/containerd /data/containerd")
    stored = f"{linked}\n{space(60)}\n{space(1, point='/data')}\nmount / ext4 rw\nmount /data xfs rw"
    finding = examine("disk-space", WORKER, evidence() | {WORKER: spoiled(evidence()[WORKER], "storage", stored)})
    assert finding.verdict is FAIL
    assert finding.seen.startswith("/data has 1.0 GiB free")
