"""Every item of the benchmark is judged by what a machine said, and by nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.cluster import kubeadm
from installer.cluster.reconfigure import documents
from installer.health.benchmark.item import Kind, Status
from installer.health.benchmark.probes import PROBES
from installer.health.benchmark.report import ITEMS, Benchmark, evaluate, render
from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.steps.evidence import Evidence, Probed
from tests.strategies import repeatable

PLAN = InstallPlan.model_validate(
    {"name": "demo", "subdomain": "example.test", "platform": "local", "masters": 1, "workers": 1,
     "pod_security": "baseline"}
)  # fmt: skip
MASTER, WORKER = "demo-master-1", "demo-worker-1"
PKI = "/etc/kubernetes/pki"


def kubeadm_documents(plan: InstallPlan) -> dict[str, Any]:
    """What Craton would install `plan` with, by kind, and the files that come with it."""
    return copy.deepcopy(_kubeadm_documents(plan))


@cache
def _kubeadm_documents(plan: InstallPlan) -> dict[str, Any]:
    shape = topology(plan)
    files = kubeadm.read_payload(kubeadm.init_payload(plan, shape, shape.first_master, kubeadm.Facts(), "a2V5"))
    return {each["kind"]: each for each in documents(files["kubeadm.yaml"])} | {"files": files}


def listed(modes: Mapping[str, str]) -> str:
    return "\n".join(f"{mode} {path}" for path, mode in modes.items())


def arguments(process: str, flags: Mapping[str, str]) -> str:
    return "\n".join([f"{process} {process}", *(f"{process} --{name}={value}" for name, value in flags.items())])


@dataclass
class Answers:
    """What both machines say. A healthy cluster of PLAN, as real ones were seen to answer, unless changed."""

    plan: InstallPlan = PLAN
    files: dict[str, str] = field(default_factory=dict)
    flags: dict[str, dict[str, str]] = field(default_factory=dict)
    kubelet: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    serving: str = "ok"
    listening: str = "LISTEN 0      4096   127.0.0.1:10249   0.0.0.0:*"
    admins: tuple[str, ...] = ("Group/kubeadm:cluster-admins", "Group/system:masters")
    groups: tuple[str, ...] = ("kubeadm:cluster-admins", "system:authenticated")
    container: bool = False

    def __post_init__(self) -> None:
        found = kubeadm_documents(self.plan)
        cluster = found["ClusterConfiguration"]
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"):
            self.files[f"/etc/kubernetes/manifests/{name}.yaml"] = "600 root:root"
        for name in ("admin", "super-admin", "scheduler", "controller-manager", "kubelet"):
            self.files[f"/etc/kubernetes/{name}.conf"] = "600 root:root"
        for name in ("ca", "apiserver", "etcd/ca", "etcd/server"):
            self.files |= {f"{PKI}/{name}.crt": "644 root:root", f"{PKI}/{name}.key": "600 root:root"}
        self.files |= {PKI: "755 root:root", f"{PKI}/etcd": "755 root:root", "/var/lib/etcd": "700 etcd:etcd"}
        self.files["/etc/cni/net.d/10-flannel.conflist"] = "600 root:root"
        self.files["/var/lib/kubelet/config.yaml"] = "600 root:root"
        self.files["/etc/systemd/system/kubelet.service"] = "600 root:root"
        self.files["/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"] = "600 root:root"
        self.flags = {
            "kube-apiserver": {
                "authorization-mode": "Node,RBAC", "client-ca-file": f"{PKI}/ca.crt",
                "etcd-cafile": f"{PKI}/etcd/ca.crt", "etcd-certfile": f"{PKI}/apiserver-etcd-client.crt",
                "etcd-keyfile": f"{PKI}/apiserver-etcd-client.key",
                "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
                "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
                "service-account-key-file": f"{PKI}/sa.pub", "tls-cert-file": f"{PKI}/apiserver.crt",
                "tls-private-key-file": f"{PKI}/apiserver.key", **added(cluster, "apiServer"),
            },
            "kube-controller-manager": {
                "bind-address": "127.0.0.1", "root-ca-file": f"{PKI}/ca.crt",
                "service-account-private-key-file": f"{PKI}/sa.key", "use-service-account-credentials": "true",
                **added(cluster, "controllerManager"),
            },
            "kube-scheduler": {"bind-address": "127.0.0.1", **added(cluster, "scheduler")},
            "etcd": {
                "cert-file": f"{PKI}/etcd/server.crt", "key-file": f"{PKI}/etcd/server.key",
                "client-cert-auth": "true", "peer-cert-file": f"{PKI}/etcd/peer.crt",
                "peer-key-file": f"{PKI}/etcd/peer.key", "peer-client-cert-auth": "true",
                "data-dir": "/var/lib/etcd", "trusted-ca-file": f"{PKI}/etcd/ca.crt",
            },
            "kubelet": {"config": "/var/lib/kubelet/config.yaml", "node-ip": "10.10.0.11"},
        }  # fmt: skip
        self.kubelet = found["KubeletConfiguration"]
        self.kubelet["authentication"]["x509"] = {"clientCAFile": f"{PKI}/ca.crt"}
        self.policies = {
            "admission-control-config-file": found["files"]["admission.yaml"],
            "audit-policy-file": found["files"]["audit-policy.yaml"],
            "authentication-config": found["files"]["authentication.yaml"],
            "encryption-provider-config": "- secretbox\n- identity\n",
        }

    def evidence(self, machine: str) -> Evidence:
        master = machine == MASTER
        processes = self.flags if master else {"kubelet": self.flags["kubelet"]}
        remark = "# in a container\n" if self.container else ""
        probes = {
            "files": Probed(0, listed(self.files)),
            "processes": Probed(0, "\n".join(arguments(name, flags) for name, flags in processes.items())),
            "kubelet": Probed(0, remark + json.dumps(self.kubelet)),
            "listening": Probed(0, self.listening),
            "policies": Probed(0, "\n".join(f"#file {flag}\n{text}" for flag, text in self.policies.items())),
            "rights": Probed(0, "\n".join([*(f"admin {name}" for name in self.admins),
                                           *(f"group {name}" for name in self.groups)])),
        }  # fmt: skip
        known = {f"benchmark-{name}": probed for name, probed in probes.items()} | {"serving": Probed(0, self.serving)}
        assert set(known) == {probe.id for probe in PROBES}
        return Evidence(machine, known, "ssh-ed25519 AAAA", 0.0, 1.0)

    def benchmark(self) -> Benchmark:
        shape = topology(self.plan)
        names = [machine.name for machine in shape.machines]
        evidence = {name: self.evidence(MASTER if name == MASTER else WORKER) for name in names}
        return evaluate(self.plan, shape, evidence, {})


def added(cluster: Mapping[str, Any], component: str) -> dict[str, str]:
    return {each["name"]: each["value"] for each in cluster[component].get("extraArgs", [])}


def status(benchmark: Benchmark, id: str) -> Status:
    [result] = [result for result in benchmark.results if result.item.id == id]
    return result.status


HEALTHY = Answers().benchmark()


def test_every_automated_item_passes_on_a_healthy_cluster_and_every_manual_one_has_a_reason_at_least() -> None:
    for result in HEALTHY.results:
        if result.item.kind is Kind.AUTOMATED:
            assert result.status is Status.PASS, result
        assert result.status in (Status.PASS, Status.LEFT_OUT), result
        assert all(seen.reason for seen in result.machines if seen.status is Status.LEFT_OUT)
        assert all(seen.seen for seen in result.machines if seen.status is Status.PASS)
    assert HEALTHY.holds


def test_every_item_of_the_benchmark_is_there_once() -> None:
    ids = [item.id for item in ITEMS]
    assert len(ids) == len(set(ids))
    counts = {"1.1": 21, "1.2": 30, "1.3": 7, "1.4": 2, "2": 7, "3.1": 3, "3.2": 2, "4.1": 10, "4.3": 1, "5.1": 13,
              "5.2": 12, "5.3": 2, "5.4": 2, "5.5": 1, "5.6": 4}  # fmt: skip
    for section, count in counts.items():
        assert sum(id.startswith(f"{section}.") for id in ids) == count, section
    assert sum(id.startswith("4.2.") and id.count(" ") == 0 for id in ids) == 14


FLAGS: list[tuple[str, str, str, str | None]] = [
    ("1.2.2", "kube-apiserver", "token-auth-file", "/tokens"),
    ("1.2.3", "kube-apiserver", "enable-admission-plugins", "NodeRestriction"),
    ("1.2.4", "kube-apiserver", "kubelet-client-certificate", None),
    ("1.2.4", "kube-apiserver", "kubelet-client-key", ""),
    ("1.2.5", "kube-apiserver", "kubelet-certificate-authority", None),
    ("1.2.6", "kube-apiserver", "authorization-mode", "Node,AlwaysAllow"),
    ("1.2.7", "kube-apiserver", "authorization-mode", "RBAC"),
    ("1.2.8", "kube-apiserver", "authorization-mode", "Node"),
    ("1.2.9", "kube-apiserver", "enable-admission-plugins", "NodeRestriction"),
    ("1.2.10", "kube-apiserver", "enable-admission-plugins", "NodeRestriction,AlwaysAdmit"),
    ("1.2.12", "kube-apiserver", "disable-admission-plugins", "ServiceAccount"),
    ("1.2.13", "kube-apiserver", "disable-admission-plugins", "DefaultStorageClass,NamespaceLifecycle"),
    ("1.2.14", "kube-apiserver", "enable-admission-plugins", "EventRateLimit"),
    ("1.2.14", "kube-apiserver", "enable-admission-plugins", "NodeRestrictions"),
    ("1.2.15", "kube-apiserver", "profiling", None),
    ("1.2.15", "kube-apiserver", "profiling", "true"),
    ("1.2.16", "kube-apiserver", "audit-log-path", None),
    ("1.2.17", "kube-apiserver", "audit-log-maxage", "29"),
    ("1.2.17", "kube-apiserver", "audit-log-maxage", None),
    ("1.2.18", "kube-apiserver", "audit-log-maxbackup", "-10"),
    ("1.2.19", "kube-apiserver", "audit-log-maxsize", "ten"),
    ("1.2.20", "kube-apiserver", "request-timeout", "10m0s"),
    ("1.2.20", "kube-apiserver", "request-timeout", "0s"),
    ("1.2.21", "kube-apiserver", "service-account-lookup", "false"),
    ("1.2.22", "kube-apiserver", "service-account-key-file", None),
    ("1.2.23", "kube-apiserver", "etcd-keyfile", None),
    ("1.2.24", "kube-apiserver", "tls-cert-file", None),
    ("1.2.25", "kube-apiserver", "client-ca-file", None),
    ("1.2.26", "kube-apiserver", "etcd-cafile", None),
    ("1.2.27", "kube-apiserver", "encryption-provider-config", None),
    ("1.2.29", "kube-apiserver", "tls-cipher-suites", None),
    ("1.2.29", "kube-apiserver", "tls-cipher-suites", "TLS_RSA_WITH_AES_128_CBC_SHA"),
    ("1.2.30", "kube-apiserver", "service-account-extend-token-expiration", None),
    ("1.3.1", "kube-controller-manager", "terminated-pod-gc-threshold", None),
    ("1.3.2", "kube-controller-manager", "profiling", None),
    ("1.3.3", "kube-controller-manager", "use-service-account-credentials", None),
    ("1.3.4", "kube-controller-manager", "service-account-private-key-file", None),
    ("1.3.5", "kube-controller-manager", "root-ca-file", None),
    ("1.3.6", "kube-controller-manager", "feature-gates", "A=true,RotateKubeletServerCertificate=false"),
    ("1.3.7", "kube-controller-manager", "bind-address", "0.0.0.0"),
    ("1.3.7", "kube-controller-manager", "bind-address", None),
    ("1.4.1", "kube-scheduler", "profiling", None),
    ("1.4.2", "kube-scheduler", "bind-address", "::"),
    ("2.1", "etcd", "cert-file", None),
    ("2.2", "etcd", "client-cert-auth", "false"),
    ("2.3", "etcd", "auto-tls", "true"),
    ("2.4", "etcd", "peer-key-file", None),
    ("2.5", "etcd", "peer-client-cert-auth", None),
    ("2.6", "etcd", "peer-auto-tls", "true"),
    ("2.7", "etcd", "trusted-ca-file", f"{PKI}/ca.crt"),
    ("2.7", "etcd", "trusted-ca-file", None),
    ("3.2.1", "kube-apiserver", "audit-policy-file", None),
    ("4.2.1", "kubelet", "anonymous-auth", "true"),
    ("4.2.2", "kubelet", "authorization-mode", "AlwaysAllow"),
    ("4.2.4", "kubelet", "read-only-port", "10255"),
    ("4.2.7", "kubelet", "hostname-override", "web"),
]


@pytest.mark.parametrize(("id", "process", "flag", "value"), FLAGS)
def test_a_process_that_runs_with_another_flag_fails(id: str, process: str, flag: str, value: str | None) -> None:
    answers = Answers()
    if value is None:
        answers.flags[process].pop(flag, None)
    else:
        answers.flags[process][flag] = value
    found = answers.benchmark()
    assert status(found, id) is Status.FAIL
    assert not found.holds


FILES = [
    *((f"1.1.{number}", f"/etc/kubernetes/manifests/{name}.yaml", number % 2) for number, name in (
        (1, "kube-apiserver"), (2, "kube-apiserver"), (3, "kube-controller-manager"), (4, "kube-controller-manager"),
        (5, "kube-scheduler"), (6, "kube-scheduler"), (7, "etcd"), (8, "etcd"),
    )),
    ("1.1.9", "/etc/cni/net.d/10-flannel.conflist", 1),
    ("1.1.10", "/etc/cni/net.d/10-flannel.conflist", 0),
    ("1.1.13", "/etc/kubernetes/super-admin.conf", 1),
    ("1.1.14", "/etc/kubernetes/admin.conf", 0),
    ("1.1.15", "/etc/kubernetes/scheduler.conf", 1),
    ("1.1.18", "/etc/kubernetes/controller-manager.conf", 0),
    ("1.1.19", f"{PKI}/etcd/server.key", 0),
    ("1.1.21", f"{PKI}/etcd/server.key", 1),
    ("4.1.1", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 1),
    ("4.1.2", "/etc/systemd/system/kubelet.service", 0),
    ("4.1.5", "/etc/kubernetes/kubelet.conf", 1),
    ("4.1.6", "/etc/kubernetes/kubelet.conf", 0),
    ("4.1.8", f"{PKI}/ca.crt", 0),
    ("4.1.9", "/var/lib/kubelet/config.yaml", 1),
    ("4.1.10", "/var/lib/kubelet/config.yaml", 0),
]  # fmt: skip


@pytest.mark.parametrize(("id", "path", "by_mode"), FILES)
def test_a_file_that_others_may_read_or_own_fails_by_its_name(id: str, path: str, by_mode: int) -> None:
    answers = Answers()
    answers.files[path] = "640 root:root" if by_mode else "600 root:kube"
    found = answers.benchmark()
    assert status(found, id) is Status.FAIL
    assert path in render(found)


@pytest.mark.parametrize(
    ("id", "path", "seen", "expected"),
    [
        ("1.1.11", "/var/lib/etcd", "755 etcd:etcd", Status.FAIL),
        ("1.1.12", "/var/lib/etcd", "700 root:root", Status.FAIL),
        ("1.1.20", f"{PKI}/etcd/ca.crt", "664 root:root", Status.FAIL),
        ("1.1.20", f"{PKI}/etcd/ca.crt", "600 root:root", Status.PASS),
        ("4.1.1", "/etc/systemd/system/kubelet.service", "400 root:root", Status.PASS),
        ("4.1.7", f"{PKI}/ca.crt", "666 root:root", Status.FAIL),
        ("4.1.3", "/var/lib/kube-proxy/kubeconfig.conf", "644 root:root", Status.FAIL),
        ("4.1.4", "/var/lib/kube-proxy/kubeconfig.conf", "600 proxy:proxy", Status.FAIL),
    ],
)
def test_what_a_file_may_give_depends_on_what_it_is(id: str, path: str, seen: str, expected: Status) -> None:
    answers = Answers()
    answers.files[path] = seen
    assert status(answers.benchmark(), id) is expected


def test_etcds_data_is_looked_for_where_etcd_has_it() -> None:
    answers = Answers()
    answers.flags["etcd"]["data-dir"] = "/data/etcd"
    assert status(answers.benchmark(), "1.1.11") is Status.FAIL
    answers.files["/data/etcd"] = "700 etcd:etcd"
    assert status(answers.benchmark(), "1.1.12") is Status.PASS


KUBELET: list[tuple[str, str, Any, Status]] = [
    ("4.2.1", "authentication", {"anonymous": {"enabled": True}}, Status.FAIL),
    ("4.2.1", "authentication", None, Status.FAIL),
    ("4.2.2", "authorization", {"mode": "AlwaysAllow"}, Status.FAIL),
    ("4.2.3", "authentication", {"anonymous": {"enabled": False}}, Status.FAIL),
    ("4.2.4", "readOnlyPort", 10255, Status.FAIL),
    ("4.2.4", "readOnlyPort", None, Status.PASS),
    ("4.2.5", "streamingConnectionIdleTimeout", 0, Status.FAIL),
    ("4.2.5", "streamingConnectionIdleTimeout", "5m0s", Status.PASS),
    ("4.2.6", "makeIPTablesUtilChains", False, Status.FAIL),
    ("4.2.6", "makeIPTablesUtilChains", None, Status.PASS),
    ("4.2.8", "eventRecordQPS", -1, Status.FAIL),
    ("4.2.10", "rotateCertificates", False, Status.FAIL),
    ("4.2.11", "featureGates", {"RotateKubeletServerCertificate": False}, Status.FAIL),
    ("4.2.12", "tlsCipherSuites", None, Status.FAIL),
    ("4.2.12", "tlsCipherSuites", [], Status.FAIL),
    ("4.2.12", "tlsCipherSuites", ["TLS_RSA_WITH_3DES_EDE_CBC_SHA"], Status.FAIL),
    ("4.2.13", "podPidsLimit", None, Status.FAIL),
    ("4.2.13", "podPidsLimit", -1, Status.FAIL),
    ("4.2.14", "seccompDefault", None, Status.FAIL),
    ("5.6.2", "seccompDefault", False, Status.FAIL),
    ("4.2.6 of v1.9", "protectKernelDefaults", False, Status.FAIL),
]


@pytest.mark.parametrize(("id", "key", "value", "expected"), KUBELET)
def test_a_kubelet_that_is_configured_otherwise(id: str, key: str, value: Any, expected: Status) -> None:
    answers = Answers()
    if value is None:
        answers.kubelet.pop(key, None)
    else:
        answers.kubelet[key] = value
    assert status(answers.benchmark(), id) is expected


def test_a_flag_of_the_kubelet_comes_before_its_configuration() -> None:
    answers = Answers()
    answers.kubelet["podPidsLimit"] = -1
    answers.flags["kubelet"]["pod-max-pids"] = "100"
    assert status(answers.benchmark(), "4.2.13") is Status.PASS


@pytest.mark.parametrize(
    ("answers", "id", "expected"),
    [
        (Answers(serving="curl: (60) self-signed certificate"), "4.2.9", Status.FAIL),
        (Answers(serving="own"), "4.2.9", Status.FAIL),
        (Answers(listening="LISTEN 0 4096 *:10249 *:*"), "4.3.1", Status.FAIL),
        (Answers(listening="LISTEN 0 4096 0.0.0.0:10249 0.0.0.0:*"), "4.3.1", Status.FAIL),
        (Answers(listening="LISTEN 0 4096 [::1]:10249 [::]:*"), "4.3.1", Status.PASS),
        (Answers(listening=""), "4.3.1", Status.PASS),
        (Answers(admins=("Group/system:masters", "User/eve")), "5.1.1", Status.LEFT_OUT),
        (Answers(groups=("system:masters", "system:authenticated")), "5.1.7", Status.FAIL),
        (Answers(groups=()), "5.1.7", Status.FAIL),
    ],
)
def test_what_else_a_machine_shows(answers: Answers, id: str, expected: Status) -> None:
    assert status(answers.benchmark(), id) is expected


@pytest.mark.parametrize(
    ("flag", "old", "new", "id", "expected"),
    [
        ("authentication-config", "/healthz", "/api", "1.2.1", Status.FAIL),
        ("authentication-config", "conditions", "others", "1.2.1", Status.FAIL),
        ("encryption-provider-config", "- secretbox\n", "", "1.2.28", Status.FAIL),
        ("encryption-provider-config", "secretbox", "aesgcm", "1.2.28", Status.FAIL),
        ("encryption-provider-config", "secretbox", "kms", "1.2.28", Status.PASS),
        ("audit-policy-file", "Metadata", "None", "3.2.2", Status.FAIL),
        ("audit-policy-file", "rules:", "others:", "3.2.2", Status.FAIL),
        ("admission-control-config-file", "enforce: \"baseline\"", "enforce: privileged", "5.2.2", Status.FAIL),
        ("admission-control-config-file", "PodSecurity", "Others", "5.2.12", Status.FAIL),
    ],
)  # fmt: skip
def test_a_file_that_says_something_else(flag: str, old: str, new: str, id: str, expected: Status) -> None:
    answers = Answers()
    assert old in answers.policies[flag]
    answers.policies[flag] = answers.policies[flag].replace(old, new)
    assert status(answers.benchmark(), id) is expected


@pytest.mark.parametrize(
    ("level", "of_baseline", "of_restricted"),
    [
        ("privileged", Status.LEFT_OUT, Status.LEFT_OUT),
        ("baseline", Status.PASS, Status.LEFT_OUT),
        ("restricted", Status.PASS, Status.PASS),
    ],
)
def test_which_pods_may_run_is_the_plans_decision(level: str, of_baseline: Status, of_restricted: Status) -> None:
    found = Answers(plan=PLAN.model_copy(update={"pod_security": level})).benchmark()
    assert (status(found, "5.2.2"), status(found, "5.2.8")) == (of_baseline, of_restricted)
    assert found.holds


def test_what_the_plan_or_the_machine_asks_for_is_a_reason() -> None:
    with_port = Answers(plan=PLAN.model_copy(update={"may": ("M7",)}))
    assert with_port.kubelet["readOnlyPort"] == 10255
    assert status(with_port.benchmark(), "4.2.4") is Status.LEFT_OUT
    inside = Answers(container=True)
    inside.kubelet["protectKernelDefaults"] = False
    assert status(inside.benchmark(), "4.2.6 of v1.9") is Status.LEFT_OUT


def test_a_machine_that_does_not_answer_is_unknown_and_nothing_is_proved() -> None:
    answers, shape = Answers(), topology(PLAN)
    found = evaluate(PLAN, shape, {MASTER: answers.evidence(MASTER)}, {})
    assert status(found, "4.2.1") is Status.UNKNOWN
    assert status(found, "1.2.5") is Status.PASS
    assert not found.holds


def test_one_machine_of_many_that_fails_fails_the_item_and_is_named() -> None:
    answers, shape = Answers(), topology(PLAN)
    names = [machine.name for machine in shape.machines]
    evidence = {name: answers.evidence(MASTER if name == MASTER else WORKER) for name in names}
    answers.kubelet["seccompDefault"] = False
    evidence[WORKER] = answers.evidence(WORKER)
    found = evaluate(PLAN, shape, evidence, {})
    [result] = [each for each in found.results if each.item.id == "4.2.14"]
    assert {seen.machine: seen.status for seen in result.machines} == {
        MASTER: Status.PASS, "demo-infra-1": Status.PASS, WORKER: Status.FAIL,
    }  # fmt: skip
    assert f"{WORKER}: seccompDefault=false" in render(found, width=200)


@repeatable
@given(st.dictionaries(st.sampled_from([probe.id for probe in PROBES]), st.tuples(st.integers(0, 255), st.text())))
def test_no_answer_of_a_machine_makes_the_judge_stumble(changed: dict[str, tuple[int, str]]) -> None:
    answers = Answers()
    probes = {**answers.evidence(MASTER).probes, **{id: Probed(*given) for id, given in changed.items()}}
    evidence = Evidence(MASTER, probes, "ssh-ed25519 AAAA", 0.0, 1.0)
    found = evaluate(PLAN, topology(PLAN), {MASTER: evidence}, {})
    json.dumps(found.as_dict())
    render(found)


@pytest.mark.parametrize(
    "hostile",
    ["a: *a", "[" * 5000, "&a [*a]", "? {}\n: 1", "1: {2: 3}", "- 1", "~", "!!python/x 1"],
    ids=["alias", "nested", "circle", "key of parts", "numbers", "list", "nothing", "tag"],
)
def test_no_document_of_a_machine_makes_the_judge_stumble(hostile: str) -> None:
    answers = Answers()
    for probe in ("benchmark-kubelet", "benchmark-policies"):
        text = "".join(f"#file {flag}\n{hostile}\n" for flag in answers.policies) if "policies" in probe else hostile
        probes = {**answers.evidence(MASTER).probes, probe: Probed(0, text)}
        found = evaluate(PLAN, topology(PLAN), {MASTER: Evidence(MASTER, probes, "x y", 0.0, 1.0)}, {})
        json.dumps(found.as_dict())
        assert not found.holds


def test_the_document_says_item_by_item_what_was_seen_where() -> None:
    document = HEALTHY.as_dict()
    assert document["benchmark"].startswith("CIS Kubernetes Benchmark")
    [item] = [each for each in document["items"] if each["id"] == "1.2.11"]
    assert (item["kind"], item["status"]) == ("manual", "left out")
    assert "registry" in item["reason"]
    assert item["machines"][0]["machine"] == MASTER
    counts = document["counts"]["automated"]
    assert counts["pass"] == sum(each["kind"] == "automated" for each in document["items"])
    assert (counts["fail"], counts["unknown"], counts["left out"]) == (0, 0, 0)


def test_items_of_masters_are_asked_of_masters_alone() -> None:
    for result in HEALTHY.results:
        masters = result.item.roles == (Role.MASTER,)
        assert len(result.machines) == (1 if masters else 3)
