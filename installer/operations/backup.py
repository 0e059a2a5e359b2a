"""A backup of a cluster's etcd: taken on a healthy master, brought here, kept as one archive.

The archive is an uncompressed tar, mode 0600, of

    backup.json     what it is of (Backup)
    plan.yaml       the plan at that time
    snapshot.db     etcd's snapshot: all that Kubernetes knows, the Secrets encrypted by the key that stays on masters
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shlex
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.cluster import masters
from installer.cluster.masters import Condition
from installer.common import json_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import private_directory
from installer.common.text import whole_number
from installer.node.download import download
from installer.node.program import ensure_program, run_program
from installer.operations.context import DirectContext, Say, say_nothing
from installer.plan.rules import Role
from installer.ssh.connection import as_root
from installer.steps.world import World

SNAPSHOT, RECORD, PLAN = "snapshot.db", "backup.json", "plan.yaml"
_LOOK = 60.0
"""Seconds in which a master has to say what it is."""
_TAKE = 1800.0
"""Seconds for a snapshot of etcd's greatest size, 8 GB, and its way here."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup is of. `taken` is in Unix seconds, `sha256` and `size` (bytes) are the snapshot's."""

    cluster: str
    taken: float
    master: str
    revision: int
    sha256: str
    size: int
    kubernetes: str
    authority: str
    """The SHA-256 sum of the cluster's certificate authority: two clusters of one name differ in it. Or empty."""

    @property
    def clock(self) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.taken))


@dataclass(frozen=True, slots=True)
class Archive:
    """A backup on this computer; `sha256` and `size` (bytes) are the archive's."""

    path: Path
    backup: Backup
    sha256: str
    size: int


def take(world: World, output: Path, say: Say = say_nothing) -> Archive:
    """Back the cluster up to `output`, replacing it in one step. Raises InstallerError."""
    master = _choose(world, look(world), say)
    ctx = DirectContext(world, _TAKE, say)
    remote = f"/var/lib/craton/snapshot-{secrets.token_hex(4)}.db"
    try:
        say(f"{master}: taking a snapshot of etcd")
        answer = run_program(ctx, master, "etcd", "snapshot", remote)
        sha256, revision = _taken(master, remote, answer)
        say(f"{master}: bringing it here")
        with _beside(output) as room:
            size = download(ctx, master, remote, room / SNAPSHOT, sha256=sha256)
            plan = world.plan
            backup = Backup(plan.name, time.time(), master, revision, sha256, size, plan.kubernetes, authority(world))
            return _pack(room, backup, world.directory.plan, output)
    finally:
        with suppress(InstallerError):  # it is in nobody's way
            remove(ctx, master, remote)


def look(world: World) -> Mapping[str, Condition | InstallerError]:
    """What each master is in its cluster, or why it cannot be asked, by name; all are asked at once."""

    def ask(name: str) -> Condition | InstallerError:
        ctx = DirectContext(world, _LOOK)
        try:
            ensure_program(ctx, name)
            return masters.condition(ctx, name)
        except InstallerError as error:
            return error

    names = [machine.name for machine in world.topology.of_role(Role.MASTER)]
    with ThreadPoolExecutor(len(names), thread_name_prefix="look") as pool:
        return dict(zip(names, pool.map(ask, names), strict=True))


def trouble(seen: Condition | InstallerError, cluster: str) -> str:
    """Why a master does not speak for `cluster`, in words; empty if it does."""
    if isinstance(seen, InstallerError):
        return f"{seen.operation}: {seen.observed}"
    if seen.member != cluster:
        return f"it is a node of {seen.member}" if seen.member else f"it is no member of {cluster}"
    return "" if seen.api == masters.OK else f"its API server: {seen.api or 'no answer'}"


