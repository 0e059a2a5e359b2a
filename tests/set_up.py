"""Install the Debian packages that tests need, as root or with sudo. Without that right, say once what is missing.

`make test` runs this before anything is installed: it needs Python alone. What stays missing skips the tests that need
it; where that may not be (CI), this ends with an error.
"""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import sys

from tests.needs import TOOLS, find, in_ci

_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends")
_QUIET = ("-qq", "-o=Dpkg::Use-Pty=0")
_VENV = "ensurepip"
"""Without it there is no virtual environment, and so no test."""


def main() -> int:
    absent = missing()
    if not absent:
        return 0
    packages = sorted({TOOLS[tool] for tool in absent})
    root = become_root()
    if root is not None and shutil.which("apt-get"):
        print(f"Installing what the tests need: {' '.join(packages)}", flush=True)
        if not install(root, packages):
            print("apt-get failed: see above.", file=sys.stderr)
        absent = missing()
    if absent:
        print(explained(absent), file=sys.stderr, flush=True)
    return 1 if absent and (in_ci() or _VENV in absent) else 0


def missing() -> list[str]:
    return [tool for tool in TOOLS if not find(tool)]


def become_root() -> list[str] | None:
    """What goes before a command that root is to run, or None where this user can't have that.

    A password is asked for only on a terminal, and only of members of Debian's group sudo.
    """
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    if subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        return ["sudo"]
    if sys.stdin.isatty() and _is_sudoer() and subprocess.run(["sudo", "-v"], check=False).returncode == 0:
        return ["sudo"]
    return None


def _is_sudoer() -> bool:
    try:
        return grp.getgrnam("sudo").gr_gid in os.getgroups()
    except KeyError:
        return False


def install(root: list[str], packages: list[str]) -> bool:
    alone = [*root, "env", "DEBIAN_FRONTEND=noninteractive"]
    commands = ([*alone, "apt-get", "update", *_QUIET], [*alone, *_INSTALL, *_QUIET, *packages])
    return all(subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode == 0 for command in commands)


def explained(absent: list[str]) -> str:
    """What is missing, the command that installs it, and what happens without."""
    packages = sorted({TOOLS[tool] for tool in absent})
    without = (
        "No test can run without python3-venv."
        if _VENV in absent
        else "Tests that need them are skipped, and counted at the end."
    )
    return (
        f"This computer lacks {len(absent)} of the programs and files that tests need: {', '.join(absent)}.\n"
        f"Install them, then run the tests again:\n\n    sudo {' '.join(_INSTALL)} {' '.join(packages)}\n\n{without}"
    )


if __name__ == "__main__":
    sys.exit(main())
