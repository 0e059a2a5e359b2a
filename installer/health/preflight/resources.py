"""Preflight checks of what a machine has: processors, memory, swap, room on its disks, and their file systems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from installer.common.text import whole_number
from installer.health.check import Judgement, Subject, worst
from installer.health.checks import host
from installer.health.checks.host import MEMORY, SWAP
from installer.health.parsing import brief
from installer.health.preflight import probes
from installer.health.preflight.check import PreflightCheck, fails, holds, warns
from installer.health.preflight.facts import memory, system
from installer.health.preflight.records import Records, listed, records, size
from installer.plan.rules import Level, Role
from installer.steps.evidence import Unreadable

MASTER_CPUS = 2
"""kubeadm's preflight refuses a control plane with fewer."""
GIB = 1024**3
ROOM = {"/": (1, 2), "/var/lib/containerd": (3, 10), "/var/lib/kubelet": (1, 2), "/var/lib/etcd": (1, 8)}
"""GiB that each takes: (without which an install fails, advised). Paths on one file system share it."""
FEW_INODES = 50_000
WRITTEN = ("/", "/etc", "/usr/local", "/opt", "/var/lib", "/var/log")
LAYERS = "/var/lib/containerd"
UNFIT = {
    "overlay": "overlay on overlay does not work",
    "nfs": "container layers do not work on it", "nfs4": "container layers do not work on it",
    "cifs": "container layers do not work on it", "9p": "container layers do not work on it",
    "vfat": "it has no owners and no links", "exfat": "it has no owners and no links",
    "ecryptfs": "container layers do not work on it", "squashfs": "it cannot be written",
}  # fmt: skip
"""File systems on which containerd cannot keep its layers, and why."""
AWKWARD = {"tmpfs": "what is there is gone at the next restart", "zfs": "containerd's overlay needs OpenZFS 2.2"}


@dataclass(frozen=True, slots=True)
class Mount:
    point: str
    type: str
    options: frozenset[str]


@dataclass(frozen=True, slots=True)
class Storage:
    """`paths` of a node to where they really are; `mounts` by mount point, as they hide each other; `space` and
    `inodes` by mount point: (all, free)."""

    paths: Mapping[str, str]
    mounts: Mapping[str, Mount]
    space: Mapping[str, tuple[int, int]]
    inodes: Mapping[str, tuple[int, int]]

    def mount(self, path: str) -> Mount | None:
        """The mount that holds a path of a node."""
        point = self.paths.get(path, path)
        while point not in self.mounts:
            if point in ("", "/"):
                return None
            point = point.rpartition("/")[0] or "/"
        return self.mounts[point]


def storage(subject: Subject) -> Storage:
    """Raises Unreadable."""
    reported = records(subject.evidence, probes.STORAGE)
    mounts = (Mount(point, kind, frozenset(options.split(","))) for point, kind, options in reported.rows("mount", 3))
    return Storage(
        {path: real for path, real in reported.rows("path", 2)},  # noqa: C416 (rows are lists)
        {mount.point: mount for mount in mounts},
        _counted(reported, "space", 1024),
        _counted(reported, "inodes", 1),
    )


def _counted(reported: Records, kind: str, unit: int) -> dict[str, tuple[int, int]]:
    rows = ((row[5], whole_number(row[1]), whole_number(row[3])) for row in reported.rows(kind, 6))
    return {point: (total * unit, free * unit) for point, total, free in rows if total and free is not None}


def _cpus(subject: Subject) -> Judgement:
    count = whole_number(records(subject.evidence, probes.SYSTEM).need("cpus", "how many processors it has"))
    if not count:
        raise Unreadable("the machine didn't say how many processors it has")
    seen = f"{count} CPU{'' if count == 1 else 's'}"
    if subject.machine.role is Role.MASTER and count < MASTER_CPUS:
        return fails(f"{seen}; kubeadm wants {MASTER_CPUS} for a master")
    return holds(seen)


def _disk_space(subject: Subject) -> Judgement:
    found = storage(subject)
    shares: dict[str, list[str]] = {}
    for path in ROOM:
        if path == "/var/lib/etcd" and subject.machine.role is not Role.MASTER:
            continue
        if mount := found.mount(path):
            shares.setdefault(mount.point, []).append(path)
    judged = [_judge_room(point, *found.space[point], paths) for point, paths in shares.items() if point in found.space]
    if not judged:
        raise Unreadable("df gave no file system that a node fills")
    return _worst(judged)


def _judge_room(point: str, total: int, free: int, paths: list[str]) -> Judgement:
    least, advised = (sum(ROOM[path][which] for path in paths) for which in (0, 1))
    seen = f"{point} has {size(free)} free of {size(total)}"
    if free < least * GIB:
        return fails(f"{seen}; {least} GiB are needed")
    if free < advised * GIB or free / total < 0.15:
        return warns(f"{seen}; {advised} GiB are advised, and the kubelet evicts pods below 15 %")
    return holds(seen)


