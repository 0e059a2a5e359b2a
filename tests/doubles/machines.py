"""Real Debian machines for tests: system containers with systemd and sshd, of one image that all tests share."""

from __future__ import annotations

import fcntl
import io
import os
import random
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from uuid import uuid4

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory, home
from installer.platforms.cloud_init import File, UserData, make_host_key
from installer.platforms.local import image, machine, names, seed
from installer.platforms.local import network as bridge
from installer.platforms.local.engine import Engine, open_engine
from installer.platforms.local.process import Done
from installer.ssh.client import SSHConnection
from installer.ssh.connections import SSHConnections
from installer.ssh.endpoint import Endpoint
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from tests.needs import lacking, require
from tests.patience import PATIENCE

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "craton-tests"
"""Built root file systems, by hash: CI builds one, once."""
_KEEPER = "craton-tests-image"
"""A container that is never started, so that no test's destroy takes the image from the others."""
_NETWORKS = IPv4Network("10.128.0.0/10")
_BUILD = 600.0
_TRIES = 20
"""Times that a machine's port is tried before the engine, which takes longer to answer, is asked once more."""


@cache
def the_engine() -> Engine:
    """The engine of this computer. A test that asks for it ends where no container can be made."""
    require("containers")
    return open_engine("auto")


def why_no_containers() -> str:
    """Why no machine can be made on this computer; an empty string if one can.

    It tries: a container with all that a machine's gets, from an image that has this computer's programs.
    """
    name = f"craton-probe-{os.getpid()}"
    try:
        engine = open_engine("auto")
        with own_network(name, engine) as network:
            spec = machine.Spec(name, name, network[2], names.network(name))
            return _run_once(engine, spec)
    except InstallerError as error:
        return error.observed


def _run_once(engine: Engine, spec: machine.Spec) -> str:
    """Run `true` as the first process of a machine of this image: its entrypoint is a script for this computer's."""
    image = f"localhost/{spec.name}:1"
    mounts = [f"--volume={path}:{path}:ro" for path in ("/bin", "/lib", "/lib64") if Path(path).exists()]
    try:
        engine.call("import", "-", image, stdin=_archive({f"{seed.DIRECTORY}/entrypoint": b"#!/bin/true\n"}))
        done = engine.attempt("run", *mounts, *machine.run_arguments(engine, spec, image, ""))
        return "" if done.status == 0 else done.reason
    finally:
        machine.remove(engine, spec.cluster, spec.name)
        engine.attempt("image", "rm", image)


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.strip("/"))
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


