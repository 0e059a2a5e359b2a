"""The platform `machines`: what the plan's inventory and ~/.ssh/config say of each machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError
from installer.node.lease import NodeLease
from installer.node.program import command, read_status
from installer.plan.model import InstallPlan
from installer.plan.topology import FirewallRule, Topology, hosts
from installer.ssh import config
from installer.ssh.config_answers import Answers
from installer.ssh.connection import Connections
from installer.ssh.endpoint import Endpoint
from installer.steps.platform import Limit, Resource, RunOptions
from installer.steps.work import Work

_AT_ONCE = 32
_LOOK = 30.0
"""Seconds in which a machine has to say whether it is claimed."""


class MachinesPlatform:
    def __init__(self, plan: InstallPlan, options: RunOptions | None) -> None:
        if options and options.faults:
            raise InstallerError(
                "read the options",
                "faults work only in a rehearsal, not on your own machines",
                hint="leave --fault out, or plan a rehearsal",
                exit_code=ExitCode.USAGE,
            )
        self._plan = plan
        self._hosts = hosts(plan)
        self._endpoints: dict[str, Endpoint] = {}
        self._answers = Answers()

    def located(self, topology: Topology) -> Topology:
        """As it is: the plan says every address."""
        return topology

    def find(self, connections: Connections) -> list[Resource]:
        """The claims that machines carry; a machine that cannot be asked is named, since nobody knows."""

        def look(machine: str) -> Resource | None:
            try:
                output = read_status(connections.get(machine, _LOOK), machine, _LOOK)
            except InstallerError as error:
                return Resource("machine", machine, f"cannot be asked: {error.observed}", machine=machine)
            claimed = output.get("claim", "").split("/")[0] == self._plan.name
            return Resource("claim", machine, "prepared by Craton", machine=machine) if claimed else None

        with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(self._hosts))), thread_name_prefix="find") as pool:
            return [found for found in pool.map(look, self._hosts) if found]

    def remove(self, found: Sequence[Resource], connections: Connections, work: Work) -> None:
        """Have each machine that is claimed undo what was done on it. One that cannot be asked is left, and named."""
        for resource in found:
            if resource.kind != "claim":
                continue
            work.check_stop()
            connection = connections.get(resource.name, min(_LOOK, work.remaining()))
            for verb in ("undo", "release"):
                ended = connection.run(command(connection, verb), deadline=work.remaining())
                if ended.status != 0:
                    raise InstallerError(
                        f"{verb} what was done on the machine",
                        f"craton-node ended with exit status {ended.status}: {ended.stderr.strip() or 'no message'}",
                        machine=resource.name,
                        hint="see the machine's log, correct what is named there, then destroy again",
                    )
            work.log(f"{resource.name} is released")

    def limits(self) -> Mapping[str, Limit]:
        """None of its own: all it does goes over SSH."""
        return {}

    def firewall(self) -> Mapping[str, tuple[FirewallRule, ...]]:
        """Nothing: what the machines themselves enforce is among their evidence."""
        return {}

    def lease(self, connections: Connections) -> NodeLease:
        """Kept on the first master."""
        first = next(iter(self._hosts))
        return NodeLease(first, lambda seconds: connections.get(first, seconds))

    def endpoint(self, machine: str) -> Endpoint:
        found = self._endpoints.get(machine)
        if found is None:
            found = config.endpoint(self._hosts[machine], self._plan.ssh, self._answers)
            self._endpoints[machine] = found
        return found

    def console(self, machine: str) -> None:
        """None: whoever runs the machines keeps their consoles."""

    def copy_in(self, machine: str, files: Mapping[str, Path], deadline: float) -> None:
        """None: SSH is the only way in."""

    def close(self) -> None:
        """Nothing is held open."""


def open_platform(plan: InstallPlan, options: RunOptions | None) -> MachinesPlatform:
    return MachinesPlatform(plan, options)
