"""One machine as a system container: the flags it is made with, made whole or not at all, found again, removed."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Literal

from installer.common.errors import InstallerError
from installer.platforms.cloud_init import UserData
from installer.platforms.local import names, network, seed
from installer.platforms.local.engine import Engine

_ATTEMPTS = 4
_OVERTAKEN = ("address already in use", "port is already allocated", "already in use by", "already exists")
"""What engines say when another program took the port that was just free, or what a killed run began came later."""
_REMOVALS = 3
_CONFINED_PROCESSES = 32768
"""What podman lowers its own limit to, and cannot raise it from, where CAP_SYS_RESOURCE is missing."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A machine to be made. `memory` is in MiB, None for no limit."""

    cluster: str
    name: str
    address: IPv4Address
    network: str
    memory: int | None = None
    name_servers: tuple[str, ...] = ()
    """Whom to ask instead, where the engine's own name server answers on loopback alone."""


@dataclass(frozen=True, slots=True)
class Found:
    """A machine as the engine knows it. `port` is that of its SSH server on 127.0.0.1; `state` the engine's word."""

    name: str
    cluster: str
    state: str
    port: int | None
    host_key: str
    address: str = ""

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def paused_or_ended(self) -> bool:
        """It ran before: it is started, not recreated."""
        return self.state in ("exited", "stopped", "paused")

    @property
    def stands(self) -> bool:
        """It was made whole."""
        return self.running or self.paused_or_ended


def create(engine: Engine, spec: Spec, image: str, user_data: UserData, log: Callable[[str], None]) -> None:
    """Make a machine and start it. What a creation that was interrupted left is removed first.

    Raises InstallerError if the engine fails, or if something that is not ours has the machine's name.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        remove(engine, spec.cluster, spec.name)
        network.free(spec.network, spec.address)
        try:
            _create(engine, spec, image, user_data)
        except InstallerError as error:
            if attempt == _ATTEMPTS or not any(sign in error.observed for sign in _OVERTAKEN):
                raise
            log(f"{error.observed}: once more")
        else:
            return


def _create(engine: Engine, spec: Spec, image: str, user_data: UserData) -> None:
    engine.call("volume", "create", *labels(spec), names.volume(spec.name), machine=spec.name)
    arguments = run_arguments(engine, spec, image, user_data.host_key.public)
    engine.call("create", *arguments, machine=spec.name)
    engine.call("cp", "-", f"{spec.name}:{seed.DIRECTORY}", stdin=seed.archive(user_data), machine=spec.name)
    start(engine, spec.name)


def run_arguments(engine: Engine, spec: Spec, image: str, host_key: str) -> list[str]:
    """The arguments of the engine's `create`."""
    host = ["--name", spec.name, "--hostname", spec.name, *labels(spec), "--label", f"{names.HOST_KEY}={host_key}"]
    reached = ["--network", spec.network, "--ip", str(spec.address), "--publish", "127.0.0.1::22"]
    if engine.name == "podman":
        reached += ["--mac-address", _hardware_address(spec.address)]
    return [*host, *reached, *system_arguments(engine, spec), image]


def system_arguments(engine: Engine, spec: Spec) -> list[str]:
    """What makes a container a machine, whatever its network."""
    memory = ["--memory", f"{spec.memory}m"] if spec.memory else []
    # systemd wants these three fresh, and /var on a real file system: containerd's overlays do not lie on an overlay.
    storage = ["--tmpfs", "/run:exec,mode=755", "--tmpfs", "/run/lock", "--tmpfs", "/tmp:exec,mode=1777"]  # noqa: S108
    storage += ["--volume", f"{names.volume(spec.name)}:/var" + (":dev,suid,exec" if engine.name == "podman" else "")]
    begin = ["--env", f"container={engine.name}", "--env", f"CRATON_NAME_SERVERS={' '.join(spec.name_servers)}"]
    begin += ["--stop-signal", "SIGRTMIN+3", "--entrypoint", f"{seed.DIRECTORY}/entrypoint"]
    return [*memory, *storage, *powers(engine), *begin]


def _hardware_address(address: IPv4Address) -> str:
    """A lasting one, as docker's are: podman gives a new one at every start, and peers talk to the old for a while."""
    return ":".join(f"{octet:02x}" for octet in (0x02, 0x42, *address.packed))


