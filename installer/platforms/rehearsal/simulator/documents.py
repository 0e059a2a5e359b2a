"""YAML documents, and lines `KEY='value'`, as a stand-in machine reads them from its stdin."""

from __future__ import annotations

import copy
import re
from functools import lru_cache
from typing import Any

from installer.platforms.rehearsal.simulator.command import Exit


def documents(text: str) -> list[dict[str, Any]]:
    """The mappings among the YAML documents of `text`. Raises Exit if it is no YAML."""
    return copy.deepcopy(_parsed(text))


@lru_cache(maxsize=32)
def _parsed(text: str) -> list[dict[str, Any]]:
    """Manifests come several times, to be looked for and to be applied, and each time would take 30 ms to read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        found = list(YAML(typ="safe", pure=True).load_all(text))
    except YAMLError as error:
        raise Exit(3, f"error: unable to read the configuration: {str(error).splitlines()[0]}") from None
    return [each for each in found if isinstance(each, dict)]


def document(found: list[dict[str, Any]], kind: str, version: str = "kubeadm.k8s.io/v1beta4") -> dict[str, Any]:
    """The document of this kind, of kubeadm's unless told. Raises Exit if there is none."""
    for each in found:
        if each.get("kind") == kind and each.get("apiVersion") == version:
            return each
    raise Exit(3, f"error: no {kind} of {version} on stdin")


def setting(configuration: str, key: str) -> str:
    """The value of a line `KEY='value'`. Raises Exit if there is none."""
    found = re.search(rf"^{key}='([^']+)'$", configuration, re.MULTILINE)
    if found is None:
        raise Exit(2, f"craton-node: the configuration on stdin names no {key}")
    return found[1]
