"""Projects that enforce OS Login: the caller's own profile gets the installer's keys, and gives them up again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from installer.common.errors import ExitCode
from installer.common.paths import ClusterDirectory
from installer.platforms import open_platform
from installer.ssh.keys.cluster_key import public_key
from installer.steps.step import Phase
from tests.doubles.gcp.project import ACCOUNT, PROJECT, Project
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import plan

MINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF5wGm7GBPxBPgOfbYk4Zzr1n0cb8LwVmYHvyQpH6xQd"
ADA = "ada@example.test"


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    return Cluster()


def enforce(gcp: Project, way: str) -> None:
    if way == "policy":
        gcp.policies.add("compute.requireOsLogin")
    else:
        gcp.metadata["enable-oslogin"] = "true"


def keys(gcp: Project, user: str = ACCOUNT) -> list[str]:
    """The keys of a profile, without their comments."""
    return sorted(" ".join(one["key"].split()[:2]) for one in gcp.profiles[user]["sshPublicKeys"].values())


@pytest.mark.parametrize("way", ["policy", "metadata"])
def test_keys_are_in_the_callers_profile_and_go_with_the_cluster(gcp: Project, cluster: Cluster, way: str) -> None:
    enforce(gcp, way)
    theirs = {"key": f"{MINE} craton/{PROJECT}/europe-west3/another", "name": f"users/{ACCOUNT}/sshPublicKeys/1"}
    gcp.profiles[ACCOUNT] = {"posixAccounts": [], "sshPublicKeys": {"1": theirs}}
    given = plan()
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    installers = " ".join(public_key(ClusterDirectory.of("demo")).split()[:2])
    assert keys(gcp) == sorted([installers, MINE])
    for one in gcp.of("instances"):
        told = {item["key"]: item["value"] for item in one["metadata"]["items"]}
        assert told["enable-oslogin"] == "TRUE"
        assert "ssh-keys" not in told
    platform = open_platform(given)
    assert platform.instances.by_machine()["demo-worker-1"].by_profile  # type: ignore[attr-defined]
    assert platform.os_login.user() == gcp.profiles[ACCOUNT]["posixAccounts"][0]["username"]  # type: ignore[attr-defined]
    assert cluster.make(given) is ExitCode.DONE, cluster.errors
    assert cluster.applied == set()
    assert cluster.destroy(given) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == ["login key craton/craton-test-1/europe-west3/another"]


def test_without_it_no_profile_is_touched(gcp: Project, cluster: Cluster) -> None:
    assert cluster.make(plan()) is ExitCode.DONE, cluster.errors
    assert gcp.profiles == {}
    assert not any(name.startswith(("oslogin.", "oauth2.")) for name in gcp.calls)


def test_another_computer_removes_the_keys_of_a_cluster_by_their_comment(
    gcp: Project, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce(gcp, "metadata")
    assert cluster.make(plan()) is ExitCode.DONE, cluster.errors
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "elsewhere"))
    assert cluster.destroy(plan()) is ExitCode.DONE, cluster.errors
    assert gcp.remains() == []


def test_what_keeps_a_caller_from_logging_in_is_said_before_anything_is_made(gcp: Project, cluster: Cluster) -> None:
    enforce(gcp, "policy")
    gcp.metadata["enable-oslogin-2fa"] = "TRUE"
    gcp.withheld.add("compute.instances.osAdminLogin")
    gcp.services.discard("oslogin")
    assert cluster.make(plan(), Phase.CHECK) is ExitCode.PREFLIGHT
    for words in (
        "the project wants a second factor of everybody who logs in (enable-oslogin-2fa=TRUE)",
        "Set enable-oslogin-2fa=FALSE in the project's metadata, or use another project.",
        "the API oslogin.googleapis.com is not enabled in the project craton-test-1",
        "gcloud services enable oslogin.googleapis.com --project craton-test-1",
        "the credentials don't allow compute.instances.osAdminLogin",
    ):
        assert words in cluster.errors[0]


@pytest.mark.parametrize("told", [True, False])
def test_somebody_who_signed_in_with_gcloud_is_known_by_their_address(
    gcp: Project, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    enforce(gcp, "metadata")
    gcp.user = ADA if told else ""
    endpoint = os.environ["CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM"]
    file = tmp_path / "user.json"
    file.write_text(json.dumps({"type": "authorized_user", "client_id": "1", "client_secret": "2",
                                "refresh_token": "3", "token_uri": f"{endpoint}token"}))  # fmt: skip
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setattr("google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"{endpoint}token")
    given = plan(project=PROJECT)
    if told:
        assert cluster.make(given, Phase.CHECK, Phase.NETWORK) is ExitCode.DONE, cluster.errors
        assert len(keys(gcp, ADA)) == 1
        assert open_platform(given).os_login.user() == "ada_example_test"  # type: ignore[attr-defined]
    else:
        assert cluster.make(given, Phase.CHECK) is ExitCode.PREFLIGHT
        assert "Google doesn't say whose credentials these are" in cluster.errors[0]
        assert "Set gcp.impersonate to a service account with the role Compute OS Admin Login" in cluster.errors[0]
