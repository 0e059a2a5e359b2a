"""What a list shows of a cluster's last report: its verdict and its time, without what a thousand machines said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from installer.common import json_reader
from installer.common.shape import LATEST, NUMBER, shaped

if TYPE_CHECKING:
    from installer.common.paths import ClusterDirectory

FORMAT = 1
FINDINGS = "findings"
"""The first field of a saved report whose length grows with the cluster; what a list shows comes before it."""
_VERDICTS = ("pass", "warn", "fail")
_HEAD = 64 * 1024
"""Bytes that hold all that comes before the findings."""


def last_verdict(directory: ClusterDirectory) -> tuple[str, float] | None:
    """The last report's verdict and Unix time; None if there is no report, or none that this version can read."""
    try:
        with directory.report.open("rb") as file:
            head = file.read(_HEAD)
            file.seek(-1, os.SEEK_END)
            is_complete = file.read() == b"}"
        fields, found, _ = head.partition(f', "{FINDINGS}": '.encode())
        if not found or not is_complete:
            return None
        data = shaped(json_reader.parse(fields + b"}"), {"verdict": str, "checked_at": NUMBER})
        verdict, checked_at = data["verdict"], float(data["checked_at"])
        if data["format"] != FORMAT or verdict not in _VERDICTS or not 0 <= checked_at < LATEST:
            return None
    except (OSError, ValueError, KeyError):
        return None
    return verdict, checked_at
