"""The certificate of the console's name: issued, kept, renewed in time, replaced with the plan."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from installer.cluster import console_certificate
from installer.cluster.console_certificate import CheckCertificate, ConsoleCertificate
from installer.cluster.tls import authority
from installer.cluster.tls.given import Pair
from installer.common.errors import InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from tests.doubles.certificates import HOST, Made, make
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST = "demo-master-1"


def cluster_of(plan: InstallPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(plan).founded(FIRST)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    return cluster_of(PLAN, tmp_path, monkeypatch)


def with_files(made: Made, source: str, directory: Path) -> InstallPlan:
    certificate, key = made.write(directory)
    given = {"source": source, "file": certificate, "key": key}
    return InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", "certificate": given})


def kept(cluster: FakeCluster) -> dict[str, Any]:
    """What the Secret holds, put where the cluster shows it."""
    items = json.loads(cluster.sent[f"{FIRST} kubectl"])["items"]
    secret = next(item for item in items if item["kind"] == "Secret")
    cluster.objects["secret"] = secret
    return {name: base64.b64decode(text).decode() for name, text in secret["data"].items()}


def test_craton_makes_a_ca_and_a_certificate_for_the_consoles_name(cluster: FakeCluster) -> None:
    step, ctx = ConsoleCertificate(PLAN), cluster.context()
    assert step.observe(ctx).seen == f"there is no certificate for {HOST}"
    step.apply(ctx)
    leaf, ca = x509.load_pem_x509_certificates(kept(cluster)["tls.crt"].encode())
    leaf.verify_directly_issued_by(ca)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    ) == [HOST]
    assert ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees == [x509.DNSName(HOST)]
    assert step.observe(cluster.context()).holds
    for name in ("console-ca.crt", "console-ca.key"):
        assert (ctx.world.directory.path / name).stat().st_mode & 0o777 == 0o600


def test_the_key_travels_on_stdin_and_is_in_no_log(cluster: FakeCluster) -> None:
    ctx = cluster.context()
    ConsoleCertificate(PLAN).apply(ctx)
    assert "PRIVATE KEY" in kept(cluster)["tls.key"]
    [(_, told)] = cluster.asked
    assert told.endswith("--filename -")
    assert not [line for line in ctx.lines if "PRIVATE" in line]


@pytest.mark.parametrize(("left", "holds"), [(31, True), (29, False)])
def test_a_certificate_is_renewed_a_month_before_its_end(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, left: int, holds: bool
) -> None:
    monkeypatch.setattr(authority, "_SERVER", timedelta(days=left, hours=1))
    step = ConsoleCertificate(PLAN)
    step.apply(cluster.context())
    kept(cluster)
    assert step.observe(cluster.context()).holds is holds


def test_a_certificate_that_another_authority_signed_is_replaced(cluster: FakeCluster) -> None:
    cluster.objects["secret"] = {"data": {"tls.crt": base64.b64encode(make().chain().encode()).decode()}}
    assert ConsoleCertificate(PLAN).observe(cluster.context()).seen == "another authority signed it"


@pytest.mark.parametrize("text", ["", "bm90IGEgY2VydGlmaWNhdGU=", "%%%"])
def test_a_damaged_certificate_is_replaced(cluster: FakeCluster, text: str) -> None:
    cluster.objects["secret"] = {"data": {"tls.crt": text}}
    assert not ConsoleCertificate(PLAN).observe(cluster.context()).holds


def test_a_ca_of_the_users_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = make("Example Root", ca=True)
    plan = with_files(ca, "ca", tmp_path)
    cluster = cluster_of(plan, tmp_path, monkeypatch)
    ConsoleCertificate(plan).apply(cluster.context())
    leaf, *_ = x509.load_pem_x509_certificates(kept(cluster)["tls.crt"].encode())
    leaf.verify_directly_issued_by(ca.certificate)
    assert not (cluster.context().world.directory.path / "console-ca.key").exists()


def test_a_certificate_of_the_users_is_shown_with_its_chain_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(HOST, make("Example Root", ca=True))
    plan = with_files(made, "files", tmp_path)
    cluster, step = cluster_of(plan, tmp_path, monkeypatch), ConsoleCertificate(plan)
    step.apply(cluster.context())
    assert kept(cluster)["tls.crt"] == made.chain()
    assert step.observe(cluster.context()).holds
    make(HOST).write(tmp_path)
    assert step.observe(cluster.context()).seen == "it isn't the one that the plan names"


def test_files_are_checked_before_anything_is_made(tmp_path: Path) -> None:
    plan = with_files(make(names=("other.test",)), "files", tmp_path)
    steps = {step.id: step for step in pipeline.install_steps(plan)}
    check = steps["check/certificate"]
    assert all(check.id in step.needs for step in steps.values() if step.id == "check/computer")
    assert isinstance(check.action, CheckCertificate)
    with pytest.raises(InstallerError, match=r"for other\.test, not for demo"):
        check.action.observe(FakeCluster(plan).context())
    assert "check/certificate" not in {step.id for step in pipeline.install_steps(PLAN)}


def test_no_key_is_in_what_a_pair_says_of_itself() -> None:
    assert "key" not in repr(Pair((make().certificate,), make().key))
    assert console_certificate.SECRET == "certificate"
