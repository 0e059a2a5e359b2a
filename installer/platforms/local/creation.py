"""Making the machines and the load balancer: adopted by name if they exist, started if they are stopped, else made."""

from __future__ import annotations

import time
from dataclasses import dataclass
from ipaddress import IPv4Address

from installer.common.errors import InstallerError
from installer.node import program
from installer.node.waiting import greeted, wait_for_ssh
from installer.plan.platforms.local.settings import Local
from installer.platforms.cloud_init import File, UserData, make_host_key
from installer.platforms.local import balancer, faults, image, machine, names, network
from installer.platforms.local.engine import Engine
from installer.platforms.local.machine import Found, Spec
from installer.platforms.local.platform import LocalPlatform
from installer.ssh.host_keys import pinned_keys
from installer.ssh.keys.cluster_key import ensure_key
from installer.steps.step import Context, Observation

_LOOK_AGAIN = 3.0
"""Seconds after which the engine is asked again whether a machine still runs that does not answer yet."""


@dataclass(frozen=True)
class MachineCreation:
    """A machine of the cluster."""

    name: str

    def observe(self, ctx: Context) -> Observation:
        return _observation(self.name, ctx)

    def apply(self, ctx: Context) -> None:
        node_program = File(program.PATH, program.source(), 0o755)
        _make(ctx, self.name, ctx.world.machine(self.name).located, (node_program,))

    def undo(self, ctx: Context) -> None:
        _remove(ctx, self.name)


@dataclass(frozen=True)
class BalancerCreation:
    """The machine that is the load balancer, with HAProxy passing connections on to the masters that are planned."""

    name: str

    def observe(self, ctx: Context) -> Observation:
        observed = _observation(self.name, ctx)
        if observed.holds and balancer.read(engine_of(ctx), self.name) != self._configuration(ctx):
            return Observation(False, "HAProxy does not run with this plan's configuration", remains=True)
        return observed

    def apply(self, ctx: Context) -> None:
        planned, wanted = ctx.world.topology.load_balancer, self._configuration(ctx)
        assert planned is not None
        assert planned.address is not None, "local plans give the load balancer its address"
        _make(ctx, self.name, planned.address, (balancer.file(wanted),), balancer.COMMANDS)
        ctx.wait_until("cloud-init to finish", lambda: _finished(engine_of(ctx), self.name))
        if balancer.read(engine_of(ctx), self.name) != wanted:
            balancer.replace(engine_of(ctx), self.name, wanted)
        ctx.log("HAProxy runs with this plan's configuration")

    def undo(self, ctx: Context) -> None:
        _remove(ctx, self.name)

    def _configuration(self, ctx: Context) -> str:
        planned = ctx.world.topology.load_balancer
        assert planned is not None
        return balancer.configuration(planned, ctx.world.topology)


def _observation(name: str, ctx: Context) -> Observation:
    found = machine.find(engine_of(ctx), name)
    if found is None:
        left = machine.remains(engine_of(ctx), name)
        return Observation(False, f"there is no such machine{', but its ' + left if left else ''}", remains=bool(left))
    if found.cluster != ctx.world.plan.name:
        return Observation(False, f"a container {found.name} exists that doesn't belong to this cluster")
    if not found.running:
        return Observation(False, f"the machine is {found.state}", remains=True)
    answers, seen = _greeted(found)
    return Observation(answers, seen, remains=True)


def _make(
    ctx: Context,
    name: str,
    address: IPv4Address,
    files: tuple[File, ...] = (),
    commands: tuple[tuple[str, ...], ...] = (),
) -> None:
    """Have the machine running, and its SSH server answer."""
    engine, plan = engine_of(ctx), ctx.world.plan
    found = machine.find(engine, name)
    if found is not None and found.cluster == plan.name and found.paused_or_ended:
        ctx.log(f"the machine is {found.state}: starting it")
        faults.start(engine, plan.name, name)
    elif found is None or not found.running or found.cluster != plan.name:
        # A new machine has a new host key: whatever was pinned under its name was another machine's.
        pinned_keys.unpin(ctx.world.directory, name)
        keys = (ensure_key(ctx.world.directory), *((plan.ssh.public_key,) if plan.ssh.public_key else ()))
        user_data = UserData(name, plan.ssh.user, keys, make_host_key(), files, commands)
        servers = network.host_name_servers()
        spec = Spec(plan.name, name, address, names.network(plan.name), plan.settings_of(Local).memory, servers)
        # Looked for once more: another cluster's destroy may have taken the image meanwhile.
        machine.create(engine, spec, image.ensure(engine, ctx), user_data, ctx.log)
        ctx.log("created; waiting for its SSH server")
    if not wait_for_ssh(ctx, name, _Awaited(engine, name).answers, every=0.25):
        raise InstallerError("create the machine", "it is gone again", machine=name, retryable=True)


class _Awaited:
    """A machine whose SSH server has yet to answer. Between looks at the engine, which are dear, its port is tried."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine, self._name = engine, name
        self._found: Found | None = None
        self._looked = 0.0

    def answers(self, _seconds: float) -> bool:
        """Whether the machine is there, with an SSH server that answers.

        Raises InstallerError, retryable where it may answer later.
        """
        found = self._look()
        if found is None:
            return False
        if not found.running:
            observed = f"it is {found.state}; its console ends with: {_console(self._engine, self._name)}"
            hint = f"look at `{self._engine.name} logs {self._name}`, then resume"
            raise InstallerError("create the machine", observed, machine=self._name, hint=hint)
        answers, seen = _greeted(found)
        if not answers:
            raise InstallerError("wait for the machine's SSH server", seen, machine=self._name, retryable=True)
        return True

    def _look(self) -> Found | None:
        """The machine as the engine knew it not long ago; what has no port yet may have one by now."""
        known = self._found is not None and self._found.running and self._found.port is not None
        if not known or time.monotonic() - self._looked > _LOOK_AGAIN:
            self._found, self._looked = machine.find(self._engine, self._name), time.monotonic()
        return self._found


def _greeted(found: Found) -> tuple[bool, str]:
    if found.port is None:
        return False, "its SSH port is not published yet"
    return greeted("127.0.0.1", found.port)


def _finished(engine: Engine, name: str) -> tuple[bool | None, str]:
    output = engine.attempt("exec", name, "cloud-init", "status")
    status = output.stdout.strip().removeprefix("status: ")
    return (True, status) if status in ("done", "error", "disabled") else (None, status or output.reason)


def _console(engine: Engine, name: str) -> str:
    lines = machine.console(engine, name, newest=5).splitlines()
    return " | ".join(line.strip() for line in lines if line.strip()) or "nothing"


def _remove(ctx: Context, name: str) -> None:
    machine.remove(engine_of(ctx), ctx.world.plan.name, name)
    pinned_keys.unpin(ctx.world.directory, name)


def engine_of(ctx: Context) -> Engine:
    """The engine of the platform that the step runs on."""
    platform = ctx.world.platform
    assert isinstance(platform, LocalPlatform), "these steps are of local machines"
    return platform.engine
