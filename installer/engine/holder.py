"""Which process holds a lock: told apart from any other process, also on another computer or in another container."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from installer.common import json_reader
from installer.common.shape import shaped


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. A pid says nothing by itself: pids are given again, and each container counts its own."""

    pid: int
    host: str = ""
    boot: str = ""
    """Of its kernel: another after each start of the computer."""
    namespace: str = ""
    """In which its pid counts."""
    started: str = ""
    """When the process started, as its kernel counts."""

    @classmethod
    def this(cls) -> Holder:
        pid = os.getpid()
        return cls(pid, socket.gethostname(), _boot(), _namespace(), _start_of(pid))

    @classmethod
    def read(cls, path: Path) -> Holder | None:
        """Who wrote the file; None if it says nothing. Craton 0.1 wrote a pid alone."""
        with suppress(OSError, ValueError, TypeError):
            found = json_reader.parse(path.read_text())
            if isinstance(found, int) and not isinstance(found, bool):
                return cls(found)
            shape = {"pid": int, "host": str, "boot": str, "namespace": str, "started": str}
            return cls(**{name: value for name, value in shaped(found, shape).items() if name in shape})
        return None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def is_near(self) -> bool:
        """Whether its pid means here what it meant there."""
        return bool(self.started) and (self.boot, self.namespace) == (_boot(), _namespace())

    @property
    def runs_here(self) -> bool:
        """Whether this very process runs, and can be signalled from here."""
        return self.is_near and self.started == _start_of(self.pid)

    def end(self) -> bool:
        """Ask this very process to end (SIGTERM); False if it can't be asked from here, or has ended."""
        if not hasattr(os, "pidfd_open"):
            if self.runs_here:
                os.kill(self.pid, signal.SIGTERM)
            return self.runs_here
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.runs_here:  # asked only now: the descriptor keeps the pid from becoming another's in between
                return False
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""


def _start_of(pid: int) -> str:
    """When a process started, in ticks since its kernel did (proc(5)), or as `ps` words it; empty if it has ended."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError, IndexError):
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            return "" if fields[0] in "ZX" else fields[19]
        return ""
    command = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    with suppress(OSError, subprocess.TimeoutExpired):
        environment = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=False, env=environment
        ).stdout.strip()
    return ""
