"""Certificates from ACME: the plan's settings are tried first, cert-manager gets what it needs, and waits say why."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from installer.artifacts.addon_images import addon_images
from installer.artifacts.container_images import images
from installer.artifacts.published import published
from installer.cluster import acme, manifests
from installer.cluster.acme import ACMEKeys, CheckACME
from installer.cluster.addons import Addon
from installer.cluster.console_certificate import ConsoleCertificate, issuer_certificate
from installer.cluster.published_manifests import PublishedManifests
from installer.common.errors import ExitCode, InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.doubles import pebble
from tests.doubles.certificates import make
from tests.doubles.node_verbs import FakeCluster

FIRST = "demo-master-1"
MANAGER = published("cert-manager")
ANY = InstallPlan(name="demo", subdomain="example.test")
CONTROLLER = addon_images(ANY, "cert-manager")["controller"]
KEY = base64.b64encode(b"0123456789abcdef").decode()
DEPLOYMENT = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: %s}\nspec: {replicas: 1}\n"
TEXT = "---\n".join(
    [
        *(
            f"apiVersion: v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}}}\n"
            for name in MANAGER.definitions
        ),
        *(DEPLOYMENT % (name, space) for _, space, name in MANAGER.workloads),
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{image: '{CONTROLLER}'}}\n",
    ]
)
SUM = hashlib.sha256(TEXT.encode()).hexdigest()


def plan_of(certificate: dict[str, Any] | None = None, **more: Any) -> InstallPlan:
    given = {
        "name": "demo",
        "subdomain": "example.test",
        "platform": "local",
        "artifacts": {"sums": {MANAGER.path: SUM}},
    }
    return InstallPlan.model_validate(given | {"certificate": {"source": "acme", **(certificate or {})}} | more)


PLAN = plan_of()


@pytest.fixture
def zone(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "tsig").write_text(KEY)
    return {"provider": "rfc2136", "server": "10.0.0.53", "key_name": "craton", "key_file": str(tmp_path / "tsig")}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return FakeCluster(PLAN).founded(FIRST)


def bring_manager(cluster: FakeCluster, tmp_path: Path, plan: InstallPlan = PLAN) -> None:
    file = tmp_path / "artifacts" / MANAGER.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(TEXT)
    context = cluster.context()
    context.world.artifacts = tmp_path / "artifacts"
    PublishedManifests(plan, "cert-manager").apply(context)


def issuer(plan: InstallPlan) -> dict[str, Any]:
    found = {document["kind"]: document for document in YAML(typ="safe").load_all(manifests.manifests(plan, "acme"))}
    assert found["Certificate"]["spec"]["dnsNames"] == [plan.console_host]
    assert found["Certificate"]["spec"]["issuerRef"]["name"] == found["ClusterIssuer"]["metadata"]["name"]
    return dict(found["ClusterIssuer"]["spec"]["acme"])


def test_traefik_answers_http_01_and_lets_encrypt_is_the_server_unless_the_plan_names_one() -> None:
    found = issuer(plan_of({"email": "ops@example.com"}))
    assert found["server"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert found["email"] == "ops@example.com"
    assert found["solvers"] == [{"http01": {"ingress": {"ingressClassName": "traefik"}}}]


def test_dns_01_goes_to_the_plans_zone_and_no_key_is_in_a_manifest(tmp_path: Path, zone: dict[str, Any]) -> None:
    (tmp_path / "eab").write_text("c2VjcmV0LXNlY3JldA\n")
    settings = {"challenge": "dns-01", "account": "kid-1", "account_key": str(tmp_path / "eab")}
    plan = plan_of(settings, dns=zone | {"algorithm": "hmac-sha512"})
    found = issuer(plan)
    assert found["solvers"] == [{"dns01": {"rfc2136": {
        "nameserver": "10.0.0.53:53", "tsigKeyName": "craton", "tsigAlgorithm": "HMACSHA512",
        "tsigSecretSecretRef": {"name": "craton-acme", "key": "tsig"},
    }}}]  # fmt: skip
    assert found["externalAccountBinding"] == {
        "keyID": "kid-1", "keySecretRef": {"name": "craton-acme", "key": "account"},
    }  # fmt: skip
    assert acme.keys(plan) == {"account": "c2VjcmV0LXNlY3JldA", "tsig": KEY}
    text = manifests.manifests(plan, "acme")
    assert not [secret for secret in acme.keys(plan).values() if secret in text]


def test_keys_are_brought_to_cert_manager_as_the_files_have_them_now(
    cluster: FakeCluster, tmp_path: Path, zone: dict[str, Any]
) -> None:
    step = ACMEKeys(plan_of({"challenge": "dns-01"}, dns=zone))
    assert not step.observe(cluster.context()).holds
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    assert not [told for _, told in cluster.asked if KEY in told]
    (tmp_path / "tsig").write_text(base64.b64encode(b"another-key-here").decode())
    assert not step.observe(cluster.context()).holds


BROKEN = [
    ("account_key", "", "it is empty"),
    ("account_key", "not base64!", "it is no key for external accounts"),
    ("trust", "nothing", "it has no certificate in PEM"),
]


@pytest.mark.parametrize(("field", "text", "words"), BROKEN)
def test_files_that_are_no_use_are_named_before_anything_starts(
    cluster: FakeCluster, tmp_path: Path, field: str, text: str, words: str
) -> None:
    (tmp_path / "file").write_text(text)
    account = {"account": "kid-1"} if field == "account_key" else {}
    with pytest.raises(InstallerError) as caught:
        CheckACME(plan_of({field: str(tmp_path / "file")} | account)).observe(cluster.context())
    assert words in caught.value.observed
    assert caught.value.exit_code is ExitCode.PREFLIGHT


@pytest.mark.needs("pebble")
def test_a_real_acme_server_is_asked_whether_the_settings_suit_it(cluster: FakeCluster, tmp_path: Path) -> None:
    with pebble.running(tmp_path / "open") as (directory, root):
        good = {"directory": directory, "trust": str(root)}
        assert CheckACME(plan_of(good)).observe(cluster.context()).seen == f"{directory} answers"
        for wrong, words in (
            ({"directory": directory.replace("/dir", "/nowhere")}, "404"),
            ({"directory": directory.replace("/dir", "/nonce-plz")}, "is no directory of ACME: it has no newNonce"),
            ({"trust": None}, "certificate verify failed"),
        ):
            with pytest.raises(InstallerError) as caught:
                CheckACME(plan_of(good | wrong)).observe(cluster.context())
            assert words in caught.value.observed


@pytest.mark.needs("pebble")
def test_a_server_that_wants_a_known_account_says_so_before_the_install(cluster: FakeCluster, tmp_path: Path) -> None:
    key = base64.urlsafe_b64encode(b"0" * 32).decode().rstrip("=")
    (tmp_path / "eab").write_text(key)
    with pebble.running(tmp_path / "closed", {"kid-1": key}) as (directory, root):
        settings = {"directory": directory, "trust": str(root)}
        with pytest.raises(InstallerError, match="takes only accounts that it knows") as caught:
            CheckACME(plan_of(settings)).observe(cluster.context())
        assert "certificate.account_key" in str(caught.value.hint)
        known = settings | {"account": "kid-1", "account_key": str(tmp_path / "eab")}
        assert CheckACME(plan_of(known)).observe(cluster.context()).holds


def test_cert_manager_comes_with_the_images_that_were_reviewed(cluster: FakeCluster, tmp_path: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    plan = plan_of(artifacts={"sums": {MANAGER.path: SUM}, "digests": {CONTROLLER: digest}})
    bring_manager(cluster, tmp_path, plan)
    assert f"{CONTROLLER}@{digest}" in cluster.sent[f"{FIRST} addon"]
    assert PublishedManifests(plan, "cert-manager").observe(cluster.context()).holds
    assert PublishedManifests(PLAN, "cert-manager").observe(cluster.context()).seen == "cert-manager is not as planned"
    assert set(addon_images(PLAN, "cert-manager").values()) < set(images(PLAN))
    assert not set(addon_images(PLAN, "cert-manager").values()) & set(images(plan_of({"source": "craton"})))


def test_cert_manager_that_does_not_run_is_named(cluster: FakeCluster, tmp_path: Path) -> None:
    bring_manager(cluster, tmp_path)
    cluster.applied["Deployment", "cert-manager", "cert-manager-webhook"]["status"] = {}
    seen = PublishedManifests(PLAN, "cert-manager").observe(cluster.context())
    assert (seen.holds, seen.seen) == (False, "Deployment cert-manager-webhook: 0 of 1 pods are ready")


def test_a_webhook_that_does_not_answer_yet_is_asked_again(cluster: FakeCluster, tmp_path: Path) -> None:
    bring_manager(cluster, tmp_path)
    refused = 'failed calling webhook "webhook.cert-manager.io": x509: certificate signed by unknown authority'
    cluster.fails[f"{FIRST} addon acme"] = Result(1, "", refused)
    Addon(PLAN, "acme").apply(cluster.context())
    assert ("Certificate", "craton-ingress", "console") in cluster.applied


def test_a_certificate_that_does_not_come_says_what_it_waits_for(cluster: FakeCluster, tmp_path: Path) -> None:
    bring_manager(cluster, tmp_path)
    cluster.rolls_out = False
    challenge = {"spec": {"type": "HTTP-01"}, "status": {"state": "pending", "reason": "wrong status code '404'"}}
    cluster.objects["challenges.acme.cert-manager.io"] = {"items": [challenge]}
    cluster.objects["orders.acme.cert-manager.io"] = {"items": [{"status": {"state": "pending"}}]}
    cluster.objects["events"] = {"items": [{"message": "Issuing certificate as Secret does not exist"}]}
    with pytest.raises(InstallerError) as caught:
        Addon(PLAN, "acme").apply(cluster.context(deadline=0.5))
    for words in (
        "nothing has looked at the Certificate console yet",
        "HTTP-01 is pending: wrong status code '404'",
        "order is pending",
        "last event: Issuing certificate as Secret does not exist",
    ):
        assert words in caught.value.observed


def test_a_certificate_of_another_source_takes_the_order_back(cluster: FakeCluster, tmp_path: Path) -> None:
    bring_manager(cluster, tmp_path)
    Addon(PLAN, "acme").apply(cluster.context())
    assert Addon(PLAN, "acme").observe(cluster.context()).holds
    step = ConsoleCertificate(plan_of({"source": "craton"}))
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    cluster.applied["Certificate", "craton-ingress", "console"] = {"kind": "Certificate"}
    assert "still looks after it" in step.observe(cluster.context()).seen
    step.apply(cluster.context())
    assert ("Certificate", "craton-ingress", "console") not in cluster.applied
    assert ("CustomResourceDefinition", "", "certificates.cert-manager.io") in cluster.applied


def test_programs_trust_a_private_servers_authority_and_else_what_systems_trust(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    root = make("Test CA", ca=True).chain()
    (tmp_path / "root.pem").write_text(root)
    directory = cluster.context().world.directory
    assert issuer_certificate(plan_of({"trust": str(tmp_path / "root.pem")}), directory) == root
    assert issuer_certificate(PLAN, directory) == ""


def test_the_certificate_waits_for_traefik_the_keys_and_the_name(zone: dict[str, Any]) -> None:
    plan = plan_of({"challenge": "dns-01"}, dns=zone)
    steps = {step.id: step for step in pipeline.install_steps(plan)}
    assert set(steps["ingress/certificate"].needs) == {
        "ingress/cert-manager", "ingress/controller", "ingress/acme-keys", "dns/publish/demo.example.test",
    }  # fmt: skip
    without = {step.id: step for step in pipeline.install_steps(PLAN)}
    assert set(without["ingress/certificate"].needs) == {"ingress/cert-manager", "ingress/controller"}
    assert "ingress/certificate" in steps[f"ingress/trust/{FIRST}"].needs
    assert "renew/ingress" not in {step.id for step in pipeline.renewal_steps(PLAN)}
