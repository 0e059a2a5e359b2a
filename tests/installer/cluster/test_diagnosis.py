"""Failures of kubeadm, recorded on real machines: which machine is named, what is said of it, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from installer.cluster.diagnosis import explain_init, explain_join, explain_upgrade, preflight
from installer.cluster.diagnosis.transcript import Finding
from installer.common.errors import InstallerError
from installer.common.sanitise import clean
from installer.common.scrub import holds_secret
from installer.node.program import Explain
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.strategies import examples

TRANSCRIPTS = Path(__file__).parent / "transcripts"
PLAN = InstallPlan(name="demo", subdomain="example.test")
MACHINE, MASTER = "demo-machine-2", "demo-master-1"
NOW = 1_795_400_000


def recorded(name: str) -> Result:
    """A transcript as a connection gives it: a header line, then stdout and stderr."""
    text = clean((TRANSCRIPTS / f"{name}.txt").read_text(encoding="utf-8"))
    stdout, stderr = text.split("#stdout\n", 1)[1].split("#stderr\n", 1)
    return Result(1, stdout, stderr)


def explain(verb: str, skew: float = 0.0, clock: float = NOW) -> Explain:
    """`skew`: seconds by which the machine's clock, which says `clock`, is ahead of this computer's."""

    def now() -> float:
        return clock - skew

    if verb == "join":
        return explain_join(PLAN, MACHINE, MASTER, now)
    return (explain_upgrade if verb == "upgrade" else explain_init)(PLAN, MACHINE, now)


def explained(verb: str, result: Result, skew: float = 0.0) -> InstallerError:
    found = re.search(r"^evidence clock (\d+)$", result.stdout, re.MULTILINE)
    error = explain(verb, skew, float(found[1]) if found else NOW)(result)
    assert error is not None
    assert error.machine
    assert error.observed
    assert error.hint
    assert error.operation == f"kubeadm {verb}"
    return error


@dataclass(frozen=True)
class Case:
    name: str
    """Of the transcript; it begins with the verb."""
    machine: str
    observed: tuple[str, ...]
    hint: tuple[str, ...]
    skew: float = 0.0

    @property
    def verb(self) -> str:
        verb = self.name.partition("-")[0]
        return "init" if verb == "pull" else verb


IMAGE = "registry.k8s.io/kube-apiserver:v1.36.2"
CASES = (
    Case(
        "init-ports-in-use",
        MACHINE,
        ("Port 6443 is in use", "Port 10250", "Port 2379"),
        ("6443 (the API server)", "ss -ltnp"),
    ),
    Case(
        "init-files-left",
        MACHINE,
        ("manifests/etcd.yaml already exists", "/var/lib/etcd is not empty"),
        ("kubeadm reset",),
    ),
    Case("init-containerd-stopped", MACHINE, ("containerd.sock",), ("journalctl -u containerd",)),
    Case("init-no-ip-forward", MACHINE, ("/proc/sys/net/ipv4/ip_forward",), ("net.ipv4.ip_forward to 1",)),
    Case("init-no-kubelet", MACHINE, ("kubelet --version",), ("prepare the machine again",)),
    Case(
        "init-kubelet-too-new",
        MACHINE,
        ("losetup", '"1.36.2"', '"1.35.6"'),
        ("install mount", "have different releases"),
    ),
    Case("init-not-root", MACHINE, ("not running as root",), ("sudo",)),
    Case("init-cgroup-v1-verification", MACHINE, ("cgroups v1",), ("control groups v2",)),
    Case("init-version-too-old", MACHINE, ("1.35.0", "v1.34.0"), ("v1.36.2", "prepare the machine again")),
    Case("init-no-images", MACHINE, (IMAGE, "from registry.k8s.io", "no such host", "6 more images"), ("DNS",)),
    Case("init-kubelet-cgroup-v1", MACHINE, ("cgroup v1",), ("failCgroupV1",)),
    Case("init-kubelet-bad-value", MACHINE, ("quantities must match",), ("config.yaml",)),
    Case("init-kubelet-wrong-driver", MACHINE, ("slice:prefix:name",), ("SystemdCgroup",)),
    Case(
        "init-apiserver-flag",
        MACHINE,
        ("kube-apiserver ended", "unknown flag: --feature-gate"),
        ("kube-apiserver.yaml",),
    ),
    Case("init-etcd-broken-data", MACHINE, ("etcd ended", "storage/backend.go"), ("damaged", "craton etcd restore")),
    Case("pull-no-such-host", MACHINE, (IMAGE, "from registry.k8s.io", "no such host"), ("DNS",)),
    Case("pull-404", MACHINE, (IMAGE, "not at the mirror 127.0.0.1:5404", "registry.k8s.io"), ("into the mirror",)),
    Case(
        "pull-digest-gone",
        MACHINE,
        ("registry.k8s.io/pause:3.10", "from 127.0.0.1:44565", "not found"),
        ("as it was reviewed", "craton review PLAN --refresh"),
    ),
    Case("pull-403", MACHINE, ("127.0.0.1:5403", "403 Forbidden"), ("credentials",)),
    Case("pull-429", MACHINE, ("127.0.0.1:5429", "429 Too Many Requests"), ("wait", "--artifacts")),
    Case("pull-500", MACHINE, ("127.0.0.1:5500", "500 Internal"), ("later",)),
    Case("pull-refused", MACHINE, ("127.0.0.1:5001", "connection refused"), ("nothing listens at 127.0.0.1:5001",)),
    Case("pull-tls", MACHINE, ("127.0.0.1:5443", "unknown authority"), ("update-ca-certificates",)),
    Case("pull-not-tls", MACHINE, ("127.0.0.1:5404", "TLS handshake"), ("http://",)),
    Case("pull-hangs", MACHINE, (IMAGE, "127.0.0.1:5999", "not there after 12 s"), ("firewall", "--artifacts")),
    Case("join-wrong-hash", MACHINE, ("another cluster", MASTER), ("getent hosts demo-k8s.example.test",)),
    Case("join-unknown-token", MACHINE, ("bootstrap token",), ("new token",)),
    Case("join-expired-token", MACHINE, ("bootstrap token ended",), ("new token",)),
    Case("join-wrong-token-secret", MACHINE, ("bootstrap token",), ("new token",)),
    Case("join-expired-token", MACHINE, ("3 h behind this computer's",), ("new token",), skew=-10800),
    Case("join-files-left", MACHINE, ("kubelet.conf already exists", "ca.crt already exists"), ("kubeadm reset",)),
    Case("join-name-not-resolved", MACHINE, ("cannot resolve demo-k8s.example.test",), ("/etc/hosts",)),
    Case("join-no-route", MACHINE, ("no route",), ("ip route get",)),
    Case("join-api-timeout", MASTER, ("doesn't answer",), ("firewall", "6443")),
    Case("join-name-taken", MACHINE, ("d6m is Ready in the cluster already",), ("kubectl delete node d6m",)),
    Case(
        "join-clock-behind",
        MACHINE,
        ("2026-12-01T00:00:00Z", "9 days behind this computer's"),
        ("set-ntp",),
        skew=-777600,
    ),
    Case("join-clock-ahead", MACHINE, ("2025-12-01T00:00:00Z", "365 days ahead of"), ("set-ntp",), skew=31536000),
    Case("join-clock-behind", MASTER, ("is before its first moment",), ("check-expiration",)),
    Case("join-master-wrong-key", MASTER, ("another key",), ("resume",)),
    Case("join-master-no-secret", MASTER, ("Secret kubeadm-certs",), ("resume",)),
    Case("join-master-etcd-refused", MASTER, ("etcd", MACHINE), ("tcp 2379",)),
    Case("join-master-learner", MACHINE, ("etcd ended", "peer urls"), ("tcp 2380",)),
    Case("join-tls-bootstrap", MASTER, ("didn't get its certificate",), ("kube-controller-manager", "kubectl get csr")),
    Case("upgrade-create-job", MACHINE, ("Job", "did not complete"), ("craton check",)),
    Case("upgrade-too-high", MACHINE, ("v1.38.0 is more than one minor release away",), ("in between",)),
    Case("upgrade-too-low", MACHINE, ("isn't the requested release",), ("kubeadm version",)),
    Case(
        "upgrade-etcd-rolled-back",
        MACHINE,
        ("etcd on demo-machine-2 did not come up in its new release",),
        ("craton gather",),
    ),
    Case("join-quorum-lost", MASTER, ("doesn't answer",), ("quorum",)),
    Case("join-api-refused", MASTER, ("refuses connections",), ("crictl ps -a",)),
    Case("join-kubelet-cgroup-v1", MACHINE, ("cgroup v1",), ("failCgroupV1",)),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}{case.skew or ''}")
def test_a_recorded_failure_blames_the_right_machine_and_says_what_to_do(case: Case) -> None:
    error = explained(case.verb, recorded(case.name), case.skew)
    assert error.machine == case.machine
    for word in case.observed:
        assert word in error.observed
    for word in case.hint:
        assert word in error.hint


def test_every_transcript_has_a_case_and_says_where_it_is_from() -> None:
    names = {path.stem for path in TRANSCRIPTS.glob("*.txt")}
    assert names == {case.name for case in CASES}
    for name in names:
        header = (TRANSCRIPTS / f"{name}.txt").read_text(encoding="utf-8").partition("\n")[0]
        assert re.fullmatch(r"# kubeadm v1\.\d+\.\d+.*, 20\d\d-\d\d-\d\d, .+", header)


def test_no_transcript_holds_a_secret() -> None:
    for path in TRANSCRIPTS.glob("*.txt"):
        text = clean(path.read_text(encoding="utf-8"))
        assert not holds_secret(text), path.name


@dataclass(frozen=True)
class Quoted:
    """What could not be brought about on the machines at hand: words as they stand in the source that is named."""

    verb: str
    source: str
    words: str
    """Kubeadm's error, or an evidence line."""
    machine: str
    observed: str
    hint: str


