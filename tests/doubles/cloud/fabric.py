"""The network around a cloud's machines: a router in a namespace of its own, and a cable from it to each machine.

All that a cloud does between machines happens in the router's namespace: it translates public addresses, keeps
security groups (`packet_filter`), and has the metadata service, the name server and the balancer. A network of one
test or demonstration doesn't see another's, and nothing of it is left once the namespaces are gone.

This computer is outside: it has the address USER, and a route to the public addresses, a /24 of 198.18.0.0/15 (RFC
2544: no host on the internet has one).
"""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TypeVar

from tests.doubles.cloud.machines import Opening
from tests.doubles.cloud.packet_filter import MARK, OUT, PORT, Wired, ruleset
from tests.doubles.namespace import PREFIX, new_namespace, remove_stale, run_tool, within
from tests.needs import PATH, require

T = TypeVar("T")
USER = "203.0.113.7"
"""This computer's address, as machines see it."""
METADATA, RESOLVER = "169.254.169.254", "169.254.169.253"
"""Addresses that every machine reaches: EC2 documents both ("Instance metadata", "Amazon DNS server")."""
_GATEWAY = "169.254.0.1"
_NETWORKS = 512
"""Of 256 addresses each, in 198.18.0.0/15."""
_TABLE = 100


_DROPPED = 1.0
"""Seconds after which a connection without an answer counts as dropped."""


def connects(address: str, port: int) -> bool:
    """Whether a connection comes through; False if its packets are dropped. Raises OSError if it is refused."""
    try:
        socket.create_connection((address, port), timeout=_DROPPED).close()
    except TimeoutError:
        return False
    return True


