"""Certificates are renewed where they are old, one master after the other; what is young stays."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from installer.cluster import renewal
from installer.cluster.renewal import ControlPlaneRenewed, KubeletRenewed
from installer.common.errors import InstallerError
from installer.node import program
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from tests.doubles.certificates import make
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
MASTER = topology(PLAN).machine("demo-master-1")
WORKER = "demo-worker-1"


def shown(api: int, *, authority: int = 3000, kubelet: int = 300, pending: str = "no") -> str:
    """What `certs show` says where so many days are left."""
    files = {
        "/etc/kubernetes/pki/apiserver.crt": api,
        "/etc/kubernetes/pki/etcd/peer.crt": 364,
        "/etc/kubernetes/pki/ca.crt": authority,
        "/var/lib/kubelet/pki/kubelet-client-current.pem": kubelet,
    }
    made = (
        f"#certificate {path}\n{make(begins=timedelta(days=-999), ends=timedelta(days=days, hours=1)).chain()}"
        for path, days in files.items()
    )
    return f"pending={pending}\n{''.join(made)}"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    for module in (program, renewal):
        monkeypatch.setattr(module, "source_sum", lambda: "x")
    made = FakeCluster(PLAN).founded(MASTER.name, WORKER)
    made.renewed = shown(364)
    return made


def test_what_is_older_than_a_month_is_renewed_and_then_left_alone(cluster: FakeCluster) -> None:
    step = ControlPlaneRenewed(MASTER)
    cluster.certificates[MASTER.name] = shown(334)
    assert step.observe(cluster.context()).seen == "1 of 2 certificates are older than a month"
    step.apply(cluster.context())
    assert cluster.did() == ["master-1 certs renew"]
    assert step.observe(cluster.context()).holds
    step.apply(cluster.context())
    assert cluster.did() == ["master-1 certs renew"]


def test_new_certificates_that_nothing_uses_yet_are_no_success(cluster: FakeCluster) -> None:
    cluster.certificates[MASTER.name] = shown(364, pending="yes")
    seen = ControlPlaneRenewed(MASTER).observe(cluster.context())
    assert (seen.holds, seen.seen) == (False, "the control plane has yet to start with its new certificates")


def test_nothing_lasts_longer_than_the_authority_that_signs_it(cluster: FakeCluster) -> None:
    cluster.certificates[MASTER.name] = shown(100, authority=100)
    assert ControlPlaneRenewed(MASTER).observe(cluster.context()).holds


def test_etcd_has_to_be_healthy_before_the_next_master_begins(cluster: FakeCluster) -> None:
    cluster.certificates[MASTER.name] = shown(3)
    cluster.sick = {MASTER.name}
    with pytest.raises(InstallerError, match="etcd is not healthy on demo-master-1"):
        ControlPlaneRenewed(MASTER).apply(cluster.context(0.1))
    needs = {step.id: step.needs for step in pipeline.renewal_steps(PLAN)}
    ids = [id for id in needs if id.startswith("renew/control-plane/")]
    assert [needs[id] for id in ids] == [(), *((id,) for id in ids[:-1])]


@pytest.mark.parametrize(("left", "holds"), [(31, True), (29, False)])
def test_a_kubelet_starts_again_if_its_own_certificate_ends_soon(cluster: FakeCluster, left: int, holds: bool) -> None:
    cluster.certificates[WORKER] = shown(364, kubelet=left)
    step = KubeletRenewed(WORKER)
    assert step.observe(cluster.context()).holds is holds
    step.apply(cluster.context())
    assert cluster.did() == ([] if holds else ["worker-1 certs kubelet"])
    assert step.observe(cluster.context()).holds


def test_a_kubelet_whose_certificate_has_expired_has_to_join_again(cluster: FakeCluster) -> None:
    cluster.certificates[WORKER] = shown(364, kubelet=-2)
    with pytest.raises(InstallerError, match="it has expired") as caught:
        KubeletRenewed(WORKER).apply(cluster.context())
    assert "nodes remove" in caught.value.hint
    assert cluster.did() == []


def test_an_older_program_is_replaced_before_it_is_asked(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "source_sum", lambda: "newer")
    assert not ControlPlaneRenewed(MASTER).observe(cluster.context()).holds
    assert not KubeletRenewed(WORKER).observe(cluster.context()).holds