def powers(engine: Engine) -> list[str]:
    """What lets systemd, containerd and the kubelet do their work in a container."""
    powers = ["--cgroupns=private"]
    if engine.name == "podman":
        powers += ["--privileged", "--systemd=false"]
        return powers + (_limits() if engine.confined else [])
    if not engine.confined:
        return [*powers, "--privileged"]
    unconfined = ("seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined")
    powers += ["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"]
    return [*powers, *(word for option in unconfined for word in ("--security-opt", option))]


def _limits() -> list[str]:
    """Limits that podman need not raise: it would fail to."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
    processes = _CONFINED_PROCESSES if processes < 0 else min(processes, _CONFINED_PROCESSES)
    return ["--ulimit", f"nproc={processes}:{processes}", "--ulimit", f"nofile={files}:{files}"]


def labels(spec: Spec) -> list[str]:
    return ["--label", f"{names.CLUSTER}={spec.cluster}", "--label", f"{names.MACHINE}={spec.name}"]


def start(engine: Engine, name: str) -> None:
    engine.call("start", name, machine=name, deadline=60.0)


def console(engine: Engine, name: str, newest: int = 200) -> str:
    """The newest lines that a machine printed on its console."""
    shown = engine.attempt("logs", "--tail", str(newest), name)
    return shown.stdout + shown.stderr


def remove(engine: Engine, cluster: str, name: str) -> None:
    """Remove a machine and its volume, also one half made; no error if there is none.

    Raises InstallerError if a container of that name is not of this cluster.
    """
    found = find(engine, name)
    if found is not None and found.cluster != cluster:
        raise InstallerError(
            "remove what an earlier attempt left",
            f"a container {name} exists that doesn't belong to cluster {cluster}",
            machine=name,
            hint=f"rename or remove it ({engine.name} rm {name}), or choose another cluster name",
        )
    # Also where the engine knows none: podman keeps the name of a container whose start failed in its storage.
    _gone(engine, "container", name, "rm", "--force", "--volumes", *_at_once(engine), name)
    _gone(engine, "volume", names.volume(name), "volume", "rm", "--force", names.volume(name))


def remains(engine: Engine, name: str) -> str:
    """What is left of a machine that the engine does not know any more, or knows only half; empty if nothing."""
    if engine.exists("volume", names.volume(name)):
        return "volume"
    # podman keeps the name of a container whose start failed.
    known = engine.name == "podman" and engine.attempt("container", "exists", "--external", name).status == 0
    return "name in the engine's storage" if known else ""


def _gone(engine: Engine, kind: Literal["container", "volume"], name: str, *command: str) -> None:
    """Remove it until it is gone: podman gives up for the moment on a container whose start was interrupted."""
    for _ in range(_REMOVALS):
        removed = engine.attempt(*command)
        if not engine.exists(kind, name):
            return
    raise InstallerError(f"remove the {kind}", removed.reason, machine=name, retryable=True)


def _at_once(engine: Engine) -> list[str]:
    return ["--time", "0"] if engine.name == "podman" else []


def find(engine: Engine, name: str) -> Found | None:
    """The machine of that name, or None."""
    documents = engine.inspect("container", name)
    return _found(engine, documents[0]) if documents else None


def find_all(engine: Engine, cluster: str) -> list[Found]:
    """Every machine of `cluster`, by name."""
    ids = engine.call("ps", "--all", "--quiet", "--no-trunc", "--filter", names.of_cluster(cluster)).split()
    return sorted(
        (_found(engine, document) for document in engine.inspect("container", *ids)), key=lambda found: found.name
    )


def _found(engine: Engine, document: dict[str, Any]) -> Found:
    """Raises InstallerError if it is no container's document."""
    try:
        return _read(document)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise engine.unreadable("container", f"{type(error).__name__}: {error}") from None


def _read(document: dict[str, Any]) -> Found:
    labels = document["Config"].get("Labels") or {}
    settings = document.get("NetworkSettings") or {}
    bound = (settings.get("Ports") or {}).get("22/tcp") or [{}]
    port = bound[0].get("HostPort") or ""
    addresses = [network.get("IPAddress", "") for network in (settings.get("Networks") or {}).values()]
    return Found(
        name=str(document["Name"]).lstrip("/"),
        cluster=labels.get(names.CLUSTER, ""),
        state=str(document["State"]["Status"]),
        port=int(port) if re.fullmatch(r"[0-9]{1,5}", port) else None,
        host_key=labels.get(names.HOST_KEY, ""),
        address=next((address for address in addresses if address), ""),
    )
