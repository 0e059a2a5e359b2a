"""Names in zones of accounts, whatever the platform: Route 53 and Cloud DNS as their doubles keep them, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from installer.cluster.dns import servers
from installer.cluster.dns.providers import Provider
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.engine.context import Stop
from installer.engine.events import Event, EventType, RunKind
from installer.engine.journal import Reader
from installer.plan.model import InstallPlan
from installer.plan.suggestions import OF_NAMES
from installer.platforms import suggestions
from tests.doubles.account_zones import API, CONSOLE, INFRA, MASTERS, ZONES, Zone, alone, carry_out
from tests.doubles.cloud.delegation import delegate
from tests.doubles.name_server import name_server
from tests.doubles.node_verbs import FakeCluster

AGREE = servers.agree


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    name, make = ZONES[request.param]
    found = make(request.getfixturevalue(name))
    says = Saying(found)
    with name_server("example.com", ("ns1.mine.test.",), says) as resolver:
        monkeypatch.setattr(servers, "agree", partial(AGREE, resolver=resolver))
        yield found


class Saying(dict[str, list[str]]):
    """What the zone's servers say: what the double has."""

    def __init__(self, zone: Zone) -> None:
        super().__init__()
        self._zone = zone

    def get(self, name: str, default: Any = None) -> Any:
        return self._zone.rrsets().get((name, "A"), default)


@dataclass
class Run:
    ended: ExitCode
    applied: set[str]
    errors: list[str]
    seen: dict[str, str]


def install(plan: InstallPlan, kind: RunKind = RunKind.INSTALL, stop: Stop | None = None) -> Run:
    """A run of the real engine."""
    ended = carry_out(plan, kind, stop)
    with Reader(ClusterDirectory.of(plan.name).journal) as reader:
        events = list(reader.events())
    last = max(number for number, event in enumerate(events) if event.type is EventType.RUN_STARTED)
    steps: list[Event] = [event for event in events[last:] if event.type is EventType.STEP and event.step]
    errors = [event.data["error"] for event in steps if event.data.get("error")]
    return Run(
        ended,
        {str(event.step) for event in steps if event.data["state"] == "applying"},
        [f"{error['observed']} | {error['hint']}" for error in errors],
        {str(event.step): str(event.data.get("seen", "")) for event in steps},
    )


def test_names_are_published_found_again_and_removed(zone: Zone) -> None:
    plan = zone.plan()
    first = install(plan)
    assert first.ended is ExitCode.DONE, first.errors
    mark = ['"craton-cluster=demo"']
    assert zone.rrsets() == {
        (API, "A"): MASTERS, (API, "TXT"): mark, (CONSOLE, "A"): INFRA, (CONSOLE, "TXT"): mark
    }  # fmt: skip
    again = install(plan)
    assert (again.ended, again.applied) == (ExitCode.DONE, set())
    assert install(plan, RunKind.DESTROY).ended is ExitCode.DONE
    assert zone.rrsets() == {}


def test_an_address_that_changed_is_written_once_more(zone: Zone) -> None:
    plan = zone.plan()
    first = install(plan)
    assert first.ended is ExitCode.DONE, first.errors
    other = plan.model_copy(update={"masters": 1})
    changed = install(other)
    assert changed.applied == {f"dns/publish/{API}"}
    assert zone.rrsets()[API, "A"] == MASTERS[:1]


@pytest.mark.parametrize("kind", ["A", "CNAME", "TXT"])
def test_a_name_that_is_somebody_elses_stops_before_anything_is_made(zone: Zone, kind: str) -> None:
    value = {"A": "192.0.2.9", "CNAME": "other.example.org.", "TXT": '"theirs"'}[kind]
    zone.add(API, kind, value)
    before = zone.rrsets()
    found = install(zone.plan())
    assert found.ended is ExitCode.PREFLIGHT
    assert f"has records at {API} that Craton didn't make" in found.errors[0]
    # Somebody's record that came later isn't replaced either, nor removed by a destroy.
    step = next(step for step in alone(zone.plan()) if step.id == f"dns/publish/{API}")
    context = FakeCluster(zone.plan()).context()
    with pytest.raises(InstallerError, match="that Craton didn't make"):
        step.action.apply(context)
    step.action.undo(context)
    assert zone.rrsets() == before


