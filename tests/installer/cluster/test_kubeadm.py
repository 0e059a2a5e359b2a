"""kubeadm's configuration says what the plan says."""

from __future__ import annotations

import base64
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from installer.cluster import kubeadm
from installer.cluster.kubeadm import Facts
from installer.plan.model import InstallPlan
from installer.plan.topology import topology

PLAN = InstallPlan(name="demo", subdomain="example.test")
SHAPE = topology(PLAN)
MACHINES = {machine.name: machine for machine in SHAPE.machines}
KEY = base64.b64encode(b"k" * 32).decode()
INVITATION = kubeadm.Invitation("abcdef.0123456789abcdef", "sha256:" + "a" * 64, "b" * 64, KEY)
MASTERS_FILES = {"kubeadm.yaml", "encryption.yaml", "admission.yaml", "authentication.yaml", "audit-policy.yaml"}


def documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in YAML(typ="safe").load_all(io.StringIO(text))}


def init(plan: InstallPlan = PLAN, facts: Facts = Facts()) -> dict[str, Any]:  # noqa: B008 (frozen)
    shape = topology(plan)
    return documents("\n---\n".join(kubeadm.read_payload(
        kubeadm.init_payload(plan, shape, shape.first_master, facts, KEY)).values()))  # fmt: skip


def join(machine: str, facts: Facts = Facts()) -> dict[str, str]:  # noqa: B008
    return kubeadm.read_payload(kubeadm.join_payload(PLAN, MACHINES[machine], facts, INVITATION))


def test_the_first_master_is_told_version_names_and_networks() -> None:
    cluster, first = init()["ClusterConfiguration"], init()["InitConfiguration"]
    assert cluster["kubernetesVersion"] == PLAN.kubernetes
    assert cluster["clusterName"] == "demo"
    assert cluster["controlPlaneEndpoint"] == "demo-k8s.example.test:6443"
    assert cluster["networking"] == {
        "podSubnet": str(PLAN.networks.pods),
        "serviceSubnet": str(PLAN.networks.services),
        "dnsDomain": "cluster.local",
    }
    assert first["localAPIEndpoint"] == {"advertiseAddress": "10.10.0.11", "bindPort": 6443}
    assert first["nodeRegistration"]["name"] == "demo-master-1"


def test_the_api_servers_certificate_holds_for_every_name_under_which_a_master_is_reached() -> None:
    masters = {f"demo-master-{number}" for number in (1, 2, 3)} | {f"10.10.0.{number}" for number in (11, 12, 13)}
    names = init()["ClusterConfiguration"]["apiServer"]["certSANs"]
    assert set(names) == {"demo-k8s.example.test", *masters, "localhost", "127.0.0.1"}
    balanced = PLAN.model_copy(update={"ingress": PLAN.ingress.model_copy(update={"kind": "load-balancer"})})
    names = init(balanced)["ClusterConfiguration"]["apiServer"]["certSANs"]
    assert {"demo-lb", "10.10.0.5"} < set(names)


def test_what_the_api_server_is_told_to_read_is_brought_to_every_master() -> None:
    settings = init()["ClusterConfiguration"]["apiServer"]
    paths = {each["value"] for each in settings["extraArgs"] if each["value"].startswith("/etc/kubernetes/craton/")}
    read = {path.rpartition("/")[2] for path in paths}
    assert read | {"kubeadm.yaml"} == MASTERS_FILES
    assert set(join("demo-master-2")) == MASTERS_FILES
    assert set(join("demo-worker-1")) == {"kubeadm.yaml"}
    assert {"/etc/kubernetes/craton", "/var/log/kubernetes/audit"} == {
        each["mountPath"] for each in settings["extraVolumes"]
    }


def test_secrets_are_encrypted_first_and_read_without() -> None:
    [resource] = init()["EncryptionConfiguration"]["resources"]
    secretbox, identity = resource["providers"]
    assert resource["resources"] == ["secrets"]
    assert secretbox["secretbox"]["keys"] == [{"name": "craton", "secret": KEY}]
    assert identity == {"identity": {}}
    first = kubeadm.read_payload(kubeadm.init_payload(PLAN, SHAPE, SHAPE.first_master, Facts(), KEY))
    assert first["encryption.yaml"] == join("demo-master-2")["encryption.yaml"]


def test_only_health_and_what_a_join_reads_first_is_open_to_anybody() -> None:
    anonymous = init()["AuthenticationConfiguration"]["anonymous"]
    assert [each["path"] for each in anonymous["conditions"]] == [
        "/livez", "/readyz", "/healthz", "/api/v1/namespaces/kube-public/configmaps/cluster-info",
    ]  # fmt: skip


