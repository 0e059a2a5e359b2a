"""Manifests that other projects publish and Craton applies as they are, from `assets/manifests/published.yaml`.

Like machines' programs they are what was reviewed: a plan has their sums, and nothing else is applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from installer.artifacts.http import Failure, Work, ask, read
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.plan.model import InstallPlan

_LARGEST = 8 << 20
"""Bytes: the largest of today's has one megabyte."""
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Published:
    """One file of manifests: `path` is relative to the publisher's address and to a mirror's."""

    name: str
    publisher: str
    path: str
    definitions: tuple[str, ...]
    """Full names of the CustomResourceDefinitions in it; at least two."""
    workloads: tuple[tuple[str, str, str], ...]
    """Kind, namespace and name of all in it that runs pods."""

    def url(self, mirror: str | None) -> str:
        return f"{mirror or self.publisher}/{self.path}"


@cache
def _table() -> Mapping[str, Published]:
    from ruamel.yaml import YAML

    text = (resources.files("assets") / "manifests" / "published.yaml").read_text(encoding="utf-8")
    rows: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(text)
    return {
        name: Published(
            name=name,
            publisher=row["publisher"],
            path=row["path"],
            definitions=tuple(row["definitions"]),
            workloads=tuple((kind, space, workload) for kind, space, workload in row["workloads"]),
        )
        for name, row in rows.items()
    }


def published(name: str) -> Published:
    """The manifests of this name. Raises KeyError if there are none."""
    return _table()[name]


def wanted(plan: InstallPlan) -> tuple[Published, ...]:
    """All that the plan's cluster gets of them."""
    names = [*(["gateway-api"] if plan.addons.gateway else []), *(["cert-manager"] if plan.by_acme else [])]
    return tuple(published(name) for name in names)


def lacking(plan: InstallPlan) -> tuple[Published, ...]:
    """Those whose sums are not in the plan: nothing applies them. Stand-ins need none."""
    if plan.traits.stand_ins:
        return ()
    return tuple(one for one in wanted(plan) if one.path not in plan.artifacts.sums)


def sums(plan: InstallPlan, directory: Path | None = None, *, refresh: bool = False) -> dict[str, str]:
    """SHA-256 sums of all that the plan wants, by path; those that it has are not read again, unless `refresh`.

    Raises InstallerError (preflight).
    """
    known = {} if refresh else plan.artifacts.sums
    return {
        one.path: known.get(one.path) or hashlib.sha256(_content(one, plan, directory)).hexdigest()
        for one in wanted(plan)
    }


def text(one: Published, plan: InstallPlan, directory: Path | None = None) -> str:
    """The manifests, as they were when the plan was reviewed: from `directory` (of `--artifacts`) if it has them, else
    from the plan's mirror or their publisher. Raises InstallerError (preflight)."""
    content, sum = _content(one, plan, directory), plan.artifacts.sums.get(one.path)
    found = hashlib.sha256(content).hexdigest()
    if found != sum:
        observed = f"{one.path} has the sum {found}, " + (f"not the reviewed {sum}" if sum else "and the plan has none")
        hint = f"Find out why. If it is right, `craton review {plan.name} --refresh` records it."
        raise _failed(observed, hint)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise _failed(f"{one.path} is no text", "Find out what the mirror or --artifacts has there.") from None


def _content(one: Published, plan: InstallPlan, directory: Path | None) -> bytes:
    if directory is not None and (file := directory / one.path).exists():
        try:
            with file.open("rb") as opened:
                content = opened.read(_LARGEST + 1)
        except OSError as error:
            raise _failed(f"{file}: {error.strerror or error}", "Make it readable.") from None
        if len(content) > _LARGEST:
            raise _failed(f"{file} is larger than {_LARGEST >> 20} MiB", "Put the published file there.")
        return content
    url, work = one.url(plan.artifacts.mirror), Work(Deadline(_SECONDS))
    try:
        return read(lambda headers: ask(url, work, headers), work, largest=_LARGEST)
    except Failure as failure:
        raise _failed(f"GET {url}: {failure.observed}", failure.hints(_UNREAD)) from None


_UNREAD = "Check the network and this computer's proxies; a mirror and --artifacts need the file as well."


def _failed(observed: str, hint: str) -> InstallerError:
    return InstallerError("read published manifests", observed, hint=hint, exit_code=ExitCode.PREFLIGHT)
