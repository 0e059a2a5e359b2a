"""How names of files are written so that OpenSSH reads them as they are (ssh_config(5), TOKENS)."""

from __future__ import annotations

import glob
import os
from pathlib import Path

_DOLLAR = "CRATON_DOLLAR"
"""A variable that holds `$`: OpenSSH has no other way to write `${` in the name of a file."""


def word(text: str) -> str:
    """One word of a configuration, or of an option, as it is: blanks, quotes and backslashes included."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def file_name(path: Path) -> str:
    """The name of a file, for a setting in which `%` and `${` mean something. `program` has to run what reads it."""
    return word(str(path).replace("%", "%%").replace("${", f"${{{_DOLLAR}}}{{"))


def included(path: Path) -> str:
    """The name of a file, for Include, which takes patterns."""
    return word(glob.escape(str(path).replace("\\", "\\\\")))


def program(*paths: Path) -> list[str]:
    """The beginning of a command line that runs `ssh` with these names of files in its settings."""
    if any("${" in os.fspath(path) for path in paths):
        return ["env", f"{_DOLLAR}=$", "ssh"]
    return ["ssh"]
