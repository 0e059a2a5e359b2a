"""Preflight's real scripts, run by real shells, in namespaces of their own and over real SSH."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from installer.common.paths import ClusterDirectory
from installer.health import gather
from installer.health.check import Finding, Verdict
from installer.health.preflight import PREFLIGHT, evaluate_preflight, facts, probes
from installer.health.probing import asset
from installer.ssh.connections import SSHConnections
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.evidence import Evidence
from tests.craton import ROOT
from tests.doubles.sshd import running_sshd
from tests.installer.health.preflight.bare import PLAN, TOPOLOGY, WORKER
from tests.patience import FOREVER, PATIENCE, with_enough_time

NONCE = "0123456789abcdef"
MACHINE = TOPOLOGY.machine(WORKER)
SHELLS = [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in ("sh", "bash", "dash", "busybox")]
OFFLINE = tuple(check for check in PREFLIGHT if probes.RESOLVER not in check.probes)
"""Checks that ask no name server."""
NETWORK_OF_ITS_OWN = ("mtu", "same-mtu", "mac-address", "address-owner")
"""Checks that need the plan's address on the machine."""


def gathered(*argv: str, before: str = "") -> Evidence:
    """What the real script brings back, run by `argv`, after the shell's lines `before`."""
    text = before + gather.script(MACHINE, TOPOLOGY, gather.probes_for(MACHINE, OFFLINE), NONCE)
    asked_at = time.time()
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stderr == ""
    return Evidence(WORKER, gather.parse(done.stdout, NONCE), "ssh-ed25519 AAAA", asked_at, time.time())


def judged(one: Evidence, pinned: str = "") -> dict[str, Finding]:
    findings = evaluate_preflight(PLAN, TOPOLOGY, {WORKER: one}, {WORKER: pinned}, OFFLINE)
    return {finding.check: finding for finding in findings}


TREES = ("etc", "var", "run", "boot", "proc", "sys")


def run(
    name: str, *arguments: str, path: Path | None = None, root: Path | None = None, trees: tuple[str, ...] = TREES
) -> list[str]:
    """What one script prints, on a PATH of its own and with `trees` of files that are below `root`."""
    done = ended(name, *arguments, path=path, root=root, trees=trees)
    assert done.stderr == ""
    return done.stdout.splitlines()


def ended(
    name: str, *arguments: str, path: Path | None = None, root: Path | None = None, trees: tuple[str, ...] = TREES
) -> subprocess.CompletedProcess[str]:
    text = asset(f"preflight/{name}.sh")
    for tree in trees if root else ():
        text = text.replace(f"/{tree}/", f"{root}/{tree}/")
    environment = {**os.environ, "PATH": f"{path}:/usr/bin:/bin" if path else os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-s", *arguments], input=text, capture_output=True, text=True, timeout=PATIENCE, env=environment
    )


def program(directory: Path, name: str, text: str) -> None:
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(f"#!/bin/sh\n{text}\n")
    (directory / name).chmod(0o755)


@pytest.mark.needs("mounted root")
@pytest.mark.parametrize("shell", SHELLS)
def test_this_computer_can_be_examined_by_any_shell(shell: str) -> None:
    one = gathered(shell, *(["sh"] if shell == "busybox" else []), "-s")
    assert {id: probed.status for id, probed in one.probes.items() if probed.status not in (0, 1)} == {}
    findings = judged(one)
    # No systemd, default route or kernel options are to be had everywhere where tests run; the rest is.
    may_be_unknown = {"host-key", "init", "time-sync", "kernel-config", *NETWORK_OF_ITS_OWN}
    unknown = {id: finding.seen for id, finding in findings.items() if finding.verdict is Verdict.UNKNOWN}
    assert {id: seen for id, seen in unknown.items() if id not in may_be_unknown} == {}
    assert findings["clock"].verdict is Verdict.PASS
    assert findings["kernel-version"].seen == os.uname().release
    assert findings["cpus"].seen.startswith(str(len(os.sched_getaffinity(0))))
    assert facts(one).disk == os.statvfs("/").f_blocks * os.statvfs("/").f_frsize


