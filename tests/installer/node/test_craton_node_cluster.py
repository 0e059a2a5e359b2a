"""The verbs of a machine in a cluster, with stand-ins for kubeadm and all that it brings."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator

import pytest

from installer.cluster.diagnosis import explain_upgrade
from installer.node import machine_certificates
from installer.ssh.connection import Result
from tests.doubles.bare_machine import BareMachine
from tests.doubles.certificates import make
from tests.doubles.node_bench import PLAN, Bench, Benches
from tests.patience import PATIENCE

INIT = """\
#file kubeadm.yaml
kind: InitConfiguration
patches:
  directory: /var/lib/craton/patches
---
kind: ClusterConfiguration
  - {name: audit-policy-file, value: /etc/kubernetes/craton/audit-policy.yaml}
  - {name: encryption-provider-config, value: /etc/kubernetes/craton/encryption.yaml}
#file encryption.yaml
kind: EncryptionConfiguration
          keys:
            - {name: craton, secret: b64+/key=}
#file authentication.yaml
kind: AuthenticationConfiguration
#file audit-policy.yaml
kind: Policy
"""
JOIN = "#file kubeadm.yaml\nkind: JoinConfiguration\ntoken: abc\n"
JOIN_MASTER = JOIN + "controlPlane:\n" + INIT[INIT.index("#file encryption") :]
PAYLOADS = {"init": INIT, "join": JOIN}
IMAGE_OF_NEXT = "registry.k8s.io/pause:3.99"


def with_stand_ins(bench: Bench) -> None:
    bench.box.add_cluster()


def as_master(bench: Bench) -> None:
    says(bench.box, "init", stdin=INIT)


@pytest.fixture
def bench(benches: Benches) -> Iterator[Bench]:
    """A machine that is yet to be prepared, and the stand-ins."""
    with benches.begun(with_stand_ins) as bench:
        yield bench


@pytest.fixture
def ready(benches: Benches) -> Iterator[Bench]:
    with benches.begun(with_stand_ins, Bench.prepared) as bench:
        yield bench


@pytest.fixture
def member(benches: Benches) -> Iterator[Bench]:
    """A prepared machine that is a master."""
    with benches.begun(with_stand_ins, Bench.prepared, as_master) as bench:
        yield bench


@pytest.fixture
def box(ready: Bench) -> BareMachine:
    """A prepared machine."""
    return ready.box


@pytest.fixture
def master(member: Bench) -> BareMachine:
    return member.box


def says(box: BareMachine, *words: str, stdin: str = "") -> str:
    ended = box.node(*words, stdin=stdin)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def condition(box: BareMachine) -> dict[str, str]:
    return dict(line.split("=", 1) for line in says(box, "condition").splitlines())


def log(box: BareMachine, program: str = "kubeadm") -> str:
    return box.sh(f"cat /run/stand-in/{program}.log 2>/dev/null || :")


def test_a_master_is_made_once(box: BareMachine) -> None:
    stages = [line for line in says(box, "init", stdin=INIT).splitlines() if line.startswith("stage ")]
    assert stages[:2] == [
        "stage 1 5 image 1 of 4 registry.k8s.io/etcd:v1.36.2",
        "stage 2 5 image 2 of 4 registry.k8s.io/kube-apiserver:v1.36.2",
    ]
    assert stages[-1] == "stage 5 5 kubeadm init"
    assert box.status()["member"] == "demo"
    assert "kind: ClusterConfiguration\n" in box.sh("cat /run/stand-in/kubeadm.yaml")
    assert says(box, "init", stdin=INIT) == "already done\n"
    assert log(box).count("init --skip-token-print") == 1


def test_what_is_secret_stays_where_it_belongs(master: BareMachine) -> None:
    assert master.sh("stat -c '%a %n' /etc/kubernetes/craton /etc/kubernetes/craton/*").splitlines() == [
        "700 /etc/kubernetes/craton",
        "600 /etc/kubernetes/craton/audit-policy.yaml",
        "600 /etc/kubernetes/craton/authentication.yaml",
        "600 /etc/kubernetes/craton/encryption.yaml",
    ]
    says(master, "invite")
    assert master.sh("grep -rl -e b64+/key= -e c0ffee /var/lib/craton /run/stand-in") == (
        "/var/lib/craton/certificate-key\n/run/stand-in/uploaded\n"
    )
    assert master.sh("stat -c %a /var/lib/craton/certificate-key") == "600\n"
    assert master.sh("ls /var/lib/craton/kubeadm.yaml /var/lib/craton/payload 2>/dev/null || :") == ""


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ("kind: ClusterConfiguration\n", "a payload on stdin begins with a line: #file NAME"),
        ("#file ../passwd\n", "no file of this payload: ../passwd"),
        ("#file kubeadm.yaml\nx\n#file kubeadm.yaml\n", "twice in this payload: kubeadm.yaml"),
        ("#file encryption.yaml\nx\n", "the payload has no kubeadm.yaml"),
        ("", "the payload has no kubeadm.yaml"),
    ],
)
def test_a_payload_holds_what_is_known_alone(box: BareMachine, payload: str, said: str) -> None:
    ended = box.node("init", stdin=payload)
    assert (ended.returncode, ended.stderr) == (2, f"craton-node: {said}\n")
    assert log(box) == ""


def test_certificates_are_listed_without_any_key(master: BareMachine) -> None:
    chain, key = make().chain(), make().key_text()
    master.sh("mkdir -p /var/lib/kubelet/pki")
    for path, text in (("/etc/kubernetes/pki/front-proxy-client.crt", chain),
                       ("/var/lib/kubelet/pki/kubelet-client-current.pem", chain + key)):  # fmt: skip
        master.run("sh", "-euc", f"cat >{path}", stdin=text)
    data = base64.b64encode(chain.encode()).decode()
    lines = f"users:\n- user:\n    client-certificate-data: {data}\n    client-key-data: c2VjcmV0\n"
    master.run("sh", "-euc", "cat >/etc/kubernetes/scheduler.conf", stdin=lines)
    shown = says(master, "certs", "show")
    assert "PRIVATE" not in shown
    assert "c2VjcmV0" not in shown
    master.sh("rm /etc/kubernetes/pki/ca.crt")  # the stand-in's is none
    found = {each.title for each in machine_certificates.read(says(master, "certs", "show"))}
    assert found == {"front proxy", "kubelet", "scheduler.conf"}
    assert shown.startswith("pending=no\n#certificate ")


def test_renewed_certificates_are_used_at_once_and_etcd_comes_first(master: BareMachine) -> None:
    stages = [line for line in says(master, "certs", "renew").splitlines() if line.startswith("stage ")]
    pods = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"]
    assert stages == ["stage 1 5 certificates", *(f"stage {n} 5 restart {pod}" for n, pod in enumerate(pods, 2))]
    assert log(master, "crictl").splitlines() == [f"stop {pod}" for pod in pods]
    assert "certs renew all" in log(master)
    assert says(master, "certs", "show").startswith("pending=no\n")


def test_a_renewal_that_breaks_off_is_known_until_it_comes_to_its_end(master: BareMachine) -> None:
    master.sh("echo renew >/run/stand-in/kubeadm-fails")
    failed = master.node("certs", "renew")
    assert failed.stderr.endswith("kubeadm certs renew all failed: its messages are above\n")
    assert log(master, "crictl") == ""
    assert says(master, "certs", "show").startswith("pending=yes\n")
    master.sh("rm /run/stand-in/kubeadm-fails")
    says(master, "certs", "renew")
    assert says(master, "certs", "show").startswith("pending=no\n")


def test_only_a_master_renews_what_kubeadm_made(box: BareMachine) -> None:
    assert box.node("certs", "renew").returncode == 1
    assert box.node("certs", "kubelet").stderr.endswith("this machine is no node of a cluster\n")
    assert box.node("certs", "anew").returncode == 2


def test_in_a_container_the_kubelet_is_told_to_live_with_swap(box: BareMachine) -> None:
    box.sh("echo podman >/run/systemd/container")
    assert box.status()["container"] == "yes"
    says(box, "init", stdin=INIT)
    patch = "/var/lib/craton/patches/kubeletconfiguration+strategic.yaml"
    assert box.sh(f"cat {patch}").endswith("failSwapOn: false\nprotectKernelDefaults: false\n")


def test_what_the_api_server_reads_is_replaced_before_an_upgrade(master: BareMachine) -> None:
    says(master, "policies", stdin="#file admission.yaml\nnew: 1\n#file audit-policy.yaml\nnewer: 2\n")
    assert master.sh("cat /etc/kubernetes/craton/admission.yaml /etc/kubernetes/craton/audit-policy.yaml") == (
        "new: 1\nnewer: 2\n"
    )
    assert master.sh("stat -c %a /etc/kubernetes/craton/admission.yaml") == "600\n"
    refused = master.node("policies", stdin="#file encryption.yaml\nx: 1\n")
    assert (refused.returncode, "encryption.yaml" in refused.stderr) == (2, True)


def test_an_api_server_says_by_which_settings_for_sign_in_it_goes(master: BareMachine) -> None:
    found = hashlib.sha256(b"kind: AuthenticationConfiguration\n").hexdigest()
    assert says(master, "policies", "sums") == f"{found}  authentication.yaml\n{found}  in use\n"
    master.sh("echo 0ld >/run/stand-in/in-use")
    assert says(master, "policies", "sums") == f"{found}  authentication.yaml\n", "that is no sum"
    master.sh("echo 01d >/run/stand-in/in-use")
    assert says(master, "policies", "sums") == f"{found}  authentication.yaml\n01d  in use\n"
    master.sh("rm /etc/kubernetes/manifests/kube-apiserver.yaml")
    assert says(master, "policies", "sums") == f"{found}  authentication.yaml\n", "nobody answers"


def test_only_a_master_takes_what_an_api_server_reads(box: BareMachine) -> None:
    assert box.node("policies", stdin="#file admission.yaml\nx: 1\n").returncode == 1


def test_a_node_says_whether_its_kubelet_was_told_to_ask_for_a_certificate(master: BareMachine) -> None:
    assert condition(master)["serving"] == "own"


def test_the_kubelet_runs_alone_until_it_is_a_nodes_and_again_after(box: BareMachine) -> None:
    assert condition(box)["kubelet"] == "ok"
    says(box, "init", stdin=INIT)
    assert box.sh("ls /var/lib/craton/kubelet-standalone.env 2>/dev/null || :") == ""
    says(box, "reset")
    assert box.sh("cat /var/lib/craton/kubelet-standalone.env").startswith("# Written by craton-node.\n")
    assert condition(box)["kubelet"] == "ok"


def test_preparing_a_node_again_leaves_its_kubelet_a_nodes(member: Bench) -> None:
    assert member.prepared().splitlines()[-1].startswith("unchanged: ")
    assert member.box.sh("ls /var/lib/craton/kubelet-standalone.env 2>/dev/null || :") == ""


def test_a_survey_is_status_and_condition_in_one_go(master: BareMachine) -> None:
    assert says(master, "survey") == f"{says(master, 'status').rstrip()}\n#condition\n{says(master, 'condition')}"


def test_the_condition_of_a_master(master: BareMachine) -> None:
    pods = "etcd,kube-apiserver,kube-controller-manager,kube-scheduler"
    expected = {
        "member": "demo", "begun": "", "kubelet": "ok", "manifests": pods, "running": pods, "api": "ok",
        "version": "v1.36.2", "kubelet_version": "v1.36.2", "kubeadm_version": "v1.36.2",
    }  # fmt: skip
    assert condition(master).items() >= expected.items()
    master.sh(": >/run/stand-in/api-fails")
    assert condition(master)["api"] == "[-]etcd failed: reason withheld"
    master.sh("systemctl stop kubelet.service")
    seen = condition(master)
    assert seen["api"] == "curl: (7) Failed to connect to 10.10.0.11 port 6443: Could not connect to server"
    assert seen["kubelet"].startswith("inactive: curl: (7)")
    assert seen["running"] == ""


def test_a_worker_pulls_what_a_worker_runs(box: BareMachine) -> None:
    said = says(box, "join", stdin=JOIN)
    assert "image 1 of 2 registry.k8s.io/kube-proxy:v1.36.2" in said
    assert "image 2 of 2 registry.k8s.io/pause:3.10.2" in said
    assert (condition(box)["member"], condition(box)["manifests"], condition(box)["api"]) == ("demo", "", "")
    assert box.sh("ls -d /etc/kubernetes/craton 2>/dev/null || :") == ""


def test_images_that_are_here_are_not_pulled(box: BareMachine) -> None:
    box.sh("printf '%s\n' registry.k8s.io/kube-proxy:v1.36.2 registry.k8s.io/pause:3.10.2 >/run/stand-in/images")
    assert says(box, "join", stdin=JOIN).splitlines()[0] == "stage 1 1 kubeadm join"


PROXY, PAUSE, COREDNS = (
    f"registry.k8s.io/{name}" for name in ("kube-proxy:v1.36.2", "pause:3.10.2", "coredns/coredns:v1")
)
REVIEWED = {PROXY: f"sha256:{'1' * 64}", PAUSE: f"sha256:{'2' * 64}", COREDNS: f"sha256:{'3' * 64}"}


def reviewed(bench: Bench, digests: dict[str, str] = REVIEWED) -> Bench:
    """A machine that is prepared with these digests."""
    found = bench.with_lines(*(f"DIGEST='{name} {digest}'" for name, digest in digests.items()))
    found.prepared()
    return found


@pytest.fixture
def known(benches: Benches) -> Iterator[Bench]:
    """A machine that was prepared with all `REVIEWED` digests."""
    with benches.begun(with_stand_ins, reviewed) as bench:
        yield bench


def digests(box: BareMachine) -> dict[str, str]:
    """To which image each name leads, the last that it was given."""
    lines = box.sh("grep -v @ /run/stand-in/digests 2>/dev/null || :").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_images_are_pulled_by_their_digests_and_named_as_kubeadm_names_them(known: Bench) -> None:
    box = known.box
    said = says(box, "join", stdin=JOIN)
    assert f"image 3 of 3 {COREDNS}" in said, "what may run here is pulled, whether kubeadm names it or not"
    assert digests(box) == REVIEWED
    pulled = box.sh("cat /run/stand-in/images").splitlines()
    assert pulled[:2] == [f"registry.k8s.io/kube-proxy@{REVIEWED[PROXY]}", PROXY]
    assert f"{COREDNS} io.cri-containerd.pinned=pinned" in box.sh("cat /run/stand-in/labels")


def test_an_image_that_has_the_name_and_not_the_digest_is_replaced(known: Bench) -> None:
    box = known.box
    box.sh(f"echo {PROXY} >/run/stand-in/images; echo '{PROXY} sha256:of-somebody' >/run/stand-in/digests")
    says(box, "join", stdin=JOIN)
    assert digests(box) == REVIEWED


def test_an_image_that_is_here_with_its_digest_is_not_pulled(known: Bench) -> None:
    box = known.box
    for name, digest in REVIEWED.items():
        box.sh(f"echo {name} >>/run/stand-in/images; echo '{name} {digest}' >>/run/stand-in/digests")
    assert says(box, "join", stdin=JOIN).splitlines()[0] == "stage 1 1 kubeadm join"
    assert f"{PAUSE} io.cri-containerd.pinned=pinned" in box.sh("cat /run/stand-in/labels")


def test_nothing_else_is_taken_for_an_image_whose_digest_is_gone(known: Bench) -> None:
    box = known.box
    box.sh(f"echo registry.k8s.io/kube-proxy@{REVIEWED[PROXY]} >/run/stand-in/no-image")
    failed = box.node("join", stdin=JOIN)
    assert failed.returncode == 69
    assert f"the image {PROXY} was not pulled from" in failed.stderr
    assert digests(box) == {}
    assert "join" not in log(box)


def test_an_image_that_nobody_reviewed_is_pulled_by_its_tag_and_the_log_says_so(bench: Bench) -> None:
    box = reviewed(bench, {name: digest for name, digest in REVIEWED.items() if name != PAUSE}).box
    assert f"no digest of {PAUSE} is on record: it is pulled by its tag" in says(box, "join", stdin=JOIN)
    assert digests(box)[PAUSE] == "sha256:of-today"


def test_an_upgrade_takes_the_digests_of_its_own_release(known: Bench) -> None:
    box = known.box
    says(box, "join", stdin=JOIN)
    new = {PROXY: f"sha256:{'7' * 64}"}
    later = known.with_lines(*(f"DIGEST='{name} {digest}'" for name, digest in new.items()))
    says(box, "upgrade", "node", stdin=later.text)
    assert digests(box) == REVIEWED | new
    labels = box.sh("cat /run/stand-in/labels").splitlines()
    assert labels[-1] == f"{PROXY} io.cri-containerd.pinned=pinned"
    assert f"{COREDNS} io.cri-containerd.pinned=" in labels, "what the release before ran may be cleared away"


HOSTS = "/etc/containerd/certs.d/_default/hosts.toml"


@pytest.mark.parametrize(
    ("setup", "where"),
    [
        (f"rm {HOSTS}", "registry.k8s.io"),
        (f"sed -i 's|http://127[^\"]*|http://mirror.example:8080|' {HOSTS}", "mirror.example:8080"),
    ],
    ids=["registry", "mirror"],
)
@pytest.mark.parametrize(
    ("fault", "words"),
    [("no-image", "no such host"), ("hanging", "not there after 240 s")],
)
def test_an_image_that_does_not_come_is_named(box: BareMachine, setup: str, where: str, fault: str, words: str) -> None:
    image = "registry.k8s.io/kube-apiserver:v1.36.2"
    box.sh(f"{setup}\necho {image} >/run/stand-in/{fault}")
    failed = box.node("init", stdin=INIT)
    assert failed.returncode == 69
    evidence = next(line for line in failed.stdout.splitlines() if line.startswith("evidence image"))
    assert evidence.startswith(f"evidence image {image} {where} ")
    assert evidence.endswith(words)
    assert f"the image {image} was not pulled from {where}" in failed.stderr
    assert "init" not in log(box)
    assert condition(box)["begun"] == ""


def test_a_kubeadm_that_fails_says_what_else_was_seen(box: BareMachine) -> None:
    box.sh(
        "cd /run/stand-in; echo addons >kubeadm-fails; echo kube-apiserver >exited; : >kubelet-fails;"
        'printf \'E1123 first\nE1123 run.go:72] "command failed" err="no cgroup"\nI1123 x\n\' >journal'
    )
    failed = box.node("init", stdin=INIT)
    assert failed.returncode == 1
    *_, kubelet, container, clock = failed.stdout.splitlines()
    assert kubelet == 'evidence kubelet E1123 run.go:72] "command failed" err="no cgroup"'
    assert container == "evidence container kube-apiserver 137 panic: no key"
    assert abs(int(clock.removeprefix("evidence clock ")) - time.time()) < 60
    assert "error execution phase addons" in failed.stdout
    assert failed.stderr.splitlines()[-1] == "craton-node: kubeadm init failed: its messages are above"
    assert condition(box)["begun"] == "init"
    assert box.sh("ls /var/lib/craton/kubeadm.yaml 2>/dev/null || :") == ""


def test_a_join_that_fails_is_reported_and_made_again(box: BareMachine) -> None:
    box.sh("echo kubelet >/run/stand-in/kubeadm-fails")
    assert box.node("join", stdin=JOIN).returncode == 1
    assert box.status()["member"] == ""
    box.sh("rm /run/stand-in/kubeadm-fails")
    says(box, "join", stdin=JOIN)
    assert box.status()["member"] == "demo"
    assert "reset -f" in log(box)


def cut_off(box: BareMachine, verb: str, phase: str, killed: str) -> None:
    """Kill `craton-node VERB` alone, or all of it, while kubeadm stands in `phase`."""
    box.sh(f"echo {phase} >/run/stand-in/kubeadm-hangs")
    process = box.start("/usr/local/sbin/craton-node", verb)
    assert process.stdin
    assert process.stdout
    process.stdin.write(PAYLOADS[verb])
    process.stdin.close()
    for line in process.stdout:
        if line == f"[{phase}]\n":
            break
    if killed == "alone":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
        box.sh("flock /var/lib/craton/lock true")  # until the last of them has ended, the next one waits, and says so
    process.wait(PATIENCE)


@pytest.mark.parametrize("verb", ["init", "join"])
@pytest.mark.parametrize("phase", ["preflight", "kubelet"])
def test_one_that_was_killed_is_no_member_and_made_again(box: BareMachine, verb: str, phase: str) -> None:
    cut_off(box, verb, phase, "all")
    assert (box.status()["member"], condition(box)["begun"]) == ("", verb)
    box.sh("rm /run/stand-in/kubeadm-hangs")
    says(box, verb, stdin=PAYLOADS[verb])
    assert (box.status()["member"], condition(box)["begun"]) == ("demo", "")
    assert log(box).count("reset -f") == 1


HASTENED = "its API server answers: the kubelet starts again, and asks it for a certificate at once\n"


def joining(box: BareMachine, payload: str) -> subprocess.Popen[str]:
    """`craton-node join` while kubeadm waits for the kubelet; its first lines have been read."""
    box.sh(
        "echo kubelet >/run/stand-in/kubeadm-hangs; touch /run/stand-in/api-fails; rm -f /run/stand-in/systemctl.log"
    )
    process = box.start("/usr/local/sbin/craton-node", "join")
    assert process.stdin
    assert process.stdout
    process.stdin.write(payload)
    process.stdin.close()
    for line in process.stdout:
        if line == "[kubelet]\n":
            return process
    raise AssertionError("kubeadm did not start the kubelet")


def test_a_masters_kubelet_starts_again_once_the_api_server_beside_it_answers(box: BareMachine) -> None:
    process = joining(box, JOIN_MASTER)
    assert process.stdout
    restarts = "grep -c '^restart kubelet.service' /run/stand-in/systemctl.log"
    time.sleep(1)
    assert box.sh(restarts) == "1\n"  # kubeadm's own: the API server doesn't answer yet
    box.sh("rm /run/stand-in/api-fails")
    assert process.stdout.readline() == HASTENED
    time.sleep(1)
    box.sh("rm /run/stand-in/kubeadm-hangs")
    assert HASTENED not in process.stdout.read()
    assert process.wait(PATIENCE) == 0
    assert box.sh(restarts) == "2\n"


@pytest.mark.parametrize(("payload", "certified"), [(JOIN, False), (JOIN_MASTER, True)])
def test_a_kubelet_that_need_not_wait_is_let_be(box: BareMachine, payload: str, certified: bool) -> None:
    if certified:
        box.sh("mkdir -p /var/lib/kubelet/pki; touch /var/lib/kubelet/pki/kubelet-client-current.pem")
    process = joining(box, payload)
    assert process.stdout
    box.sh("rm /run/stand-in/api-fails")
    time.sleep(1)
    box.sh("rm /run/stand-in/kubeadm-hangs")
    assert HASTENED not in process.stdout.read()
    assert process.wait(PATIENCE) == 0


def test_a_join_of_which_everything_stands_is_noted(box: BareMachine) -> None:
    cut_off(box, "join", "addons", "all")
    box.sh("rm /run/stand-in/kubeadm-hangs")
    assert says(box, "join", stdin=JOIN) == "already done\n"
    assert condition(box)["member"] == "demo"


@pytest.mark.parametrize(("last", "said"), [("daemonset/kube-proxy", True), ("", False)])
def test_an_init_is_noted_only_where_everything_of_it_stands(box: BareMachine, last: str, said: bool) -> None:
    cut_off(box, "init", "addons", "all")
    box.sh(f"rm /run/stand-in/kubeadm-hangs; echo {last} >>/run/stand-in/objects")
    assert (says(box, "init", stdin=INIT) == "already done\n") is said
    assert ("reset -f" in log(box)) is not said
    assert condition(box)["member"] == "demo"


def test_a_kubeadm_that_outlives_its_engine_is_waited_for(box: BareMachine) -> None:
    cut_off(box, "init", "addons", "alone")
    again = box.start("/usr/local/sbin/craton-node", "init")
    assert again.stdin
    assert again.stdout
    again.stdin.write(INIT)
    again.stdin.close()
    assert again.stdout.readline() == "another craton-node is running here: waiting for it\n"
    box.sh("rm /run/stand-in/kubeadm-hangs")
    assert again.stdout.read() == "already done\n"
    assert again.wait(PATIENCE) == 0
    assert log(box).count("init --skip-token-print") == 1


def test_another_clusters_node_is_let_be(box: BareMachine) -> None:
    box.sh("mkdir -p /etc/kubernetes; : >/etc/kubernetes/kubelet.conf")
    assert box.status()["member"] == "another"
    for verb, stdin in (("init", INIT), ("join", JOIN), ("reset", "")):
        assert box.node(verb, stdin=stdin).returncode == 77
    assert box.sh("ls /etc/kubernetes/kubelet.conf")


def test_an_invitation_says_what_a_machine_needs_to_join(master: BareMachine) -> None:
    expected = "token=abc.def\nca_hash=sha256:0123\ncertificate_key=c0ffee\nencryption_key=b64+/key=\n"
    assert says(master, "invite") == expected
    says(master, "invite")
    assert log(master).count("upload-certs --upload-certs") == 1
    assert "c0ffee" not in log(master), "arguments can be read by everybody"
    master.sh("touch -d '-2 hours' /var/lib/craton/certificate-key")
    says(master, "invite")
    assert log(master).count("upload-certs --upload-certs") == 2, "the certificates go after 2 h"


@pytest.mark.parametrize("words", [("invite",), ("kubeconfig",), ("kubectl", "get", "nodes"), ("addon", "overlay")])
def test_only_masters_have_the_administrators_credentials(box: BareMachine, words: tuple[str, ...]) -> None:
    ended = box.node(*words)
    assert (ended.returncode, "admin.conf is not on this machine" in ended.stderr) == (1, True)


def test_kubectl_and_kubeconfig_are_the_administrators(master: BareMachine) -> None:
    assert says(master, "kubectl", "get", "nodes") == "nodes\n"
    assert "--server https://10.10.0.11:6443 get nodes" in log(master, "kubectl"), "this master's own API server"
    assert says(master, "kubeconfig") == "kind: Config\n"


def test_an_addon_is_applied_by_the_server_under_cratons_name(master: BareMachine) -> None:
    says(master, "addon", "overlay", stdin="kind: DaemonSet\n")
    assert master.status()["addons"] == "overlay"
    assert "apply --server-side --force-conflicts --field-manager craton -f " in log(master, "kubectl")
    assert master.node("addon", "ingress").returncode == 2, "no manifests on stdin"


@pytest.mark.parametrize("killed", ["", "kubelet"])
def test_a_machine_leaves_its_cluster_and_is_as_it_was_prepared(ready: Bench, killed: str) -> None:
    box = ready.box
    box.sh("mkdir -p /var/lib/kubelet")  # as any kubelet does
    before = box.state() + box.sh("ls -d /run/flannel /var/log/pods 2>/dev/null || :; cat /run/stand-in/images || :")
    if killed:
        cut_off(box, "init", killed, "all")
        box.sh("rm /run/stand-in/kubeadm-hangs")
    else:
        says(box, "init", stdin=INIT)
        says(box, "kubectl", "get", "nodes")
    box.sh(
        "mkdir -p /run/flannel /etc/cni/net.d /var/lib/cni/networks/cbr0 /var/log/pods/x;"
        "mkdir /var/lib/etcd.before-restore-1; touch /opt/cni/bin/flannel /etc/cni/net.d/10-flannel.conflist"
    )
    says(box, "reset")
    after = box.state() + box.sh("ls -d /run/flannel /var/log/pods 2>/dev/null || :; cat /run/stand-in/images || :")
    assert sorted(set(after.splitlines()) ^ set(before.splitlines())) == []
    assert box.status()["member"] == ""
    assert says(box, "reset") == "already done\n"


def archive(document: str, content: object) -> bytes:
    """Of images: as `docker save` writes it (manifest.json), or an OCI layout (index.json)."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        text = json.dumps(content, indent=2).encode()
        entry = tarfile.TarInfo(document)
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    return written.getvalue()


