"""Stand-in machines: strict doubles of Linux machines as seen over SSH."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from paramiko.common import MSG_CHANNEL_DATA, MSG_IGNORE
from paramiko.message import Message
from paramiko.packet import Packetizer

from installer.cluster.kubeadm import (
    Facts,
    Invitation,
    init_payload,
    join_payload,
    new_encryption_key,
    payload,
    read_payload,
)
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.health.catalogue import CHECKS
from installer.health.gather import gather
from installer.node.configuration import configuration, configuration_sum
from installer.plan.sections import SSH
from installer.plan.topology import Machine
from installer.ssh.connection import Result
from installer.ssh.connections import SSHConnections
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from tests.doubles.rehearsal import Rehearsal
from tests.patience import PATIENCE

pytestmark = pytest.mark.usefixtures("quick_sites")

UP_TO_CONNECT = ("check/", "network/", "machines/", "connect/")
UP_TO_PREPARE = (*UP_TO_CONNECT, "prepare/")


def _run(rehearsal: Rehearsal, machine: str, command: str, stdin: str = "") -> Result:
    result = rehearsal.connect(machine).run(command, stdin=stdin, deadline=PATIENCE)
    assert isinstance(result, Result)
    return result


def _node(rehearsal: Rehearsal, machine: str, verb: str, stdin: str = "") -> Result:
    return _run(rehearsal, machine, f"sudo -n craton-node {verb}", stdin)


def _machine(rehearsal: Rehearsal, name: str) -> Machine:
    return rehearsal.topology.machine(f"demo-{name}")


def _invitation(rehearsal: Rehearsal) -> Invitation:
    said = _node(rehearsal, "master-1", "invite").stdout
    fields = dict(line.split("=", 1) for line in said.splitlines())
    return Invitation(**fields)


def _join(rehearsal: Rehearsal, name: str, invitation: Invitation) -> Result:
    return _node(rehearsal, name, "join", join_payload(rehearsal.plan, _machine(rehearsal, name), Facts(), invitation))


def _init_payload(rehearsal: Rehearsal, name: str = "master-1") -> str:
    machine = _machine(rehearsal, name)
    return init_payload(rehearsal.plan, rehearsal.topology, machine, Facts(), new_encryption_key())


REFUSED = (
    ("kubectl get nodes", 127, "sh: 1: kubectl: not found\n"),
    ("bash -c 'echo hi'", 127, "sh: 1: bash: not found\n"),
    ("craton-node status", 126, "craton-node: must be run as root: sudo -n craton-node\n"),
    ("sudo -n craton-node", 127, "sh: 1: craton-node: not found\n"),
    ("sudo -n craton-node explode", 2, "craton-node: no such verb: explode\n"),
    ("sudo -n craton-node invite", 1, "error: open /etc/kubernetes/admin.conf: no such file or directory\n"),
    ("sudo -n craton-node init", 2, "craton-node: no payload: it does not begin with a line `#file NAME`\n"),
    ("sudo -n craton-node etcd members", 1, "error: open /etc/kubernetes/admin.conf: no such file or directory\n"),
    ("sudo -n craton-node upgrade node", 1, "craton-node: this machine is no node of a cluster\n"),
    ("sh -s", 2, "sh: a stand-in runs no script but that of the health checks\n"),
)
"""Commands, the status that each ends with, and what it says on stderr."""


def test_what_a_machine_does_not_know_it_refuses(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    for command, status, stderr in REFUSED:
        result = _run(rehearsal, "worker-1", command)
        assert (result.status, result.stdout, result.stderr) == (status, "", stderr), command


def test_root_prepares_machines_without_sudo(rehearsal: Rehearsal) -> None:
    rehearsal.plan = rehearsal.plan.model_copy(update={"ssh": SSH(user="root")})
    rehearsal.open()
    rehearsal.run(*UP_TO_PREPARE)
    assert _run(rehearsal, "worker-1", "craton-node status").status == 0


def test_only_the_clusters_keys_and_user_are_let_in(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    endpoint = rehearsal.platform.endpoint("demo-worker-1")
    other = ClusterDirectory.of("other")
    ensure_key(other)
    for directory, user in ((other, "craton"), (rehearsal.world.directory, "root")):
        pool = SSHConnections(lambda _machine, user=user: replace(endpoint, user=user), directory)  # type: ignore[misc]
        with pytest.raises(InstallerError, match=f"didn't accept the key SHA256:.* for user {user}"):
            pool.get("demo-worker-1", PATIENCE)


def test_preparing_reports_thirteen_stages_and_is_done_once(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    text = configuration(rehearsal.plan, rehearsal.topology, "demo-worker-1")
    first = _node(rehearsal, "worker-1", "prepare", text)
    assert [line for line in first.stdout.splitlines() if line.startswith("stage 13 13 ")]
    assert "already done" not in first.stdout
    again = _node(rehearsal, "worker-1", "prepare", text)
    assert again.stdout.count("already done") == 13
    said = _node(rehearsal, "worker-1", "status").stdout
    assert f"prepared=v1.36.2\nconfiguration={configuration_sum(text)}\nkubelet=active\nmember=\n" in said
    assert "program=built-in\nclaim=\n" in said


def test_no_packet_of_a_machine_is_empty(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = list[int]()
    read = Packetizer.read_message

    def counted(packets: Packetizer) -> tuple[int, Message]:
        kind, message = read(packets)
        kinds.append(kind)
        return kind, message

    monkeypatch.setattr(Packetizer, "read_message", counted)
    rehearsal.begin(*UP_TO_CONNECT)
    assert _run(rehearsal, "worker-1", "hostname").status == 0
    assert MSG_CHANNEL_DATA in kinds
    assert MSG_IGNORE not in kinds


def test_preparing_wants_a_configuration(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    result = _node(rehearsal, "worker-1", "prepare", "CLUSTER='demo'\n")
    assert (result.status, result.stderr) == (2, "craton-node: the configuration on stdin names no KUBERNETES\n")


def test_a_plan_that_changed_is_prepared_for_again(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE)
    assert rehearsal.run("prepare/") == []
    _node(rehearsal, "worker-1", "prepare", "KUBERNETES='v1.36.2'\nHOST='10.0.0.9 other'\n")
    assert rehearsal.run("prepare/") == ["prepare/demo-worker-1"]


def test_init_refuses_a_machine_that_is_not_prepared(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    result = _node(rehearsal, "master-1", "init", _init_payload(rehearsal))
    assert result.status == 1
    assert "prepared for nothing" in result.stderr


def test_init_refuses_the_configuration_of_another_machine(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE)
    result = _node(rehearsal, "master-1", "init", _init_payload(rehearsal, "infra-1"))
    assert result.status == 1
    assert "the node is to be demo-infra-1, this machine is demo-master-1" in result.stderr


def test_init_refuses_a_payload_from_which_a_file_is_missing(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE)
    for missing, message in (
        ("kubeadm.yaml", "the payload on stdin has no kubeadm.yaml"),
        ("audit-policy.yaml", "open /etc/kubernetes/craton/audit-policy.yaml: no such file"),
        ("encryption.yaml", "open /etc/kubernetes/craton/encryption.yaml: no such file"),
    ):
        files = read_payload(_init_payload(rehearsal))
        del files[missing]
        result = _node(rehearsal, "master-1", "init", payload(files))
        assert result.status != 0, missing
        assert message in result.stderr


def test_an_addon_has_manifests(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE, "control-plane/init")
    for stdin, message in (
        ("", "no manifests of the addon overlay"),
        ("a: [", "unable to read the configuration"),
        ("kind: DaemonSet\n", "apiVersion, kind and metadata must be set"),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: y}\n", 'namespaces "y" not found'),
    ):
        result = _node(rehearsal, "master-1", "addon overlay", stdin)
        assert result.status != 0, stdin
        assert message in result.stderr


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"token": "abcdef.0123456789abcdef"}, 'token id "abcdef" is invalid'),
    ({"ca_hash": "sha256:" + "0" * 64}, "none of the public keys is pinned"),
]


def test_join_refuses_a_wrong_invitation(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE, "control-plane/")
    for wrong, message in WRONG:
        result = _join(rehearsal, "worker-1", replace(_invitation(rehearsal), **wrong))
        assert result.status == 1, message
        assert message in result.stderr


def test_an_invitation_is_good_for_several_machines_as_kubeadms_tokens_are(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE, "control-plane/")
    invitation = _invitation(rehearsal)
    assert _join(rehearsal, "worker-1", invitation).status == 0
    assert _join(rehearsal, "infra-1", invitation).status == 0
    again = _join(rehearsal, "worker-1", invitation)
    assert (again.status, again.stdout) == (0, "already done\n")


def test_a_node_that_left_can_join_again_and_has_lost_its_labels(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    assert _node(rehearsal, "worker-1", "reset").status == 0
    assert "member=\n" in _node(rehearsal, "worker-1", "status").stdout
    assert set(rehearsal.run("join/")) == {
        "join/demo-worker-1", "join/certificate/demo-worker-1", "join/roles/demo-worker-1",
    }  # fmt: skip


def test_only_masters_have_the_administrators_credentials(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    assert _node(rehearsal, "worker-1", "kubectl get nodes -o json").status == 1
    nodes = json.loads(_node(rehearsal, "master-1", "kubectl get nodes -o json").stdout)["items"]
    assert [node["metadata"]["name"] for node in nodes] == ["demo-infra-1", "demo-master-1", "demo-worker-1"]
    assert {"apiVersion: v1", "kind: Config"} <= set(_node(rehearsal, "master-1", "kubeconfig").stdout.splitlines())


KUBECTL = (
    ("get nodes -o name", 0, "node/demo-infra-1"),
    ("get node demo-worker-9 -o json", 1, 'nodes "demo-worker-9" not found'),
    ("get node demo-worker-9 --ignore-not-found -o json", 0, ""),
    ("label node demo-worker-9 a=b", 1, 'nodes "demo-worker-9" not found'),
    ("label node demo-worker-1 a=b", 0, "node/demo-worker-1 labeled"),
    ("label node demo-worker-1 kubernetes.io/os=plan9", 1, "--overwrite is false"),
    ("label node demo-worker-1 kubernetes.io/os=plan9 --overwrite", 0, "labeled"),
    ("taint node demo-worker-1 a=b:NoSchedule", 0, "node/demo-worker-1 tainted"),
    ("taint node demo-worker-1 a=b:Never", 1, "invalid taint spec"),
    ("taint node demo-infra-1 node-role.kubernetes.io/infra=:NoSchedule", 1, "already has"),
    ("delete node demo-worker-9", 1, 'nodes "demo-worker-9" not found'),
    ("delete node demo-worker-9 --ignore-not-found", 0, ""),
    ("delete pod coredns", 1, 'unknown command "delete"'),
    ("cordon demo-worker-1", 0, "node/demo-worker-1 cordoned"),
    ("drain demo-worker-1", 1, "use --ignore-daemonsets"),
    ("drain demo-worker-1 --ignore-daemonsets --timeout 20s", 0, "node/demo-worker-1 drained"),
    ("cordon demo-worker-1 demo-infra-1", 0, "node/demo-infra-1 cordoned"),
    ("uncordon demo-worker-1 demo-worker-9", 1, 'nodes "demo-worker-9" not found'),
    ("label node demo-worker-1 demo-infra-1 c=d", 0, "node/demo-infra-1 labeled"),
    ("get --raw=/readyz", 0, "ok"),
)
"""Arguments of kubectl, one after the other, the status that each ends with, and what it says."""


def test_kubectl_is_as_strict_as_the_real_one(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    for arguments, status, said in KUBECTL:
        result = _node(rehearsal, "master-1", f"kubectl {arguments}")
        assert result.status == status, arguments
        assert said in result.stdout + result.stderr


def test_what_runs_on_a_node_that_is_drained_moves(rehearsal: Rehearsal) -> None:
    rehearsal.begin()

    def dns_on() -> set[str]:
        found = json.loads(_node(rehearsal, "master-1", "kubectl get pods -n kube-system -o json").stdout)["items"]
        return {pod["spec"].get("nodeName") for pod in found if pod["metadata"]["name"].startswith("coredns-")}

    assert "demo-worker-1" in dns_on()
    _node(rehearsal, "master-1", "kubectl drain demo-worker-1 --ignore-daemonsets")
    assert dns_on() == {"demo-master-1"}
    _node(rehearsal, "master-1", "kubectl uncordon demo-worker-1")
    assert "demo-worker-1" in dns_on()


def test_every_pod_of_a_cluster_runs(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    found = json.loads(_node(rehearsal, "master-1", "kubectl get pods -A -o json").stdout)["items"]
    assert {pod["status"]["phase"] for pod in found} == {"Running"}
    assert {pod["metadata"]["namespace"] for pod in found} == {
        "kube-system", "kube-flannel", "craton-ingress", "craton-monitoring", "craton-sign-in", "craton-console",
    }  # fmt: skip


def test_a_machine_says_what_it_is_in_its_cluster(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_PREPARE)
    before = dict(line.split("=", 1) for line in _node(rehearsal, "master-1", "condition").stdout.splitlines())
    assert (before["member"], before["kubelet"], before["manifests"], before["api"]) == (
        "", "ok", "", "connection refused",
    )  # fmt: skip
    rehearsal.run("control-plane/")
    after = dict(line.split("=", 1) for line in _node(rehearsal, "master-1", "condition").stdout.splitlines())
    assert after.pop("serving")
    assert after == {
        "member": "demo",
        "begun": "",
        "kubelet": "ok",
        "manifests": "etcd,kube-apiserver,kube-controller-manager,kube-scheduler",
        "running": "etcd,kube-apiserver,kube-controller-manager,kube-scheduler",
        "api": "ok",
        "version": "v1.36.2",
        "kubelet_version": "v1.36.2",
        "kubeadm_version": "v1.36.2",
    }
    worker = _node(rehearsal, "worker-1", "condition").stdout
    assert "member=\n" in worker
    assert "api=" not in worker


def test_an_init_that_was_cut_off_is_seen_and_reset(rehearsal: Rehearsal) -> None:
    rehearsal.open("master-1:control-plane:exit")
    rehearsal.run(*UP_TO_PREPARE)
    assert _node(rehearsal, "master-1", "init", _init_payload(rehearsal)).status == 1
    assert "member=\nbegun=init\n" in _node(rehearsal, "master-1", "condition").stdout
    rehearsal.open()
    assert _node(rehearsal, "master-1", "reset").status == 0
    assert "begun=\n" in _node(rehearsal, "master-1", "condition").stdout
    said = _node(rehearsal, "master-1", "init", _init_payload(rehearsal))
    assert said.status == 0
    assert "already done" not in said.stdout


def test_what_is_worth_reading_comes_in_sections(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    assert {"kubelet.log", "etcd.log", "nodes.txt"} < set(read_payload(_node(rehearsal, "master-1", "gather").stdout))
    assert "etcd.log" not in read_payload(_node(rehearsal, "worker-1", "gather").stdout)


def test_a_healthy_cluster_passes_every_check(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    assert _verdicts(rehearsal) == {"pass", "not applicable"}


def test_a_bare_machine_fails_its_checks(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    assert "fail" in _verdicts(rehearsal)


def test_a_firewall_rule_that_is_gone_is_seen_by_the_others(rehearsal: Rehearsal) -> None:
    rehearsal.begin()
    rehearsal.client.call("put", kind="firewall", name="demo-master", value=[])
    machine = _machine(rehearsal, "worker-1")
    evidence = gather(rehearsal.connect("worker-1"), machine, rehearsal.topology)
    assert f"tcp {_machine(rehearsal, 'master-1').address} 6443 filtered" in evidence.output("reach")


def _verdicts(rehearsal: Rehearsal) -> set[str]:
    from installer.health.check import Subject

    topology = rehearsal.topology
    evidence = {
        machine.name: gather(rehearsal.world.connect(machine.name), machine, topology) for machine in topology.machines
    }
    pinned = {name: pinned_keys.pinned(rehearsal.world.directory, name) or "" for name in evidence}
    return {
        str(check.examine(Subject(machine, rehearsal.plan, topology, evidence[machine.name], evidence, pinned)).verdict)
        for machine in topology.machines
        for check in CHECKS
    }


@pytest.mark.needs("ssh")
def test_the_prompt_says_that_it_is_a_rehearsal(rehearsal: Rehearsal) -> None:
    rehearsal.begin(*UP_TO_CONNECT)
    endpoint, directory = rehearsal.platform.endpoint("demo-worker-1"), rehearsal.world.directory
    command = [
        "ssh", "-F", "none", "-tt", "-i", str(directory.key), "-p", str(endpoint.port),
        "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlias=demo-worker-1",
        "-o", f"UserKnownHostsFile={directory.known_hosts}", f"{endpoint.user}@{endpoint.address}",
    ]  # fmt: skip
    ended = subprocess.run(
        command, input="hostname\nvim\nexit\n", capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert "This is a rehearsal" in ended.stdout
    assert any(line.endswith("demo-worker-1") for line in ended.stdout.splitlines())
    assert "sh: 1: vim: not found" in ended.stdout
    assert ended.returncode == 0
