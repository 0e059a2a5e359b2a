"""Fields that the settings of several clouds have."""

from __future__ import annotations

import re

from pydantic import AfterValidator, BeforeValidator

from installer.plan.fields import refuse

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
