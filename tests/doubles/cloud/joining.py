"""A machine whose first boot goes on until it is a node, as those of a worker pool do.

The program of its user data runs for real, in a process of its own, with a directory as its root. What it has done to
the machine (a host name, verbs of `craton-node`), the stand-in does.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.doubles.cloud.cloud_init import Boot
from tests.doubles.cloud.machines import Launch
from tests.doubles.cloud.metadata_service import Find, MetadataService, answer
from tests.patience import PATIENCE

Result = tuple[int, str, str]
"""Exit status, output and errors of a command."""
Do = Callable[[list[str], str], Result]
"""Carries out a command with its input."""
Service = Callable[[Find], MetadataService]
"""Makes a cloud's metadata service."""
_LAUNCHER = Path(__file__).with_name("rooted.py")


class _Commands(MetadataService):
    """Carries out the commands of one machine."""

    def __init__(self, do: Do) -> None:
        super().__init__(lambda _address: None)
        self._do = do

    def put(self, request: BaseHTTPRequestHandler) -> None:
        asked = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        answer(request, 200, json.dumps(self._do(asked["words"], asked["input"])).encode())


class Joining:
    """The first boot of one machine. What it prints goes to `console`."""

    def __init__(self, boot: Boot, launch: Launch, root: Path, do: Do, console: list[str], metadata: Service) -> None:
        self._open = ExitStack()
        for path, content in {"/etc/hosts": "127.0.0.1 localhost\n", **boot.files}.items():
            file = root / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        (root / "usr/local/sbin").mkdir(parents=True, exist_ok=True)
        service = self._open.enter_context(metadata(lambda _address: launch))
        commands = self._open.enter_context(_Commands(do))
        ((program, *more),) = boot.commands
        assert not more
        words = [sys.executable, str(_LAUNCHER), str(root), commands.url, service.url, program]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = threading.Thread(target=self._read, args=(console,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._open.close()

    def _read(self, console: list[str]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                console.append(line.rstrip())
