"""Connectors of Dex: from plan fields and files with secrets; what is missing is said before anything starts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from installer.cluster import identity, manifests
from installer.cluster.connectors import CheckConnectors, configurations
from installer.cluster.sign_in import SignInSecrets
from installer.common.errors import ExitCode, InstallerError
from installer.operations import pipeline
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.plan.questions.answers import answers_of, plan_of
from tests.doubles.node_verbs import FakeCluster

FIRST = "demo-master-1"


def plan_with(*given: dict[str, Any], **more: Any) -> InstallPlan:
    sign_in = {"connectors": list(given), **more}
    return InstallPlan.model_validate(
        {"name": "demo", "subdomain": "example.test", "platform": "local", "sign_in": sign_in}
    )


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    return str(path)


def test_github_is_asked_for_the_members_of_organizations(secret: str) -> None:
    given = {"type": "github", "id": "gh", "client_id": "a1", "secret_file": secret, "organizations": ["acme"]}
    [found] = configurations(plan_with(given))
    assert found == {
        "type": "github",
        "id": "gh",
        "name": "gh",
        "config": {
            "clientID": "a1",
            "clientSecret": "s3cret",
            "redirectURI": "https://demo.example.test/dex/callback",
            "orgs": [{"name": "acme"}],
            "teamNameField": "slug",
        },
    }


def test_google_and_openid_providers(secret: str) -> None:
    google = {"type": "google", "id": "g", "client_id": "a", "secret_file": secret, "organizations": ["acme.com"]}
    oidc = {"type": "oidc", "id": "o", "name": "Acme", "issuer": "https://id.acme.com", "client_id": "a",
            "secret_file": secret}  # fmt: skip
    first, second = configurations(plan_with(google, oidc))
    assert first["config"]["hostedDomains"] == ["acme.com"]
    assert (second["name"], second["config"]["issuer"]) == ("Acme", "https://id.acme.com")
    assert second["config"]["insecureEnableGroups"] is True


def test_ldap_is_asked_over_tls_for_people_and_their_groups(secret: str) -> None:
    given = {"type": "ldap", "id": "l", "host": "ldap.acme.com", "users": "ou=people,dc=acme", "groups": "ou=g,dc=acme",
             "bind_dn": "cn=dex", "secret_file": secret, "ca_file": secret}  # fmt: skip
    config = configurations(plan_with(given))[0]["config"]
    assert config["host"] == "ldap.acme.com:636"
    assert "insecureNoSSL" not in config
    assert (config["bindDN"], config["bindPW"]) == ("cn=dex", "s3cret")
    assert base64.b64decode(config["rootCAData"]) == b"s3cret"
    assert config["userSearch"]["baseDN"] == "ou=people,dc=acme"
    assert config["groupSearch"]["userMatchers"] == [{"userAttr": "DN", "groupAttr": "member"}]


@pytest.mark.parametrize(("text", "words"), [(None, "No such file"), ("", "it is empty"), ("x" * 70_000, "too long")])
def test_a_file_without_a_secret_is_refused_before_anything_starts(
    text: str | None, words: str, tmp_path: Path, secret: str
) -> None:
    path = tmp_path / "other"
    if text is not None:
        path.write_text(text)
    plan = plan_with({"type": "google", "id": "g", "client_id": "a", "secret_file": str(path)})
    with pytest.raises(InstallerError) as caught:
        CheckConnectors(plan).observe(FakeCluster(plan).context())
    assert words in caught.value.observed
    assert caught.value.exit_code is ExitCode.PREFLIGHT
    assert "check/connectors" in {step.id for step in pipeline.install_steps(plan)}
    del secret


def test_the_secret_goes_to_dex_alone_and_a_new_one_is_brought(secret: str) -> None:
    plan = plan_with({"type": "google", "id": "g", "client_id": "a", "secret_file": secret})
    cluster = FakeCluster(plan).founded(FIRST)
    ctx = cluster.context()
    SignInSecrets(plan).apply(ctx)
    dex = json.loads(base64.b64decode(cluster.secrets["craton-sign-in", "dex"]["config.yaml"]))
    assert dex["connectors"][0]["config"]["clientSecret"] == "s3cret"
    assert "s3cret" not in planfile.dump(plan) + " ".join(ctx.lines)
    assert SignInSecrets(plan).observe(cluster.context()).holds
    Path(secret).write_text("another\n")
    assert not SignInSecrets(plan).observe(cluster.context()).holds


def test_groups_are_bound_to_what_they_may_do() -> None:
    plan = plan_with(groups=["acme:ops"], editors=["acme:devs"], viewers=["acme:all"])
    text = manifests.addon(plan, "sign-in").text
    for group, role in (("acme:ops", "cluster-admin"), ("acme:devs", "edit"), ("acme:all", "view")):
        document = next(part for part in text.split("\n---\n") if f'"oidc:{group}"' in part)
        assert f"name: {role}\n" in document
    assert identity.subjects([]) == []


def test_a_plan_keeps_them_in_its_file_and_through_the_wizard(tmp_path: Path) -> None:
    given = {"type": "ldap", "id": "l", "host": "ldap.acme.com", "users": "ou=people,dc=acme"}
    plan = plan_with(given, editors=["acme:devs"])
    path = tmp_path / "plan.yaml"
    planfile.save(path, plan)
    assert planfile.load(path) == plan
    assert plan_of(answers_of(plan)) == plan
