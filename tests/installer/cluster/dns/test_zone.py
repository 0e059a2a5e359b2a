"""Names in a zone of a real BIND: published, changed, removed, and nobody else's touched."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from installer.cluster.dns import servers
from installer.cluster.dns.providers import Provider
from installer.cluster.dns.steps import CheckZone, Entered, Published
from installer.cluster.dns.zone import Zone
from installer.common.errors import InstallerError
from installer.operations import pipeline
from installer.plan.model import InstallPlan
from tests.doubles.bind import Bind, running
from tests.doubles.node_verbs import FakeCluster

pytestmark = pytest.mark.needs("named")
API, CONSOLE = "demo-k8s.example.test", "demo.example.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    with running(tmp_path_factory.mktemp("bind")) as found:
        yield found


@pytest.fixture
def bind(server: Bind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bind:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path))
    return server


def plan_of(bind: Bind, dns: dict[str, object] | None = None, name: str = "demo") -> InstallPlan:
    given: dict[str, object] = {"provider": "rfc2136", "server": "127.0.0.1", "port": bind.port, "key_name": "craton"}
    given |= {"key_file": bind.key_file()} | (dns or {})
    return InstallPlan.model_validate({"name": name, "subdomain": "example.test", "platform": "local", "dns": given})


def test_names_are_published_changed_and_removed(bind: Bind) -> None:
    plan = plan_of(bind)
    ctx, step = FakeCluster(plan).context(), Published(Provider(plan), "D1")
    assert step.observe(ctx).seen == "there is no record"
    step.apply(ctx)
    assert bind.asked(API) == ["10.10.0.11", "10.10.0.12", "10.10.0.13"]
    assert step.observe(ctx).holds
    Zone.of(plan).write(API, frozenset({"10.10.0.99"}))
    assert step.observe(ctx).seen == "leads to 10.10.0.99"
    step.apply(ctx)
    assert bind.asked(API) == ["10.10.0.11", "10.10.0.12", "10.10.0.13"]
    step.undo(ctx)
    assert bind.asked(API) == []
    assert bind.asked(API, "TXT") == []
    step.undo(ctx)


def test_a_name_that_is_somebody_elses_stays(bind: Bind) -> None:
    zone = Zone.of(plan_of(bind))
    with pytest.raises(InstallerError, match=r"leads to 192\.0\.2\.9 already, and not by this cluster"):
        zone.write("taken.example.test", frozenset({"10.0.0.1"}))
    with pytest.raises(InstallerError, match=r"is an alias \(CNAME\) of ns\.example\.test"):
        zone.write("alias.example.test", frozenset({"10.0.0.1"}))
    zone.remove(["taken.example.test"])
    assert bind.asked("taken.example.test") == ["192.0.2.9"]


def test_two_clusters_do_not_take_each_others_names(bind: Bind) -> None:
    Zone.of(plan_of(bind)).write(CONSOLE, frozenset({"10.0.0.1"}))
    other = Zone.of(plan_of(bind, name="other"))
    with pytest.raises(InstallerError, match="not by this cluster"):
        other.write(CONSOLE, frozenset({"10.0.0.2"}))
    other.remove([CONSOLE])
    assert bind.asked(CONSOLE) == ["10.0.0.1"]
    Zone.of(plan_of(bind)).remove([CONSOLE])


WRONG = [
    ({"key_name": "nobody"}, "does not know the key nobody"),
    ({"key_name": "stranger"}, "it answers REFUSED"),
    ({"zone": "test"}, "it answers NOTAUTH"),
]


@pytest.mark.parametrize(("dns", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_refusal_says_what_to_correct(bind: Bind, dns: dict[str, object], words: str) -> None:
    with pytest.raises(InstallerError, match=words) as caught:
        Zone.of(plan_of(bind, dns)).write(CONSOLE, frozenset({"10.0.0.1"}))
    assert caught.value.hint
    assert bind.asked(CONSOLE) == []


def test_another_secret_is_refused_and_never_shown(bind: Bind, tmp_path: Path) -> None:
    other = base64.b64encode(b"x" * 32).decode()
    path = tmp_path / "other.key"
    path.write_text(f'key "craton" {{ algorithm hmac-sha256; secret "{other}"; }};')
    zone = Zone.of(plan_of(bind, {"key_file": str(path)}))
    with pytest.raises(InstallerError, match="another secret for the key craton") as caught:
        zone.write(CONSOLE, frozenset({"10.0.0.1"}))
    assert other not in f"{caught.value.observed}{zone!r}"


@pytest.mark.parametrize("text", ["no base64!", "c2hvcnQ="])
def test_a_file_without_a_key_is_refused(bind: Bind, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.key"
    path.write_text(text)
    with pytest.raises(InstallerError, match="it has no base64 key"):
        Zone.of(plan_of(bind, {"key_file": str(path)}))
    path.unlink()
    with pytest.raises(InstallerError, match="No such file"):
        Zone.of(plan_of(bind, {"key_file": str(path)}))


def test_the_zone_is_looked_at_before_anything_is_made(bind: Bind) -> None:
    plan = plan_of(bind)
    seen = CheckZone(plan).observe(FakeCluster(plan).context()).seen
    assert seen == "127.0.0.1 keeps example.test; other servers cache missing names for 60 s"


def test_a_server_that_does_not_answer_may_be_tried_again(bind: Bind) -> None:
    with pytest.raises(InstallerError, match="no answer") as caught:
        Zone.of(plan_of(bind, {"port": 1})).addresses(API)
    assert caught.value.retryable


def test_a_server_of_the_zone_is_asked_past_every_cache(bind: Bind) -> None:
    def said(name: str, port: int = bind.port) -> str:
        return str(servers.said(name, "127.0.0.1", port))

    assert said("taken.example.test") == "192.0.2.9"
    assert said("nothing.example.test") == "that there is no such name"
    assert said("alias.example.test") == "that it is an alias of ns.example.test."
    assert said("taken.example.test", 1).startswith("nothing (")
    assert said("somebody.elses.example") == "nothing (its answer isn't authoritative)"


def test_records_that_somebody_enters_are_shown_and_waited_for(bind: Bind, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of(bind, {"provider": "manual"})
    answers = [(False, "ns says that there is no such name"), (True, "2 servers say 10.10.0.21")]
    monkeypatch.setattr(servers, "judge", lambda *_: answers.pop(0) if len(answers) > 1 else answers[0])
    ctx = FakeCluster(plan).context()
    step = Entered(plan, "D2")
    assert not step.observe(ctx).holds
    step.apply(ctx)
    assert f"  {CONSOLE}. A 10.10.0.21" in ctx.lines


@pytest.mark.parametrize(
    ("provider", "there"),
    [("hosts", []), ("manual", ["dns/publish"]), ("rfc2136", ["check/zone", "dns/publish"])],
)
def test_each_name_is_a_step_of_the_plans_provider(bind: Bind, provider: str, there: list[str]) -> None:
    steps = {step.id: step for step in pipeline.install_steps(plan_of(bind, {"provider": provider}))}
    found = [id for id in steps if id.startswith(("check/zone", "dns/publish"))]
    assert found == [id for id in ("check/zone",) if id in there] + [
        f"dns/publish/{name}" for name in (API, CONSOLE) if "dns/publish" in there
    ]
    if "dns/publish" in there:
        assert steps[f"dns/publish/{API}"].needs == (f"dns/{API}",)
