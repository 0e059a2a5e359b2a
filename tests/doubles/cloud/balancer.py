"""A real HAProxy with the listeners, targets and health checks that a cloud's API was asked for.

As behind the clouds' own balancers for TCP, targets see their clients' addresses, and where no target is healthy all
of them get connections ("Target groups for your Network Load Balancers"; "Backend service-based external passthrough
Network Load Balancers": both fail open).
"""

from __future__ import annotations

import csv
import io
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tests.doubles.cloud.fabric import Fabric
from tests.doubles.cloud.machines import Balancer, Listener
from tests.needs import require
from tests.patience import PATIENCE, eventually

_HEAD = """\
global
    stats socket {socket} mode 600 level user
    description version {version}
    hard-stop-after 10s
defaults
    mode tcp
    timeout connect 5s
    timeout check 2s
    timeout client 4h
    timeout server 4h
"""
_LISTENER = """\
frontend f{name}
    bind {address}:{port}
    use_backend b{name} if {{ nbsrv(b{name}) gt 0 }}
    default_backend a{name}
backend b{name}
    source {prober} usesrc clientip
    {check}
{checked}
backend a{name}
    source {prober} usesrc clientip
{unchecked}
"""


_AGAIN = 10.0
"""Seconds after which HAProxy is asked once more to read its configuration: a signal that comes too early is lost."""


class LoadBalancers:
    """Runs in a fabric's router while there are any."""

    def __init__(self, fabric: Fabric, directory: Path) -> None:
        require("haproxy")
        self._fabric, self._directory = fabric, directory
        self._process: subprocess.Popen[bytes] | None = None
        self._checks: dict[tuple[str, int], tuple[str, str]] = {}
        self._text = ""
        self._version = 0
        self._addresses: dict[str, str] = {}

    def address(self, host: str) -> str:
        """The public address of the balancer with that DNS name; empty if there is none."""
        return self._addresses.get(host, "")

    def serve(self, balancers: Mapping[str, Balancer], private: Mapping[str, str]) -> None:
        """These are all balancers; `private` are the addresses of the instances that live."""
        placed = {one.host: self._addresses.get(one.host) or self._fabric.next_address()
                  for one in balancers.values() if one.host and not one.address}  # fmt: skip
        self._addresses = placed
        where = {id: one.address or placed[one.host] for id, one in balancers.items()}
        self._checks = {}
        text = "".join(self._rendered(balancers, where, private))
        if text == self._text:
            return
        self._text = text
        probers = {one.prober for one in balancers.values()}
        self._fabric.own({*where.values(), *probers} if text else ())
        self._run(text)

    def healthy(self, id: str, port: int) -> bool:
        """Whether HAProxy's check of that instance at that port passes. One that is new is up until it was asked."""
        return self.state(id, port) in ("UP L4OK", "UP L7OK")

    def state(self, id: str, port: int) -> str:
        """What HAProxy says of an instance that it checks at that port: up or down, and how it knows."""
        wanted = self._checks.get((id, port))
        if wanted is None or self._process is None:
            return ""
        rows = csv.DictReader(io.StringIO(self._asked("show stat -1 4 -1").removeprefix("# ")))
        found = (row for row in rows if (row["pxname"], row["svname"]) == wanted)
        return next((f"{row['status'].split()[0]} {row['check_status'].strip('* ')}" for row in found), "")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    def _rendered(
        self, balancers: Mapping[str, Balancer], where: Mapping[str, str], private: Mapping[str, str]
    ) -> Iterator[str]:
        listeners = [(id, one, listener) for id, one in balancers.items() for listener in one.listeners]
        for number, (id, one, listener) in enumerate(listeners):
            targets = [(target, port) for target, port in listener.targets if target in private]
            for target, port in targets:
                self._checks[target, listener.check or port] = (f"b{number}", target)
            servers = [f"    server {target} {private[target]}:{port}" for target, port in targets]
            yield _LISTENER.format(
                name=number,
                address=where[id],
                port=listener.port,
                prober=one.prober,
                check=f"option httpchk GET {listener.path}" if listener.path else "option tcp-check",
                checked="\n".join(f"{server} {_check(listener)}" for server in servers),
                unchecked="\n".join(servers),
            )

    def _run(self, text: str) -> None:
        """Have HAProxy go by this configuration; connections that are open stay so."""
        self._version += 1
        if not text:
            self.stop()
            return
        file = self._directory / "haproxy.cfg"
        file.write_text(_HEAD.format(socket=self._socket, version=self._version) + text)
        if self._process is None:
            log = self._directory / "haproxy.log"
            self._process = self._fabric.start("haproxy", "-W", "-f", str(file), log=log)
        else:
            self._process.send_signal(signal.SIGUSR2)
        asked = time.monotonic()

        def serves() -> bool:
            nonlocal asked
            assert self._process is not None
            if time.monotonic() - asked > _AGAIN:
                self._process.send_signal(signal.SIGUSR2)
                asked = time.monotonic()
            return self._serves()

        eventually(serves, "HAProxy to go by its new configuration")

    def _serves(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._directory / "haproxy.log").read_text()[-2000:]
        with suppress(OSError):
            return f"description: version {self._version}\n" in self._asked("show info")
        return False

    @property
    def _socket(self) -> Path:
        return self._directory / "haproxy.sock"

    def _asked(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def _check(listener: Listener) -> str:
    port = f" port {listener.check}" if listener.check else ""
    return f"check{port} inter 1s fall 2 rise 1"
