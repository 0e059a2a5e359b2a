"""What a list shows of a cluster's last report: its verdict and its time, without the output of a thousand machines."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from installer.common import json_reader
from installer.common.shape import LATEST, NUMBER, shaped
from installer.health.ending import Ending

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory

FORMAT = 1
FINDINGS = "findings"
"""The first field of a saved report whose length grows with the cluster; what a list shows comes before it."""
ENDING = "ending"
_VERDICTS = ("pass", "warn", "fail")
_HEAD = 64 * 1024
"""Bytes that hold all that comes before the findings."""


@dataclass(frozen=True, slots=True)
class Glance:
    """A report's verdict, its time in Unix seconds, and the certificate that ends first, if that is known."""

    verdict: str
    checked_at: float
    ending: Ending | None


def last_glance(directory: ClusterDirectory) -> Glance | None:
    """What a list shows of the last report; None if there is no report, or none that this version can read."""
    try:
        with directory.report.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(-1, os.SEEK_END)
            is_complete = file.read() == b"}"
        fields, found, _ = head.partition(f', "{FINDINGS}": '.encode())
        if not found or not is_complete:
            return None
        parsed = json_reader.parse(fields + b"}")
        data = shaped(parsed, {"verdict": str, "checked_at": NUMBER})
        verdict, checked_at = data["verdict"], float(data["checked_at"])
        if data["format"] != FORMAT or verdict not in _VERDICTS or not 0 <= checked_at < LATEST:
            return None
        return Glance(verdict, checked_at, Ending.from_dict(parsed.get(ENDING)))
    except (OSError, ValueError, KeyError):
        return None
