"""The host firewall: the contract's rules loaded on each machine, kept only once a second connection passed them.

Verbs of `craton-node firewall` (arguments; what stdin holds; what stdout says):

    apply TOKEN SECONDS     the ruleset; loads it, and takes it back after SECONDS unless TOKEN was confirmed
    confirm TOKEN           what was loaded stays, over restarts too
    remove                  takes away the table, its file and its unit; `removed firewall craton` if any was there
    show                    lines `file=` (the SHA-256 sum of the confirmed ruleset), `table=` (absent, pending, kept or
                            changed), `unit=` (enabled, disabled, or none without systemd), and last `rules=` with the
                            table as nft's JSON
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from installer.common.errors import InstallerError
from installer.common.text import whole_number
from installer.node.nftables import ruleset, users
from installer.node.program import command, read_fields, run_program, status
from installer.plan.model import InstallPlan
from installer.plan.topology import Topology
from installer.steps import ids
from installer.steps.step import Context, Observation, Permanent, Phase, Step

WINDOW = 30
"""Seconds after which a machine removes rules that nobody confirmed."""
_CONNECT = 30.0
_SPARE = 5.0
"""Seconds of the window that confirming must leave unused: what comes too late is not tried."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """How this computer reaches a machine, as the machine sees it: from `client`, if known, to sshd at `port`."""

    client: IPv4Address | IPv6Address | None = None
    port: int = 22


@dataclass(frozen=True, slots=True)
class Shown:
    """What `firewall show` says: the sum of the confirmed file, the state of table and unit, the table as JSON."""

    file: str = ""
    table: str = ""
    unit: str = ""
    rules: str = ""

    @property
    def remains(self) -> bool:
        """Whether anything of ours is there."""
        return self.table not in ("", "absent") or bool(self.file) or self.unit == "enabled"


def read_entrance(words: str) -> Entrance:
    """From sshd's SSH_CONNECTION: the client's address and port, the server's address and port."""
    fields = words.split()
    port = whole_number(fields[3]) if len(fields) == 4 else None
    if port is None:
        return Entrance()
    try:
        client = ip_address(fields[0].partition("%")[0])
    except ValueError:
        return Entrance(None, port)
    return Entrance(getattr(client, "ipv4_mapped", None) or client, port)


def read_show(output: str) -> Shown:
    """What `firewall show` printed. The JSON comes last, and may have been cut into lines on its way."""
    head, _, rules = output.partition("rules=")
    fields = read_fields(head)
    return Shown(fields.get("file", ""), fields.get("table", ""), fields.get("unit", ""), "".join(rules.splitlines()))


@dataclass(frozen=True)
class _Firewall:
    """The machine lets in what the contract says, over restarts too. Rules that lock this computer out do not stay."""

    machine: str
    window: int = WINDOW

    def observe(self, ctx: Context) -> Observation:
        shown = self._show(ctx)
        if shown.table != "kept":
            return Observation(False, f"the table is {shown.table or 'unknown'}", remains=shown.remains)
        if shown.file != hashlib.sha256(self._rules(ctx).encode()).hexdigest():
            return Observation(False, "the rules in force are not those of this plan", remains=True)
        if shown.unit == "disabled":
            return Observation(False, "the rules are in force, but gone after a restart", remains=True)
        return Observation(True, "the contract's rules are in force")

    def apply(self, ctx: Context) -> None:
        token = secrets.token_hex(8)
        rules = self._rules(ctx)
        run_program(ctx, self.machine, "firewall", "apply", token, str(self.window), stdin=rules)
        try:
            self._confirm(ctx, token)
        except InstallerError as error:
            raise self._rolled_back(ctx, error) from None

    def _show(self, ctx: Context) -> Shown:
        return read_show(run_program(ctx, self.machine, "firewall", "show", secret=True))

    def _rules(self, ctx: Context) -> str:
        """The rules for this machine as it is reached now, which is seen from sshd's side: past jump hosts and NAT."""
        ctx.check_stop()
        world = ctx.world
        connection = world.connect(self.machine, min(_CONNECT, ctx.remaining()))
        entrance = read_entrance(connection.run('echo "$SSH_CONNECTION"', deadline=ctx.remaining()).stdout)
        clients = (entrance.client,) if entrance.client else ()
        if clients and not any(clients[0] in network for network in users(world.plan)):
            outside = f"outside the user's network {world.plan.networks.user}"
            ctx.log(f"SSH comes from {clients[0]}, {outside}: let in by itself")
        return ruleset(world.plan, world.topology, world.topology.machine(self.machine), entrance.port, clients)

    def _confirm(self, ctx: Context, token: str) -> None:
        """Over a connection of its own: one from before the rules passes whatever they say."""
        ctx.check_stop()
        deadline = max(1.0, min(self.window - _SPARE, ctx.remaining()))
        with closing(ctx.world.connections.fresh(self.machine, deadline)) as connection:
            result = connection.run(command(connection, "firewall", "confirm", token), deadline=deadline)
        if result.status != 0:
            raise InstallerError("confirm the firewall", result.stderr.strip() or "no message", machine=self.machine)

    def _rolled_back(self, ctx: Context, error: InstallerError) -> InstallerError:
        """Wait until the machine has taken the rules back, and say so."""

        def look() -> tuple[str | None, str]:
            try:
                table = self._show(ctx).table
            except InstallerError as unseen:
                return None, unseen.observed
            return (table if table != "pending" else None), f"the table is {table}"

        try:
            ctx.wait_until("the firewall's roll-back", look)
            outcome = "the machine has rolled them back"
        except InstallerError as unseen:
            outcome = f"the machine rolls them back by itself, which was not seen yet ({unseen.observed})"
        return InstallerError(
            "confirm the firewall",
            f"with the new rules in force a second connection failed ({error.observed}); {outcome}",
            machine=self.machine,
            hint="set networks.user to a network that holds every address this computer comes from, then resume",
        )


@dataclass(frozen=True)
class Firewall(_Firewall, Permanent):
    """On a machine that the platform made: it goes with its machine."""


@dataclass(frozen=True)
class FirewallOwn(_Firewall):
    """On a machine that is the user's."""

    def undo(self, ctx: Context) -> None:
        if status(ctx, self.machine):  # without the program the machine was given back, and nothing of ours is there
            run_program(ctx, self.machine, "firewall", "remove")


def last_preparation(plan: InstallPlan, machine: str) -> str:
    """Id of the step after which Kubernetes may start on `machine`: its firewall comes before anything listens."""
    return ids.firewalled(machine) if plan.firewall else ids.prepared(machine)


def steps(plan: InstallPlan, topology: Topology) -> Iterator[Step]:
    """One step per machine where the plan wants a host firewall; none elsewhere."""
    action = FirewallOwn if plan.traits.inventory else Firewall
    for machine in topology.machines if plan.firewall else ():
        yield Step(
            id=ids.firewalled(machine.name),
            title=f"enforce the contract's firewall rules on {machine.name}",
            phase=Phase.PREPARE,
            machine=machine.name,
            needs=(ids.prepared(machine.name),),
            action=action(machine.name),
            weight=2.0,
            limit="ssh",
            deadline=120.0,
        )
