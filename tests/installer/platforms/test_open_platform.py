"""The registry of platforms imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys


def test_opening_a_rehearsal_imports_no_ssh_library() -> None:
    script = (
        "import sys\n"
        "from installer.plan.model import InstallPlan\n"
        "from installer.platforms import open_platform\n"
        "open_platform(InstallPlan(name='demo', subdomain='example.com'))\n"
        "print([name for name in ('asyncssh', 'paramiko', 'cryptography', 'textual') if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