QUOTED = (
    Quoted(
        "join",
        "kubeadm util/etcd/etcd.go",
        "error execution phase check-etcd: etcd cluster is not healthy: the status of member https://10.0.0.12:2379 "
        "is not available: context deadline exceeded",
        MASTER,
        "10.0.0.12:2379",
        "craton nodes remove",
    ),
    Quoted(
        "join",
        "kubeadm util/etcd/etcd.go",
        "error execution phase etcd-join: timeout waiting for etcd cluster to be available",
        MASTER,
        "etcd",
        "craton check",
    ),
    Quoted(
        "join",
        "etcd api/v3rpc/rpctypes/error.go",
        "error execution phase etcd-join: etcdserver: can only promote a learner member which is in sync with leader",
        MACHINE,
        "did not catch up",
        "2380",
    ),
    Quoted(
        "join",
        "kubeadm cmd/phases/join/preflight.go",
        "error execution phase preflight: unable to add a new control plane instance to a cluster that doesn't have "
        "a stable controlPlaneEndpoint address",
        MASTER,
        "controlPlaneEndpoint",
        "kubeadm-config",
    ),
    Quoted(
        "join",
        "crypto/x509/verify.go",
        "error execution phase preflight: couldn't validate the identity of the API Server: failed to request the "
        'cluster-info ConfigMap: Get "https://demo-k8s.example.test:6443/api/v1/namespaces/kube-public/configmaps/'
        'cluster-info?timeout=10s": tls: failed to verify certificate: x509: certificate is valid for demo-master-1, '
        "kubernetes, not demo-k8s.example.test",
        MASTER,
        "not demo-k8s.example.test",
        "apiserver.crt",
    ),
    Quoted(
        "init",
        "kubelet cmd/kubelet/app/server.go",
        'evidence kubelet E1123 03:01:52.861704     796 run.go:72] "command failed" err="failed to run Kubelet: '
        'running with swap on is not supported, please disable swap or set --fail-swap-on flag to false"',
        MACHINE,
        "swap on is not supported",
        "swapoff -a",
    ),
    Quoted(
        "init",
        "kubelet cmd/kubelet/app/server.go",
        'evidence kubelet E1123 03:01:52.861704     796 run.go:72] "command failed" err="failed to load kubelet '
        "config file, path: /var/lib/kubelet/config.yaml, error: open /var/lib/kubelet/config.yaml: permission "
        'denied"',
        MACHINE,
        "/var/lib/kubelet/config.yaml",
        "prepare the machine again",
    ),
    Quoted(
        "join",
        "kubelet cmd/kubelet/app/server.go",
        'evidence kubelet E1123 03:01:52.861704     796 run.go:72] "command failed" err="failed to run Kubelet: '
        "unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or "
        'directory"',
        MACHINE,
        "bootstrap-kubelet.conf",
        "joins it again",
    ),
    Quoted(
        "join",
        "etcd server/etcdserver/api/membership",
        'evidence container etcd 1 {"level":"fatal","caller":"etcdmain/etcd.go:204","msg":"discovery '
        'failed","error":"member 91bc3c398fb3c146 has already been bootstrapped"}',
        MACHINE,
        "already been bootstrapped",
        "another cluster",
    ),
    Quoted(
        "upgrade",
        "kubeadm phases/upgrade/policy.go",
        "error execution phase preflight: the version argument is invalid due to these fatal errors:\n\n\t- Specified "
        'version to upgrade to "v1.38.0" is too high; kubeadm can upgrade only 1 minor version at a time\n\nPlease fix '
        "the misalignments highlighted above and try upgrading again",
        MACHINE,
        "v1.38.0 is more than one minor release away",
        "in between",
    ),
    Quoted(
        "upgrade",
        "kubeadm phases/upgrade/policy.go",
        "error execution phase preflight: the version argument is invalid due to these fatal errors:\n\n\t- There are "
        "kubelets in this cluster that are too old that have these versions [v1.32.1]\n",
        MACHINE,
        "[v1.32.1]",
        "present release",
    ),
    Quoted(
        "upgrade",
        "kubeadm util/apiclient/wait.go, phases/upgrade/staticpods.go",
        "error execution phase control-plane: couldn't upgrade control plane. kubeadm has tried to recover "
        "everything into the earlier state. Errors faced: static Pod hash for component kube-apiserver on Node "
        "demo-master-1 did not change after 5m0s: context deadline exceeded",
        MACHINE,
        "kube-apiserver on demo-machine-2 did not restart with its new manifest within 5m0s",
        "journalctl",
    ),
    Quoted(
        "upgrade",
        "kubeadm phases/upgrade/staticpods.go",
        "error execution phase control-plane: fatal error upgrading local etcd cluster, rolled the state back to "
        "pre-upgrade state: timeout waiting for etcd cluster to be available",
        MACHINE,
        "etcd on demo-machine-2",
        "/etc/kubernetes/tmp",
    ),
    Quoted(
        "upgrade",
        "kubeadm phases/upgrade/health.go",
        '[preflight] Some fatal errors occurred:\n\t[ERROR CreateJob]: Job "upgrade-health-check-1" in the namespace '
        '"kube-system" did not complete in 1m0s: no condition of type Complete\n'
        "error execution phase preflight: preflight checks failed",
        MACHINE,
        "upgrade-health-check-1",
        "craton check",
    ),
)


