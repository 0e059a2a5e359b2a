"""How much a machine downloads before it joins, from `assets/node/sizes.yaml`, which says what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from installer.artifacts.catalogue import wanted
from installer.artifacts.container_images import images_of
from installer.artifacts.registry import Reference
from installer.plan.model import InstallPlan
from installer.plan.rules import Role


def of_machine(plan: InstallPlan, role: Role) -> int:
    """Bytes of the programs and images of one machine, without those of addons, which it pulls as pods start there."""
    table = _table()
    programs = sum(table["artifacts"][artifact.name] for artifact in wanted(plan, "amd64"))
    return programs + sum(table["images"][_short(image)] for image in images_of(plan, role))


def measured() -> str:
    """The release of Kubernetes that was measured."""
    return str(_document()["measured"])


def _short(image: str) -> str:
    """flannel of ghcr.io/flannel-io/flannel:v0.28.9"""
    return Reference.parse(image).repository.rpartition("/")[2]


def _table() -> Mapping[str, Mapping[str, int]]:
    return {part: table for part, table in _document().items() if isinstance(table, dict)}


@cache
def _document() -> Mapping[str, object]:
    from ruamel.yaml import YAML

    text = (resources.files("assets") / "node" / "sizes.yaml").read_text(encoding="utf-8")
    document: dict[str, object] = YAML(typ="safe", pure=True).load(text)
    return document
