"""Sign-in: one password and one secret, the same everywhere, and no one else's say in who is an administrator."""

from __future__ import annotations

import base64
import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from installer.cli import sign_in
from installer.cluster import administrator, identity, manifests
from installer.cluster.sign_in import SignInSecrets, Trust
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan import planfile
from installer.plan.model import InstallPlan
from installer.ssh.connection import Result
from tests.doubles.node_verbs import FakeCluster

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")
FIRST = "demo-master-1"
DEX, CONSOLE, PROBE = ("craton-sign-in", "dex"), ("craton-console", "console"), ("craton-sign-in", "probe")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return FakeCluster(PLAN).founded(FIRST)


@pytest.fixture
def directory(cluster: FakeCluster) -> ClusterDirectory:
    return cluster.context().world.directory


def kept(cluster: FakeCluster, place: tuple[str, str]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in cluster.secrets[place].items()}


def dex(cluster: FakeCluster) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept(cluster, DEX)["config.yaml"])
    return found


def test_a_password_is_made_at_random_where_nobody_set_one(cluster: FakeCluster, directory: ClusterDirectory) -> None:
    step = SignInSecrets(PLAN)
    assert not step.observe(cluster.context()).holds
    assert not administrator.hash_file(directory).exists(), "looking makes nothing"
    step.apply(cluster.context())
    made = administrator.made_file(directory)
    user, _probe = dex(cluster)["staticPasswords"]
    assert user["email"] == "admin@example.test"
    assert bcrypt.checkpw(made.read_text().strip().encode(), user["hash"].encode())
    assert user["hash"].startswith("$2b$10$"), "Dex refuses fewer rounds"
    assert {path.stat().st_mode & 0o777 for path in (made, administrator.hash_file(directory))} == {0o600}
    assert step.observe(cluster.context()).holds


def test_a_password_that_somebody_sets_replaces_it(cluster: FakeCluster, directory: ClusterDirectory) -> None:
    step = SignInSecrets(PLAN)
    step.apply(cluster.context())
    secret = kept(cluster, CONSOLE)["secret"]
    administrator.set_password(directory, "correct horse battery")
    assert not administrator.made_file(directory).exists()
    assert not step.observe(cluster.context()).holds
    step.apply(cluster.context())
    hash = dex(cluster)["staticPasswords"][0]["hash"]
    assert bcrypt.checkpw(b"correct horse battery", hash.encode())
    assert hash.startswith("$2b$12$")
    assert kept(cluster, CONSOLE)["secret"] == secret, "sessions of the console go on"
    assert "master-1 kubectl delete pod --selector app=dex" in "\n".join(cluster.did())


def test_the_checks_have_an_account_of_their_own_whose_password_is_nowhere_else(
    cluster: FakeCluster, directory: ClusterDirectory
) -> None:
    SignInSecrets(PLAN).apply(cluster.context())
    probe = kept(cluster, PROBE)
    _administrator, account = dex(cluster)["staticPasswords"]
    assert account["email"] == "craton-probe@craton.invalid"
    assert bcrypt.checkpw(probe["password"].encode(), account["hash"].encode())
    assert not [path for path in directory.path.rglob("*") if path.is_file() and probe["password"] in path.read_text()]
    assert "craton-probe" not in manifests.manifests(PLAN, "sign-in"), "no binding names it"
    SignInSecrets(PLAN).apply(cluster.context())
    assert kept(cluster, PROBE) == probe
    del cluster.secrets[PROBE]
    seen = SignInSecrets(PLAN).observe(cluster.context()).seen
    assert seen == "not as planned: dex in craton-sign-in, probe in craton-sign-in"


def test_another_computer_keeps_the_password_that_the_cluster_has(
    cluster: FakeCluster, directory: ClusterDirectory
) -> None:
    SignInSecrets(PLAN).apply(cluster.context())
    before = dex(cluster)
    administrator.hash_file(directory).unlink()
    assert SignInSecrets(PLAN).observe(cluster.context()).holds
    assert dex(cluster) == before


@pytest.mark.parametrize("password", ["short", "x" * 73, "tab\tbetween it all", ""])
def test_passwords_that_nobody_should_have_are_refused(directory: ClusterDirectory, password: str) -> None:
    with pytest.raises(InstallerError, match=r"bytes|characters") as caught:
        administrator.set_password(directory, password)
    assert not password or password not in f"{caught.value.observed} {caught.value.hint}"
    assert not administrator.hash_file(directory).exists()


def test_no_secret_is_in_an_argument_or_a_log(cluster: FakeCluster) -> None:
    ctx = cluster.context()
    SignInSecrets(PLAN).apply(ctx)
    secret = kept(cluster, CONSOLE)["secret"]
    words = [*ctx.lines, *(told for _, told in cluster.asked)]
    assert not [line for line in words if secret in line or "$2b$" in line]


def test_the_api_server_believes_the_issuer_once_and_nobody_where_sign_in_is_left_out(cluster: FakeCluster) -> None:
    step = Trust(PLAN, FIRST)
    assert not step.observe(cluster.context()).holds
    step.apply(cluster.context())
    assert step.observe(cluster.context()).holds
    found = YAML(typ="safe").load(io.StringIO(cluster.authentication[FIRST]))
    [one] = found["jwt"]
    assert one["issuer"]["url"] == "https://demo.example.test/dex"
    assert one["issuer"]["certificateAuthority"].startswith("-----BEGIN CERTIFICATE-----")
    assert set(one["issuer"]["audiences"]) == {client["id"] for client in _clients(cluster)}
    assert one["claimMappings"]["username"] == {"claim": "email", "prefix": "oidc:"}
    assert found["anonymous"]["conditions"], "as before"
    without = Trust(InstallPlan.model_validate(PLAN.model_dump() | {"addons": {"sign_in": False}}), FIRST)
    assert not without.observe(cluster.context()).holds
    without.apply(cluster.context())
    assert YAML(typ="safe").load(io.StringIO(cluster.authentication[FIRST]))["jwt"] == []


