"""Manifests of the user's own: files and directories on this computer, applied once Craton's addons had their turn.

What a plan no longer names stays in the cluster: Craton deletes nothing that it did not bring itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from installer.cluster import applied_sums, masters, pods
from installer.cluster.addons import WORKLOADS, Identity, identity_of, is_current, pods_of, present
from installer.cluster.applied_sums import Reference
from installer.cluster.reconfigure import documents
from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded
from installer.node.program import run_program
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Permanent, Proof

_LARGEST = 8 << 20
_DEEPEST = 200
"""Brackets within each other: reading takes their number squared."""
_SUFFIXES = (".yaml", ".yml", ".json")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Given:
    """The manifests at one place of a plan, as one text."""

    text: str
    references: tuple[Reference, ...]

    @property
    def identities(self) -> tuple[Identity, ...]:
        return tuple((kind, space, name) for _, kind, space, name in self.references)

    @property
    def sum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class CheckManifests(Proof):
    """Every file that the plan names can be read and holds objects of Kubernetes: nothing else begins before."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks only this computer)
        found = [len(read(path).identities) for path in self.plan.addons.manifests]
        return Observation(True, f"{sum(found)} objects in {len(found)} places")


@dataclass(frozen=True)
class OwnManifests(Permanent):
    """The cluster has what is at `path`, as it is now, and its workloads run."""

    path: str

    def given(self, ctx: Context) -> Given:  # noqa: ARG002 (others ask the cluster's directory)
        """What is there now. Raises InstallerError (preflight)."""
        return read(self.path)

    def applied(self, ctx: Context, given: Given) -> None:
        """Called once all of it was applied."""
        applied_sums.record(ctx, self.path, given.sum)

    def observe(self, ctx: Context) -> Observation:
        given = self.given(ctx)
        if applied_sums.read(ctx, self.path) != given.sum:
            return Observation(False, "not applied yet, or changed since")
        found = present(ctx, given.text)
        if lacking := [each for each in given.identities if not _find(found, each)]:
            return Observation(False, f"there is no {lacking[0][0]} {lacking[0][2]}")
        waiting = list(_waiting(found))
        return Observation(not waiting, "; ".join(_first(waiting)) or "all of it is there")

    def apply(self, ctx: Context) -> None:
        given = self.given(ctx)
        master = masters.reachable_master(ctx)
        # What a file defines may be unknown to the API for a moment after it was applied.
        ctx.wait_until(f"the API to take {self.path}", lambda: self._tried(ctx, master, given), every=3.0)
        self.applied(ctx, given)

        def probe() -> tuple[bool | None, str]:
            waiting = list(_waiting(present(ctx, given.text)))
            if not waiting:
                return True, "all of it is there"
            _, (_, space, name) = waiting[0]
            return None, "; ".join([*_first(waiting), *pods.reasons(ctx, space, name)])

        ctx.wait_until(f"the workloads of {self.path} to be ready", probe, every=3.0)

    def _tried(self, ctx: Context, master: str, given: Given) -> tuple[bool | None, str]:
        try:
            run_program(ctx, master, "addon", f"own-{applied_sums.key_of(self.path)}", stdin=given.text)
        except InstallerError as error:
            if error.retryable:
                raise
            return None, error.observed
        return True, "applied"


def read(place: str) -> Given:
    """The manifests of a file, or of those in a directory by name. Raises InstallerError (preflight)."""
    return parsed(place, _text(place))


def parsed(place: str, text: str) -> Given:
    """The objects in manifests. Raises InstallerError (preflight)."""
    try:
        return Given(text, _references(text))
    except ValueError as error:
        raise _refused(place, str(error), "Compare it with `kubectl apply --dry-run=client -f`.") from None


def _text(place: str) -> str:
    path = expanded(place)
    try:
        if not path.is_dir():
            return _bounded(place, path.read_text(encoding="utf-8"))
        files = sorted(each for each in path.iterdir() if each.suffix in _SUFFIXES and each.is_file())
        if kustomized := [each.name for each in files if each.stem == "kustomization"]:
            hint = f"Name a file with what `kubectl kustomize {place}` prints."
            raise _refused(place, f"Craton does not do what {kustomized[0]} says", hint)
        if not files:
            raise _refused(place, "the directory has no file that ends in .yaml, .yml or .json", "Name another one.")
        return _bounded(place, "\n---\n".join(each.read_text(encoding="utf-8") for each in files))
    except UnicodeDecodeError:
        raise _refused(place, "it is not UTF-8", "Save it as UTF-8.") from None
    except OSError as error:
        why = error.strerror or str(error)
        raise _refused(place, why, "Correct addons.manifests in the plan, or put the file there.") from None


def _bounded(place: str, text: str) -> str:
    if len(text) > _LARGEST:
        raise _refused(place, f"it is longer than {_LARGEST >> 20} MiB", "Split it, or install it with kubectl.")
    return text


def _bounded_depth(text: str) -> int:
    """How many brackets `text` has. Raises ValueError if they are nested too deep."""
    depth = count = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        count += 1
        depth = depth + 1 if bracket in "[{" else max(0, depth - 1)
        if depth > _DEEPEST:
            raise ValueError("it is nested too deep")
    return count


@lru_cache(16)  # a file of a megabyte takes seconds to read
def _references(text: str) -> tuple[Reference, ...]:
    """Raises ValueError unless each document is an object with a name."""
    found = []
    for each in documents(text, _bounded_depth(text)):
        listed = each.get("items", []) if str(each.get("kind", "")) == "List" else [each]
        if not isinstance(listed, list):
            raise ValueError("the items of a List are not a list")
        for one in listed:
            if not isinstance(one, Mapping) or not isinstance(one.get("metadata"), Mapping):
                raise ValueError("a document is no object of Kubernetes: it has no metadata")
            kind, space, name = identity_of(one)
            if not (kind and name and one.get("apiVersion")):
                raise ValueError(f"an object has no kind, apiVersion or name: {kind} {name}".strip())
            found.append((str(one["apiVersion"]), kind, space, name))
    if not found:
        raise ValueError("there is nothing in it")
    return tuple(found)


def _find(found: Mapping[Identity, Mapping[str, Any]], wanted: Identity) -> bool:
    """Whether an object is there; one that names no namespace may be in any."""
    kind, space, name = wanted
    return wanted in found or (not space and any((each[0], each[2]) == (kind, name) for each in found))


def _waiting(found: Mapping[Identity, Mapping[str, Any]]) -> Iterator[tuple[str, Identity]]:
    """Workloads that do not run as they were applied, in words."""
    for identity, each in found.items():
        if identity[0] not in WORKLOADS:
            continue
        ready, desired = pods_of(each)
        if not is_current(each) or ready < desired:
            yield f"{identity[0]} {identity[2]}: {ready} of {desired} pods are ready", identity


def _first(waiting: Sequence[tuple[str, Identity]]) -> list[str]:
    """What is said of the first few, and how many others there are."""
    more = len(waiting) - _SHOWN
    told = [words for words, _ in waiting[:_SHOWN]]
    return [*told, f"and {more} more"] if more > 0 else told


def _refused(place: str, observed: str, hint: str) -> InstallerError:
    return InstallerError("read your manifests", f"{place}: {observed}", hint=hint, exit_code=ExitCode.PREFLIGHT)
