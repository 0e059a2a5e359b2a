"""Connectors of Dex: from plan fields and files with secrets; what is missing is said before anything starts."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from installer.cli import sign_in
from installer.cli.sign_in import app
from installer.cluster import identity, manifests
from installer.cluster.connectors import CheckConnectors, configurations, kept_file, lacking
from installer.cluster.sign_in import SignInSecrets
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
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


def typed(*words: str, answers: str = "") -> Any:
    return CliRunner().invoke(app, [*words], input=answers)


def test_a_secret_is_typed_before_the_install_and_kept_for_its_owner_alone(
    tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del secret
    plan = plan_with({"type": "github", "id": "gh", "client_id": "a"})
    planfile.save(tmp_path / "plan.yaml", plan)
    with pytest.raises(InstallerError, match="nobody has given the secret of gh yet") as caught:
        CheckConnectors(plan).observe(FakeCluster(plan).context())
    assert "craton secret demo gh" in str(caught.value.hint)
    done = typed("secret", str(tmp_path / "plan.yaml"), "gh", "--secret-stdin", answers="t0p-s3cret\n")
    assert done.exit_code == 0, done
    assert "t0p-s3cret" not in done.output
    assert f"craton apply {tmp_path / 'plan.yaml'}" in done.output
    place = kept_file(ClusterDirectory.of("demo"), "gh")
    assert place.stat().st_mode & 0o777 == 0o600
    assert configurations(plan)[0]["config"]["clientSecret"] == "t0p-s3cret"
    assert lacking(plan) == ()


def test_an_install_asks_for_what_nobody_gave_where_somebody_can_answer(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = {"type": "google", "id": "g", "client_id": "a", "secret_file": secret}
    open_ldap = {"type": "ldap", "id": "o", "host": "h", "users": "u"}
    plan = plan_with({"type": "github", "id": "gh", "name": "GitHub", "client_id": "a"}, file, open_ldap)
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "t0p-s3cret"

    monkeypatch.setattr("getpass.getpass", ask)
    sign_in.ask_for_secrets(plan)
    assert not asked, "nobody is there"
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    sign_in.ask_for_secrets(plan)
    sign_in.ask_for_secrets(plan)
    assert asked == ["Secret of the connector GitHub: "]
    assert configurations(plan)[0]["config"]["clientSecret"] == "t0p-s3cret"


@pytest.mark.parametrize(
    ("words", "answers", "seen"),
    [
        (("gh", "--secret-stdin"), "\n", "it is empty"),
        (("gh",), "", "there is no terminal to ask on"),
        (("other", "--secret-stdin"), "x\n", "the plan has no connector other with one"),
        (("g", "--secret-stdin"), "x\n", "it is in "),
    ],
)
def test_a_secret_that_helps_nobody_is_refused(
    words: tuple[str, ...], answers: str, seen: str, tmp_path: Path, secret: str
) -> None:
    google = {"type": "google", "id": "g", "client_id": "a", "secret_file": secret}
    planfile.save(tmp_path / "plan.yaml", plan_with({"type": "github", "id": "gh", "client_id": "a"}, google))
    refused = typed("secret", str(tmp_path / "plan.yaml"), *words, answers=answers).exception
    assert isinstance(refused, InstallerError)
    assert seen in refused.observed
    assert refused.exit_code is ExitCode.USAGE


def test_a_rehearsal_needs_no_secret(secret: str) -> None:
    del secret
    given = plan_with({"type": "github", "id": "gh", "client_id": "a"}).model_dump(exclude={"platform"})
    plan = InstallPlan.model_validate(given | {"platform": "rehearsal"})
    assert lacking(plan) == ()
    assert configurations(plan)[0]["config"]["clientSecret"]


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