def _inodes(subject: Subject) -> Judgement:
    judged = []
    for point, (total, free) in storage(subject).inodes.items():
        seen = f"{point} has {free} inodes free ({free / total:.0%})"
        if free < FEW_INODES // 5 or free / total < 0.02:
            judged.append(fails(seen))
        elif free < FEW_INODES or free / total < 0.1:
            judged.append(warns(seen))
        else:
            judged.append(holds(seen))
    return _worst(judged) if judged else holds("its file systems make inodes as they go")


def _worst(judged: list[Judgement]) -> Judgement:
    verdict = worst([one for one, _, _ in judged])
    return next(one for one in judged if one[0] is verdict)


def _read_only(subject: Subject) -> Judgement:
    found = storage(subject)
    if not found.mounts:
        raise Unreadable("the machine didn't say what is mounted")
    hit = [path for path in WRITTEN if (mount := found.mount(path)) and "ro" in mount.options]
    if "/" in hit:
        return fails("the root file system is read-only")
    return fails(f"read-only: {listed(hit)}") if hit else holds("what a node writes to can be written")


def _file_system(subject: Subject) -> Judgement:
    found = storage(subject).mount(LAYERS)
    if not found:
        raise Unreadable("the machine didn't say what is mounted")
    seen = f"{LAYERS} is on {brief(found.type)}"
    if found.type in UNFIT:
        return fails(f"{seen}: {UNFIT[found.type]}")
    if "noexec" in found.options:
        return fails(
            f"{seen}, mounted noexec", f"mount -o remount,exec {found.point}, and take noexec out of /etc/fstab"
        )
    if found.type in AWKWARD:
        return warns(f"{seen}: {AWKWARD[found.type]}")
    if "nosuid" in found.options:
        return warns(
            f"{seen}, mounted nosuid", f"mount -o remount,suid {found.point}, and take nosuid out of /etc/fstab"
        )
    return holds(seen)


def _swap(subject: Subject) -> Judgement:
    lines = subject.evidence.output(SWAP.id).splitlines()
    if not lines or not lines[0].startswith("Filename"):
        raise Unreadable(f"this is not /proc/swaps: {brief(' '.join(lines))}")
    areas = [words for line in lines[1:] if (words := line.split())]
    if not areas:
        return holds("off")
    names = listed([words[0] for words in areas])
    if system(subject.evidence).container:
        return warns(f"the container's host has swap on: {names}", "swapoff -a on the host")
    used = sum(whole_number(words[3]) or 0 for words in areas if len(words) > 3) * 1024
    free = memory(subject.evidence, "MemAvailable")
    if free is not None and used > free:
        return fails(f"{names} hold {size(used)}, more than the {size(free)} of memory that is free")
    return holds(f"Craton switches it off: {names}")


_MEMORY = next(check for check in host.CHECKS if check.id == "memory")

CHECKS = (
    PreflightCheck("cpus", "processors", Level.NEEDED, _cpus, (probes.SYSTEM,),
        what="2 CPUs for a master", remedy="give the machine more processors"),
    PreflightCheck("memory", _MEMORY.title, Level.NEEDED, _MEMORY.judge, (MEMORY,),
        what="1.7 GiB for a master; 2 GB for a master and 1 GB elsewhere are advised",
        remedy="give the machine more memory"),
    PreflightCheck("disk-space", "disk space", Level.NEEDED, _disk_space, (probes.STORAGE,),
        what="room for the system, images, pods and etcd, wherever they are mounted",
        remedy="make room (apt-get clean, journalctl --vacuum-size=200M), or make the disk larger"),
    PreflightCheck("inodes", "inodes", Level.NEEDED, _inodes, (probes.STORAGE,),
        what="file systems can hold many more files",
        remedy="remove many small files, or recreate the file system with more inodes"),
    PreflightCheck("read-only", "writable file systems", Level.NEEDED, _read_only, (probes.STORAGE,),
        what="/, /etc, /usr/local, /opt, /var/lib and /var/log can be written",
        remedy="look for a failing disk (dmesg), then mount -o remount,rw"),
    PreflightCheck("file-system", "file system for images", Level.NEEDED, _file_system, (probes.STORAGE,),
        what="the file system under /var/lib/containerd supports overlay layers, programs and setuid",
        remedy="mount ext4 or xfs on /var/lib/containerd (for a container, a volume on /var)"),
    PreflightCheck("swap", "swap", Level.NEEDED, _swap, (SWAP, MEMORY, probes.SYSTEM),
        what="swap is off, or can be switched off: what it holds fits into memory",
        remedy="stop what fills the memory, then swapoff -a"),
)  # fmt: skip