def test_an_api_server_that_still_asks_the_issuer_does_not_believe_it_yet(cluster: FakeCluster) -> None:
    step = Trust(PLAN, FIRST)
    cluster.asks_issuer = 3
    step.apply(cluster.context())
    assert cluster.asks_issuer == 0, "the step waits for the API server's own answer"
    assert step.observe(cluster.context()).holds
    cluster.believed[FIRST], cluster.asks_issuer = "", 1
    found = step.observe(cluster.context())
    assert found.seen == "it uses older settings until https://demo.example.test/dex has answered it"
    assert not found.holds, "the file alone says nothing"
    wanted = sha256(cluster.authentication[FIRST].encode()).hexdigest()
    cluster.fails[f"{FIRST} policies sums"] = Result(0, f"{wanted}  authentication.yaml\n", "")
    found = step.observe(cluster.context())
    assert found.holds, "an API server that does not answer in time keeps no install from its end"
    assert "doesn't say" in found.seen


def test_a_token_that_several_requests_refresh_at_once_serves_them_all(cluster: FakeCluster) -> None:
    SignInSecrets(PLAN).apply(cluster.context())
    assert dex(cluster)["expiry"]["refreshTokens"]["reuseInterval"] == "30s"


def _clients(cluster: FakeCluster) -> list[dict[str, Any]]:
    SignInSecrets(PLAN).apply(cluster.context())
    return list(dex(cluster)["staticClients"])


def test_the_console_and_dex_know_each_other(cluster: FakeCluster) -> None:
    kubectl, console = _clients(cluster)
    assert kubectl["public"]
    assert "secret" not in kubectl
    assert console["secret"] == kept(cluster, CONSOLE)["secret"]
    assert console["redirectURIs"] == ["https://demo.example.test/oidc-callback"]
    environment = {each["name"]: each for each in identity.console_environment(PLAN)}
    assert environment["HEADLAMP_CONFIG_OIDC_CLIENT_ID"]["value"] == console["id"]
    assert environment["HEADLAMP_CONFIG_OIDC_IDP_ISSUER_URL"]["value"] == dex(cluster)["issuer"]
    assert "ca.crt" in kept(cluster, CONSOLE)


def test_administrators_are_the_plans_and_the_console_has_no_rights() -> None:
    plan = InstallPlan.model_validate(
        {"name": "demo", "subdomain": "example.test", "sign_in": {"email": "ada@example.test", "groups": ["acme:ops"]}}
    )
    documents = list(YAML(typ="safe").load_all(io.StringIO(manifests.manifests(plan, "sign-in"))))
    [binding] = [each for each in documents if each["metadata"]["name"] == "craton-administrators"]
    assert [(each["kind"], each["name"]) for each in binding["subjects"]] == [
        ("User", "oidc:ada@example.test"), ("Group", "oidc:acme:ops"),
    ]  # fmt: skip
    console = list(YAML(typ="safe").load_all(io.StringIO(manifests.manifests(plan, "console"))))
    assert not [each for each in console if "Role" in each["kind"]]


def test_dex_lives_on_while_the_api_is_away() -> None:
    documents = list(YAML(typ="safe").load_all(io.StringIO(manifests.manifests(PLAN, "sign-in"))))
    [dex] = [each for each in documents if each["kind"] == "Deployment"]
    [container] = dex["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/dex/healthz", "it asks Dex's storage, the API"
    assert container["livenessProbe"]["httpGet"]["path"] == "/dex/.well-known/openid-configuration"


def test_a_password_chosen_before_the_install_is_the_one_that_the_install_brings(
    cluster: FakeCluster, directory: ClusterDirectory
) -> None:
    assert administrator.is_asked_for(PLAN)
    administrator.choose(PLAN, "correct horse battery")
    assert administrator.hash_file(directory).stat().st_mode & 0o777 == 0o600
    SignInSecrets(PLAN).apply(cluster.context())
    user, _probe = dex(cluster)["staticPasswords"]
    assert bcrypt.checkpw(b"correct horse battery", user["hash"].encode())
    administrator.choose(PLAN, None)
    assert not administrator.hash_file(directory).exists()


def test_a_password_can_be_set_with_the_plan_alone(cluster: FakeCluster, tmp_path: Path) -> None:
    planfile.save(tmp_path / "plan.yaml", PLAN)
    words = ["password", str(tmp_path / "plan.yaml"), "--password-stdin"]
    done = CliRunner().invoke(sign_in.app, words, input="correct horse battery\n")
    assert done.exit_code == 0, done
    assert "craton apply" in done.output
    SignInSecrets(PLAN).apply(cluster.context())
    assert bcrypt.checkpw(b"correct horse battery", dex(cluster)["staticPasswords"][0]["hash"].encode())


@pytest.mark.parametrize("change", [{"platform": "rehearsal"}, {"addons": {"sign_in": False, "console": False}}])
def test_nobody_is_asked_for_a_password_that_nobody_would_need(change: dict[str, Any], cluster: FakeCluster) -> None:
    del cluster  # its home
    assert not administrator.is_asked_for(InstallPlan.model_validate(PLAN.model_dump() | change))


def test_on_a_plain_terminal_it_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter(["short", "correct horse battery", "another", "correct horse battery", "correct horse battery"])
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert sign_in._typed_twice("ada@example.test", administrator.problem) == "correct horse battery"
    monkeypatch.setattr("getpass.getpass", lambda _prompt: "")
    assert sign_in._typed_twice("ada@example.test", administrator.problem) is None
