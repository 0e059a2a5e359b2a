"""Runs a first boot's Python program whose root is a directory: ROOT COMMANDS METADATA PROGRAM.

Files in /etc, /run and /usr/local are in ROOT. Commands that it starts, the stand-in at the URL COMMANDS carries out.
The metadata service is at the URL METADATA. Nothing waits longer than a moment.
"""

import builtins
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.request
from typing import Any

ROOT, COMMANDS, METADATA, PROGRAM = sys.argv[1:]
_OPEN, _SLEEP = builtins.open, time.sleep
_SERVICES = ("http://169.254.169.254", "http://metadata.google.internal")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def rooted(path: Any) -> Any:
    return f"{ROOT}{path}" if str(path).startswith(("/etc/", "/run/", "/usr/local/")) else path


class Rooted(pathlib.PosixPath):
    """A path that leads out of ROOT goes nowhere."""

    def replace(self, target: Any) -> Any:
        assert str(target).startswith(ROOT), f"{target} is not in {ROOT}"
        return super().replace(target)


def run(words: list[str], input: str = "", check: bool = False, **_: object) -> subprocess.CompletedProcess[str]:
    if words[0].startswith("/") and not os.access(rooted(words[0]), os.X_OK):
        raise FileNotFoundError(words[0])
    asked = json.dumps({"words": words, "input": input}).encode()
    with _DIRECT.open(urllib.request.Request(f"{COMMANDS}/run", asked, method="PUT")) as answer:
        status, out, err = json.load(answer)
    if check and status:
        raise subprocess.CalledProcessError(status, words, out, err)
    return subprocess.CompletedProcess(words, status, out, err)


builtins.open = lambda path, *more, **named: _OPEN(rooted(path), *more, **named)  # type: ignore[assignment]
pathlib.Path = lambda *parts: Rooted(rooted(parts[0]), *parts[1:])  # type: ignore[assignment,misc]
subprocess.run = run  # type: ignore[assignment]
time.sleep = lambda _seconds: _SLEEP(0.1)
with _OPEN(f"{ROOT}{PROGRAM}") as _file:
    _text = _file.read()
for _service in _SERVICES:
    _text = _text.replace(_service, METADATA)
exec(compile(_text, PROGRAM, "exec"), {"__name__": "__main__"})
