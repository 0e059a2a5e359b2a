"""What is around a cloud's machines, by real packets: rules, addresses, the balancer, names, metadata."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.doubles.cloud.balancer import LoadBalancers
from tests.doubles.cloud.fabric import METADATA, USER, Fabric, connects
from tests.doubles.cloud.google_metadata import GoogleMetadata
from tests.doubles.cloud.machines import Balancer, Launch, Listener, Opening
from tests.doubles.cloud.metadata import Metadata
from tests.doubles.cloud.name_server import NameServer
from tests.doubles.cloud.packet_filter import Wired
from tests.doubles.namespace import new_namespace, run_tool, within
from tests.patience import PATIENCE, eventually

pytestmark = pytest.mark.needs("network namespaces")
MASTER, WORKER = "10.10.0.5", "10.10.64.5"
LAUNCH = Launch("m", 0, MASTER, "", b"#cloud-config", "eu-central-1a", "eu-central-1", "t3.medium", "ami-1", "x86_64",
                (), True, 2, {})  # fmt: skip


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    """Two machines that nothing lets in: `m` of the group `masters`, `w` of the group `workers`."""
    with Fabric() as found:
        found.plug("m", MASTER, "02:42:0a:0a:00:05", 1460)
        found.plug("w", WORKER, "02:42:0a:0a:40:05", 1460)
        yield found


def wired(fabric: Fabric, public: str = "") -> list[Wired]:
    return [Wired(MASTER, public, ("masters",)), Wired(WORKER, fabric.next_address(), ("workers",))]


@contextmanager
def listening(fabric: Fabric, id: str, port: int) -> Iterator[socket.socket]:
    with within(fabric.namespace(id), lambda: socket.create_server(("0.0.0.0", port))) as server:
        server.settimeout(PATIENCE)
        yield server


def opening(port: int, *, group: str = "", network: str = "") -> Opening:
    return Opening("N1", "tcp", port, port, (group,) if group else (), (network,) if network else ())


def test_a_port_is_open_to_those_whom_a_rule_names_and_dropped_for_others_and_closes_with_its_rule(
    fabric: Fabric,
) -> None:
    public = fabric.next_address()
    rules = {"masters": (opening(22, network=f"{USER}/32"), opening(10250, group="workers"))}
    fabric.filter(wired(fabric, public), rules)

    def from_worker(address: str, port: int) -> bool:
        return within(fabric.namespace("w"), lambda: connects(address, port))

    with listening(fabric, "m", 22), listening(fabric, "m", 10250):
        assert (connects(public, 22), from_worker(MASTER, 22)) == (True, False)
        assert (connects(public, 10250), from_worker(MASTER, 10250)) == (False, True)
        assert not from_worker(public, 10250)  # from outside, the worker has its public address, which is in no group
        fabric.filter(wired(fabric, public), {"masters": ()})
        assert (connects(public, 22), from_worker(MASTER, 10250)) == (False, False)


def test_machines_go_out_under_their_public_addresses_and_past_this_computer_only_where_it_passes_them_on() -> None:
    with Fabric(outside=True) as fabric, new_namespace(f"{fabric.router}-internet") as internet:
        fabric.plug("m", MASTER, "02:42:0a:0a:00:05", 1460)
        link, public = f"{fabric.link}-o", fabric.next_address()
        fabric.filter([Wired(MASTER, public, ())], {})
        near, far = f"198.19.255.{2 * (fabric.number % 100)}", f"198.19.255.{2 * (fabric.number % 100) + 1}"
        run_tool("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", internet)
        run_tool("ip", "-batch", "-", stdin=f"addr add {near}/31 dev {link}\nlink set {link} up\n")
        run_tool("ip", "-n", internet, "-batch", "-", stdin=f"addr add {far}/31 dev eth0\nlink set eth0 up\n")
        with within(internet, lambda: socket.create_server((far, 443))) as server:
            server.settimeout(PATIENCE)
            assert within(fabric.namespace("m"), lambda: connects(far, 443))
            assert server.accept()[1][0] == near
        with socket.create_server((USER, 0)) as here:
            here.settimeout(PATIENCE)
            assert within(fabric.namespace("m"), lambda: connects(*here.getsockname()))
            assert here.accept()[1][0] == public


def test_machines_without_a_public_address_go_out_under_that_of_their_networks_nat_or_not_at_all(
    fabric: Fabric,
) -> None:
    seen = fabric.next_address()
    machines = [Wired(MASTER, "", ("masters",)), Wired(WORKER, "", ("workers",))]
    fabric.filter(machines, {}, {"10.10.64.0/20": seen})
    with socket.create_server((USER, 0)) as here:
        here.settimeout(PATIENCE)
        assert within(fabric.namespace("w"), lambda: connects(*here.getsockname()))
        assert here.accept()[1][0] == seen
        assert not within(fabric.namespace("m"), lambda: connects(*here.getsockname()))
        fabric.filter(machines, {})
        assert not within(fabric.namespace("w"), lambda: connects(*here.getsockname()))


@pytest.mark.needs("haproxy")
def test_the_balancer_leaves_clients_their_addresses_and_asks_after_health_from_its_own(
    fabric: Fabric, tmp_path: Path
) -> None:
    balancers, prober, probers = LoadBalancers(fabric, tmp_path), "10.10.63.254", set[str]()
    asked = Balancer("lb.test", "", prober, (Listener(6443, (("m", 6443), ("w", 6443)), check=6444, path="/ping"),))
    private = {"m": MASTER, "w": WORKER}
    rules = {"masters": (opening(6443, network=f"{USER}/32"), opening(6444, network=f"{prober}/32"))}
    fabric.filter(wired(fabric), rules)
    with listening(fabric, "m", 6443) as server, listening(fabric, "m", 6444) as health:
        balancers.serve({"lb": asked}, private)
        asking = threading.Thread(target=_answer, args=(health, probers), daemon=True)
        asking.start()
        eventually(lambda: balancers.healthy("m", 6444), "HAProxy to find the master healthy")
        eventually(lambda: balancers.state("w", 6444).startswith("DOWN"), "HAProxy to find that the worker is not")
        for _ in range(3):  # never to the worker, which lets nobody in
            with socket.create_connection((balancers.address("lb.test"), 6443), timeout=PATIENCE):
                assert server.accept()[1][0] == USER
    balancers.serve({}, private)
    assert balancers.address("lb.test") == ""
    assert probers == {prober}
    balancers.stop()


def test_a_machine_behind_the_balancer_reaches_itself_through_it_under_its_public_address(
    fabric: Fabric, tmp_path: Path
) -> None:
    balancers, public, nat = LoadBalancers(fabric, tmp_path), fabric.next_address(), fabric.next_address()
    machines = [Wired(MASTER, public, ("masters",)), Wired(WORKER, "", ("workers",))]
    fabric.filter(machines, {"masters": (opening(443, network="0.0.0.0/0"),)}, {"10.10.64.0/24": nat})
    with listening(fabric, "m", 443) as server:
        balancers.serve({"lb": Balancer("lb.test", "", "10.10.63.254", (Listener(443, (("m", 443),)),))}, {"m": MASTER})
        seen = []
        for id in "m", "w":
            assert within(fabric.namespace(id), lambda: connects(balancers.address("lb.test"), 443))
            seen.append(server.accept()[1][0])
    assert seen == [public, nat]
    balancers.stop()


def _answer(health: socket.socket, probers: set[str]) -> None:
    """Tell whoever asks that all is well, until nobody listens any more."""
    with suppress(OSError):
        while True:
            connection, (address, _) = health.accept()
            with connection:
                probers.add(address)
                connection.recv(1024)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")


@pytest.mark.needs("named")
def test_names_are_answered_for_machines_as_they_are_now_and_others_are_known_not_to_exist(
    fabric: Fabric, tmp_path: Path
) -> None:
    server = NameServer(fabric, tmp_path)
    try:
        machine = fabric.namespace("m")
        server.serve({"demo-k8s.example.test": ("198.18.0.9", "198.18.0.8"), "demo.example.test": ("198.18.0.9",)})
        assert server.asked("demo-k8s.example.test", machine) == ["198.18.0.8", "198.18.0.9"]
        server.serve({"demo-k8s.example.test": ("198.18.0.7",)})
        assert server.asked("demo-k8s.example.test", machine) == ["198.18.0.7"]
        assert server.asked("demo.example.test", machine) == []
        assert server.asked("dl.k8s.io", machine) == []
    finally:
        server.stop()


@pytest.mark.parametrize(("hops", "reached"), [(1, False), (2, True)])
def test_metadata_tells_machines_apart_and_a_pod_gets_a_token_only_within_the_hop_limit(
    fabric: Fabric, hops: int, reached: bool
) -> None:
    def token() -> int:
        connection = http.client.HTTPConnection(METADATA, timeout=3.0)
        try:
            connection.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
            return connection.getresponse().status
        except TimeoutError:
            return 0

    launch = replace(LAUNCH, hop_limit=hops)
    service = fabric.within(lambda: Metadata({MASTER: launch}.get, METADATA, 80))
    with service, new_namespace(f"{fabric.router}-pod") as pod:
        assert within(fabric.namespace("m"), token) == 200
        assert within(fabric.namespace("w"), token) == 404
        _behind(fabric.namespace("m"), pod)
        assert within(pod, token) == (200 if reached else 0)


def test_a_rule_of_the_machine_s_keeps_its_pods_from_google_s_metadata(fabric: Fabric) -> None:
    """What the startup script of a worker pool's machines adds: their service account's token is not for pods."""

    def token() -> int:
        connection = http.client.HTTPConnection(METADATA, timeout=3.0)
        path = "/computeMetadata/v1/instance/service-accounts/default/token"
        try:
            connection.request("GET", path, headers={"Metadata-Flavor": "Google"})
            return connection.getresponse().status
        except OSError:
            return 0

    launch = replace(LAUNCH, credentials='{"access_token": "a"}')
    service = fabric.within(lambda: GoogleMetadata({MASTER: launch}.get, METADATA, 80))
    machine = fabric.namespace("m")
    with service, new_namespace(f"{fabric.router}-pod") as pod:
        _behind(machine, pod)
        assert (within(machine, token), within(pod, token)) == (200, 200)
        run_tool("ip", "-n", machine, "rule", "add", "from", "10.2.0.0/16", "to", METADATA, "prohibit")
        assert (within(machine, token), within(pod, token)) == (200, 0)


def _behind(machine: str, pod: str) -> None:
    """Put a pod's namespace behind a machine's, which hides it behind its own address."""
    run_tool("ip", "-n", machine, "link", "add", "pod", "type", "veth", "peer", "name", "eth0", "netns", pod)
    lines = "addr add 10.2.0.1/24 dev pod\nlink set pod up\n"
    run_tool("ip", "-n", machine, "-batch", "-", stdin=lines)
    lines = "addr add 10.2.0.2/24 dev eth0\nlink set eth0 up\nroute add default via 10.2.0.1\n"
    run_tool("ip", "-n", pod, "-batch", "-", stdin=lines)
    within(machine, lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n"))
    chain = 'chain out {\ntype nat hook postrouting priority srcnat\noifname "eth0" masquerade\n}'
    run_tool("ip", "netns", "exec", machine, "nft", "-f", "-", stdin=f"table ip pods {{\n{chain}\n}}\n")
