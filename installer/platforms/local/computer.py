"""This computer, as far as it matters to machines that live on it: what there is of everything they share."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from installer.common.paths import home
from installer.platforms.local import limits
from installer.platforms.local.engine import Engine, cgroup_version


@dataclass(frozen=True, slots=True)
class Computer:
    """None where it cannot be known, as where docker runs in a virtual machine. Memory and disk are free MiB."""

    cpus: int
    memory: int | None
    disk: int | None
    disk_path: Path
    inotify_instances: int | None
    inotify_watches: int | None
    inotify_used: int
    """Instances that programs of this user, and machines that are here, have now."""
    raises_limits: bool
    """Whether limits of the kernel can be raised here: by root, if nothing confines it."""
    modules: frozenset[str]
    """Of `MODULES`, those that the kernel has now."""
    cgroup: int | None
    confined: bool


MODULES = {
    "overlay": Path("/sys/module/overlay"),
    "br_netfilter": Path("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    "vxlan": Path("/sys/module/vxlan"),
}
"""Kernel modules that nodes use and cannot load themselves, and what is there while each is loaded or built in."""


def examine(engine: Engine) -> Computer:
    """Look at this computer. Raises InstallerError if the engine does not say where it keeps its images."""
    path = _storage(engine)
    return Computer(
        cpus=_cpus(),
        memory=_available_memory(),
        disk=shutil.disk_usage(path).free // 2**20,
        disk_path=path,
        inotify_instances=limits.current(limits.INSTANCES),
        inotify_watches=limits.current(limits.WATCHES),
        inotify_used=_inotify_used(),
        raises_limits=os.access(limits.path(limits.INSTANCES), os.W_OK),
        modules=frozenset(name for name, sign in MODULES.items() if sign.exists()),
        cgroup=cgroup_version(),
        confined=engine.confined,
    )


def _cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _available_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return int(kilobytes) // 1024 if kilobytes else None


def _storage(engine: Engine) -> Path:
    """Where images and machines are kept; the nearest directory that exists, if that is not on this computer."""
    form = "{{.Store.GraphRoot}}" if engine.name == "podman" else "{{.DockerRootDir}}"
    path = Path(engine.call("info", "--format", form).strip())
    if not path.is_dir():
        path = home()
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _inotify_used() -> int:
    """The kernel counts them by user and tells nobody: the processes' open files do, as far as they can be seen."""
    return sum(_is_inotify(file) for file in Path("/proc").glob("[0-9]*/fd/*"))


def _is_inotify(file: Path) -> bool:
    try:
        return file.readlink().name == "anon_inode:inotify" and file.lstat().st_uid == os.geteuid()
    except OSError:  # it is gone, or another user's
        return False
