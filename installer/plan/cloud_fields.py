"""Fields that the settings of several clouds have, and those by which an account is chosen, wherever it is used."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from installer.plan.fields import MAX_WORKERS, refuse

MAX_ZONES = 4


def matching(pattern: re.Pattern[str], message: str, *, optional: bool = False) -> BeforeValidator:
    """Text that a pattern matches to its end; None, too, if `optional`. `message` says what to enter."""

    def valid(value: object) -> object:
        if (value is None and optional) or (isinstance(value, str) and pattern.fullmatch(value)):
            return value
        raise refuse(value, message)

    return BeforeValidator(valid)


def _different(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise refuse(values, "List each once.")
    return values


EACH_ONCE = AfterValidator(_different)

_PROFILE = re.compile(r"[^\s\[\]]{1,64}")
_HOSTED = re.compile(r"Z[A-Z0-9]{1,31}")
_PROJECT = re.compile(r"([a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_ACCOUNT = re.compile(
    r"[a-z0-9-]{6,30}@[a-z0-9.-]+\.gserviceaccount\.com|[0-9]+-compute@developer\.gserviceaccount\.com"
)

PoolAbove = Annotated[int, Field(ge=1, le=MAX_WORKERS)] | None
"""With more workers than this, they are a pool; None for never."""
Profile = Annotated[str | None, matching(_PROFILE, "Enter the name of a profile in ~/.aws/config.", optional=True)]
HostedZone = Annotated[str | None, matching(_HOSTED, "Enter a hosted zone id such as Z0123456789ABC.", optional=True)]
Project = Annotated[str | None, matching(_PROJECT, "Enter a project's id such as my-project-1.", optional=True)]
ManagedZone = Annotated[str | None, matching(_NAME, "Enter the name of a managed zone.", optional=True)]
ServiceAccount = Annotated[
    str | None,
    matching(_ACCOUNT, "Enter a service account such as craton@my-project.iam.gserviceaccount.com.", optional=True),
]
