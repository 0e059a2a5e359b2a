"""Kinds that the API knows besides its own: CustomResourceDefinitions, asked for by name."""

from __future__ import annotations

from collections.abc import Iterable

from installer.cluster import masters
from installer.steps.step import Context

ESTABLISHED = (
    '{{range .items}}{{.metadata.name}} {{range .status.conditions}}{{if eq .type "Established"}}{{.status}}{{end}}'
    "{{end}}{{println}}{{end}}"
)
"""For kubectl's go-template: lines `NAME True`. Whole definitions have a megabyte."""


def unknown(ctx: Context, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the definitions, at least two, whose kinds the API does not serve. Raises InstallerError."""
    wanted = tuple(names)
    template = f"go-template={ESTABLISHED}"
    output = masters.kubectl(ctx, "get", "customresourcedefinitions", *wanted, "--ignore-not-found", "-o", template)
    served = {words[0] for line in output.splitlines() if (words := line.split())[1:] == ["True"]}
    return tuple(name for name in wanted if name not in served)