@pytest.mark.needs("shellcheck")
def test_the_scripts_have_no_faults_that_shellcheck_knows(tmp_path: Path) -> None:
    whole = tmp_path / "gather.sh"
    whole.write_text(gather.script(MACHINE, TOPOLOGY, gather.probes_for(MACHINE, PREFLIGHT), NONCE))
    scripts = sorted((ROOT / "assets/health/preflight").glob("*.sh"))
    assert {script.stem for script in scripts} <= {probe.id for check in PREFLIGHT for probe in check.probes}
    done = subprocess.run(
        ["shellcheck", "-s", "sh", str(whole), *map(str, scripts)], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == ""


def test_facts_come_back_over_real_ssh_in_one_round_trip(tmp_path: Path) -> None:
    program(tmp_path / "bin", "sudo", '[ "$1" = -n ] && shift\nexec "$@"')
    directory = ClusterDirectory(tmp_path / "clusters" / "demo")
    with running_sshd(tmp_path / "sshd", f"SetEnv PATH={tmp_path}/bin:/usr/bin:/bin") as server:
        server.authorize(ensure_key(directory))
        connections = SSHConnections(lambda _machine: server.endpoint, directory)
        try:
            one = gather.gather(connections.get(WORKER, PATIENCE), MACHINE, TOPOLOGY, PATIENCE, OFFLINE)
        finally:
            connections.close()
    assert set(one.probes) == {probe.id for check in OFFLINE for probe in check.probes}
    found = judged(one, server.host_key)
    assert found["host-key"].verdict is Verdict.PASS
    assert found["clock"].verdict is Verdict.PASS
    assert found["kernel-version"].seen == os.uname().release


def test_who_takes_a_port_that_is_needed_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        line = next(line for line in run("sockets", "1-2", f"{port}-{port}") if f"127.0.0.1:{port} " in line)
        others = next(line for line in run("sockets", "1-2") if f"127.0.0.1:{port} " in line)
    assert f"pid={os.getpid()}" in line
    assert "pid=" not in others


def test_ports_are_known_without_ss_as_well(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "awk"):
        (tools / name).symlink_to(shutil.which(name) or name)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        text = asset("preflight/sockets.sh")
        done = subprocess.run(
            ["sh", "-s"], input=text, capture_output=True, text=True, timeout=PATIENCE, env={"PATH": str(tools)}
        )
    assert f"hex tcp 0100007F:{port:04X} 0A" in done.stdout.splitlines()


def test_names_are_looked_up_at_once_and_each_with_its_time(tmp_path: Path) -> None:
    getent = f"case $2 in known) exit 0 ;; hung) exec sleep {FOREVER} ;; *) exit 2 ;; esac"
    program(tmp_path / "bin", "getent", getent)

    def look(seconds: float) -> dict[str, str]:
        program(tmp_path / "bin", "timeout", f'shift 3; exec {shutil.which("timeout")} -k 1 {seconds} "$@"')
        lines = [line.split() for line in run("resolver", "known", "strange", "hung", path=tmp_path / "bin")]
        return {words[1]: words[2] for words in lines if words[0] == "lookup"}

    looked = with_enough_time(look, lambda looked: "124" not in (looked["known"], looked["strange"]), first=0.5)
    assert (looked["known"], looked["strange"], looked["hung"]) == ("0", "2", "124")
    assert os.uname().nodename in looked


def test_leftovers_are_found_and_empty_directories_are_none(tmp_path: Path) -> None:
    files = {
        "etc/kubernetes/admin.conf": "",
        "etc/kubernetes/manifests/etcd.yaml": "",
        "var/lib/etcd/member/snap/db": "",
        "etc/cni/net.d/10-flannel.conflist": "",
        "var/lib/craton/claim": "shop/shop-worker-1\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "var/lib/kubelet").mkdir()
    assert run("leftovers", root=tmp_path) == [
        f"path {tmp_path}/etc/kubernetes/admin.conf",
        f"path {tmp_path}/etc/kubernetes/manifests/etcd.yaml",
        f"path {tmp_path}/var/lib/etcd",
        "cni 10-flannel.conflist",
        "claim shop/shop-worker-1",
    ]


def test_passwords_of_proxies_do_not_leave_the_machine(tmp_path: Path) -> None:
    (tmp_path / "etc/apt/apt.conf.d").mkdir(parents=True)
    (tmp_path / "etc/environment").write_text('https_proxy="http://me:hunter2@proxy:3128"\n')
    (tmp_path / "etc/apt/apt.conf.d/proxy").write_text('Acquire::http::Proxy "http://me:hunter2@proxy:3128";\n')
    lines = run("proxy", root=tmp_path)
    assert 'proxy file https_proxy="http://***@proxy:3128"' in lines
    assert 'proxy apt Acquire::http::Proxy "http://***@proxy:3128";' in lines


def test_versions_are_asked_of_what_is_installed(tmp_path: Path) -> None:
    program(tmp_path / "bin", "containerd", "echo containerd example.test/containerd v1.7.2 abc")
    program(tmp_path / "bin", "kubeadm", '[ "$*" = "version -o short" ] && echo v1.36.2')
    lines = run("software", path=tmp_path / "bin", root=tmp_path)
    assert "version containerd containerd example.test/containerd v1.7.2 abc" in lines
    assert "version kubeadm v1.36.2" in lines


def test_a_systemd_that_does_not_answer_is_not_taken_for_one_without_services(tmp_path: Path) -> None:
    program(tmp_path / "bin", "systemctl", f"exec sleep {FOREVER}")
    program(tmp_path / "bin", "timeout", f'shift 3; exec {shutil.which("timeout")} -k 1 0.5 "$@"')
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert ended("software", path=tmp_path / "bin", root=tmp_path).returncode == 124


def test_modules_are_known_by_the_names_of_their_files(tmp_path: Path) -> None:
    modules = tmp_path / "lib/modules" / os.uname().release
    modules.mkdir(parents=True)
    (modules / "modules.dep").write_text(
        "kernel/net/bridge/br_netfilter.ko.zst: kernel/net/bridge/bridge.ko.zst kernel/net/xt_mark.ko.zst\n"
        "kernel/fs/not_overlay.ko:\nextra/xt_comment.ko:\n"
    )
    (modules / "modules.builtin").write_text("kernel/net/netfilter/nf_conntrack.ko\n")
    lines = run("kernel", root=tmp_path, trees=("lib", "sys/module"))
    assert [line for line in lines if line.startswith("module ")] == [
        "module br_netfilter available",
        "module xt_comment available",
        "module nf_conntrack builtin",
    ]


def test_packages_that_are_half_installed_and_who_holds_the_lock_are_told(tmp_path: Path) -> None:
    dpkg = tmp_path / "var/lib/dpkg"
    (dpkg / "updates").mkdir(parents=True)
    (dpkg / "status").write_text(
        "Package: fine\nStatus: install ok installed\n\nPackage: bad\nStatus: hold ok half-configured\n"
        "Description: Status: was install ok unpacked\n\nPackage: gone\nStatus: deinstall ok config-files\n"
    )
    (dpkg / "updates/0001").write_text("Package: newest\nStatus: install reinstreq half-installed\n")
    with (dpkg / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        lines = run("programs", root=tmp_path, trees=("var",))
    assert [line for line in lines if line.startswith("broken ")] == ["broken bad", "broken newest"]
    name = Path("/proc/self/comm").read_text().strip()
    assert f"busy {name} {os.getpid()}" in lines


def test_rules_without_end_are_not_taken_for_none(tmp_path: Path) -> None:
    program(tmp_path / "bin", "nft", f"echo 'table ip nat {{'; exec sleep {FOREVER}")
    program(tmp_path / "bin", "timeout", f'shift 3; exec {shutil.which("timeout")} -k 1 0.5 "$@"')
    (tmp_path / "sys/module/nf_tables").mkdir(parents=True)
    done = ended("firewall", path=tmp_path / "bin", root=tmp_path, trees=("sys",))
    assert done.returncode == 124


def test_a_hypervisor_is_known_by_what_the_board_says(tmp_path: Path) -> None:
    board = tmp_path / "sys/class/dmi/id"
    board.mkdir(parents=True)
    (tmp_path / "run/systemd").mkdir(parents=True)
    (tmp_path / "run/systemd/container").write_text("lxc\n")
    for name, vendor, kind in (("Standard PC (Q35)", "QEMU", "qemu"), ("m5.metal", "Amazon EC2", "none")):
        (board / "product_name").write_text(f"{name}\n")
        (board / "sys_vendor").write_text(f"{vendor}\n")
        lines = run("system", root=tmp_path, trees=("sys/class", "run"))
        assert f"virtualization {kind}" in lines
        assert "container lxc" in lines


@pytest.mark.needs("network namespaces")
def test_packet_filters_in_force_are_counted_and_ours_is_not(tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.write_text("""
        table inet theirs {
            set known { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }
            chain input {
                type filter hook input priority 0; policy drop;
                tcp dport 22 accept
                reject
            }
            chain other { drop; }
        }
        table inet craton {
            chain input { type filter hook input priority 0; policy drop; }
        }
        table ip nat {
            chain KUBE-SERVICES { }
        }
    """)
    one = gathered("unshare", "-n", "sh", "-s", before=f"nft -f {rules}\n")
    lines = one.probes["firewall"].output.splitlines()
    assert "chain nft inet theirs input input drop 3 2" in lines
    assert "kube 1" in lines
    finding = judged(one)["firewall"]
    assert finding.verdict is Verdict.WARN
    assert "inet theirs input (policy drop, 3 rules)" in finding.seen
    assert "craton" not in finding.seen


@pytest.mark.needs("network namespaces")
def test_the_network_of_a_machine_is_read_as_it_is() -> None:
    made = (
        "ip link set lo up\nip link add eth0 type veth peer name far; ip link set far up\n"
        " ip link set eth0 mtu 1400 up\n"
        f"ip addr add {MACHINE.address}/24 dev eth0; ip route add default via 10.10.0.1\n"
    )
    findings = judged(gathered("unshare", "-n", "sh", "-s", before=made))
    assert findings["address"].seen == f"{MACHINE.address} on eth0"
    assert findings["default-route"].seen == "by eth0"
    assert findings["mtu"].seen == "1400 on eth0; pods get 1350"
    assert findings["routes"].verdict is Verdict.PASS
    assert findings["address-owner"].verdict is Verdict.PASS


@pytest.mark.needs("private files")
def test_a_full_disk_and_a_read_only_root_end_in_findings_of_their_own() -> None:
    full = "mount -t tmpfs -o size=64k none /var/lib; head -c 65536 /dev/zero >/var/lib/fill\n"
    findings = judged(gathered("unshare", "-m", "sh", "-s", before=full + "mount -o remount,bind,ro /\n"))
    assert findings["disk-space"].verdict is Verdict.FAIL
    assert "/var/lib has 0 MiB free" in findings["disk-space"].seen
    assert findings["read-only"].seen == "the root file system is read-only"
    assert findings["file-system"].verdict is Verdict.WARN
