"""An engine that says at its end how often it logged in over SSH, and how many commands it ran.

Python imports this module first of all in every process whose PYTHONPATH has this folder. Only the engine's own process
heeds it: as it ends, it writes `{"logins": N, "commands": N}` to the file that ENGINE_COUNTS names.
"""

from __future__ import annotations

import atexit
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

COUNTS = "ENGINE_COUNTS"
WORKER = "installer.operations.worker"


def count(path: Path) -> None:
    import paramiko

    counts: Counter[str] = Counter(logins=0, commands=0)
    start, open_session = paramiko.Transport.start_client, paramiko.Transport.open_session

    def counted_start(transport: paramiko.Transport, *arguments: Any, **options: Any) -> None:
        counts["logins"] += 1
        start(transport, *arguments, **options)

    def counted_session(transport: paramiko.Transport, *arguments: Any, **options: Any) -> paramiko.Channel:
        counts["commands"] += 1
        return open_session(transport, *arguments, **options)

    paramiko.Transport.start_client = counted_start  # type: ignore[assignment, method-assign]
    paramiko.Transport.open_session = counted_session  # type: ignore[assignment, method-assign]

    def tell() -> None:
        whole = path.with_name(f"{path.name}.new")
        whole.write_text(json.dumps(counts))
        whole.rename(path)

    atexit.register(tell)


if COUNTS in os.environ and WORKER in sys.orig_argv:
    count(Path(os.environ[COUNTS]))