@pytest.mark.parametrize("case", QUOTED, ids=lambda case: f"{case.verb}: {case.words[:60]}")
def test_a_failure_quoted_from_a_source_is_explained_as_well(case: Quoted) -> None:
    words = case.words if case.words.startswith(("evidence ", "[preflight]")) else f"error: {case.words}"
    if words.startswith("evidence "):
        words = f"[kubelet-start] Starting the kubelet\n{words}\nerror: error execution phase x: failed while waiting"
    error = explained(case.verb, Result(1, words, "craton-node: kubeadm failed: its messages are above"))
    assert error.machine == case.machine
    assert case.observed in error.observed
    assert case.hint in error.hint


@pytest.mark.parametrize(
    "id_",
    [
        "CRI", "ContainerRuntimeVersion", "ControlPlaneNodesReady", "CoreDNSMigration", "CoreDNSUnsupportedPlugins",
        "CreateJob", "DirAvailable--var-lib-etcd", "ExternalEtcdClientCertificates", "ExternalEtcdVersion",
        "FileAvailable--etc-kubernetes-kubelet.conf", "FileAvailable--etc-kubernetes-bootstrap-kubelet.conf",
        "FileAvailable--etc-kubernetes-manifests-etcd.yaml", "FileAvailable--etc-kubernetes-pki-ca.crt",
        "FileContent--proc-sys-net-ipv4-ip_forward", "FileContent--proc-sys-net-ipv6-conf-default-forwarding",
        "FileExisting-conntrack", "FileExisting-cp", "FileExisting-losetup", "FileExisting-mount", "Firewalld",
        "HTTPProxy", "HTTPProxyCIDR", "Hostname", "ImagePull", "IsPrivilegedUser", "KubeletVersion",
        "KubernetesVersion", "Mem", "NumCPU", "Port-10250", "Port-10257", "Port-10259", "Port-2379", "Port-2380",
        "Port-6443", "Service-kubelet", "StaticPodManifest", "Swap", "SystemVerification",
    ],
)  # fmt: skip
def test_every_finding_that_kubeadm_can_raise_has_a_remedy(id_: str) -> None:
    """The ids: `Name()` of the checks in kubeadm's app/preflight and app/phases/upgrade, 1.34 to 1.36."""
    error = explained("init", Result(1, "", f"\t[ERROR {id_}]: /proc/sys/x is wrong\nerror: preflight checks failed"))
    assert id_ in error.observed
    assert "fix what kubeadm names" not in error.hint
    assert "{" not in error.hint


