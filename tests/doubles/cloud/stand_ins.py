"""Machines that stand in for those of a cloud: cloud-init's effects, then a real SSH server at the public address.

Behind SSH they are the machines of a rehearsal. They run in a thread of the test's process.
"""

from __future__ import annotations

import asyncio
import shlex
import socket
import tempfile
import threading
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from installer.plan.rules import Peer, Role, Traffic
from installer.plan.topology import FirewallRule
from installer.platforms.rehearsal.records import FIREWALL_RULES, MachineRecord, Store
from installer.platforms.rehearsal.simulator import cluster, reach, shell
from installer.platforms.rehearsal.simulator.machine import StandIn
from installer.platforms.rehearsal.simulator.pace import Pace
from installer.platforms.rehearsal.simulator.site import Site
from tests.doubles.cloud import cloud_init, first_boot
from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.joining import Joining, Result, Service
from tests.doubles.cloud.machines import Balancer, Launch, Opening
from tests.doubles.cloud.metadata import Metadata
from tests.patience import PATIENCE

T = TypeVar("T")
Forward = Callable[[MachineRecord, str, int], "int | None"]
"""The port on loopback behind an address and port that a machine asks for; None where it doesn't get there."""
SPEED = 1000.0
_PORT = 22
_PEERS = {Role.MASTER: Peer.MASTERS, Role.INFRA: Peer.INFRA, Role.WORKER: Peer.WORKERS}


@dataclass
class Machine:
    """One instance's inside."""

    launch: Launch
    public: str
    console: list[str] = field(default_factory=list)
    record: MachineRecord | None = None
    server: Server | None = None
    joining: Joining | None = None
    """Of a machine that nobody logs in to: what it runs by itself."""
    rules: list[str] = field(default_factory=list)
    """Of its routing, as ip-rule(8) takes them."""


