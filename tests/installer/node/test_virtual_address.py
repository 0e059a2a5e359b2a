"""The API's virtual address between real keepalived processes, configured as `craton-node` does it."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

import pytest

from installer.node.configuration import configuration
from installer.node.nftables import ruleset
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from tests.doubles.api_servers import ApiServer
from tests.doubles.netns import Namespaces, running_namespaces
from tests.doubles.tls import server_context
from tests.patience import eventually

ADDRESS = "10.99.0.9"
MASTERS = {f"demo-master-{number}": f"10.99.0.1{number}" for number in (1, 2, 3)}
FIRST, SECOND, THIRD = MASTERS
_LIBRARY = str(resources.files("assets") / "node" / "lib" / "virtual-address.sh")
_HEAD = 'say() { printf "%s\\n" "$*"; }; fail() { say "$*" >&2; exit 1; }; '
_WRITE = f'{_HEAD} VIRTUAL=$1 ADDRESS=$2 MACHINE=$3; . {_LIBRARY}; read_virtual; virtual_config >"$4"'
_RUN = 'keepalived --vrrp --use-file="$1/kept.conf" --pid="$1/kept.pid" --vrrp_pid="$1/vrrp.pid" --no-syslog'


def plan() -> InstallPlan:
    inventory = [{"address": address, "role": "master"} for address in MASTERS.values()]
    inventory += [{"address": "10.99.0.21"}, {"address": "10.99.0.31"}]
    given = {"name": "demo", "subdomain": "example.test", "platform": "machines", "masters": 3, "workers": 1}
    networks = {"api_address": ADDRESS, "services": "172.21.0.0/16"}
    return InstallPlan.model_validate({**given, "machines": {"inventory": inventory}, "networks": networks})


def virtual(machine: str) -> str:
    """The machine's line of the configuration."""
    lines = configuration(plan(), topology(plan()), machine).splitlines()
    return next((line[len("VIRTUAL='") : -1] for line in lines if line.startswith("VIRTUAL=")), "")


@dataclass
class Masters:
    """Three masters with keepalived, and what stands in for their API servers."""

    machines: Namespaces
    servers: dict[str, ApiServer]

    def holders(self) -> list[str]:
        shown = {name: self.machines.run(name, "ip", "-4", "-o", "addr", "show", "to", ADDRESS) for name in MASTERS}
        return [name for name, found in shown.items() if found.stdout]

    def answers(self) -> str:
        """What somebody outside hears at the address: which master answers."""
        ask = ["curl", "-sk", "--noproxy", "*", "--max-time", "1", f"https://{ADDRESS}:6443/"]
        call = ["ip", "netns", "exec", self.machines.bridge, *ask]
        return subprocess.run(call, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def masters(tmp_path: Path) -> Iterator[Masters]:
    context, _ = server_context(tmp_path)
    with running_namespaces(tmp_path, MASTERS) as machines:
        found = Masters(machines, {})
        for name, address in MASTERS.items():
            found.servers[name] = machines.within(name, partial(_server, name, context))
            home = machines.machines[name].directory
            machines.run(name, "sh", "-ec", _WRITE, "sh", virtual(name), address, name, str(home / "kept.conf"))
            machines.run(name, "sh", "-ec", _RUN, "sh", str(home))
        yield found
        for server in found.servers.values():
            server.close()


def _server(name: str, context: ssl.SSLContext) -> ApiServer:
    server = ApiServer("0.0.0.0", context)
    server.address = name
    return server


@pytest.mark.needs("keepalived", "curl", "root")
def test_the_address_moves_to_a_master_that_is_ready_and_stays_where_none_is(masters: Masters) -> None:
    def at(holder: str) -> None:
        eventually(lambda: masters.holders() == [holder] and masters.answers() == holder, f"{holder} to answer alone")

    at(FIRST)
    masters.servers[FIRST].ready = False
    at(SECOND)
    masters.machines.set_link(SECOND, up=False)  # it keeps the address, and nobody hears it
    eventually(lambda: masters.answers() == THIRD, "the third master to answer")
    masters.machines.set_link(SECOND, up=True)
    at(SECOND)
    for server in masters.servers.values():
        server.ready = False
    eventually(lambda: masters.holders() == [FIRST], "the first of those that aren't ready to have it")


@pytest.mark.needs("curl", "root")
def test_an_address_of_another_network_or_of_somebody_else_is_refused(tmp_path: Path) -> None:
    judge = f"{_HEAD} VIRTUAL=$1 ADDRESS=$2; . {_LIBRARY}; read_virtual; virtual_is_free || fail taken"

    def judged(machines: Namespaces, virtual: str) -> str:
        return machines.run(FIRST, "sh", "-c", judge, "sh", virtual, MASTERS[FIRST], check=False).stderr.strip()

    with running_namespaces(tmp_path, {FIRST: MASTERS[FIRST], SECOND: MASTERS[SECOND]}) as machines:
        assert judged(machines, virtual(FIRST)) == ""
        assert judged(machines, "192.0.2.9 9 149 10.99.0.12").startswith("192.0.2.9 is not in the network of eth0: ")
        assert judged(machines, "10.99.0.1 1 149 10.99.0.12") == "taken"
        machines.run(SECOND, "ip", "addr", "add", f"{ADDRESS}/32", "dev", "eth0")
        assert judged(machines, virtual(FIRST)) == "", "another master has it already"


def test_masters_alone_are_told_and_let_each_other_speak() -> None:
    assert virtual(FIRST) == f"{ADDRESS} 9 149 10.99.0.12 10.99.0.13"
    assert virtual("demo-worker-1") == ""
    shape = topology(plan())
    rule = 'ip saddr { 10.99.0.12, 10.99.0.13 } ip protocol vrrp accept comment "craton:virtual-address"'
    assert rule in ruleset(plan(), shape, shape.machine(FIRST))
    assert "vrrp" not in ruleset(plan(), shape, shape.machine("demo-worker-1"))
