"""The administrator's kubeconfig is kept privately, and leads to the API by its name (D1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from installer.cluster.kubeconfig import Kubeconfig
from installer.common.errors import InstallerError
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.doubles.kubeconfigs import access, given_by_master
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST = "demo-master-1"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded(FIRST)


def test_it_is_fetched_once_kept_privately_and_not_logged(cluster: FakeCluster) -> None:
    step, context = Kubeconfig(PLAN), cluster.context()
    path = context.world.directory.kubeconfig
    assert not step.observe(context).holds
    step.apply(context)
    assert path.stat().st_mode & 0o777 == 0o600
    assert step.observe(context).seen == f"{path} leads to https://demo-k8s.example.test:6443"
    assert context.lines == []
    step.undo(context)
    step.undo(context)
    assert not path.exists()


@pytest.mark.parametrize("damage", ["mode", "server", "empty"])
def test_one_that_is_not_as_it_should_be_is_fetched_again(cluster: FakeCluster, damage: str) -> None:
    step, context = Kubeconfig(PLAN), cluster.context()
    step.apply(context)
    path = context.world.directory.kubeconfig
    if damage == "mode":
        path.chmod(0o644)
    else:
        path.write_text(path.read_text().replace("demo-k8s", "other") if damage == "server" else "")
    assert not step.observe(context).holds
    step.apply(context)
    assert step.observe(context).holds


def test_one_that_leads_elsewhere_is_refused(cluster: FakeCluster) -> None:
    said = given_by_master(PLAN).replace("demo-k8s.example.test", "10.10.0.11")
    cluster.fails[f"{FIRST} kubeconfig"] = Result(0, said, "")
    with pytest.raises(
        InstallerError, match=r"it leads to https://10\.10\.0\.11:6443, not to https://demo-k8s"
    ) as caught:
        Kubeconfig(PLAN).apply(cluster.context())
    assert caught.value.machine == FIRST


def test_one_that_runs_a_program_is_refused_and_nothing_of_it_is_kept(cluster: FakeCluster) -> None:
    said = given_by_master(PLAN).replace("  user:\n", "  user:\n    exec: {command: /bin/sh, args: [-c, id]}\n")
    cluster.fails[f"{FIRST} kubeconfig"] = Result(0, said, "")
    context = cluster.context()
    with pytest.raises(InstallerError, match=r"users\[0\]\.user\.exec"):
        Kubeconfig(PLAN).apply(context)
    assert not context.world.directory.kubeconfig.exists()


def test_what_is_kept_holds_the_certificates_alone(cluster: FakeCluster) -> None:
    context = cluster.context()
    Kubeconfig(PLAN).apply(context)
    path = context.world.directory.kubeconfig
    assert path.read_text() == access(PLAN).kubeconfig()
    path.write_text(path.read_text() + "extensions: []\n")
    assert "extensions" in Kubeconfig(PLAN).observe(context).seen