class Server(StandIn):
    """The SSH server of a machine, at port 22 of the address that it has at the time."""

    def __init__(self, site: Site, record: MachineRecord, banner: str, forward: Forward) -> None:
        super().__init__(site, record)
        self._banner, self._forward = banner, forward
        self.inside = 0
        """The port on loopback of a machine without a public address: only other stand-ins connect to it."""

    def hide(self) -> None:
        """Listen where only other machines get to."""
        self.inside = self._listen("127.0.0.1", 0)

    def move(self, address: str) -> None:
        """Listen at `address` from now on; nowhere if it is empty."""
        self.close()
        if address:
            self._listen(address, _PORT)

    def _listen(self, address: str, port: int) -> int:
        """The port that it is."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.setblocking(False)
        listener.listen(100)
        self._listener = listener
        self._accepting = asyncio.get_running_loop().create_task(self._accept(listener))
        return int(listener.getsockname()[1])

    async def _serve(self, connection: socket.socket, key: asyncssh.SSHKey) -> None:
        banner = "" if self._record.done else self._banner  # it goes once craton-node is there
        await asyncssh.run_server(
            connection,
            server_factory=lambda: _Login(self._record, self._keys, self._connections, banner, self._forward),
            process_factory=lambda process: shell.serve(self._site, self._record, process),
            server_host_keys=[key],
            server_version="stand-in",
            kex_algs=["curve25519-sha256", "curve25519-sha256@libssh.org"],
            compression_algs=["none"],
            errors="replace",
            keepalive_interval=0,
            login_timeout=60,
        )


class _Login(asyncssh.SSHServer):
    """Lets one user in by key, and shows a banner before anybody has logged in."""

    def __init__(
        self, record: MachineRecord, keys: Collection[bytes], connections: set[Any], banner: str, forward: Forward
    ) -> None:
        self._record, self._keys, self._connections, self._banner = record, keys, connections, banner
        self._forward = forward
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        if self._connection is not None and self._banner:
            self._connection.send_auth_banner(self._banner)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._record.user and key.public_data in self._keys

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        """A jump: to another machine's port, if that machine's firewall lets this one in."""
        port = self._forward(self._record, dest_host, dest_port)
        if port is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection timed out")

        async def pipe(reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, back), _copy(there, writer), return_exceptions=True)

        return pipe


async def _copy(source: Any, target: Any) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


class _Stream:
    """What a command reads, or what it has written."""

    def __init__(self, given: str = "") -> None:
        self._given = given
        self.text: list[str] = []

    async def read(self) -> str:
        return self._given

    def write(self, text: str) -> None:
        self.text.append(text)


class _Process:
    """A command without SSH, as the shell of a stand-in takes it."""

    def __init__(self, command: str, given: str) -> None:
        self.command = command
        self.stdin, self.stdout, self.stderr = _Stream(given), _Stream(), _Stream()
        self.status = 255

    def exit(self, status: int) -> None:
        self.status = status

    def close(self) -> None:
        return


class StandIns:
    """Implements `Machines`; `read` says what the system does with user data, `metadata` serves it to machines.

    `deaf` are ids of instances that never boot far enough to answer.
    """

    def __init__(self, read: Callable[[bytes], Boot] = cloud_init.read, metadata: Service = Metadata) -> None:
        self._read, self._metadata = read, metadata
        self.deaf: set[str] = set()
        self._room = tempfile.TemporaryDirectory(prefix="craton-stand-ins-")
        self._path = Path(self._room.name)
        self._machines: dict[str, Machine] = {}
        self._boots: list[Future[None]] = []
        self._groups: dict[str, tuple[Opening, ...]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-ins", daemon=True)
        self._thread.start()
        self._site = self._do(self._make_site())

    @property
    def names(self) -> list[str]:
        """Host names of the machines that are up."""
        return sorted(self._site.record.machines)

    def nodes(self) -> list[str]:
        """Names of the cluster's nodes."""
        return sorted(self._site.record.cluster.nodes) if self._site.record.cluster else []

    def releases(self) -> dict[str, str]:
        """The release of Kubernetes that each node of the cluster runs."""
        known = self._site.record.cluster
        return {name: node.version for name, node in known.nodes.items()} if known else {}

    def schedulable(self) -> set[str]:
        """Names of the nodes where pods may land."""
        known = self._site.record.cluster
        return {name for name, node in known.nodes.items() if not node.cordoned} if known else set()

    def provider_ids(self) -> dict[str, str]:
        """What nodes of the cluster say that their cloud calls them, once its controller has looked at them."""
        known = self._site.record.cluster
        found = {name: node.provider_id for name, node in known.nodes.items()} if known else {}
        return {name: id for name, id in found.items() if id and cluster.is_initialised(self._site.record, name)}

    def rules(self) -> dict[str, list[str]]:
        """Rules of routing that machines added, by host name."""
        return {one.record.name: one.rules for one in self._machines.values() if one.record and one.rules}

    def start(self, launch: Launch) -> None:
        machine = self._machines[launch.id] = Machine(launch, launch.public)
        if launch.id not in self.deaf:
            self._boots.append(self._submit(self._boot(machine)))

    def stop(self, id: str) -> None:
        machine = self._machines.pop(id, None)
        if machine is not None:
            self._do(self._end(machine))
            if machine.joining is not None:
                machine.joining.stop()

    def attach(self, id: str, public: str) -> None:
        machine = self._machines[id]
        if public != machine.public:
            machine.public = public
            self._do(self._move(machine))

    def protect(self, groups: Mapping[str, tuple[Opening, ...]]) -> None:
        self._groups = dict(groups)
        self._do(self._write_rules())

    def lead_out(self, ways: Mapping[str, str]) -> None:
        """A stand-in asks nothing of the internet."""

    def name(self, records: Mapping[str, tuple[str, ...]]) -> None:
        self._do(self._write_names(records))

    def balance(self, balancers: Mapping[str, Balancer]) -> None:
        """A stand-in is asked itself whether it listens, and nobody connects through a balancer."""

    def console(self, id: str) -> str:
        machine = self._machines.get(id)
        return "\n".join(machine.console) if machine else ""

    def listens(self, id: str, port: int) -> bool:
        machine = self._machines.get(id)
        record = machine.record if machine else None
        return record is not None and ("tcp", port) in reach.listening(self._site.record, record)

    def close(self) -> None:
        if self._thread.is_alive():
            for id in list(self._machines):
                self.stop(id)
            for boot in self._boots:
                boot.result(PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE)
        self._room.cleanup()

    async def _make_site(self) -> Site:
        site = Site(Store(self._path / "state.json"))
        site.pace = Pace(SPEED)
        return site

    async def _boot(self, machine: Machine) -> None:
        launch = machine.launch
        boot = self._read(launch.user_data)
        machine.console += [f"[    0.000000] Linux version 6.12 ({launch.image})", *boot.console]
        key = asyncssh.generate_private_key("ssh-ed25519")
        public = " ".join(key.export_public_key().decode().split()[:2])
        if boot.commands and not boot.user:
            do = partial(self._carry_out, machine)
            begin = partial(Joining, boot, launch, self._path / launch.id, do, machine.console, self._metadata)
            machine.joining = await asyncio.to_thread(begin)
            if launch.id not in self._machines:  # terminated meanwhile
                await asyncio.to_thread(machine.joining.stop)
            return
        if not boot.user:
            machine.console.append("cloud-init: nobody may log in")
            return
        try:
            made = await asyncio.to_thread(first_boot.run, boot, launch, self._path / launch.id, public)
        except Exception as error:  # a machine whose boot fails says so on its console, and nothing else happens
            machine.console.append(f"cloud-init: Failed to run module scripts-user: {error!r}")
            return
        machine.console.append(f"{made['hostname']} login: ")
        if launch.id not in self._machines:
            return  # terminated meanwhile
        record = await self._register(machine, made["hostname"], boot, key)
        banner = "".join(text for path, text in made.items() if path.startswith("/run/"))
        machine.server = Server(self._site, record, banner, self._forwarded)
        if machine.public:
            machine.server.move(machine.public)
        else:
            machine.server.hide()

    async def _register(self, machine: Machine, name: str, boot: Boot, key: asyncssh.SSHKey) -> MachineRecord:
        """The machine has its name, and is one of the site's."""
        launch, known = machine.launch, self._site.record
        record = machine.record = MachineRecord(
            name=name,
            role=_role(name),
            address=launch.private,
            firewall=launch.groups[0] if launch.groups else "",
            user=boot.user or "root",
            authorized_keys=list(boot.authorized_keys),
            host_key=key.export_private_key().decode(),
            public_key=" ".join(key.export_public_key().decode().split()[:2]),
            state="running",
        )
        if name in known.machines:
            machine.console.append(f"{name}: another machine has this name")
        known.machines[name] = record
        known.creations[name] = known.creations.get(name, 0) + 1
        await self._write_rules()
        return record

    def _carry_out(self, machine: Machine, words: list[str], given: str) -> Result:
        """A command of a machine's own program."""
        return self._do(self._command(machine, words, given))

    async def _command(self, machine: Machine, words: list[str], given: str) -> Result:
        if machine.launch.id not in self._machines:
            return 255, "", "the machine is off"
        if words[:2] == ["ip", "rule"]:
            return _rule_changed(machine.rules, words[2], " ".join(words[3:]))
        if words[:2] == ["hostnamectl", "set-hostname"]:
            key = asyncssh.generate_private_key("ssh-ed25519")
            await self._register(machine, words[2], Boot(), key)
            return 0, "", ""
        if machine.record is None:
            return 1, "", "the machine has no name yet"
        process = _Process(shlex.join(words), given)
        await shell.serve(self._site, machine.record, process)  # type: ignore[arg-type]
        return process.status, "".join(process.stdout.text), "".join(process.stderr.text)

    def _forwarded(self, source: MachineRecord, address: str, port: int) -> int | None:
        for machine in self._machines.values():
            if machine.launch.private == address and machine.server and port == _PORT:
                for group in machine.launch.groups:
                    for one in self._groups.get(group, ()):
                        fits = one.protocol in ("tcp", "all") and one.first <= port <= one.last
                        if fits and source.firewall in one.groups:
                            return machine.server.inside or None
        return None

    async def _end(self, machine: Machine) -> None:
        if machine.server is not None:
            machine.server.close()
        record = machine.record
        if record is not None and self._site.record.machines.get(record.name) is record:
            del self._site.record.machines[record.name]
            cluster.lose(self._site.record, record)
        if not self._site.record.machines:  # nobody is left to know the cluster
            self._site.record.cluster = None

    async def _move(self, machine: Machine) -> None:
        if machine.server is not None:
            machine.server.move(machine.public)

    async def _write_rules(self) -> None:
        """The groups' rules as the machines' firewalls have them: by the roles of those who may come in."""
        members: dict[str, set[Role]] = {}
        for machine in self._machines.values():
            for group in machine.launch.groups:
                if machine.record is not None:
                    members.setdefault(group, set()).add(machine.record.role)
        entries = self._site.record.entries.setdefault("firewall", {})
        entries.clear()
        for group, openings in self._groups.items():
            entries[group] = FIREWALL_RULES.dump_python(
                tuple(rule for one in openings if (rule := _rule(one, members))), mode="json"
            )

    async def _write_names(self, records: Mapping[str, tuple[str, ...]]) -> None:
        entries = self._site.record.entries
        entries["dns"] = {name: list(targets) for name, targets in records.items()}
        hosts = sorted({host for targets in records.values() for host in targets if not host[-1].isdigit()})
        entries["load-balancer"] = {host: {"address": f"192.0.2.{last}"} for last, host in enumerate(hosts, 1)}

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._submit(work).result(PATIENCE)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


def _role(name: str) -> Role:
    """By the host name, `CLUSTER-ROLE-NUMBER`: a stand-in has to know what Kubernetes would make of it."""
    return next((role for role in Role if f"-{role}-" in name), Role.WORKER)


def _rule_changed(rules: list[str], verb: str, rule: str) -> Result:
    if (verb == "add") is (rule in rules):
        return 2, "", f"RTNETLINK answers: {'File exists' if verb == 'add' else 'No such file or directory'}"
    rules.append(rule) if verb == "add" else rules.remove(rule)
    return 0, "", ""


def _rule(opening: Opening, members: Mapping[str, set[Role]]) -> FirewallRule | None:
    roles = {role for group in opening.groups for role in members.get(group, ())}
    peers = tuple(_PEERS[role] for role in Role if role in roles)
    if opening.networks:
        peers = (Peer.ALL,)
    if not peers:
        return None
    return FirewallRule(opening.text, "in", Traffic(opening.protocol, opening.first, opening.last), peers)  # type: ignore[arg-type]
