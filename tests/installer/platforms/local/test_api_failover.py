"""Where connections to the API go while masters fail: real HAProxy, as nodes and the load balancer configure it."""

from __future__ import annotations

import csv
import http.client
import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from installer.plan.model import InstallPlan
from installer.plan.rules import Role
from installer.plan.topology import topology
from installer.platforms.local import balancer
from tests.doubles.api_servers import ApiServer, api_servers
from tests.needs import PATH
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.needs("haproxy", "sh")
CALLS = 24
"""Among three masters, as good as certain to reach each."""
_AS_CRATON_NODE = 'say() { printf "%s\\n" "$*"; }; API=$2; . "$1"; api_proxy_config'


def of_a_node(masters: list[str]) -> str:
    library = str(resources.files("assets") / "node" / "lib" / "api-proxy.sh")
    command = ["sh", "-c", _AS_CRATON_NODE, "sh", library, f"name {' '.join(masters)}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def of_the_load_balancer(masters: list[str]) -> str:
    given = {"platform": "local", "masters": 3, "ingress": {"kind": "load-balancer"}}
    shape = topology(InstallPlan.model_validate({"name": "demo", "subdomain": "example.test", **given}))
    found = zip(shape.of_role(Role.MASTER), masters, strict=True)
    moved = tuple(replace(machine, address=IPv4Address(address)) for machine, address in found)
    assert shape.load_balancer is not None
    api = replace(shape.load_balancer, listeners=shape.load_balancer.listeners[:1])
    return balancer.configuration(api, replace(shape, machines=moved))


CONFIGURATIONS = {"node": of_a_node, "load balancer": of_the_load_balancer}


class Proxy:
    """HAProxy in front of three masters; `net` is a network of this computer's loopback that nobody else uses."""

    def __init__(self, directory: Path, net: str, whose: str) -> None:
        self.address, self._socket = f"{net}.1", directory / "stats"
        self.masters = [f"{net}.{number}" for number in (11, 12, 13)]
        text = CONFIGURATIONS[whose](self.masters)
        self._config, extra = directory / "haproxy.cfg", directory / "stats.cfg"
        for everywhere in ("127.0.0.1:6443", "*:6443"):
            text = text.replace(f"bind {everywhere}", f"bind {self.address}:6443")
        self._config.write_text(text)
        extra.write_text(f"global\n    stats socket {self._socket}\n")

    @contextmanager
    def running(self) -> Iterator[None]:
        command = ["haproxy", "-f", str(self._config), "-f", str(self._socket.with_name("stats.cfg"))]
        with subprocess.Popen(command, env={**os.environ, "PATH": PATH}, stderr=subprocess.DEVNULL) as process:
            try:
                eventually(self._socket.exists, "HAProxy's start")
                yield
            finally:
                process.kill()

    def up(self, backend: str) -> set[str]:
        """The masters that HAProxy holds for up there."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self._socket))
            asking.sendall(b"show stat\n")
            rows = csv.DictReader(asking.makefile().read().removeprefix("# ").splitlines())
        found = [row for row in rows if row["pxname"] == backend and row["svname"] != "BACKEND"]
        return {master for master, row in zip(self.masters, found, strict=True) if row["status"].startswith("UP")}

    def call(self) -> str:
        """The address of the master that answers a request."""
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(self.address, 6443, timeout=PATIENCE, context=context)
        try:
            connection.request("GET", "/api")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@pytest.fixture
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxy]:
    number = os.getpid()
    proxy = Proxy(tmp_path, f"127.{number // 256 % 128 + 64}.{number % 256}", getattr(request, "param", "node"))
    with proxy.running():
        yield proxy


@pytest.fixture
def masters(proxy: Proxy, tmp_path: Path) -> Iterator[list[ApiServer]]:
    with api_servers(tmp_path, *proxy.masters) as servers:
        eventually(lambda: proxy.up("ready") == set(proxy.masters), "every master's first answer")
        yield servers


def test_calls_go_to_the_masters_that_are_ready(proxy: Proxy, masters: list[ApiServer]) -> None:
    masters[0].ready = False
    masters[1].pause()
    eventually(lambda: proxy.up("ready") == {proxy.masters[2]}, "what the checks notice")
    assert {proxy.call() for _ in range(CALLS)} == {proxy.masters[2]}


@pytest.mark.parametrize("proxy", CONFIGURATIONS, indirect=True)
def test_while_no_master_is_ready_calls_go_to_those_that_answer_and_never_to_a_paused_one(
    proxy: Proxy, masters: list[ApiServer]
) -> None:
    masters[0].pause()
    masters[1].ready = masters[2].ready = False  # as while etcd has no leader
    eventually(lambda: not proxy.up("ready"), "what the checks of who is ready notice")
    eventually(lambda: proxy.up("alive") == set(proxy.masters[1:]), "what the checks of who answers notice")
    assert {proxy.call() for _ in range(CALLS)} == set(proxy.masters[1:])


def test_a_call_that_a_master_took_and_does_not_answer_is_ended_once_the_checks_notice(
    proxy: Proxy, masters: list[ApiServer]
) -> None:
    for master in masters[1:]:
        master.ready = False
    eventually(lambda: proxy.up("ready") == {proxy.masters[0]}, "what the checks of who is ready notice")
    masters[0].pause()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        proxy.call()
    eventually(lambda: proxy.up("alive") == set(proxy.masters[1:]), "what the checks of who answers notice")
    assert {proxy.call() for _ in range(CALLS)} == set(proxy.masters[1:])
