"""What this computer sees of a cluster's names: a server's certificate, judged as a browser does."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.health.check import Verdict
from installer.health.outside import Outside, Seen
from installer.operations.outside import _name, look
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology, topology
from installer.ssh.endpoint import Endpoint
from installer.steps.world import World
from tests.doubles.certificates import HOST, Made, make
from tests.installer.health import healthy

CA = make("ca", ca=True, ends=timedelta(days=900))


@pytest.fixture(autouse=True)
def _unknown_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This computer knows no address of HOST, whatever its own hosts file and name servers say."""
    look_up = socket.getaddrinfo

    def answer(host: str, *rest: Any, **more: Any) -> Any:
        if host == HOST:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", answer)


@contextmanager
def serving(made: Made, directory: Path) -> Iterator[int]:
    """A TLS server on loopback that shows `made`; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.write(directory))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    with suppress(OSError), context.wrap_socket(plain, server_side=True) as shown:
                        shown.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("made", "verdict", "words"),
    [
        (make(issuer=CA), Verdict.PASS, "the right certificate from this computer, 89 days left"),
        (make(issuer=CA, ends=timedelta(days=20)), Verdict.WARN, "19 days left"),
        (make(issuer=CA, ends=timedelta(days=3)), Verdict.FAIL, "2 days left"),
        (make(issuer=CA, ends=timedelta(hours=-1)), Verdict.FAIL, "certificate has expired"),
        (make(issuer=CA, names=("other.test",)), Verdict.FAIL, "Hostname mismatch"),
        (make(), Verdict.FAIL, "shows a wrong certificate: self-signed certificate"),
    ],
)
def test_a_name_answers_with_the_right_certificate_or_it_is_said_what_is_wrong(
    made: Made, verdict: Verdict, words: str, tmp_path: Path
) -> None:
    with serving(made, tmp_path) as port:
        seen = _name(HOST, port, ["127.0.0.1"], CA.chain())
    assert seen.verdict is verdict
    assert words in seen.words


def test_a_certificate_that_cert_manager_renews_may_last_a_day(tmp_path: Path) -> None:
    lasts = make(issuer=CA, begins=timedelta(hours=-6), ends=timedelta(hours=18, minutes=30))
    with serving(lasts, tmp_path) as port:
        seen = _name(HOST, port, ["127.0.0.1"], CA.chain(), renewed=True)
    assert (seen.verdict, seen.words.partition(";")[0]) == (
        Verdict.PASS,
        "the right certificate from this computer, 18 hours left",
    )


def test_a_name_that_this_computer_does_not_know_need_not_be_reached_from_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert _name(HOST, port, ["127.0.0.1"], CA.chain()).verdict is Verdict.NOT_APPLICABLE
    seen = _name("localhost", port, ["127.0.0.1"], CA.chain())
    assert (seen.verdict, seen.words) == (Verdict.WARN, f"127.0.0.1:{port} does not answer here: Connection refused")
    assert _name(HOST, port, ["127.0.0.1"], None).words.endswith("it has no certificate to judge by")


def test_the_contract_says_what_this_computer_saw() -> None:
    seen = Outside({"D2": Seen(Verdict.FAIL, "10.10.0.21:443 shows a wrong certificate")}, ("demo-worker-1",))
    rules = {rule.id: rule for rule in healthy.report(outside=seen).rules}
    assert rules["D1"].observed is Verdict.PASS
    assert rules["D2"].observed is Verdict.FAIL
    assert rules["D2"].detail.endswith("10.10.0.21:443 shows a wrong certificate")
    assert rules["W5"].observed is Verdict.WARN
    assert "port 9100 of demo-worker-1 answers this computer, too" in rules["W5"].detail
    assert rules["M4"].observed is Verdict.PASS


class _Cloud:
    """A platform that gives its machines addresses between themselves, and others for this computer."""

    def __init__(self, public: str) -> None:
        self._public = public

    def located(self, topology: Topology) -> Topology:
        """All have the loopback address, at which this computer has something of its own."""
        machines = tuple(replace(each, address=IPv4Address("127.0.0.1")) for each in topology.machines)
        return replace(topology, machines=machines)

    def endpoint(self, machine: str) -> Endpoint:
        if machine != "demo-master-1":
            raise InstallerError("find the machine", "AWS lists no instance for it", machine=machine, retryable=True)
        return Endpoint(self._public, 22, "craton", "")


@pytest.mark.parametrize("open_to_us", [(), ("demo-master-1",)])
def test_a_machine_in_a_cloud_is_looked_at_where_this_computer_reaches_it(
    tmp_path: Path, open_to_us: tuple[str, ...]
) -> None:
    public = f"127.{16 + os.getpid() % 200}.4.2"
    given = {"name": "demo", "subdomain": "example.test", "platform": "aws", "networks": {"user": "203.0.113.7/32"}}
    plan = InstallPlan.model_validate(given)
    platform: Any = _Cloud(public)
    world = World(plan, topology(plan), ClusterDirectory(tmp_path), platform, None)  # type: ignore[arg-type]
    at = public if open_to_us else "127.0.0.1"
    with socket.create_server((at, 9100)):
        assert look(world, ClusterDirectory(tmp_path)).open_to_us == open_to_us
