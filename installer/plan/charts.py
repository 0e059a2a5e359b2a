"""Helm charts of the user's own, as fields of a plan."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from installer.plan.fields import Part, refuse, valid_base_url, valid_key_path

_RELEASE = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")
"""Helm's own limit for releases: 53 characters of a DNS label."""
_REFERENCE = re.compile(
    r"oci://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9][a-z0-9._-]*)+|[~/][^\x00-\x1f]*|[a-z0-9][a-z0-9._-]*"
)
_VERSION = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+([+-][0-9A-Za-z.+-]+)?")


def valid_release(value: object) -> str:
    if isinstance(value, str) and _RELEASE.fullmatch(value):
        return value
    raise refuse(value, "Enter a release's name, such as shop: up to 53 lowercase letters, digits and hyphens.")


def valid_reference(value: object) -> str:
    if isinstance(value, str) and len(value) <= 500 and _REFERENCE.fullmatch(value):
        return value
    raise refuse(value, "Enter a chart: a path such as ~/charts/shop, oci://HOST/PATH, or a name and its repository.")


def valid_chart_version(value: object) -> str | None:
    if value is None or (isinstance(value, str) and _VERSION.fullmatch(value)):
        return value
    raise refuse(value, "Enter the chart's exact version, such as 1.2.3.")


class Chart(Part):
    """One release of a chart, rendered on this computer by its `helm`."""

    name: Annotated[str, BeforeValidator(valid_release)]
    """The release; unique among the plan's charts."""
    chart: Annotated[str, BeforeValidator(valid_reference)]
    """A directory or archive on this computer, `oci://HOST/PATH`, or a name in `repository`."""
    repository: Annotated[str | None, BeforeValidator(valid_base_url)] = None
    """Address of the repository that has it."""
    version: Annotated[str | None, BeforeValidator(valid_chart_version)] = None
    """Exact version; None for a path alone."""
    namespace: Annotated[str, BeforeValidator(valid_release)] = "default"
    """Of objects that name none."""
    values: Annotated[str | None, BeforeValidator(valid_key_path)] = None
    """File with values on this computer."""
    remove: bool = False
    """Take it out of the cluster again: all that was applied of it is deleted."""

    @property
    def is_local(self) -> bool:
        """Whether it is on this computer, and not fetched."""
        return self.chart.startswith(("/", "~"))

    @property
    def file(self) -> str:
        """Path of its archive on a mirror, and in a directory of `--artifacts`, where it is fetched."""
        return f"charts/{self.name}-{self.version}.tgz"