@pytest.mark.parametrize(
    ("document", "content"),
    [
        ("manifest.json", [{"Config": "a.json", "RepoTags": [IMAGE_OF_NEXT, "example.test/other:1"], "Layers": []}]),
        ("index.json", {"manifests": [{"annotations": {"io.containerd.image.name": IMAGE_OF_NEXT}}]}),
    ],
    ids=["docker", "oci"],
)
def test_images_that_an_archive_brought_stay_when_the_machine_leaves_its_cluster(
    bench: Bench, document: str, content: object
) -> None:
    """An offline upgrade brings them while the machine is a node; where it joins again, there is no registry."""
    bench.prepared()
    says(bench.box, "init", stdin=INIT)
    data = archive(document, content)
    bench.mirror.files["images/next.tar"] = data
    line = f"IMAGE='images/next.tar {hashlib.sha256(data).hexdigest()} {bench.mirror.url}/images/next.tar'"
    with_archive = bench.with_lines(line)
    images(with_archive, "bring", IMAGE_OF_NEXT)
    assert IMAGE_OF_NEXT in bench.box.sh("cat /run/stand-in/images").split()
    says(bench.box, "reset")
    assert set(bench.box.sh("cat /run/stand-in/images").split()) <= {IMAGE_OF_NEXT, "example.test/other:1"}
    assert IMAGE_OF_NEXT in bench.box.sh("cat /run/stand-in/images").split(), "what was pulled goes"
    assert "images/next.tar" not in bench.box.node("needed", stdin=with_archive.text).stdout


