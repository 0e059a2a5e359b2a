"""A machine's own proxy to the API, as `craton-node` makes it on a bare machine, changes it, and takes it back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from installer.node.configuration import configuration
from installer.plan.topology import topology
from tests.doubles.node_bench import Bench, Benches
from tests.patience import PATIENCE

NAME = "demo-k8s.example.test"
MASTERS = ["10.10.0.11", "10.10.0.12", "10.10.0.13"]
UNIT = "craton-api-proxy.service"


@pytest.fixture
def bench(benches: Benches) -> Iterator[Bench]:
    """A bare machine that is to be the worker of a cluster with three masters."""
    with benches.begun() as bench:
        yield with_masters(bench, 3)


@pytest.fixture
def ready(benches: Benches) -> Iterator[Bench]:
    """The worker, prepared."""
    with benches.begun(with_proxy) as bench:
        yield with_masters(bench, 3)


def with_proxy(bench: Bench) -> None:
    with_masters(bench, 3).prepared()


def with_masters(bench: Bench, masters: int) -> Bench:
    plan = bench.plan.model_copy(update={"masters": masters})
    return replace(bench, plan=plan, text=configuration(plan, topology(plan), "demo-worker-1"))


def addresses(bench: Bench) -> list[str]:
    """Where the API's name leads on the machine."""
    lines = (line.split() for line in bench.box.sh("cat /etc/hosts").splitlines())
    return [words[0] for words in lines if NAME in words]


def servers(bench: Bench) -> list[str]:
    lines = bench.box.sh("cat /etc/craton/api-proxy.cfg").splitlines()
    return [line.split()[2] for line in lines if line.startswith("    server ")]


def test_a_worker_of_several_masters_has_a_proxy_before_the_name_leads_to_it(bench: Bench) -> None:
    before = bench.box.state()
    said = bench.prepared().splitlines()
    assert said.index(f"start {UNIT}") < said.index("edit /etc/hosts")
    assert addresses(bench) == ["127.0.0.1"]
    assert servers(bench) == [f"{master}:6443" for master in MASTERS] * 3
    assert bench.box.sh(f"systemctl is-enabled {UNIT}; systemctl is-active {UNIT}").split() == ["enabled", "active"]
    assert "masked" in bench.box.run("systemctl", "is-enabled", "haproxy.service").stdout
    assert bench.prepared().splitlines()[-1].startswith("unchanged: ")
    assert not [line for line in bench.undone() if line.startswith("left ")]
    assert bench.box.state() == before


def test_haproxy_of_the_machines_own_goes_on_as_it_was(bench: Bench) -> None:
    bench.box.sh("apt-get install haproxy; : >/usr/lib/systemd/system/haproxy.service; systemctl start haproxy.service")
    before = bench.box.state()
    bench.prepared()
    assert bench.box.sh("systemctl is-active haproxy.service").strip() == "active"
    bench.undone()
    assert bench.box.state() == before


def test_a_proxy_that_does_not_run_is_started_again(ready: Bench) -> None:
    ready.box.sh(f"systemctl stop {UNIT}")
    assert ready.box.status()["prepared"] == ""
    assert f"start {UNIT}" in ready.prepared().splitlines()
    assert ready.box.status()["prepared"] == ready.plan.kubernetes


def test_where_haproxy_cannot_be_had_the_name_leads_to_every_master_until_it_can(bench: Bench) -> None:
    bench.box.sh("apt-get install conntrack socat; mkdir -p /run/stand-in; : >/run/stand-in/no-packages")
    before = bench.box.sh("find /etc/systemd/system | sort")
    assert "clients here try one master after the other" in bench.prepared()
    assert addresses(bench) == MASTERS
    assert "haproxy" not in bench.box.sh("find /etc/systemd/system | sort")
    assert "haproxy" not in before
    assert bench.box.status()["prepared"] == bench.plan.kubernetes
    bench.box.sh("rm /run/stand-in/no-packages; apt-get install haproxy")
    assert bench.box.status()["prepared"] == ""
    bench.prepared()
    assert addresses(bench) == ["127.0.0.1"]


def test_the_proxy_follows_the_masters_of_the_plan_and_goes_where_one_is_left(ready: Bench) -> None:
    with_masters(ready, 5).prepared()
    assert servers(ready)[-1] == "10.10.0.15:6443"
    said = with_masters(ready, 1).prepared().splitlines()
    assert said.index("edit /etc/hosts") < said.index(f"stop {UNIT}")
    assert addresses(ready) == ["10.10.0.11"]
    assert ready.box.run("systemctl", "is-active", UNIT).stdout.strip() == "inactive"
    assert ready.box.sh("ls /etc/craton 2>/dev/null || :") == ""
    ready.prepared()
    assert addresses(ready) == ["127.0.0.1"]


@pytest.mark.parametrize("change", ["install haproxy", f"write /etc/systemd/system/{UNIT}", f"start {UNIT}"])
def test_a_proxy_that_was_half_made_is_completed_and_undone(bench: Bench, change: str) -> None:
    before = bench.box.state()
    killed_at(bench, change)
    bench.prepared()
    assert addresses(bench) == ["127.0.0.1"]
    bench.undone()
    assert bench.box.state() == before


def killed_at(bench: Bench, change: str) -> None:
    """Prepare, and kill it with all its children at the line that starts so."""
    process = bench.box.start("/usr/local/sbin/craton-node", "prepare")
    assert process.stdin
    assert process.stdout
    process.stdin.write(bench.text)
    process.stdin.close()
    assert any(line.startswith(change) for line in process.stdout), "it did not come that far"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
