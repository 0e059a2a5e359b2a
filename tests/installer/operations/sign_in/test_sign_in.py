"""People sign in with a browser or a code; kubectl gets tokens that last; nothing secret is shown or readable."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from installer.cli.sign_in import app
from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations.sign_in import browser, session, tokens
from installer.operations.sign_in.provider import Provider
from installer.operations.sign_in.tokens import Tokens
from installer.plan import planfile
from installer.plan.model import InstallPlan
from tests.doubles.kubeconfigs import given_by_master
from tests.doubles.oidc_provider import FakeProvider, serving

PLAN = InstallPlan(name="demo", subdomain="example.test", platform="local")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProvider]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    planfile.save(ClusterDirectory.of("demo").plan, PLAN)
    with serving(tmp_path) as provider:
        monkeypatch.setattr(session, "provider", lambda *_: discover(provider))
        monkeypatch.setattr(type(PLAN), "issuer", provider.issuer)
        yield provider


def discover(fake: FakeProvider) -> Provider:
    return Provider.discover("demo", fake.issuer, fake.certificate)


def browse(fake: FakeProvider) -> Any:
    """A browser whose user knows the password."""

    def opened(url: str) -> bool:
        to = fake.authorize(dict(httpx2.URL(url).params))
        assert httpx2.get(to).status_code == 200
        return True

    return opened


def sign_in(fake: FakeProvider) -> str:
    return session.sign_in("demo", device=False, open_browser=browse(fake), notify=lambda _: None)


def test_somebody_signs_in_with_a_browser_and_kubectl_gets_the_token(fake: FakeProvider) -> None:
    assert sign_in(fake) == "ada@example.test"
    printed = CliRunner().invoke(app, ["credential", "demo"])
    given = json.loads(printed.stdout)
    assert (given["apiVersion"], given["kind"]) == ("client.authentication.k8s.io/v1", "ExecCredential")
    kept = tokens.load(ClusterDirectory.of("demo"))
    assert kept
    assert given["status"]["token"] == kept.id_token
    assert (
        time.time() < time.mktime(time.strptime(given["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")) + 86400
    )


def test_tokens_are_for_their_owner_alone(fake: FakeProvider) -> None:
    sign_in(fake)
    path = tokens.place(ClusterDirectory.of("demo"))
    assert path.stat().st_mode & 0o777 == 0o600
    kept = tokens.load(ClusterDirectory.of("demo"))
    assert kept
    assert kept.id_token not in repr(kept)
    assert kept.refresh_token not in repr(kept)


def test_a_token_that_ends_soon_is_replaced_before_kubectl_gets_it(fake: FakeProvider) -> None:
    fake.lifetime = 30.0
    sign_in(fake)
    before = tokens.load(ClusterDirectory.of("demo"))
    fake.lifetime = 3600.0
    first, second = session.credential("demo"), session.credential("demo")
    assert before
    assert before.id_token != first["status"]["token"]
    assert first == second, "a token that lasts is kept"


def test_a_session_that_the_provider_ended_asks_for_a_new_sign_in(fake: FakeProvider) -> None:
    fake.lifetime = 30.0
    sign_in(fake)
    fake.refresh.clear()
    with pytest.raises(InstallerError, match="invalid_grant") as caught:
        session.credential("demo")
    assert "craton login demo" in caught.value.hint


def test_without_a_session_kubectl_is_told_to_sign_in(fake: FakeProvider) -> None:
    with pytest.raises(InstallerError, match="nobody is signed in"):
        session.credential("demo")
    sign_in(fake)
    assert session.sign_out("demo")
    assert not session.sign_out("demo")
    with pytest.raises(InstallerError, match="nobody is signed in"):
        session.credential("demo")


def test_a_damaged_session_says_so(fake: FakeProvider) -> None:
    sign_in(fake)
    tokens.place(ClusterDirectory.of("demo")).write_text('{"id_token": 7}')
    with pytest.raises(InstallerError, match="it is damaged"):
        session.credential("demo")


def test_a_code_that_did_not_come_from_this_sign_in_is_not_taken() -> None:
    with browser.listening() as answer:
        answer.state = "mine"
        assert httpx2.get(answer.redirect, params={"code": "stolen", "state": "other"}).status_code == 400
        assert not answer.came.is_set()
        assert httpx2.get(answer.redirect.replace("callback", "else")).status_code == 404
        assert httpx2.get(answer.redirect, params={"error": "access_denied", "state": "mine"}).status_code == 400
        assert answer.error == "access_denied"


def test_a_code_works_once_and_only_with_its_verifier(fake: FakeProvider) -> None:
    provider = discover(fake)
    redirect = "http://localhost:1/callback"
    url, _, verifier = provider.authorization(redirect)
    code = dict(httpx2.URL(fake.authorize(dict(httpx2.URL(url).params))).params)["code"]
    with pytest.raises(InstallerError, match="invalid_grant"):
        provider.exchange(redirect, code, "x" * 64)
    url, _, verifier = provider.authorization(redirect)
    code = dict(httpx2.URL(fake.authorize(dict(httpx2.URL(url).params))).params)["code"]
    assert provider.exchange(redirect, code, verifier).lasts(60)
    with pytest.raises(InstallerError, match="invalid_grant"):
        provider.exchange(redirect, code, verifier)


def test_a_device_code_is_shown_and_waited_for(fake: FakeProvider) -> None:
    fake.devices["device-1"] = ["authorization_pending"]
    shown: list[str] = []
    who = session.sign_in("demo", device=True, open_browser=lambda _: False, notify=shown.append)
    assert who == "ada@example.test"
    assert shown == [f"Open {fake.issuer}/device and enter ABCD-EFGH"]


@pytest.mark.parametrize("error", ["access_denied", "expired_token"])
def test_a_device_code_that_is_refused_ends_the_wait(fake: FakeProvider, error: str) -> None:
    fake.devices["device-1"] = [error]
    with pytest.raises(InstallerError, match=error):
        discover(fake).device(lambda *_: None, 60.0)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"issuer": "https://evil.test"}, "says that it is another issuer"),
        ({"token_endpoint": "http://localhost/token"}, "lacks authorization_endpoint or token_endpoint"),
    ],
)
def test_a_provider_that_is_not_the_clusters_is_refused(
    fake: FakeProvider, changed: dict[str, Any], words: str
) -> None:
    fake.changed = changed
    with pytest.raises(InstallerError, match=words):
        discover(fake)


@pytest.mark.parametrize("claims", [{"iss": "https://evil.test"}, {"aud": "other"}])
def test_a_token_for_somebody_else_is_refused(fake: FakeProvider, claims: dict[str, Any]) -> None:
    fake.claims = claims
    with pytest.raises(InstallerError, match="another issuer, or is for another program"):
        sign_in(fake)
    assert tokens.load(ClusterDirectory.of("demo")) is None


def test_a_certificate_of_another_authority_is_refused(fake: FakeProvider) -> None:
    with pytest.raises(InstallerError, match="certificate") as caught:
        Provider.discover("demo", fake.issuer, "")
    assert "craton review demo" in caught.value.hint


def test_a_kubeconfig_for_those_who_sign_in_holds_no_secret(fake: FakeProvider) -> None:
    directory = ClusterDirectory.of("demo")
    directory.kubeconfig.write_text(given_by_master(PLAN))
    text = session.kubeconfig("demo", "/opt/craton")
    assert "client-key-data" not in text
    assert "client-certificate-data" not in text
    config = YAML(typ="safe").load(io.StringIO(text))
    run = config["users"][0]["user"]["exec"]
    assert (run["command"], run["args"]) == ("/opt/craton", ["credential", "demo"])
    assert run["env"] == [{"name": "CRATON_HOME", "value": str(directory.path.parent.parent)}]
    assert config["clusters"][0]["cluster"]["server"] == f"https://{PLAN.api_host}:6443"


@pytest.mark.parametrize(
    ("change", "words"),
    [({"addons": {"sign_in": False}}, "its plan leaves sign-in out"), ({"platform": "rehearsal"}, "it is a rehearsal")],
)
def test_where_nobody_can_sign_in_it_is_said(fake: FakeProvider, change: dict[str, Any], words: str) -> None:
    given = {"name": "demo", "subdomain": "example.test", "platform": "local"} | change
    planfile.save(ClusterDirectory.of("demo").plan, InstallPlan.model_validate(given), replace=True)
    with pytest.raises(InstallerError, match=words):
        session.credential("demo")


def test_what_is_no_token_says_nothing_of_its_owner() -> None:
    with pytest.raises(ValueError, match=r"JSON|empty|Expecting"):
        _ = Tokens("i", "no token", "r", 0.0).claims
