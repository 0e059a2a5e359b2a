"""What a machine is: its preflight evidence as values, for the checks, for a table, and for what is installed on it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from installer.common.text import whole_number
from installer.health.checks.host import MEMORY
from installer.health.parsing import brief, number, pairs
from installer.health.preflight import probes
from installer.health.preflight.records import Records, listed, records, size
from installer.plan.model import InstallPlan
from installer.plan.topology import Machine
from installer.steps.evidence import Evidence, Probe, Unreadable

ARCHITECTURES = {
    "x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x",
    "riscv64": "riscv64", "armv7l": "arm", "armv6l": "arm", "i386": "386", "i686": "386",
}  # fmt: skip
"""The Kubernetes project's names of architectures, by the kernel's."""

_UNKNOWN = ("", "none")


@dataclass(frozen=True, slots=True)
class System:
    """`os_id` and `os_version` as in os-release; `container` and `virtualization` as systemd calls them, or empty."""

    os_id: str
    os_version: str
    os_name: str
    os_like: tuple[str, ...]
    kernel: str
    hardware: str
    container: str
    virtualization: str
    machine_id: str
    product_uuid: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class Claim:
    """Whose machine it is, as Craton wrote it there; both empty: nobody's."""

    cluster: str
    machine: str

    def __bool__(self) -> bool:
        return bool(self.cluster or self.machine)


@dataclass(frozen=True, slots=True)
class Facts:
    """One row of a table of machines. Sizes in bytes; None or empty where the machine didn't say.

    `disk` and `free` are of the root file system, `disks` the devices: (name, size).
    """

    os: str
    architecture: str
    cpus: int | None
    memory: int | None
    disk: int | None
    free: int | None
    disks: tuple[tuple[str, int], ...]
    kernel: str
    cgroups: int | None

    def __str__(self) -> str:
        words = [self.os or "unknown system", self.architecture or "unknown architecture"]
        words += [f"{self.cpus} CPU{'' if self.cpus == 1 else 's'}"] if self.cpus else []
        words += [f"{size(self.memory)} memory"] if self.memory else []
        words += [f"{size(self.disk)} disk"] if self.disk else []
        return ", ".join(words)


def system(evidence: Evidence) -> System:
    """Raises Unreadable."""
    reported = records(evidence, probes.SYSTEM)
    release = pairs("\n".join(reported.all("os")), "=")
    found = {key: _unquoted(value) for key, value in release.items()}
    container, virtualization = reported.get("container"), reported.get("virtualization")
    return System(
        os_id=found.get("ID", ""),
        os_version=found.get("VERSION_ID", ""),
        os_name=found.get("PRETTY_NAME", "") or found.get("ID", ""),
        os_like=tuple(found.get("ID_LIKE", "").split()),
        kernel=reported.need("kernel", "which kernel it runs"),
        hardware=reported.get("hardware"),
        container="" if container in _UNKNOWN else container,
        virtualization="" if virtualization in _UNKNOWN else virtualization,
        machine_id=reported.get("machine-id"),
        product_uuid=reported.get("product-uuid").lower(),
        boot_id=reported.get("boot-id"),
    )


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value


def architecture(evidence: Evidence) -> str:
    """The machine's architecture in the Kubernetes project's word, such as amd64 or arm64. Raises Unreadable."""
    hardware = system(evidence).hardware
    if hardware not in ARCHITECTURES:
        raise Unreadable(f"no architecture that is known: {listed([hardware or 'nothing'])}")
    return ARCHITECTURES[hardware]


def cgroup_version(evidence: Evidence) -> int:
    """The version of control groups that the kubelet will find, 1 or 2. Raises Unreadable."""
    mounts = {point: kind for point, kind, _ in records(evidence, probes.KERNEL).rows("cgroup", 3)}
    if mounts.get("/sys/fs/cgroup") == "cgroup2":
        return 2
    if "cgroup" in mounts.values():
        return 1
    raise Unreadable("no control groups are mounted under /sys/fs/cgroup")


def claim(evidence: Evidence) -> Claim:
    """Raises Unreadable."""
    cluster, _, machine = next(iter(records(evidence, probes.LEFTOVERS).all("claim")), "").partition("/")
    return Claim(cluster, machine)


def at_work(plan: InstallPlan, machine: Machine, evidence: Evidence) -> bool:
    """Whether the machine is claimed by this very cluster under this name: what is on it is then our own."""
    try:
        return claim(evidence) == Claim(plan.name, machine.name)
    except Unreadable:
        return False


def facts(evidence: Evidence) -> Facts:
    """What is known of the machine; never raises."""
    reported, stored = _reported(evidence, probes.SYSTEM), _reported(evidence, probes.STORAGE)
    try:
        found = system(evidence)
        name, hardware, kernel = found.os_name, ARCHITECTURES.get(found.hardware, found.hardware), found.kernel
    except Unreadable:
        name = hardware = kernel = ""
    disk, free = _root(stored)
    return Facts(
        os=brief(name) if name else "",
        architecture=hardware,
        cpus=whole_number(reported.get("cpus")),
        memory=memory(evidence),
        disk=disk,
        free=free,
        disks=tuple((device, amount) for device, text in stored.rows("disk", 2) if (amount := whole_number(text))),
        kernel=kernel,
        cgroups=_cgroups(evidence),
    )


def summary(evidence: Evidence) -> str:
    """What the machine is, in a sentence."""
    return str(facts(evidence))


def memory(evidence: Evidence, kind: str = "MemTotal") -> int | None:
    """Bytes of a line of /proc/meminfo, or None."""
    try:
        return int(number(pairs(evidence.output(MEMORY.id), ":").get(kind, ""), kind)) * 1024
    except Unreadable:
        return None


def _reported(evidence: Evidence, probe: Probe) -> Records:
    try:
        return records(evidence, probe)
    except Unreadable:
        return Records("")


def _root(stored: Records) -> tuple[int | None, int | None]:
    """(size, free) of the root file system."""
    for row in stored.rows("space", 6):
        total, free = whole_number(row[1]), whole_number(row[3])
        if row[5] == "/" and total is not None and free is not None:
            return total * 1024, free * 1024
    return None, None


def _cgroups(evidence: Evidence) -> int | None:
    try:
        return cgroup_version(evidence)
    except Unreadable:
        return None
