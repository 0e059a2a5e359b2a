"""A look at every machine of a plan before a run: who is reached, and whose host key is new or changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from installer.common.errors import InstallerError
from installer.common.paths import ClusterDirectory
from installer.plan.model import InstallPlan
from installer.plan.topology import topology
from installer.platforms import open_platform
from installer.ssh.diagnose import STAGES, diagnose
from installer.ssh.diagnosis import Diagnosis
from installer.ssh.host_keys import pinned_keys, verify
from installer.ssh.host_keys.pinned_keys import fingerprint
from installer.ssh.host_keys.verify import ChangedHostKey, HostKeyError, UnknownHostKey
from installer.ssh.keys.identities import Keyrings
from installer.ssh.transport.dial import Jumps

E = TypeVar("E", bound=InstallerError)

WORKERS = 32
"""Machines that are looked at side by side."""
SECONDS = 20.0
"""The deadline for each machine."""


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A host key that is not trusted yet. Keys are `TYPE BASE64`."""

    name: str
    """What it is pinned under: the machine's name, or `jump:[host]:port`."""
    address: str
    """Where it was found, as `host:port`."""
    key: str
    machines: tuple[str, ...]
    """The machines that wait for it: the one that it is of, or all behind a jump host."""
    expected: str | None = None
    """The key that was known before, of one that changed."""
    where: str = ""
    """Where that one is known, such as `~/.ssh/known_hosts line 12`."""
    agreed: bool = False
    """Whether the user's StrictHostKeyChecking accepts it without a question, as a key never seen before."""

    @property
    def title(self) -> str:
        """What it is the key of, for people."""
        return "jump host" if self.name.startswith(verify.JUMP) else self.name

    @property
    def type(self) -> str:
        return self.key.split()[0]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)


@dataclass(frozen=True)
class Survey:
    """What a look at the machines came to: each one's diagnosis by its name, in the plan's order."""

    diagnoses: Mapping[str, Diagnosis]

    @property
    def unknown(self) -> tuple[FoundKey, ...]:
        return _keys(self._errors(UnknownHostKey))

    @property
    def changed(self) -> tuple[FoundKey, ...]:
        return _keys(self._errors(ChangedHostKey))

    @property
    def locked(self) -> Mapping[Path, tuple[str, ...]]:
        """Key files that need a passphrase, each with the machines that would take them."""
        from installer.ssh.transport.login import KeyLocked

        found: dict[Path, tuple[str, ...]] = {}
        for machine, error in self._errors(KeyLocked):
            found |= {path: (*found.get(path, ()), machine) for path in error.paths}
        return found

    @property
    def failed(self) -> tuple[str, ...]:
        """Machines that failed otherwise than by an unknown or changed host key."""
        waiting = {machine for machine, _ in (*self._errors(UnknownHostKey), *self._errors(ChangedHostKey))}
        return tuple(name for name, diagnosis in self.diagnoses.items() if diagnosis.error and name not in waiting)

    @property
    def fine(self) -> tuple[str, ...]:
        """Machines that reached the highest stage."""
        return tuple(name for name, diagnosis in self.diagnoses.items() if not diagnosis.error)

    def renewed(self, other: Survey) -> Survey:
        """This survey, with what `other` found later of some of the machines."""
        return Survey({**self.diagnoses, **other.diagnoses})

    def _errors(self, kind: type[E]) -> Iterator[tuple[str, E]]:
        for machine, diagnosis in self.diagnoses.items():
            if isinstance(diagnosis.error, kind):
                yield machine, diagnosis.error


def survey(
    plan: InstallPlan,
    directory: ClusterDirectory,
    deadline: float = SECONDS,
    on_change: Callable[[Diagnosis], object] = lambda _: None,
    machines: Collection[str] | None = None,
) -> Survey:
    """Try every machine of the plan, or those named, side by side, for `deadline` seconds each.

    `on_change` gets each machine's diagnosis when it is done, on a thread of its own. Changes nothing on the machines,
    and raises nothing about one of them: that is in its diagnosis.
    """
    names = [machine.name for machine in topology(plan).machines if machines is None or machine.name in machines]
    keyrings, jumps, platform = Keyrings(directory), Jumps(), open_platform(plan)

    def look(name: str) -> Diagnosis:
        try:
            endpoint = platform.endpoint(name)
            known = verify.known(directory, name, endpoint)
            diagnosis = diagnose(name, endpoint, known, keyrings.of(endpoint), deadline, jumps=jumps)
        except InstallerError as error:
            diagnosis = _grounded(name, error)
        on_change(diagnosis)
        return diagnosis

    try:
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="survey") as pool:
            return Survey(dict(zip(names, pool.map(look, names), strict=True)))
    finally:
        jumps.close()
        platform.close()


def _grounded(machine: str, error: InstallerError) -> Diagnosis:
    """The diagnosis of a machine without a known address."""
    first, *rest = STAGES
    failed = replace(first, verdict="failed", seen=error.observed, remedy=error.hint)
    return Diagnosis(machine, (failed, *rest), error)


def accept(directory: ClusterDirectory, found: Survey, names: Collection[str]) -> None:
    """Pin the keys that were found under these names (of machines, or of jump hosts), whether new or changed."""
    for key in (*found.unknown, *found.changed):
        if key.name in names:
            pinned_keys.pin(directory, key.name, key.key)


def _keys(errors: Iterable[tuple[str, HostKeyError]]) -> tuple[FoundKey, ...]:
    """One key for each server, also if several machines lie behind it."""
    found: dict[tuple[str, str], FoundKey] = {}
    for machine, error in errors:
        place = (error.name, error.shown)
        machines = (*(found[place].machines if place in found else ()), machine)
        found[place] = FoundKey(
            error.name, error.address, error.shown, machines, error.expected, error.where, error.agreed
        )
    return tuple(found.values())