def test_a_finding_of_a_newer_kubeadm_is_quoted() -> None:
    error = explained("init", Result(1, "", "    [ERROR NewCheck]: it is so\nerror: preflight checks failed"))
    assert "NewCheck: it is so" in error.observed
    assert "fix what kubeadm names" in error.hint


def test_warnings_are_no_findings() -> None:
    text = (
        "\t[WARNING Swap]: swap is on\n\t[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2\n"
    )
    error = explained("init", Result(1, "", text))
    assert "NumCPU" in error.observed
    assert "Swap" not in error.observed
    assert "swapoff" not in error.hint


def test_an_unknown_error_is_quoted_with_its_phase() -> None:
    error = explained("join", Result(1, "error: error execution phase addons: strange\nTo see the stack trace\n", ""))
    assert error.observed == "phase addons: strange"


@pytest.mark.parametrize("status", [75, 77, 126, 127])
def test_a_verb_that_kubeadm_had_no_part_in_is_not_explained(status: int) -> None:
    assert explain("join")(Result(status, "", "craton-node: another command of Craton still runs")) is None


def test_what_the_kubelet_said_before_kubeadm_started_it_explains_nothing() -> None:
    text = "evidence kubelet E1123 no space left on device\nerror: error execution phase preflight: strange\n"
    assert "no space left" not in explained("join", Result(1, text, "")).observed