def test_what_an_archive_brought_is_not_cleared_away_and_what_is_gone_all_the_same_is_brought_again(
    bench: Bench,
) -> None:
    """Where images come from archives, no registry may have what the kubelet removes on a full disk."""
    data = archive("manifest.json", [{"RepoTags": [PAUSE, COREDNS]}])
    bench.mirror.files["images/all.tar"] = data
    line = f"IMAGE='images/all.tar {hashlib.sha256(data).hexdigest()} {bench.mirror.url}/images/all.tar'"
    with_archive = bench.with_lines(line)
    assert "import all.tar" in with_archive.prepared()
    assert {f"{name} io.cri-containerd.pinned=pinned" for name in (PAUSE, COREDNS)} == set(
        bench.box.sh("cat /run/stand-in/labels").splitlines()
    )
    assert "images/all.tar" not in bench.box.node("needed", stdin=with_archive.text).stdout
    bench.box.sh(f"crictl rmi {PAUSE}")
    assert "images/all.tar" in bench.box.node("needed", stdin=with_archive.text).stdout.split()
    assert "import all.tar" in with_archive.prepared()
    says(bench.box, "join", stdin=JOIN)
    assert "images/all.tar" not in bench.box.node("needed", stdin=with_archive.text).stdout


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
    box.sh(f"mkdir -p /etc/cni/net.d; cd /etc/cni/net.d; touch ./{others}")
    says(box, "init", stdin=INIT)
    box.sh("touch /etc/cni/net.d/10-flannel.conflist")
    box.sh(f"cat >/tmp/rules <<'end'\n{RULES}\nend")
    box.sh("printf '#!/bin/sh\ncat /tmp/rules\n' >/usr/local/sbin/iptables-save")
    box.sh("printf '#!/bin/sh\ncat >/tmp/restored\n' >/usr/local/sbin/iptables-restore")
    says(box, "reset")
    assert box.sh("ls /etc/cni/net.d 2>/dev/null || :").split() == others.split()
    restored = box.sh("cat /tmp/restored")
    assert "KUBE-" not in restored
    assert "cbr0" not in restored
    assert [words for words in (":CNI-DN-1", 'name: \\"podman\\"') if words in restored] == stay


