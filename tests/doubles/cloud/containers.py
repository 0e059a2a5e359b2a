"""Machines that are system containers of the platform `local`'s image: systemd, sshd, a first boot as in the cloud.

What the cloud has around them is real, too: a metadata service at 169.254.169.254, packets that its rules let through
or drop, a balancer, a name server (`fabric` says where all of that is). It needs root and podman.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType

from installer.platforms.local import limits, machine, names, preflight
from installer.platforms.local.computer import examine
from installer.platforms.local.engine import Engine
from installer.platforms.local.machine import Spec
from tests.doubles.cloud.balancer import LoadBalancers
from tests.doubles.cloud.fabric import METADATA, Fabric
from tests.doubles.cloud.machines import Balancer, Launch, Opening
from tests.doubles.cloud.name_server import NameServer
from tests.doubles.cloud.packet_filter import Wired
from tests.doubles.cloud.systems import System

_AT_ONCE = 3
"""Machines that are made or removed at the same time."""
_CONSOLE = 5000
"""Lines of a console."""
_CLUSTER = re.compile(r"cloud-([0-9]+)-")


@dataclass
class Machine:
    """One instance's container. `made` is over once it has started, or why it hasn't is on its console; `gone` once
    nothing of it is left.
    """

    launch: Launch
    public: str
    made: Future[None] = field(default_factory=Future)
    gone: Future[None] = field(default_factory=Future)
    failure: str = ""

    @property
    def wired(self) -> Wired:
        return Wired(self.launch.private, self.public, self.launch.groups)


class Containers:
    """Implements `Machines`. Use it as a context: nothing is left on this computer after it.

    With `name_servers`, which machines then ask for names that are not the cloud's, they reach the internet, too.
    """

    def __init__(self, system: System, engine: Engine, image: str, name_servers: tuple[str, ...] = ()) -> None:
        self._system, self._engine, self._image = system, engine, image
        self._forwarders = name_servers
        self._stack = ExitStack()
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._ending: list[Machine] = []
        self._groups: dict[str, tuple[Opening, ...]] = {}
        self._ways: dict[str, str] = {}
        self._balancers: dict[str, Balancer] = {}
        self._records: dict[str, tuple[str, ...]] = {}
        self._over = False
        self.fabric = Fabric(outside=bool(name_servers))

    def __enter__(self) -> Containers:
        remove_stale(self._engine)
        enter = self._stack.enter_context
        try:
            self._stack.callback(self._lower_limits)
            enter(self.fabric)
            room = Path(enter(tempfile.TemporaryDirectory(prefix="craton-cloud-")))
            enter(self.fabric.within(lambda: self._system.metadata(self._at, METADATA, 80)))
            self._name_server = NameServer(self.fabric, room, self._forwarders)
            self._stack.callback(self._name_server.stop)
            self._load_balancers = LoadBalancers(self.fabric, room)
            self._stack.callback(self._load_balancers.stop)
            self._pool = enter(ThreadPoolExecutor(_AT_ONCE, "containers"))
            self._write_names()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        finally:
            self._over = True
            self._stack.close()

    @property
    def names(self) -> list[str]:
        """Ids of the machines that there are."""
        return sorted(self._machines)

    @property
    def cluster(self) -> str:
        """What containers are labelled with as `local`'s are with their cluster."""
        return f"cloud-{os.getpid()}-{self.fabric.number}"

    def container(self, id: str) -> str:
        """The name of an instance's container."""
        return f"{self.cluster}-{id}"

    def launch(self, id: str) -> Launch:
        return self._machines[id].launch

    def public(self, id: str) -> str:
        """The public address of an instance as it is now."""
        return self._machines[id].public

    def start(self, launch: Launch) -> None:
        with self._lock:
            made = self._machines[launch.id] = Machine(launch, launch.public)
            before = [one.gone for one in self._ending if one.launch.private == launch.private]
            made.made = self._pool.submit(self._make, made, before)
            self._filter()

    def stop(self, id: str) -> None:
        with self._lock:
            if found := self._machines.pop(id, None):
                found.gone = self._pool.submit(self._remove, found)
                self._ending.append(found)
                self._serve()
                self._filter()

    def attach(self, id: str, public: str) -> None:
        with self._lock:
            self._machines[id].public = public
            self._filter()

    def protect(self, groups: Mapping[str, tuple[Opening, ...]]) -> None:
        with self._lock:
            self._groups = dict(groups)
            self._filter()

    def lead_out(self, ways: Mapping[str, str]) -> None:
        with self._lock:
            self._ways = dict(ways)
            self._filter()

    def name(self, records: Mapping[str, tuple[str, ...]]) -> None:
        with self._lock:
            self._records = dict(records)
            self._write_names()

    def balance(self, balancers: Mapping[str, Balancer]) -> None:
        with self._lock:
            self._balancers = dict(balancers)
            self._serve()
            self._write_names()

    def console(self, id: str) -> str:
        found = self._machines.get(id)
        if found is None or found.failure:
            return found.failure if found else ""
        return machine.console(self._engine, self.container(id), newest=_CONSOLE) if found.made.done() else ""

    def listens(self, id: str, port: int) -> bool:
        return self._load_balancers.healthy(id, port)

    def asked(self, id: str, name: str) -> list[str] | None:
        """The addresses of a name as a machine's name server has them."""
        return self._name_server.asked(name, self.fabric.namespace(id))

    def close(self) -> None:
        """End all machines; returns once nothing of them is left."""
        if self._over:
            return
        with self._lock:
            for id in list(self._machines):
                self.stop(id)
            self.protect({})
            self.lead_out({})
            self.balance({})
            self.name({})
            ending, self._ending = self._ending, []
        for one in ending:
            one.gone.result()

    def remains(self) -> list[str]:
        """Containers and volumes that are here now, by what they are called."""
        found = []
        for kind in ("container", "volume"):
            listed = self._engine.call(kind, "ls", *(("--all",) if kind == "container" else ()), "--format",
                                       "{{.Names}}" if kind == "container" else "{{.Name}}")  # fmt: skip
            found += [f"{kind} {line}" for line in listed.splitlines() if line.startswith(f"{self.cluster}-")]
        return found

    def _at(self, address: str) -> Launch | None:
        """The instance at a private address."""
        return next((one.launch for one in self._machines.values() if one.launch.private == address), None)

    def _make(self, made: Machine, before: Sequence[Future[None]]) -> None:
        """Once those that had its address `before` are gone: the API gives an address again while its machine ends."""
        launch, engine = made.launch, self._engine
        name = self.container(launch.id)
        try:
            for one in before:
                one.result()
            self._raise_limits()
            inside = self.fabric.plug(launch.id, launch.private, launch.mac, self._system.mtu)
            spec = Spec(self.cluster, name, IPv4Address(launch.private), f"ns:/run/netns/{inside}")
            host = ["--tty", "--name", name, "--hostname", f"ip-{launch.private.replace('.', '-')}"]
            host += ["--network", spec.network, "--dns", self._system.resolver, *machine.labels(spec)]
            engine.call("create", *host, *machine.system_arguments(engine, spec), self._image)
            engine.call("cp", "-", f"{name}:/", stdin=self._system.archive())
            machine.start(engine, name)
        except Exception:  # whoever reads the console is to know
            made.failure = traceback.format_exc()

    def _raise_limits(self) -> None:
        """As `local` does it for its machines: each has dozens of what the kernel counts by user."""
        with self._lock:
            for one in preflight.shortages(examine(self._engine), 1):
                limits.raise_to(one.name, one.enough)

    def _lower_limits(self) -> None:
        """Not while anybody else has machines here: those share them."""
        if not self._engine.call("ps", "--all", "--quiet", "--filter", f"label={names.MACHINE}").split():
            limits.set_back()

    def _remove(self, made: Machine) -> None:
        made.made.result()
        machine.remove(self._engine, self.cluster, self.container(made.launch.id))
        self.fabric.unplug(made.launch.id)

    def _filter(self) -> None:
        self.fabric.filter([one.wired for one in self._machines.values()], self._groups, self._ways)

    def _serve(self) -> None:
        private = {id: one.launch.private for id, one in self._machines.items()}
        self._load_balancers.serve(self._balancers, private)

    def _write_names(self) -> None:
        hosts = {one.host: (self._load_balancers.address(one.host),) for one in self._balancers.values() if one.host}
        found = {**self._system.names, **hosts}
        for name, targets in self._records.items():
            found[name] = tuple(address for one in targets for address in hosts.get(one.rstrip(".").lower(), (one,)))
        self._name_server.serve(found)


def remove_stale(engine: Engine) -> None:
    """Remove machines of processes that are no more."""
    listed = engine.call("ps", "--all", "--format", "{{.Names}}").splitlines()
    for name in listed:
        found = _CLUSTER.match(name)
        if found and not Path("/proc", found[1]).exists():
            number = name.split("-")[2]
            machine.remove(engine, f"cloud-{found[1]}-{number}", name)