def _choose(world: World, seen: Mapping[str, Condition | InstallerError], say: Say) -> str:
    """The first master that works; for want of one, the first whose etcd at least runs, majority or not.

    Raises InstallerError saying of each master why neither holds.
    """
    cluster = world.plan.name
    troubles = {name: trouble(condition, cluster) for name, condition in seen.items()}
    for name, why in troubles.items():
        if not why:
            return name
    for name, condition in seen.items():
        if isinstance(condition, Condition) and condition.member == cluster and "etcd" in condition.running:
            say(f"{name}: {troubles[name]}; what its own etcd knows is taken")
            return name
    raise InstallerError(
        "find a master with an etcd",
        "; ".join(f"{name}: {why}" for name, why in troubles.items()),
        hint=f"`craton resume {cluster}` repairs what it can; with an older backup, `craton etcd restore` does",
        exit_code=ExitCode.CLUSTER,
    )


def _taken(master: str, path: str, answer: str) -> tuple[str, int]:
    """The sum and the revision in what `etcd snapshot` printed. Raises InstallerError."""
    for line in answer.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == path and len(words[1]) == 64:
            revision = whole_number(words[2])
            if revision is not None:
                return words[1], revision
    raise InstallerError(
        "take a snapshot of etcd",
        "craton-node didn't describe the snapshot",
        machine=master,
        exit_code=ExitCode.CLUSTER,
    )


def remove(ctx: DirectContext, machine: str, path: str) -> None:
    """Remove a file that is root's; none is no error. Raises InstallerError if the machine cannot be reached."""
    connection = ctx.world.connect(machine, 30.0)
    connection.run(as_root(connection, shlex.join(["rm", "-f", "--", path])), deadline=30.0)


def authority(world: World) -> str:
    """The SHA-256 sum of the certificate authority in the kept kubeconfig; empty if there is none."""
    from installer.operations import kubeconfig

    try:
        access = kubeconfig.kept_access(world.directory, world.plan)
    except InstallerError:
        return ""
    return hashlib.sha256(access.authority.encode()).hexdigest()


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A private directory on the file system of `output`, gone afterwards. Raises InstallerError."""
    try:
        private_directory(output.absolute().parent)
        with tempfile.TemporaryDirectory(dir=output.absolute().parent, prefix=f".{output.name}.") as name:
            yield Path(name)
    except OSError as error:
        raise InstallerError(
            "write the backup",
            f"{error.filename or output}: {error.strerror or error}",
            hint="free space on this computer, or give another place with --output",
            exit_code=ExitCode.USAGE,
        ) from None


def _pack(room: Path, backup: Backup, plan: Path, output: Path) -> Archive:
    (room / RECORD).write_text(json.dumps(asdict(backup), indent=2) + "\n", encoding="utf-8")
    (room / PLAN).write_bytes(plan.read_bytes())
    packed = room / "packed.tar"
    with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in (RECORD, PLAN, SNAPSHOT):
            archive.add(room / name, name, filter=_anonymous)
    packed.chmod(0o600)
    with packed.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    packed.replace(output)
    return Archive(output, backup, sha256, output.stat().st_size)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def read(path: Path) -> Backup:
    """What the archive at `path` is of. Raises InstallerError if it is no backup."""
    with _opened(path) as archive:
        try:
            member = archive.extractfile(RECORD)
            return Backup(**json_reader.parse(member.read() if member else b""))
        except (KeyError, TypeError, ValueError):
            raise _no_backup(path, f"it holds no {RECORD} that can be read") from None


def unpack(path: Path, target: Path) -> None:
    """Write the snapshot of the archive at `path` to `target`. Raises InstallerError if it is damaged."""
    expected, found = read(path).sha256, hashlib.sha256()
    with _opened(path) as archive, target.open("wb") as file:
        try:
            member = archive.extractfile(SNAPSHOT)
        except KeyError:
            member = None
        while member and (data := member.read(1024 * 1024)):
            found.update(data)
            file.write(data)
    if found.hexdigest() != expected:
        raise _no_backup(path, f"{SNAPSHOT} in it is damaged: its SHA-256 sum is not the one in {RECORD}")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise _no_backup(path, f"not a backup, or a damaged one: {error}") from None
    except OSError as error:
        raise _no_backup(path, error.strerror or str(error)) from None


def _no_backup(path: Path, observed: str) -> InstallerError:
    return InstallerError(
        "read the backup",
        f"{path}: {observed}",
        hint="give an archive that `craton etcd backup` wrote",
        exit_code=ExitCode.USAGE,
    )
