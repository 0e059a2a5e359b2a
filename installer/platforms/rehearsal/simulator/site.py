"""The site's life: machines that come and go, and the faults in force."""

from __future__ import annotations

import asyncio

import asyncssh

from installer.plan.rules import Role
from installer.platforms.rehearsal.faults import SLOWNESS, Fault
from installer.platforms.rehearsal.records import MachineRecord, Refused, SiteRecord, Store
from installer.platforms.rehearsal.simulator import cluster
from installer.platforms.rehearsal.simulator.machine import StandIn
from installer.platforms.rehearsal.simulator.pace import Pace

_CREATION = 6.0
"""Seconds from a machine's creation until it answers."""


class Site:
    """The machines, what they share, and the faults in force."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pace = Pace()
        self.learner = asyncio.Lock()
        self._faults: dict[tuple[str, str], Fault] = {}
        self._impaired: dict[str, str] = {}
        """Machines whose connections a fault has spoilt in this run: `refuse` or `hostkey`."""
        self._stand_ins: dict[str, StandIn] = {}
        self._booting: dict[str, asyncio.Task[None]] = {}

    @property
    def record(self) -> SiteRecord:
        return self.store.record

    def start(self) -> None:
        """Bring up the machines that are on record."""
        for machine in self.record.machines.values():
            if machine.state == "running":
                self._power_on(machine)
            elif machine.state == "pending":
                self._boot(machine)

    def stop(self) -> None:
        for name in list(self.record.machines):
            self._power_off(name)

    def set_options(self, pace: Pace, faults: tuple[Fault, ...]) -> None:
        """The options of a new run take the place of the last one's: faults that it does not name are lifted."""
        self.pace = pace
        self._faults = {(fault.machine, fault.phase): fault for fault in faults}
        self._impaired = {}
        for name, stand_in in self._stand_ins.items():
            fault = self.fault(name, "connect")
            if fault and fault.kind in ("refuse", "hostkey"):
                self.impair(name, fault.kind)
            else:
                stand_in.open()
        for machine in self.record.machines.values():
            if machine.state == "pending":  # perhaps held up by a fault that is lifted now
                self._boot(machine)

    def fault(self, machine: str, phase: str) -> Fault | None:
        return self._faults.get((machine, phase))

    def has_fault(self, machine: str, kind: str) -> bool:
        """Whether `machine` has a fault of this kind in any phase."""
        return any(fault.machine == machine and fault.kind == kind for fault in self._faults.values())

    def impaired(self, machine: str) -> str:
        """`refuse`, `hostkey`, or nothing."""
        return self._impaired.get(machine, "")

    def impair(self, machine: str, kind: str) -> None:
        """From now on `machine` refuses connections or shows another host key; those that are open are cut."""
        self._impaired[machine] = kind
        if kind == "refuse":
            self._stand_ins[machine].close()
        else:
            self._stand_ins[machine].drop()

    async def sleep(self, mean: float, *what: str) -> None:
        await asyncio.sleep(self.pace.seconds(mean, *what))

    def create(self, name: str, role: Role, address: str, firewall: str, user: str, keys: list[str]) -> MachineRecord:
        """Begin to create a machine. Raises Refused if there is one of that name or address."""
        if name in self.record.machines:
            raise Refused("already-exists", f"there is a machine {name} already")
        if any(other.address == address for other in self.record.machines.values()):
            raise Refused("already-exists", f"there is a machine with the address {address} already")
        if firewall not in self.record.entries.get("firewall", {}):
            raise Refused("not-found", f"there is no firewall group {firewall}")
        fault = self.fault(name, "machines")
        if fault and fault.kind in ("refuse", "disk-full"):
            why = {"refuse": "the machine's creation was refused: quota exceeded"}
            raise Refused("refused", why.get(fault.kind, "no space left on device for the machine's disk"))
        key = asyncssh.generate_private_key("ssh-ed25519")
        machine = MachineRecord(
            name=name,
            role=role,
            address=address,
            firewall=firewall,
            user=user,
            authorized_keys=keys,
            host_key=key.export_private_key().decode(),
            public_key=" ".join(key.export_public_key().decode().split()[:2]),
        )
        self.record.machines[name] = machine
        self.record.creations[name] = self.record.creations.get(name, 0) + 1
        self._boot(machine)
        return machine

    def delete(self, name: str) -> None:
        """Delete a machine, if there is one. What its cluster knows of it stays: its node, and its member of etcd."""
        machine = self.record.machines.get(name)
        if machine is None:
            return
        self._power_off(name)
        del self.record.machines[name]
        cluster.lose(self.record, machine)

    async def started(self, name: str, patience: float) -> None:
        """Return once a machine has started or failed, or after `patience` seconds."""
        if patience > 0 and (booting := self._booting.get(name)):
            await asyncio.wait((booting,), timeout=patience)

    def _boot(self, machine: MachineRecord) -> None:
        if booting := self._booting.pop(machine.name, None):
            booting.cancel()
        self._booting[machine.name] = asyncio.get_running_loop().create_task(self._boots(machine))

    async def _boots(self, machine: MachineRecord) -> None:
        fault = self.fault(machine.name, "machines")
        kind = fault.kind if fault else ""
        if kind == "hang":
            return
        await self.sleep(_CREATION * (SLOWNESS if kind == "slow" else 1), machine.name, "create")
        machine.state = "failed" if kind == "exit" else "running"
        if machine.state == "running":
            self._power_on(machine)
        await self.store.save()

    def _power_on(self, machine: MachineRecord) -> None:
        stand_in = self._stand_ins[machine.name] = StandIn(self, machine)
        stand_in.open()
        fault = self.fault(machine.name, "connect")
        if fault and fault.kind in ("refuse", "hostkey"):
            self.impair(machine.name, fault.kind)

    def _power_off(self, name: str) -> None:
        if booting := self._booting.pop(name, None):
            booting.cancel()
        if stand_in := self._stand_ins.pop(name, None):
            stand_in.close()