class Fabric:
    """Needs root. Use it as a context. With `outside`, this computer passes machines' packets on to other networks."""

    def __init__(self, *, outside: bool = False) -> None:
        require("network namespaces")
        self._outside = outside
        self._stack = ExitStack()
        self._ports: dict[str, tuple[str, ExitStack]] = {}
        self._own: set[str] = set()
        self._numbers = itertools.count(1)
        self._last = itertools.count(10)
        self.number = -1
        self.router = ""

    def __enter__(self) -> Fabric:
        remove_stale()
        base = f"{PREFIX}{os.urandom(2).hex()}"
        self.router = self._stack.enter_context(new_namespace(f"{base}-cloud"))
        try:
            self.number = self._uplink()
            self._route()
            if self._outside:
                self._pass_on()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for id in list(self._ports):
            self.unplug(id)
        self._stack.close()

    @property
    def link(self) -> str:
        """This computer's own end of the cable to the cloud."""
        return f"cloud{self.number}"

    def next_address(self) -> str:
        """A public address that nothing had before."""
        return f"{self._network}.{next(self._last)}"

    def plug(self, id: str, private: str, mac: str, mtu: int) -> str:
        """A namespace for a machine, with an `eth0` that has this address; return its name."""
        cable = ExitStack()
        name, link = f"{self.router}-{id}", f"{PORT}{next(self._numbers)}"
        cable.enter_context(new_namespace(name))
        self._ports[id] = (name, cable)
        run_tool("ip", "-n", self.router, "-batch", "-", stdin=f"""\
link add {link} mtu {mtu} type veth peer name eth0 address {mac} mtu {mtu} netns {name}
link set {link} up
route add {private}/32 dev {link}
""")  # fmt: skip
        run_tool("ip", "-n", name, "-batch", "-", stdin=f"""\
addr add {private}/32 dev eth0
link set eth0 up
route add {_GATEWAY} dev eth0
route add default via {_GATEWAY} dev eth0 onlink
""")  # fmt: skip
        return name

    def namespace(self, id: str) -> str:
        """The namespace of a machine that is plugged in."""
        return self._ports[id][0]

    def unplug(self, id: str) -> None:
        """Take a machine's namespace away, and end whatever still runs there."""
        if found := self._ports.pop(id, None):
            found[1].close()

    def filter(
        self,
        machines: Iterable[Wired],
        groups: Mapping[str, tuple[Opening, ...]],
        ways: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """From now on the router passes on what these rules say. `ways` are addresses of NAT, by network."""
        run_tool("ip", "netns", "exec", self.router, "nft", "-f", "-", stdin=ruleset(machines, groups, ways))

    def own(self, addresses: Iterable[str]) -> None:
        """The router itself answers at these addresses, and no longer at those of the call before."""
        wanted = set(addresses)
        lines = [f"addr add {one}/32 dev lo" for one in wanted - self._own]
        lines += [f"addr del {one}/32 dev lo" for one in self._own - wanted]
        run_tool("ip", "-n", self.router, "-batch", "-", stdin="".join(f"{line}\n" for line in lines))
        self._own = wanted

    def within(self, act: Callable[[], T]) -> T:
        """What `act` returns in the router's network."""
        return within(self.router, act)

    def start(self, *command: str, log: Path) -> subprocess.Popen[bytes]:
        """Start a program in the router's network. It ends with the network at the latest."""
        inside = ["ip", "netns", "exec", self.router, *command]
        environment = {**os.environ, "PATH": PATH}
        with log.open("wb") as output:
            return subprocess.Popen(
                inside, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
            )

    def _uplink(self) -> int:
        """Lay the cable to this computer: whoever makes the link of a number has that number's addresses."""
        for step in range(_NETWORKS):
            number = (os.getpid() + step) % _NETWORKS
            made = subprocess.run(
                ["ip", "link", "add", f"cloud{number}", "type", "veth", "peer", "name", OUT, "netns", self.router],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if made.returncode == 0:
                self._stack.callback(run_tool, "ip", "link", "del", f"cloud{number}")
                return number
            assert "File exists" in made.stderr, made.stderr
        raise AssertionError("every network of 198.18.0.0/15 is in use on this computer")

    @property
    def _network(self) -> str:
        return f"198.{18 + self.number // 256}.{self.number % 256}"

    def _pass_on(self) -> None:
        """Under this computer's own address, as public addresses of 198.18.0.0/15 lead nowhere."""
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        before = forwarding.read_text()
        forwarding.write_text("1\n")
        self._stack.callback(forwarding.write_text, before)
        rule = f'ip saddr {self._network}.0/24 oifname != "{self.link}" masquerade'
        chain = f"chain out {{\ntype nat hook postrouting priority srcnat\n{rule}\n}}"
        again = f"table ip {self.link}\ndelete table ip {self.link}\n"  # of a process that was killed
        run_tool("nft", "-f", "-", stdin=f"{again}table ip {self.link} {{\n{chain}\n}}\n")
        self._stack.callback(run_tool, "nft", "delete", "table", "ip", self.link)

    def _route(self) -> None:
        near, far = f"{self._network}.1", self.link
        run_tool("ip", "-batch", "-", stdin=f"""\
addr add {USER}/32 dev {far}
link set {far} up
route add {self._network}.0/24 via {near} dev {far} onlink src {USER}
""")  # fmt: skip
        run_tool("ip", "-n", self.router, "-batch", "-", stdin=f"""\
addr add {near}/32 dev {OUT}
link set {OUT} up
route add {USER}/32 dev {OUT}
route add default via {USER} dev {OUT} onlink
addr add {_GATEWAY}/32 dev lo
addr add {METADATA}/32 dev lo
addr add {RESOLVER}/32 dev lo
rule add fwmark {MARK} lookup {_TABLE}
route add local default dev lo table {_TABLE}
""")  # fmt: skip

        def settings() -> None:
            for name, value in (("ip_forward", 1), ("conf/all/rp_filter", 0), ("conf/default/rp_filter", 0)):
                Path("/proc/sys/net/ipv4", name).write_text(f"{value}\n")

        self.within(settings)
        self.filter((), {})