def test_another_cluster_keeps_its_names(zone: Zone) -> None:
    assert install(zone.plan()).ended is ExitCode.DONE
    mine = zone.rrsets()
    other = Provider(zone.plan().model_copy(update={"name": "other"})).records
    assert other.read(API).taken
    other.remove([API, CONSOLE])
    assert zone.rrsets() == mine


def test_the_zone_is_judged_before_anything_is_made(zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    delegate(monkeypatch, "nobody is sent to the zone example.com: the zone above it names no servers")
    assert "warning: nobody is sent to the zone example.com" in install(zone.plan()).seen["check/zone"]


def test_credentials_that_may_only_look_are_refused_by_name(zone: Zone) -> None:
    zone.may_not()
    found = install(zone.plan())
    assert found.ended is ExitCode.PREFLIGHT
    assert f"the credentials don't allow {zone.denied}" in found.errors[0]
    assert zone.rrsets() == {}


def test_a_zone_that_is_not_there_is_named_with_what_to_set(zone: Zone) -> None:
    elsewhere = zone.plan().model_copy(update={"subdomain": "example.org"})
    found = install(elsewhere)
    assert "zone for example.org" in found.errors[0]
    assert "dns.provider: manual" in found.errors[0]


def test_an_engine_that_stops_after_any_change_leaves_nothing_behind(zone: Zone) -> None:
    plan, stopped = zone.plan(), [0]
    for _ in range(8):
        stop = Stop()

        def halt(name: str, stop: Stop = stop) -> None:
            stopped[0] += 1
            stop.request()

        zone.double.after = halt
        ended = install(plan, stop=stop).ended
        if ended is ExitCode.DONE:
            break
    zone.double.after = lambda _name: None
    assert ended is ExitCode.DONE
    assert stopped[0] >= 2
    assert zone.rrsets()[API, "A"] == MASTERS
    assert install(plan, RunKind.DESTROY).ended is ExitCode.DONE
    assert zone.rrsets() == {}


def test_answers_that_were_lost_and_refusals_that_pass_make_nothing_twice(zone: Zone) -> None:
    zone.double.fail(zone.changing, zone.throttled)
    zone.double.fail(zone.changing, zone.lost)
    plan = zone.plan()
    for _ in range(3):
        if (ended := install(plan).ended) is ExitCode.DONE:
            break
    assert ended is ExitCode.DONE
    assert zone.double.pending_faults == {}
    assert len(zone.rrsets()) == 4


def test_zones_of_the_account_are_suggested_whatever_the_platform(zone: Zone) -> None:
    field = {"route53": "dns.hosted_zone", "cloud-dns": "dns.managed_zone"}[zone.provider]
    assert set(OF_NAMES[field]) >= {"subdomain"}
    (found,) = suggestions("machines", field, {"subdomain": "k8s.example.com"}).found
    assert found.value == Provider(zone.plan()).records.zone()
    assert found.detail.startswith("example.com")


def test_servers_that_say_otherwise_are_waited_for_and_named() -> None:
    said = {"right.example.com": ["10.0.0.1"], "stale.example.com": ["10.0.0.9"],
            "alias.example.com": ["www.example.com."]}  # fmt: skip
    with name_server("example.com", (), said) as resolver:

        def asked(name: str, *kept: str) -> tuple[bool | None, str]:
            right = servers.exactly(["10.0.0.1"])
            return servers.agree(name, right, kept or ("ns1.mine.test", "ns2.mine.test"), resolver)

        assert asked("right.example.com") == (True, "2 of 2 servers say 10.0.0.1")
        assert asked("stale.example.com") == (False, "ns1.mine.test says 10.0.0.9")
        assert asked("alias.example.com") == (False, "ns1.mine.test says that it is an alias of www.example.com.")
        assert asked("missing.example.com") == (False, "ns1.mine.test says that there is no such name")
    assert asked("right.example.com", "ns1.mine.test") == (None, "none of the zone's servers can be asked from here")


def test_a_rehearsal_changes_no_zone() -> None:
    given = {"name": "demo", "subdomain": "example.com", "platform": "rehearsal", "dns": {"provider": "route53"}}
    assert alone(InstallPlan.model_validate(given)) == ()
