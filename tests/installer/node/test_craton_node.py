"""The program that prepares a machine, on a bare machine: what it adds, that it adds it once, and takes it back."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from installer.node.configuration import configuration_sum
from installer.node.program import source
from tests.doubles.mirror import script
from tests.doubles.node_bench import PLAN, Bench, path_of
from tests.patience import PATIENCE

STAGES = 13


@pytest.mark.needs("shellcheck")
def test_the_program_is_clean_posix_shell(tmp_path: Path) -> None:
    program = tmp_path / "craton-node"
    program.write_text(source())
    checked = subprocess.run(
        ["shellcheck", "--shell=sh", "--severity=warning", str(program), "assets/node/receive.sh"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.stdout == ""


def test_a_bare_machine_is_prepared_in_numbered_stages(bench: Bench) -> None:
    said = bench.prepared()
    stages = [line.split(" ", 3) for line in said.splitlines() if line.startswith("stage ")]
    assert [stage[1] for stage in stages] == [str(number) for number in range(1, STAGES + 1)]
    assert {stage[2] for stage in stages} == {str(STAGES)}
    idle = [before for before, line in pairwise(said.splitlines()) if line == "unchanged"]
    assert idle == [
        "Debian GNU/Linux 12 (bookworm), amd64",
        "stage 3 13 ways to the API",
        "stage 13 13 container images",
    ]
    status = bench.box.status()
    assert status["prepared"] == PLAN.kubernetes
    assert status["configuration"] == configuration_sum(bench.text)
    assert bench.box.sh("kubeadm; crictl; ls /opt/cni/bin") == ("kubeadm amd64 v1.36.2\nbridge\nloopback\nportmap\n")


PREPARED = {
    "grep -c '10.10.0.11 demo-k8s.example.test' /etc/hosts": "1",
    "grep -c '10.10.0.11 demo-master-1' /etc/hosts": "1",
    "head -2 /etc/hosts | tail -1": "10.1.1.1 mine",
    "cat /etc/modules-load.d/craton.conf | xargs": "overlay br_netfilter vxlan",
    "ls /sys/module | xargs": "overlay vxlan",
    "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/bridge/bridge-nf-call-iptables | xargs": "1 1",
    "cat /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic /proc/sys/kernel/panic_on_oops | xargs": "1 10 1",
    "cat /proc/sys/kernel/keys/root_maxkeys /proc/sys/kernel/keys/root_maxbytes | xargs": "1000000 25000000",
    "cat /proc/sys/net/ipv4/tcp_retries2; grep -c '^net.ipv4.tcp_retries2=5$' /etc/sysctl.d/99-zz-craton.conf": "5\n1",
    "grep -c '^kernel.panic=10$' /etc/sysctl.d/99-zz-craton.conf": "1",
    "stat -c %a /etc/systemd/system/kubelet.service /etc/systemd/system/kubelet.service.d/10-kubeadm.conf | xargs": (
        "600 600"
    ),
    "tail -n +2 /proc/swaps": "",
    "tail -1 /etc/fstab": "# off for Kubernetes (craton): /var/swap.img none swap sw 0 0",
    "grep -c 'SystemdCgroup = true' /etc/containerd/config.toml": "1",
    "grep -c 'registry.k8s.io/pause:3.10.2' /etc/containerd/config.toml": "1",
    "systemctl is-active containerd.service": "active",
    "systemctl is-enabled kubelet.service": "enabled",
    "systemctl is-active kubelet.service": "active",
    "sed -n 's/^KUBELET_KUBE.*_ARGS=//p' /var/lib/craton/kubelet-standalone.env | xargs": "",
    "grep -c 'enableServer: false' /var/lib/craton/kubelet-standalone.yaml": "1",
    "tail -3 /etc/systemd/system/kubelet.service.d/10-kubeadm.conf | grep -c standalone.env": "1",
    "stat -c %a /var/lib/craton": "700",
    "ls /var/lib/craton/artifacts 2>/dev/null || :": "",
}
"""What a script says on a prepared machine."""


def test_what_a_prepared_machine_has(ready: Bench) -> None:
    assert {script: ready.box.sh(script).strip() for script in PREPARED} == PREPARED


def test_a_container_keeps_the_settings_of_its_hosts_kernel(bench: Bench) -> None:
    bench.box.sh("echo podman >/run/systemd/container")
    bench.prepared()
    assert bench.box.sh("cat /proc/sys/vm/overcommit_memory /proc/sys/kernel/panic | xargs") == "0 0\n"
    assert "kernel" not in bench.box.sh("cat /etc/sysctl.d/99-zz-craton.conf")


def test_only_masters_give_connections_up_early(bench: Bench) -> None:
    bench.with_lines("ROLE='worker'").prepared()
    assert bench.box.sh("cat /proc/sys/net/ipv4/tcp_retries2") == "15\n"
    assert "tcp_retries2" not in bench.box.sh("cat /etc/sysctl.d/99-zz-craton.conf")


def test_a_unit_that_others_could_read_is_closed_without_a_restart(ready: Bench) -> None:
    unit = "/etc/systemd/system/kubelet.service"
    ready.box.sh(f"chmod 644 {unit}")
    said = ready.prepared()
    assert f"chmod 600 {unit}" in said
    assert "start kubelet.service" not in said
    assert ready.box.sh(f"stat -c %a {unit}") == "600\n"


def test_preparing_again_changes_nothing_and_says_so(ready: Bench) -> None:
    before, asked = ready.box.state(), len(ready.mirror.asked)
    again = ready.prepared()
    assert again.splitlines().count("unchanged") == STAGES
    assert again.splitlines()[-1].startswith("unchanged: ")
    assert ready.box.state() == before
    assert len(ready.mirror.asked) == asked


def test_undo_leaves_the_machine_as_before(bench: Bench) -> None:
    before = bench.box.state()
    bench.prepared()
    said = bench.undone()
    assert bench.box.state() == before
    assert not [line for line in said if line.startswith("left ")]
    assert "removed file /usr/local/bin/kubelet" in said
    assert bench.box.status()["prepared"] == ""
    assert bench.undone() == ["unchanged"]


def test_releasing_an_undone_machine_leaves_no_trace(bench: Bench) -> None:
    bench.box.node("claim", "demo", "demo-master-1")
    bench.prepared()
    bench.undone()
    assert bench.box.node("release").stdout.splitlines() == [
        "removed claim demo/demo-master-1",
        "removed program /usr/local/sbin/craton-node",
    ]
    assert bench.box.sh("ls -d /var/lib/craton /usr/local/sbin/craton-node 2>/dev/null || :") == ""


def kill_at(bench: Bench, verb: str, line: int, prefixes: tuple[str, ...]) -> bool:
    """Run a verb and kill it, with all its children, at the `line`th line that starts so; whether it came that far."""
    process = bench.box.start("/usr/local/sbin/craton-node", verb)
    assert process.stdin
    assert process.stdout
    process.stdin.write(bench.text)
    process.stdin.close()
    seen = 0
    for said in process.stdout:
        seen += said.startswith(prefixes)
        if seen == line:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)
            return True
    assert process.wait(PATIENCE) == 0, process.stderr and process.stderr.read()
    return False


CHANGES = ("install", "edit", "write", "modprobe", "swapoff", "mask", "download", "enable", "start", "net.")


def test_a_preparation_killed_at_every_change_is_completed_and_undone(bench: Bench) -> None:
    before = bench.box.state()
    bench.prepared()
    whole = bench.box.state()
    bench.undone()
    kills = 0
    while kill_at(bench, "prepare", 2, CHANGES):
        kills += 1
        assert kills < 100, "it does not get on"
    assert kills > STAGES
    assert bench.box.state() == whole
    assert bench.box.status()["prepared"] == PLAN.kubernetes
    bench.undone()
    assert bench.box.state() == before


@pytest.mark.parametrize("stage", range(1, STAGES + 1))
def test_a_preparation_killed_at_a_stage_can_be_undone_at_once(bench: Bench, stage: int) -> None:
    before = bench.box.state()
    assert kill_at(bench, "prepare", 1, (f"stage {stage} ",))
    assert not [line for line in bench.undone() if line.startswith("left ")]
    assert bench.box.state() == before


def test_an_undo_killed_at_every_removal_is_completed(bench: Bench) -> None:
    before = bench.box.state()
    bench.prepared()
    kills = 0
    while kill_at(bench, "undo", 2, ("removed ",)):
        kills += 1
        assert kills < 200, "it does not get on"
    assert kills > 3, "on a busy computer it removes several things before it is killed, and never all of them"
    assert bench.box.state() == before


def test_what_was_there_before_is_put_back(bench: Bench) -> None:
    box = bench.box
    box.sh(
        "mkdir -p /etc/containerd; echo mine >/etc/containerd/config.toml; chmod 640 /etc/containerd/config.toml;"
        "echo old >/usr/local/bin/real; ln -s real /usr/local/bin/kubectl; echo theirs >/etc/crictl.yaml"
    )
    before = box.state()
    bench.prepared()
    assert box.sh("cat /usr/local/bin/real") == "old\n"
    said = bench.undone()
    assert "removed change /etc/containerd/config.toml" in said
    assert box.state() == before


def test_programs_of_one_archive_wait_for_the_disk_together(bench: Bench) -> None:
    bench.box.sh(
        'printf \'#!/bin/sh\\necho "$*" >>/run/flushed\\nexec /bin/sync "$@"\\n\' >/usr/local/sbin/sync;'
        "chmod 755 /usr/local/sbin/sync"
    )
    said = bench.prepared()
    plugins = {f"/opt/cni/bin/.craton-new.{name}" for name in bench.box.sh("ls /opt/cni/bin").split()}
    assert len(plugins) > 1
    assert all(f"write {name.replace('.craton-new.', '')}" in said for name in plugins)
    flushed = [line.split() for line in bench.box.sh("cat /run/flushed").splitlines()]
    assert [set(line) for line in flushed if plugins & set(line)] == [plugins]


def test_what_others_changed_since_is_left_and_named(ready: Bench) -> None:
    ready.box.sh(
        "echo 'mine = 1' >>/etc/sysctl.d/99-zz-craton.conf; echo x >/opt/cni/bin/mine; rm /etc/crictl.yaml;"
        "echo '10.9.9.9 later' >>/etc/hosts; : >/run/stand-in/busy-overlay; echo stand-in >/run/stand-in/needs-socat"
    )
    assert {line for line in ready.undone() if line.startswith("left ")} == {
        "left file /etc/sysctl.d/99-zz-craton.conf it was changed since",
        "left directory /opt/cni/bin it is not empty",
        "left directory /opt/cni it is not empty",
        "left module overlay it is in use, and goes with the next restart",
        "left package socat needed by stand-in",
    }
    assert ready.box.sh("cat /etc/hosts") == "127.0.0.1 localhost\n10.1.1.1 mine\n10.9.9.9 later\n"
    assert "mine = 1" in ready.box.sh("cat /etc/sysctl.d/99-zz-craton.conf")
    ready.box.sh("rm /opt/cni/bin/mine")
    assert "removed directory /opt/cni/bin" in ready.undone(), "what was left stays on record"
    assert "holds the record" in ready.box.node("release").stdout


def test_a_file_that_the_user_changed_is_kept_before_it_is_written_again(ready: Bench) -> None:
    ready.box.sh("echo mine >/etc/containerd/config.toml")
    assert "write /etc/containerd/config.toml" in ready.prepared()
    assert "removed change /etc/containerd/config.toml" in ready.undone()
    assert ready.box.sh("cat /etc/containerd/config.toml") == "mine\n"


def test_a_machine_that_changed_since_is_not_prepared_any_more(ready: Bench) -> None:
    ready.box.sh("swapon /var/swap.img")
    assert ready.box.status()["prepared"] == ""
    assert "swapoff /var/swap.img" in ready.prepared()
    assert ready.box.status()["prepared"] == PLAN.kubernetes


def test_swap_that_a_service_makes_is_kept_off(bench: Bench) -> None:
    bench.box.sh("systemctl start zramswap.service")
    before = bench.box.state()
    assert "mask zramswap.service" in bench.prepared()
    assert bench.box.sh("tail -n +2 /proc/swaps") == ""
    assert "removed mask zramswap.service" in bench.undone()
    assert bench.box.state().splitlines().sort() == before.splitlines().sort()


def test_swap_that_does_not_fit_into_memory_is_told(bench: Bench) -> None:
    bench.box.sh(": >/run/stand-in/swapoff-fails")
    assert "swapoff /var/swap.img failed: too little memory is free" in bench.refused(1)


def test_in_a_container_the_hosts_swap_is_left_alone(bench: Bench) -> None:
    bench.box.sh("echo podman >/run/systemd/container")
    assert "the swap that shows here is the host's" in bench.prepared()
    assert bench.box.sh("tail -n +2 /proc/swaps") != ""
    assert bench.box.status()["prepared"] == PLAN.kubernetes


@pytest.mark.parametrize(
    ("version", "has"),
    [("1.6.20~ds1", "version = 2"), ("v1.7.24", "version = 2"), ("2.0.5", "version = 3")],
)
def test_a_recent_containerd_of_the_machine_is_kept_and_configured(bench: Bench, version: str, has: str) -> None:
    bench.box.sh(_INSTALL_CONTAINERD.format(version=version))
    before = bench.box.state()
    assert f"containerd {version.removeprefix('v')} is there" in bench.prepared()
    assert not bench.mirror.requests(path_of("containerd"))
    assert has in bench.box.sh("cat /etc/containerd/config.toml").splitlines()
    assert bench.box.sh("grep -c 'restart containerd.service' /run/stand-in/systemctl.log") == "1\n"
    bench.undone()
    assert bench.box.sh("grep -c 'restart containerd.service' /run/stand-in/systemctl.log") == "2\n"
    assert bench.box.state() == before


_INSTALL_CONTAINERD = """
printf '#!/bin/sh\\necho "containerd github.com/containerd/containerd {version} 0"\\n' >/usr/bin/containerd
printf '#!/bin/sh\\n[ "$*" = "namespaces list -q" ] || exit 0; cat /var/lib/containerd/namespaces\\n' >/usr/bin/ctr
printf '#!/bin/sh\\n' >/usr/bin/runc
chmod 755 /usr/bin/containerd /usr/bin/ctr /usr/bin/runc
mkdir -p /var/lib/containerd /etc/containerd
echo moby >/var/lib/containerd/namespaces
echo 'disabled_plugins = ["cri"]' >/etc/containerd/config.toml
: >/usr/lib/systemd/system/containerd.service
systemctl enable containerd.service
systemctl start containerd.service
"""


def test_an_old_containerd_is_replaced(bench: Bench) -> None:
    bench.box.sh(_INSTALL_CONTAINERD.format(version="1.5.9"))
    assert "installed containerd" in bench.prepared()
    assert bench.box.sh("containerd --version") == "containerd github.com/containerd/containerd v2.3.1 0\n"


def test_debians_cni_plugins_are_linked(bench: Bench) -> None:
    bench.box.sh("mkdir /usr/lib/cni; for p in bridge loopback; do cp /bin/true /usr/lib/cni/$p; done")
    bench.prepared()
    assert bench.box.sh("readlink /opt/cni/bin/bridge") == "/usr/lib/cni/bridge\n"
    assert not bench.mirror.requests(path_of("cni-plugins"))
    assert "removed link /opt/cni/bin/bridge" in bench.undone()


def test_a_new_plan_is_followed(ready: Bench) -> None:
    newer = ready.with_lines("HOST='10.10.0.102 demo-worker-2'")
    said = newer.prepared()
    assert "edit /etc/hosts" in said
    assert said.splitlines().count("unchanged") == STAGES - 1
    assert ready.box.status()["configuration"] == configuration_sum(newer.text)
    ready.undone()
    assert ready.box.sh("cat /etc/hosts") == "127.0.0.1 localhost\n10.1.1.1 mine"


def test_a_machine_that_is_no_master_knows_its_own_name(ready: Bench) -> None:
    other = ready.with_lines("MACHINE='demo-worker-1'", "ADDRESS='10.10.0.101'")
    assert other.box.node("hosts", stdin=other.text).returncode == 0
    hosts = ready.box.sh("cat /etc/hosts").splitlines()
    assert hosts.count("10.10.0.101 demo-worker-1") == 1
    assert hosts.count("10.10.0.11 demo-master-1") == 1


def test_the_names_alone_are_renewed(ready: Bench) -> None:
    newer = ready.with_lines("HOST='10.10.0.102 demo-worker-2'")
    assert newer.box.node("hosts", stdin=newer.text).returncode == 0
    assert "10.10.0.102 demo-worker-2" in ready.box.sh("cat /etc/hosts")


def test_a_kubelet_that_runs_is_restarted_for_a_new_binary_and_for_no_other(ready: Bench) -> None:
    def starts() -> int:
        return int(ready.box.sh("grep -c 'start kubelet.service' /run/stand-in/systemctl.log"))

    assert starts() == 1
    text = ready.text
    for name, more in (("kubectl", 0), ("kubelet", 1)):
        newer = script(f"echo a newer {name}")
        ready.mirror.files[path_of(name)] = newer
        found = hashlib.sha256(newer).hexdigest()
        path = re.escape(path_of(name))
        text = re.sub(rf"({path}) [0-9a-f]{{64}}", rf"\1 {found}", text)
        before = starts()
        replace(ready, text=text).prepared()
        assert starts() == before + more
        assert f"a newer {name}" in ready.box.sh(f"cat /usr/local/bin/{name}")


def test_a_proxy_comes_and_goes_with_the_plan(bench: Bench) -> None:
    proxied = bench.with_lines(f"PROXY='{bench.mirror.url}'", "NO_PROXY='10.0.0.0/8'")
    proxied.prepared()
    assert bench.mirror.asked
    assert all(asked.proxied for asked in bench.mirror.asked)
    unit = "/etc/systemd/system/containerd.service.d/50-craton-proxy.conf"
    assert f'"HTTPS_PROXY={bench.mirror.url}" "NO_PROXY=10.0.0.0/8"' in bench.box.sh(f"cat {unit}")
    bench.prepared()
    assert bench.box.sh(f"ls {unit} 2>/dev/null || :") == ""
    assert bench.box.sh("grep -c 'restart containerd.service' /run/stand-in/systemctl.log") == "2\n"


def test_a_service_that_does_not_start_is_named(bench: Bench) -> None:
    bench.box.sh(": >/run/stand-in/containerd-fails")
    assert "systemctl restart containerd.service failed" in bench.refused(1)
    bench.box.sh("rm /run/stand-in/containerd-fails")
    bench.prepared()


@pytest.mark.parametrize(
    ("release", "said"),
    [
        ("ID=alpine\nVERSION_ID=3.20\nPRETTY_NAME=Alpine", "Alpine is not supported"),
        ("ID=void\nID_LIKE='* /etc/*'\nPRETTY_NAME=Void", "Void is not supported"),
        ("", "this system is not supported"),
    ],
)
def test_other_systems_are_refused_before_anything_changes(bench: Bench, release: str, said: str) -> None:
    bench.box.sh(f"cat >/etc/os-release <<'END'\n{release}\nEND\n")
    before = bench.box.state()
    assert said in bench.refused(1)
    assert bench.box.state() == before


RELATIVES = (
    "ID=debian\nVERSION_ID=11\nPRETTY_NAME='Some Linux'",
    "ID=debian\nPRETTY_NAME='Some Linux'",
    "ID=ubuntu\nVERSION_ID=26.04\nPRETTY_NAME='Some Linux'",
    "ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=22\nPRETTY_NAME='Some Linux'",
    "ID=raspbian\nID_LIKE=debian\nVERSION_ID=12\nPRETTY_NAME='Some Linux'",
)
"""What /etc/os-release says there. What is done on a machine hangs on nothing else of it than its family."""


def test_relatives_of_debian_and_ubuntu_are_prepared_and_warned_about(bench: Bench) -> None:
    for release in RELATIVES:
        bench.box.sh(f"cat >/etc/os-release <<'END'\n{release}\nEND\n")
        assert "Some Linux, amd64: Craton is not tested on it" in bench.prepared(), release


def test_a_package_that_no_source_has_is_named(bench: Bench) -> None:
    bench.box.sh(": >/run/stand-in/no-packages")
    assert bench.refused(1) == (
        "craton-node: no package source has all of conntrack socat: E: Unable to locate package conntrack"
    )


def test_a_module_that_the_kernel_lacks_is_named(bench: Bench) -> None:
    bench.box.sh(": >/run/stand-in/no-overlay")
    assert "the kernel module overlay cannot be loaded: modprobe: FATAL" in bench.refused(1)


def test_archives_of_images_are_imported_once(bench: Bench) -> None:
    data = script("images")
    bench.mirror.files["images/all.tar"] = data
    found = hashlib.sha256(data).hexdigest()
    with_images = bench.with_lines(f"IMAGE='images/all.tar {found} {bench.mirror.url}/images/all.tar'")
    assert "import all.tar" in with_images.prepared()
    assert "import all.tar" not in with_images.prepared()
    assert "-n k8s.io images import" in bench.box.sh("cat /var/lib/containerd/imported")


def test_an_archive_that_was_imported_takes_no_space_any_more(bench: Bench) -> None:
    data = script("images")
    bench.mirror.files["images/all.tar"] = data
    found, lacking = hashlib.sha256(data).hexdigest(), "0" * 64
    with_images = bench.with_lines(
        f"IMAGE='images/all.tar {found} {bench.mirror.url}/images/all.tar'",
        f"IMAGE='images/lacking.tar {lacking} {bench.mirror.url}/images/lacking.tar'",
    )
    assert "images/lacking.tar" in with_images.refused(69)
    assert bench.box.sh("ls /var/lib/craton/artifacts/images") == ""
    assert bench.box.node("needed", stdin=with_images.text).stdout.split()[-1:] == ["images/lacking.tar"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no CLUSTER"),
        ("CLUSTER=demo\n", "no line of a configuration: CLUSTER=demo"),
        ("CLUSTER='de'mo'\n", "a quote inside the value of CLUSTER"),
        ("EVIL='$(reboot)'\n", "no key of a configuration: EVIL"),
    ],
)
def test_a_configuration_is_read_and_never_executed(bench: Bench, text: str, said: str) -> None:
    assert said in replace(bench, text=text).refused(2)


@pytest.mark.parametrize("words", [("explode",), (), ("claim", "demo"), ("firewall", "explode"), ("status", "all")])
def test_unknown_verbs_are_refused(bench: Bench, words: tuple[str, ...]) -> None:
    ended = bench.box.node(*words)
    assert (ended.returncode, "no such verb" in ended.stderr) == (2, True)


def test_a_claimed_machine_is_no_other_clusters(bench: Bench) -> None:
    assert bench.box.node("claim", "other", "other-worker-1").returncode == 0
    assert bench.box.status()["claim"] == "other/other-worker-1"
    refused = bench.box.node("claim", "demo", "demo-master-1")
    assert (refused.returncode, refused.stderr) == (77, "craton-node: this machine belongs to the cluster other\n")
    assert "belongs to the cluster other" in bench.refused(77)


def test_two_at_a_time_wait_for_each_other(bench: Bench) -> None:
    holder = bench.box.start("sh", "-c", "mkdir -p /var/lib/craton; exec flock /var/lib/craton/lock cat")
    assert holder.stdin
    assert holder.stdout
    holder.stdin.write("held\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    second = bench.box.start("/usr/local/sbin/craton-node", "claim", "demo", "demo-master-1")
    assert second.stdout
    assert second.stdout.readline() == "another craton-node is running here: waiting for it\n"
    holder.stdin.close()
    holder.wait(PATIENCE)
    second.communicate(timeout=PATIENCE)
    assert second.returncode == 0


@pytest.mark.parametrize("words", [("upgrade", "node"), ("needed",), ("images", "missing", "pause"), ("prepare",)])
def test_whatever_goes_on_waits_for_the_kubeadm_of_an_engine_that_is_gone(bench: Bench, words: tuple[str, ...]) -> None:
    flock = '#!/bin/sh\necho "$*" >>/run/waits\nexit 1\n'
    bench.box.sh(f"printf '%s' '{flock}' >/usr/local/sbin/flock; chmod 755 /usr/local/sbin/flock")
    ended = bench.box.node(*words, stdin=bench.text)
    assert (ended.returncode, "still at work on this machine after 600 s" in ended.stderr) == (75, True)
    assert bench.box.sh("cat /run/waits") == "-n 8\n-w 600 8\n"


def test_a_full_disk_is_told_as_such(bench: Bench) -> None:
    bench.box.sh("mkdir /var/lib/craton; mount -t tmpfs -o size=64k tmpfs /var/lib/craton")
    bench.mirror.files[path_of("kubeadm")] += b"#" * 100_000
    assert "No space left on device" in bench.refused(28)


def test_a_read_only_disk_is_told_as_such(bench: Bench) -> None:
    bench.box.sh("mount -t tmpfs -o ro tmpfs /etc/modules-load.d")
    assert bench.refused(30) == "craton-node: write /etc/modules-load.d/craton.conf: Read-only file system"


def test_a_read_only_disk_is_told_before_anything_begins(ready: Bench) -> None:
    ready.box.sh("mount -t tmpfs -o ro tmpfs /var/lib/craton")
    assert ready.refused(30) == "craton-node: write /var/lib/craton/lock: Read-only file system"


OLD_KEY, NEW_KEY = "ssh-ed25519 AAAAold", "ecdsa-sha2-nistp256 AAAAnew"


def _let_in(bench: Bench, key: str) -> list[str]:
    """Who may log in as nobody in particular, once the machine was prepared with this key."""
    bench.with_lines(f"LOGIN='ada{key and ' '}{key}'").prepared()
    return bench.box.sh("cat /home/ada/.ssh/authorized_keys").splitlines()


def test_another_public_key_takes_the_place_of_the_old_one_and_others_keys_stay(bench: Bench) -> None:
    others = ["ssh-ed25519 AAAAcluster craton", "# ssh-ed25519 AAAAold", 'command="true" ssh-rsa AAAAbob bob']
    born = "\n".join([others[0], f"{OLD_KEY} ada@old", *others[1:]])
    bench.box.sh(
        "echo ada:x:4711:4711::/home/ada:/bin/sh >>/etc/passwd; mkdir -p /home/ada/.ssh; cd /home/ada/.ssh; "
        f"printf '%s\n' '{born}' >authorized_keys; chmod 600 authorized_keys; chown -R 4711:4711 /home/ada"
    )
    assert _let_in(bench, OLD_KEY) == [*others, OLD_KEY]
    assert _let_in(bench, NEW_KEY) == [*others, NEW_KEY]
    assert _let_in(bench, "") == others
    assert _let_in(bench, OLD_KEY) == [*others, OLD_KEY]
    assert bench.box.sh("stat -c '%a %u' /home/ada/.ssh/authorized_keys") == "600 4711\n"
    bench.undone()
    assert bench.box.sh("cat /home/ada/.ssh/authorized_keys").splitlines() == others


def test_an_account_that_a_machine_lacks_is_named(bench: Bench) -> None:
    said = bench.with_lines(f"LOGIN='ada {OLD_KEY}'").refused(2)
    assert said == "craton-node: there is no user ada on this machine"