def test_etcd_is_named_before_the_api_server_that_waits_for_it() -> None:
    text = (
        "[kubelet-start] Starting the kubelet\n"
        "evidence container kube-apiserver 1 Error: context deadline exceeded 127.0.0.1:2379\n"
        "evidence container etcd 1 strange\n"
        "error: error execution phase wait-control-plane: failed while waiting for the control plane to start: x\n"
    )
    assert "container etcd ended" in explained("init", Result(1, text, "")).observed


HEADS = (
    "evidence image ",
    "evidence kubelet ",
    "evidence container ",
    "evidence clock ",
    "error: ",
    "error: dial tcp ",
    "error: certificate has expired or is not yet valid: current time ",
    "\t[ERROR Port-",
    "\t[ERROR ImagePull]: failed to pull image ",
    "[kubelet-start] Starting the kubelet ",
)


@given(
    stdout=st.text(),
    lines=st.lists(st.tuples(st.sampled_from(HEADS), st.text())),
    stderr=st.text(),
    verb=st.sampled_from(["init", "join", "upgrade"]),
)
@examples(100)
def test_no_text_makes_an_explanation_fail(stdout: str, lines: list[tuple[str, str]], stderr: str, verb: str) -> None:
    text = "\n".join([stdout, *(head + rest for head, rest in lines)])
    error = explain(verb)(Result(1, text, stderr))
    assert error is None or (error.machine in (MACHINE, MASTER) and error.operation == f"kubeadm {verb}")


def test_the_remedies_of_several_findings_are_each_said_once() -> None:
    findings = [Finding("Port-6443", "in use"), Finding("Port-2379", "in use, too")]
    assert preflight.hint(findings).count("ss -ltnp") == 1
