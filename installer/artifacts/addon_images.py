"""The container images of addons, from `assets/manifests/versions.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources

from installer.artifacts.image_archive import file_name
from installer.artifacts.registry import Reference
from installer.plan.model import InstallPlan


@cache
def _table() -> Mapping[str, Mapping[str, str | Mapping[str, str]]]:
    from ruamel.yaml import YAML

    text = (resources.files("assets") / "manifests" / "versions.yaml").read_text(encoding="utf-8")
    table: dict[str, dict[str, str | dict[str, str]]] = YAML(typ="safe", pure=True).load(text)
    return table


def addon_images(plan: InstallPlan, addon: str) -> Mapping[str, str]:
    """The full names of an addon's images, by what they are there; none of an addon without pods of its own."""
    return {image: _of_release(named, plan.kubernetes) for image, named in _table().get(addon, {}).items()}


def _of_release(named: str | Mapping[str, str], kubernetes: str) -> str:
    """The image that goes with a release of Kubernetes; of a release newer than all in the table, the newest."""
    if isinstance(named, str):
        return named
    return named.get(kubernetes.rpartition(".")[0], list(named.values())[-1])


def images_of_addons(plan: InstallPlan) -> tuple[str, ...]:
    """The full names of the images of all addons that the plan has, and of what gets its certificate."""
    names = (*plan.addon_names, *(["cert-manager"] if plan.by_acme else []))
    return tuple(dict.fromkeys(image for name in names for image in addon_images(plan, name).values()))


def pinned(plan: InstallPlan, image: str) -> str:
    """The image as a pod names it: by its digest, if the review recorded one and machines pull it from a registry.

    No machine pulls an addon's image before it joins, so that one that cannot be had delays nothing but that addon.
    What comes in an archive is known to containerd by its tag alone; the archive's own sum is checked instead.
    """
    if has_archive(plan, image):
        return image
    digest = plan.artifacts.digests.get(image)
    return f"{image}@{digest}" if digest else image


def has_archive(plan: InstallPlan, image: str) -> bool:
    """Whether machines get the image from an archive whose sum the plan has."""
    return f"images/{file_name(Reference.parse(image))}" in plan.artifacts.sums