def test_undo_takes_a_member_out_of_its_cluster_first(bench: Bench) -> None:
    before = bench.box.state()
    bench.prepared()
    says(bench.box, "init", stdin=INIT)
    assert not [line for line in bench.undone() if line.startswith("left ")]
    assert "reset -f" in log(bench.box)
    assert bench.box.state() == before


def upgrade(bench: Bench, how: str, release: str) -> subprocess.CompletedProcess[str]:
    bench.box.sh(f"echo {release} >/run/stand-in/kubeadm-version")
    text = bench.text.replace("KUBERNETES='v1.36.2'", f"KUBERNETES='{release}'")
    return bench.box.node("upgrade", how, stdin=text)


@pytest.mark.parametrize("how", ["apply", "node"])
def test_a_node_is_upgraded_once(member: Bench, how: str) -> None:
    done = upgrade(member, how, "v1.36.3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"stage 5 5 kubeadm upgrade {how} to v1.36.3" in done.stdout.splitlines()
    assert condition(member.box)["version"] == "v1.36.3"
    assert "--patches /var/lib/craton/patches" in log(member.box)
    assert upgrade(member, how, "v1.36.3").stdout == "already done\n"
    assert log(member.box).count(f"upgrade {how}") == 1


def test_an_upgrade_that_failed_is_told_and_repeated(member: Bench) -> None:
    member.box.sh("echo upgrade >/run/stand-in/kubeadm-fails")
    assert "kubeadm upgrade apply failed" in upgrade(member, "apply", "v1.36.3").stderr
    member.box.sh("rm /run/stand-in/kubeadm-fails")
    assert upgrade(member, "apply", "v1.36.3").returncode == 0


def images(bench: Bench, *words: str) -> list[str]:
    ended = bench.box.node("images", *words, stdin=bench.text)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()


def test_the_images_of_a_release_come_before_its_upgrade_and_those_in_use_stay(bench: Bench) -> None:
    box = reviewed(bench, {PROXY: REVIEWED[PROXY]}).box
    says(box, "join", stdin=JOIN)
    new = {PROXY: REVIEWED[PROXY], PAUSE: REVIEWED[PAUSE], COREDNS: REVIEWED[COREDNS]}
    later = bench.with_lines(*(f"DIGEST='{name} {digest}'" for name, digest in new.items()))
    assert images(later, "missing", *new) == [PAUSE, COREDNS], "the pause image here has no digest, or another one"
    assert f"stage 2 2 image 2 of 2 {COREDNS}" in images(later, "bring", *new)
    assert images(later, "missing", *new) == []
    assert digests(box) == new
    labels = box.sh("cat /run/stand-in/labels").splitlines()
    assert f"{COREDNS} io.cri-containerd.pinned=pinned" in labels
    assert f"{PROXY} io.cri-containerd.pinned=" not in labels, "what runs now is not cleared away"


def test_images_are_brought_to_nodes_of_the_cluster_alone(ready: Bench) -> None:
    assert "this machine is no node of demo" in ready.box.node("images", "bring", PAUSE, stdin=ready.text).stderr
    assert ready.box.node("images", "lose", PAUSE, stdin=ready.text).returncode == 2


def test_a_node_that_lacks_an_image_of_the_release_is_named_with_the_image(member: Bench) -> None:
    lacking = "ErrImagePull registry.k8s.io/pause:v1.36.3 demo-worker-1 upgrade-health-check-1"
    member.box.sh(f"printf '%s\n' '{lacking}' '{lacking}' 'ContainerCreating x y z' >/run/stand-in/waiting")
    failed = upgrade(member, "apply", "v1.36.3")
    assert failed.stdout.count(lacking.replace("ErrImagePull", "evidence waiting")) == 1
    assert "evidence waiting x" not in failed.stdout
    error = explain_upgrade(PLAN, "demo-master-1")(Result(failed.returncode, failed.stdout, failed.stderr))
    assert error is not None
    assert error.machine == "demo-worker-1"
    assert error.observed == (
        "the pod upgrade-health-check-1 waits for the image registry.k8s.io/pause:v1.36.3, "
        "which demo-worker-1 does not have"
    )
    assert "--artifacts" in error.hint


def test_only_a_node_is_upgraded(ready: Bench) -> None:
    assert "this machine is no node of demo" in upgrade(ready, "node", "v1.36.3").stderr


def test_what_is_gathered_has_heads_and_an_end(master: BareMachine) -> None:
    master.sh("seq 1 200000 >/run/stand-in/journal; echo '#file evil' >>/run/stand-in/journal")
    said = says(master, "gather")
    heads = [line.removeprefix("#file ") for line in said.splitlines() if line.startswith("#file ")]
    assert {"versions.txt", "kubelet.log", "etcd.log", "kube-apiserver.log", "nodes.txt", "events.txt"} <= set(heads)
    assert "evil" not in heads
    kubelet = said.split("#file kubelet.log\n")[1].split("#file ")[0]
    assert 300_000 < len(kubelet) <= 400_010