class Patience:
    """What an image build is told how long it may take, and tells how far it is."""

    def __init__(self, deadline: float = _BUILD) -> None:
        self._end = time.monotonic() + deadline
        self.lines: list[str] = []
        self.stages: list[tuple[int, int, str]] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    def stage(self, number: int, of: int, title: str) -> None:
        self.stages.append((number, of, title))

    def remaining(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def check_stop(self) -> None:
        return

    def wait_until(self, what: str, probe: Callable[[], tuple[bool | None, str]], every: float = 0.5) -> bool:
        while True:
            value, seen = probe()
            if value is not None:
                return value
            assert self.remaining(), f"{what}: {seen}"
            time.sleep(every)


def share_images() -> None:
    """Let this test's CRATON_HOME use the images that all tests share. Call it before anything builds one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    home().mkdir(parents=True, exist_ok=True)
    if not image.cache().exists():
        image.cache().symlink_to(CACHE)


def machine_image() -> str:
    """The name of the image, built by whoever asks first (a minute) and kept for those after it."""
    share_images()
    engine = the_engine()
    with (CACHE / "keeper.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        name = image.ensure(engine, Patience())
        kept = engine.inspect("container", _KEEPER)
        if not kept or name not in (kept[0].get("ImageName"), kept[0]["Config"].get("Image")):
            engine.attempt("rm", "--force", _KEEPER)
            engine.call("create", "--name", _KEEPER, name, "/bin/true")
    return name


def main() -> None:
    """Build the image, where this computer can, before the tests: the first that ask would wait for it."""
    with tempfile.TemporaryDirectory(prefix="craton-image-") as directory:
        os.environ["CRATON_HOME"] = directory
        if not lacking("containers"):
            machine_image()


def forget_image() -> None:
    """Take the image out of the engine's store; what is cached stays. Not while other tests run."""
    the_engine().attempt("rm", "--force", _KEEPER)
    image.release(the_engine())


def free_subnet(prefix: int, engine: Engine | None = None) -> IPv4Network:
    """A network of that prefix length that nothing here has, and that plans do not use by themselves."""
    engine = engine or the_engine()
    for _ in range(50):
        offset = random.randrange(1 << (prefix - _NETWORKS.prefixlen)) << (32 - prefix)
        subnet = IPv4Network((int(_NETWORKS.network_address) + offset, prefix))
        if not bridge.clash(engine, "", subnet):
            return subnet
    raise AssertionError("no free network found")


@dataclass
class SystemContainer:
    """A running machine. `network` is shared with others of the same `own_network`."""

    name: str
    endpoint: Endpoint
    address: IPv4Address
    directory: ClusterDirectory
    connections: SSHConnections = field(repr=False)

    def connect(self, deadline: float = PATIENCE) -> SSHConnection:
        """An SSH connection as the machine's user, with the cluster's key and the host key pinned."""
        return self.connections.get(self.name, deadline)

    def root(self, *command: str, stdin: bytes = b"", deadline: float = PATIENCE) -> Done:
        """Run a command as root through the engine, past SSH and the network."""
        return the_engine().attempt("exec", "--interactive", self.name, *command, stdin=stdin, deadline=deadline)

    def stop(self) -> None:
        the_engine().call("stop", self.name)

    def start(self) -> None:
        """Start it again after `stop`; returns once SSH answers, where it is now in `endpoint`."""
        machine.start(the_engine(), self.name)
        self.endpoint = await_ssh(self.name, self.endpoint.user)


@contextmanager
def own_network(cluster: str, engine: Engine | None = None) -> Iterator[IPv4Network]:
    """A bridge network of a test's own, with addresses that nothing else here has."""
    engine = engine or the_engine()
    subnet = free_subnet(28, engine)
    bridge.ensure(engine, cluster, subnet)
    try:
        yield subnet
    finally:
        bridge.remove(engine, cluster)


@contextmanager
def system_container(
    directory: ClusterDirectory,
    name: str | None = None,
    *,
    user: str = "craton",
    network: IPv4Network | None = None,
    number: int = 1,
    files: tuple[File, ...] = (),
    memory: int | None = None,
) -> Iterator[SystemContainer]:
    """A running Debian 13 machine, removed at the end; `directory`'s key logs in as `user`, who has sudo.

    Give the `network` of `own_network(directory.cluster)` and a `number` (from 1) to have several that reach each
    other; without, it has a network of its own. Its host key is pinned in `directory`.
    """
    if network is None:
        with (
            own_network(directory.cluster) as own,
            system_container(
                directory, name, user=user, network=own, number=number, files=files, memory=memory
            ) as alone,
        ):
            yield alone
        return
    name = name or f"t{uuid4().hex[:8]}-master-{number}"
    address = network[1 + number]
    servers = bridge.host_name_servers()
    spec = machine.Spec(directory.cluster, name, address, names.network(directory.cluster), memory, servers)
    user_data = UserData(name, user, (ensure_key(directory),), make_host_key(), files)
    connections = None
    try:
        machine.create(the_engine(), spec, machine_image(), user_data, lambda line: None)
        endpoint = await_ssh(name, user)
        pinned_keys.pin(directory, name, user_data.host_key.public)
        running = SystemContainer(name, endpoint, address, directory, None)  # type: ignore[arg-type]
        connections = running.connections = SSHConnections(lambda _: running.endpoint, directory)
        yield running
    finally:
        if connections is not None:
            connections.close()
        machine.remove(the_engine(), directory.cluster, name)


def await_ssh(name: str, user: str, deadline: float = PATIENCE) -> Endpoint:
    """Wait until the machine's SSH server greets, and say where."""
    until = time.monotonic() + deadline
    while True:
        found = machine.find(the_engine(), name)
        for _ in range(_TRIES):
            if found is not None and found.port is not None and greets(found.port):
                return Endpoint("127.0.0.1", found.port, user, found.host_key)
            time.sleep(0.1)
        if time.monotonic() > until or (found is not None and found.state == "exited"):
            raise InstallerError("start a test's machine", f"{found}\n{_log(name)}", machine=name)


def greets(port: int) -> bool:
    """Whether an SSH server says its first words at this port of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2.0) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _log(name: str) -> str:
    done = the_engine().attempt("logs", "--tail", "30", name)
    return done.stdout + done.stderr


if __name__ == "__main__":
    main()
