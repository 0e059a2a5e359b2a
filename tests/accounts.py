"""A user of the computer whose home is a directory of the test's own, both for the shell and for OpenSSH."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest


def live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make `home` what HOME and the account say: a key in the real ~/.ssh would be offered otherwise."""
    account = pwd.struct_passwd(("ada", "x", os.getuid(), os.getgid(), "Ada", str(home), "/bin/bash"))
    patch.setattr(pwd, "getpwuid", lambda _user: account)
    patch.setenv("HOME", str(home))
