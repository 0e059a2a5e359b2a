"""What a person is asked before a run may log in: new host keys, changed ones, and the passphrases of keys.

The questions are values that a generator yields: the commands and the screens answer them, each in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations.login.survey import FoundKey, Survey, accept, survey
from installer.plan.model import InstallPlan
from installer.plan.topology import hosts
from installer.platforms import open_platform
from installer.ssh.diagnosis import Diagnosis
from installer.ssh.host_keys.pinned_keys import fingerprint
from installer.ssh.keys import identities
from installer.steps.platform import Platform

TRIES = 3
"""How often a passphrase may be wrong."""
FLAG = "--accept-new-host-keys"
_OPERATION = "check host keys"


@dataclass(frozen=True, slots=True)
class NewHostKeys:
    """Are these the machines' keys? Answered by the names of those that are."""

    keys: tuple[FoundKey, ...]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Was this machine made again, so that its key had to change? Answered by a bool."""

    key: FoundKey


@dataclass(frozen=True, slots=True)
class Passphrase:
    """The passphrase of a key file, which these machines would take. Answered by it, or by None to do without."""

    path: Path
    machines: tuple[str, ...]
    wrong: bool
    """Whether one was given that does not fit."""


Question = NewHostKeys | Rebuilt | Passphrase
Answer = Collection[str] | bool | str | None
Questions = Generator[Question, Answer, Survey | None]


def questions(
    plan: InstallPlan,
    directory: ClusterDirectory,
    *,
    accept_new: bool = False,
    required: bool = True,
    on_change: Callable[[Diagnosis], object] = lambda _: None,
) -> Questions:
    """Look at the machines of a plan with an inventory, and ask until nothing more is to be asked about them.

    What is answered is done at once: keys are pinned for the cluster, key files unlocked for this process. Machines
    that fail otherwise are left to the run, which has a finding for each. Returns the last look, None without an
    inventory. Raises InstallerError (preflight) where a key is not accepted, unless the run can do without
    (`required` is False).
    """
    if not plan.traits.inventory:
        return None
    found, asked = survey(plan, directory, on_change=on_change), _Asked(required)
    while True:
        settled = {
            *(yield from _ask_about_new(found, directory, asked, accept_new=accept_new)),
            *(yield from _ask_about_changed(found, directory, asked)),
            *(yield from _ask_for_passphrases(found, asked)),
        }
        if not settled:
            return found
        found = found.renewed(survey(plan, directory, on_change=on_change, machines=settled))


def passphrases(plan: InstallPlan, directory: ClusterDirectory) -> Questions:
    """Ask for passphrases alone, where key files are locked and machines would take them.

    Looks at no machine where every key is at hand. Returns the last look, None if there was none.
    """
    found, asked = _look_where_locked(plan, directory), _Asked(required=False)
    while found and (settled := (yield from _ask_for_passphrases(found, asked))):
        found = found.renewed(survey(plan, directory, machines=settled))
    return found


@dataclass
class _Asked:
    """What was asked about already, so that nothing is asked twice."""

    required: bool
    """Whether the run needs every host key to be accepted."""
    keys: set[FoundKey] = field(default_factory=set)
    paths: set[Path] = field(default_factory=set)

    def first_time(self, keys: Collection[FoundKey]) -> tuple[FoundKey, ...]:
        """Those of the keys that nobody was asked about."""
        fresh = tuple(key for key in keys if key not in self.keys)
        self.keys |= set(fresh)
        return fresh


def _look_where_locked(plan: InstallPlan, directory: ClusterDirectory) -> Survey | None:
    """Look at the machines for which some key file is locked."""
    if not plan.traits.inventory:
        return None
    platform = open_platform(plan)
    locked = {name for name in hosts(plan) if _is_locked(platform, name)}
    return survey(plan, directory, machines=locked) if locked else None


def _is_locked(platform: Platform, machine: str) -> bool:
    try:
        return bool(identities.locked(platform.endpoint(machine)))
    except InstallerError:
        return False


def leave(_question: Question) -> None:
    """The answer where there is nobody to ask, and the run can do without."""


def refuse(question: Question) -> None:
    """The answer where there is nobody to ask. Raises InstallerError (preflight) with what to do instead.

    Without a passphrase one does without the key: the run says which machines wanted it.
    """
    if isinstance(question, NewHostKeys):
        raise not_accepted(question.keys, "and there is nobody here to ask about them")
    if isinstance(question, Rebuilt):
        raise changed(question.key)


def not_accepted(keys: Collection[FoundKey], why: str) -> InstallerError:
    """What ends a run before it begins: keys that nobody vouched for."""
    named = [f"{key.title} ({key.address}) {key.type} {key.fingerprint}" for key in keys]
    listed = "; ".join(named[:8]) + (f"; and {len(named) - 8} more" if len(named) > 8 else "")
    return InstallerError(
        _OPERATION,
        f"{'1 host key is' if len(named) == 1 else f'{len(named)} host keys are'} new, {why}: {listed}",
        hint=f"compare the fingerprints with the machines' own, then run it again with {FLAG}; nothing was done yet",
        machine=next(iter(keys)).machines[0] if len(keys) == 1 else None,
        exit_code=ExitCode.PREFLIGHT,
    )


def changed(key: FoundKey) -> InstallerError:
    """What ends a run before it begins: a machine that is not the one that it was."""
    return InstallerError(
        _OPERATION,
        f"the host key of {key.title} ({key.address}) changed: it was {known_before(key)}, "
        f"and is {key.type} {key.fingerprint}",
        hint="if the machine was rebuilt, run this on a terminal and say so; "
        "if not, another machine answers in its place: nothing was done yet",
        machine=key.machines[0],
        exit_code=ExitCode.PREFLIGHT,
    )


def known_before(key: FoundKey) -> str:
    """The key that was known before, and the file and line that hold it."""
    expected = key.expected or ""
    return f"{expected.split(' ')[0]} {fingerprint(expected)}" + (f" ({key.where})" if key.where else "")


def _ask_about_new(
    found: Survey, directory: ClusterDirectory, asked: _Asked, *, accept_new: bool
) -> Generator[Question, Answer, set[str]]:
    """Ask about all new keys at once, and pin those accepted. Returns the machines that waited for them.

    Nobody is asked about keys that `accept_new` or the user's StrictHostKeyChecking accepts.
    """
    new = asked.first_time(found.unknown)
    if not new:
        return set()
    names = {key.name for key in new if accept_new or key.agreed}
    if doubtful := tuple(key for key in new if key.name not in names):
        answer = yield NewHostKeys(doubtful)
        names |= set(answer) if isinstance(answer, Collection) else set()
    accept(directory, found, names)
    refused = [key for key in new if key.name not in names]
    if refused and asked.required:
        raise not_accepted(refused, "and not accepted")
    return _waiting(key for key in new if key.name in names)


def _ask_about_changed(
    found: Survey, directory: ClusterDirectory, asked: _Asked
) -> Generator[Question, Answer, set[str]]:
    """Ask about each changed key, and pin it instead of the old one. Returns the machines that waited for those."""
    settled: set[str] = set()
    for key in asked.first_time(found.changed):
        rebuilt = yield Rebuilt(key)
        if rebuilt is True:
            accept(directory, found, [key.name])
            settled |= set(key.machines)
        elif asked.required:
            raise changed(key)
    return settled


def _ask_for_passphrases(found: Survey, asked: _Asked) -> Generator[Question, Answer, set[str]]:
    """Ask for the passphrase of each key file once. Returns the machines that waited for those that are open now."""
    settled: set[str] = set()
    for path, machines in found.locked.items():
        if path not in asked.paths:
            asked.paths.add(path)
            settled |= set(machines) if (yield from _unlock(path, machines)) else set()
    return settled


def _unlock(path: Path, machines: tuple[str, ...]) -> Generator[Question, Answer, bool]:
    for attempt in range(TRIES):
        given = yield Passphrase(path, machines, wrong=attempt > 0)
        if not given or not isinstance(given, str):
            return False
        try:
            identities.remember(path, given)
        except InstallerError:
            continue
        return True
    return False


def _waiting(keys: Iterable[FoundKey]) -> set[str]:
    return {machine for key in keys for machine in key.machines}