def test_the_audit_log_never_has_the_bodies_of_secrets() -> None:
    rules = init()["Policy"]["rules"]
    of_secrets = next(rule for rule in rules if "secrets" in str(rule.get("resources")))
    before = rules[: rules.index(of_secrets)]
    assert of_secrets["level"] == "Metadata"
    assert {rule["level"] for rule in before} == {"None"}
    assert rules[-1] == {"level": "Metadata"}


@pytest.mark.parametrize(("may", "port"), [((), 0), (("M7",), 10255)])
def test_the_kubelets_read_only_port_is_the_plans_choice(may: tuple[str, ...], port: int) -> None:
    kubelet = init(PLAN.model_copy(update={"may": may}))["KubeletConfiguration"]
    assert kubelet["readOnlyPort"] == port
    assert kubelet["authentication"]["anonymous"] == {"enabled": False}
    assert kubelet["cgroupDriver"] == "systemd"


@pytest.mark.parametrize(
    ("status", "conntrack", "ignored"),
    [
        ({"cgroup": "2", "container": "no"}, {}, []),
        ({"cgroup": "1", "container": "no"}, {}, ["SystemVerification"]),
        ({"cgroup": "1", "container": "yes"}, {"maxPerCore": 0}, ["SystemVerification"]),
        ({"cgroup": "2", "container": "yes"}, {"maxPerCore": 0}, ["SystemVerification"]),
        ({}, {}, []),
    ],
)
def test_what_containers_and_old_control_groups_need_is_said_where_the_machine_shows_them(
    status: dict[str, str], conntrack: dict[str, int], ignored: list[str]
) -> None:
    facts = kubeadm.facts_of(status)
    found = init(facts=facts)
    assert found["KubeProxyConfiguration"]["conntrack"] == conntrack
    assert found["InitConfiguration"]["nodeRegistration"]["ignorePreflightErrors"] == ignored
    joining = documents(join("demo-worker-1", facts)["kubeadm.yaml"])["JoinConfiguration"]
    assert joining["nodeRegistration"]["ignorePreflightErrors"] == ignored


@pytest.mark.parametrize(
    ("machine", "taints"),
    [
        ("demo-master-2", [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]),
        ("demo-infra-1", [{"key": "node-role.kubernetes.io/infra", "effect": "NoSchedule"}]),
        ("demo-worker-1", []),
    ],
)
def test_a_machine_joins_under_its_name_with_its_taints_and_without_role_labels(
    machine: str, taints: list[dict[str, str]]
) -> None:
    text = join(machine)["kubeadm.yaml"]
    registration = documents(text)["JoinConfiguration"]["nodeRegistration"]
    assert registration["name"] == machine
    assert registration["taints"] == taints
    assert registration["kubeletExtraArgs"] == [{"name": "node-ip", "value": str(MACHINES[machine].address)}]
    assert "node-labels" not in text


def test_only_masters_get_the_keys() -> None:
    assert "b" * 64 in join("demo-master-2")["kubeadm.yaml"]
    assert "b" * 64 not in str(join("demo-worker-1"))
    assert KEY not in str(join("demo-worker-1"))


def test_an_invitation_shows_none_of_its_secrets() -> None:
    assert repr(INVITATION) == "Invitation()"


def test_every_cluster_has_a_key_of_its_own() -> None:
    keys = {kubeadm.new_encryption_key() for _ in range(3)}
    assert len(keys) == 3
    assert {len(base64.b64decode(key)) for key in keys} == {32}


def test_people_are_shown_the_configuration_without_its_key() -> None:
    shown = kubeadm.read_payload(kubeadm.shown(PLAN, SHAPE))
    assert set(shown) == MASTERS_FILES
    assert "<made when the cluster is>" in shown["encryption.yaml"]


@given(st.dictionaries(st.from_regex(r"[a-z.-]{1,12}", fullmatch=True), st.text().map(lambda text: text + "\n")))
def test_a_payload_is_read_as_it_was_packed(files: dict[str, str]) -> None:
    packed = kubeadm.payload(files)
    assert not files or kubeadm.read_payload(packed) == files


@pytest.mark.parametrize("files", [{"a b": "x\n"}, {"": "x\n"}, {"a": "x\n#file b\n"}, {"a": "no end of line"}])
def test_what_cannot_be_told_apart_again_is_not_packed(files: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot travel"):
        kubeadm.payload(files)


@pytest.mark.parametrize("text", ["", "kind: Policy\n", "words\n#file a\nx\n"])
def test_what_is_no_payload_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no payload"):
        kubeadm.read_payload(text)


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_no_word_of_an_invitation_breaks_out_of_its_quotes(word: str) -> None:
    invitation = kubeadm.Invitation(word, word, word, word)
    files = kubeadm.read_payload(kubeadm.join_payload(PLAN, MACHINES["demo-master-2"], Facts(), invitation))
    joining = documents(files["kubeadm.yaml"])["JoinConfiguration"]
    assert joining["discovery"]["bootstrapToken"]["token"] == word
    assert joining["controlPlane"]["certificateKey"] == word
