"""The verbs of a machine in a cluster, with stand-ins for kubeadm and kubectl."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.bare_machine import BareMachine
from tests.doubles.node_bench import node_bench

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a private overlay of the system's files needs root")

KUBEADM = r"""#!/bin/sh
echo "$*" >>/run/stand-in/kubeadm.log
case "$1 ${2:-}" in
"init phase") : ;;
"token create")
    echo "kubeadm join demo-k8s.example.test:6443 --token abc.def --discovery-token-ca-cert-hash sha256:0123 "
    ;;
"certs certificate-key") echo c0ffee ;;
init* | join*)
    while [ $# -gt 0 ]; do [ "$1" != --config ] || cp "$2" /run/stand-in/kubeadm.yaml; shift; done
    mkdir -p /etc/kubernetes /var/lib/kubelet
    [ ! -e /run/stand-in/kubeadm-fails ] || { echo 'error execution phase preflight' >&2; exit 1; }
    echo half >/etc/kubernetes/kubelet.conf
    [ ! -e /run/stand-in/kubeadm-hangs ] || exec sleep 60
    echo 'kind: Config' >/etc/kubernetes/admin.conf
    ;;
"reset -f") rm -rf /etc/kubernetes /var/lib/kubelet ;;
esac
"""
KUBECTL = r"""#!/bin/sh
echo "$*" >>/run/stand-in/kubectl.log
case "$*" in
*" get -f "*) printf 'Namespace kube-flannel <none>\nDaemonSet flannel kube-flannel\n' ;;
*" get nodes"*) echo nodes ;;
esac
"""


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BareMachine]:
    """A prepared machine."""
    monkeypatch.setenv("no_proxy", "*")
    with node_bench(tmp_path / "box") as bench:
        bench.prepared()
        for name, text in {"kubeadm": KUBEADM, "kubectl": KUBECTL}.items():
            bench.box.run("sh", "-c", f"cat >/usr/local/bin/{name}", stdin=text)
        yield bench.box


def says(box: BareMachine, *words: str, stdin: str = "") -> str:
    ended = box.node(*words, stdin=stdin)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_master_is_made_once(box: BareMachine) -> None:
    assert "stage 1 1 kubeadm init" in says(box, "init", stdin="kind: ClusterConfiguration\n")
    assert box.status()["member"] == "demo"
    assert "kind: ClusterConfiguration\n" in box.sh("cat /run/stand-in/kubeadm.yaml")
    assert box.sh("ls /var/lib/craton/kubeadm.yaml 2>/dev/null || :") == "", "it may hold secrets"
    assert says(box, "init", stdin="kind: ClusterConfiguration\n") == "already done\n"


def test_in_a_container_the_kubelet_is_told_to_live_with_swap(box: BareMachine) -> None:
    box.sh("echo podman >/run/systemd/container")
    says(box, "init", stdin="kind: ClusterConfiguration\n")
    configuration = box.sh("cat /run/stand-in/kubeadm.yaml")
    assert "failSwapOn: false\n---\n" in configuration
    assert "maxPerCore: 0\n---\nkind: ClusterConfiguration\n" in configuration


def test_an_invitation_says_what_a_machine_needs_to_join(box: BareMachine) -> None:
    says(box, "init")
    assert says(box, "invite") == "token=abc.def\nca_hash=sha256:0123\ncertificate_key=c0ffee\n"
    says(box, "invite")
    assert box.sh("grep -c 'upload-certs' /run/stand-in/kubeadm.log") == "1\n"


@pytest.mark.parametrize("words", [("invite",), ("kubeconfig",), ("kubectl", "get", "nodes"), ("addon", "overlay")])
def test_only_masters_have_the_administrators_credentials(box: BareMachine, words: tuple[str, ...]) -> None:
    ended = box.node(*words)
    assert (ended.returncode, "admin.conf is not on this machine" in ended.stderr) == (1, True)


def test_a_join_that_fails_is_told_and_made_anew(box: BareMachine) -> None:
    box.sh(": >/run/stand-in/kubeadm-fails")
    failed = box.node("join", stdin="kind: JoinConfiguration\n")
    assert failed.stderr.splitlines()[-1] == "craton-node: kubeadm join failed: its messages stand above"
    assert box.status()["member"] == ""
    box.sh("rm /run/stand-in/kubeadm-fails")
    says(box, "join", stdin="kind: JoinConfiguration\n")
    assert box.status()["member"] == "demo"
    assert "reset -f" in box.sh("cat /run/stand-in/kubeadm.log")


def test_a_join_that_was_killed_is_no_member_and_made_anew(box: BareMachine) -> None:
    box.sh(": >/run/stand-in/kubeadm-hangs")
    killed = box.run(
        "timeout", "--signal=KILL", "10", "sh", "-c",
        "craton-node join </dev/null & while [ ! -s /etc/kubernetes/kubelet.conf ]; do :; done; kill -9 $!; kill -9 0",
    )  # fmt: skip
    assert killed.returncode != 0
    assert box.status()["member"] == ""
    box.sh("rm /run/stand-in/kubeadm-hangs")
    says(box, "join", stdin="kind: JoinConfiguration\n")
    assert box.status()["member"] == "demo"


def test_another_clusters_node_is_let_be(box: BareMachine) -> None:
    box.sh("mkdir -p /etc/kubernetes; : >/etc/kubernetes/kubelet.conf")
    assert box.status()["member"] == "another"
    for verb in ("init", "join", "reset"):
        assert box.node(verb).returncode == 77
    assert box.sh("ls /etc/kubernetes/kubelet.conf")


def test_an_addon_is_applied_and_waited_for(box: BareMachine) -> None:
    says(box, "init")
    says(box, "addon", "overlay", stdin="kind: DaemonSet\n")
    assert box.status()["addons"] == "overlay"
    log = box.sh("cat /run/stand-in/kubectl.log")
    assert "-n kube-flannel rollout status DaemonSet/flannel" in log
    assert "rollout status Namespace" not in log
    assert box.node("addon", "ingress").returncode == 2, "no manifests on stdin"


def test_kubectl_and_kubeconfig_are_the_administrators(box: BareMachine) -> None:
    says(box, "init")
    assert says(box, "kubectl", "get", "nodes") == "nodes\n"
    assert says(box, "kubeconfig") == "kind: Config\n"


def test_a_machine_leaves_its_cluster(box: BareMachine) -> None:
    says(box, "init")
    box.sh("mkdir -p /run/flannel /var/lib/cni/flannel /var/lib/cni/networks/cbr0")
    says(box, "reset")
    assert box.status()["member"] == ""
    assert box.sh("ls -d /run/flannel /var/lib/cni/flannel /var/lib/cni/networks/cbr0 2>/dev/null || :") == ""
    assert says(box, "reset") == "already done\n"


RULES = """\
*nat
:KUBE-SERVICES - [0:0]
:CNI-DN-1 - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A POSTROUTING -s 10.88.0.2/32 -m comment --comment "name: \\"podman\\" id: 1" -j CNI-DN-1
-A POSTROUTING -s 10.244.0.2/32 -m comment --comment "name: \\"cbr0\\" id: 2" -j CNI-DN-2
COMMIT"""


@pytest.mark.parametrize(
    ("others", "stay"), [("87-podman.conflist", [":CNI-DN-1", 'name: \\"podman\\"']), ("", [])], ids=["podman", "alone"]
)
def test_what_others_have_of_container_networks_stays(box: BareMachine, others: str, stay: list[str]) -> None:
    says(box, "init")
    box.sh(f"mkdir -p /etc/cni/net.d; cd /etc/cni/net.d; touch 10-flannel.conflist {others}")
    box.sh(f"cat >/tmp/rules <<'end'\n{RULES}\nend")
    box.sh("printf '#!/bin/sh\ncat /tmp/rules\n' >/usr/local/sbin/iptables-save")
    box.sh("printf '#!/bin/sh\ncat >/tmp/restored\n' >/usr/local/sbin/iptables-restore")
    says(box, "reset")
    assert box.sh("ls /etc/cni/net.d 2>/dev/null || :").split() == others.split()
    restored = box.sh("cat /tmp/restored")
    assert "KUBE-" not in restored
    assert "cbr0" not in restored
    assert [words for words in (":CNI-DN-1", 'name: \\"podman\\"') if words in restored] == stay


def test_undo_takes_a_member_out_of_its_cluster_first(box: BareMachine) -> None:
    says(box, "init")
    # The stand-ins took the place of what was installed: they are not taken for ours.
    assert "left file /usr/local/bin/kubeadm it was changed since" in says(box, "undo")
    assert box.sh("ls -d /etc/kubernetes /var/lib/kubelet 2>/dev/null || :") == ""
    assert "reset -f" in box.sh("cat /run/stand-in/kubeadm.log")
