"""A cluster's names in a cloud are waited for at their zone's own servers, whoever makes the records."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from installer.cluster.dns import delegation, servers
from installer.cluster.dns.records import Alias, Target
from installer.cluster.dns.servers import Said
from installer.common.errors import ExitCode
from installer.engine.events import EventType
from installer.platforms.clouds import dns as names
from installer.steps.step import Phase
from tests.doubles.gcp.fixtures import gcp, gcp_server
from tests.doubles.gcp.project import Project
from tests.doubles.name_server import name_server
from tests.installer.platforms.cloud_runs import Cluster
from tests.installer.platforms.gcp.plans import plan

__all__ = ["gcp", "gcp_server"]
ZONE, API, ELSEWHERE = "k8s.example.com", "demo-k8s.k8s.example.com", "192.0.2.99"
AGREE = servers.agree


class Late(dict[str, list[str]]):
    """What the zone's servers say: nothing, then something else, and from the third look on what is right."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project, self._asked = project, list[str]()

    def get(self, name: str, default: Any = None) -> Any:
        self._asked.append(name)
        looks = self._asked.count(name)
        return [[], [ELSEWHERE]][looks - 1] if looks <= 2 else self._right(name)

    def _right(self, name: str) -> list[str]:
        role = "master" if name == API else "infra"
        return [one["own"] for one in self._project.of("instances") if one["name"] == f"demo-{role}-1"]


@pytest.fixture
def cluster(gcp: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """Its zone is one of the world's, whose servers take a while."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "home"))
    gcp.zones["mine"] = {"dnsName": f"{ZONE}.", "rrsets": {}, "changes": {}}
    with name_server(ZONE, ("ns1.mine.test.",), Late(gcp)) as resolver:
        monkeypatch.setattr(servers, "agree", partial(AGREE, resolver=resolver))
        monkeypatch.setattr(names, "servers_of", partial(delegation.servers_of, resolver=resolver))
        yield Cluster()


@pytest.mark.parametrize(
    ("kind", "server"), [("cloud-dns", "ns-cloud-e1.googledomains.com."), ("manual", "ns1.mine.test")]
)
def test_a_name_is_waited_for_until_every_server_of_its_zone_has_it(cluster: Cluster, kind: str, server: str) -> None:
    assert cluster.make(plan(dns=kind), *Phase) is ExitCode.DONE, cluster.errors
    waits = [str(one.data["seen"]) for one in cluster.events if one.type is EventType.WAIT and one.step == f"dns/{API}"]
    shown = {wait.partition(";")[0] for wait in waits if "servers don't have it yet" not in wait}
    assert f"{server} says {ELSEWHERE}" in shown
    assert shown <= {f"{server} says that there is no such name", f"{server} says {ELSEWHERE}"}


def test_where_no_server_can_be_asked_this_computers_resolver_counts(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, gcp: Project
) -> None:
    unknown = (None, "none of the zone's servers can be asked from here")
    monkeypatch.setattr(servers, "agree", lambda *_: unknown)
    monkeypatch.setattr(names, "_resolve", lambda name: tuple(Late(gcp)._right(name)))
    assert cluster.make(plan(dns="manual"), *Phase) is ExitCode.DONE, cluster.errors
    seen = [str(one.data.get("seen")) for one in cluster.events if one.step == f"dns/{API}"]
    assert any(f"{unknown[1]}; this computer's resolver says 127." in one for one in seen), seen


def test_a_zone_that_nobody_is_sent_to_is_said_while_its_record_is_waited_for(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()

    def sent(name: str) -> tuple[str, set[str], str]:
        told.append(name)
        return (ZONE, {"ns1.mine.test"} if told.count(name) > 3 else set(), "")

    monkeypatch.setattr(names, "servers_of", sent)
    assert cluster.make(plan(dns="manual"), *Phase) is ExitCode.DONE, cluster.errors
    waits = [str(one.data["seen"]) for one in cluster.events if one.type is EventType.WAIT and one.step == f"dns/{API}"]
    assert waits[0].startswith(f"nobody is sent to the zone {ZONE}: the zone above it names no servers; create A ")


@pytest.mark.parametrize(
    ("wanted", "said", "right"),
    [
        (frozenset({"192.0.2.1", "192.0.2.2"}), Said(("192.0.2.1", "192.0.2.2")), True),
        (frozenset({"192.0.2.1", "192.0.2.2"}), Said(("192.0.2.1",)), False),
        (Alias("lb.example.net", "Z1"), Said(alias="LB.example.net."), True),
        (Alias("lb.example.net", "Z1"), Said(("192.0.2.7",)), True),
        (Alias("lb.example.net", "Z1"), Said(("192.0.2.1",)), False),
        (Alias("lb.example.net", "Z1"), Said(), False),
    ],
)
def test_a_balancers_name_may_be_an_alias_or_its_addresses(
    monkeypatch: pytest.MonkeyPatch, wanted: Target, said: Said, right: bool
) -> None:
    monkeypatch.setattr(names, "_resolve", lambda _name: ("192.0.2.7", "192.0.2.8"))
    assert names._right(wanted)(said) is right
