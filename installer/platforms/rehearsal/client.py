"""The client of a site's control API: finds the site, starts it, asks it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import installer
from installer.common import json_reader, processors
from installer.common.errors import InstallerError
from installer.common.paths import home, private_directory
from installer.common.shape import shaped

ADDRESS, LOCK = "site.json", "lock"
"""Files in a site's directory: where it listens, and what its process locks as long as it lives."""

PROTOCOL = 3
"""What a site says it speaks. One that an older Craton started says less: it is started again, with its machines."""

_ADDRESS = {"pid": int, "port": int, "token": str}
_STRANGER = "what answers at its port isn't a rehearsal site"

_DEADLINE = 120.0
"""Seconds for one request, for the site to start, and for it to end."""


class RefusedError(InstallerError):
    """The site understood a request and refused it: `kind` is already-exists, not-found, refused, ..."""

    def __init__(self, method: str, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(f"rehearsal: {method}", message, hint=_HINTS.get(kind, ""))


_HINTS = {
    "already-exists": "destroy what is left of an earlier cluster of this name, or resume it",
    "refused": "a fault of this rehearsal: resume without --fault",
}


@dataclass(frozen=True, slots=True)
class StandInView:
    """What the platform says of one machine. `state` is pending, running or failed."""

    name: str
    role: str
    address: str
    firewall: str
    user: str
    state: str
    port: int
    host_key: str
    creations: int


def launch(directory: Path, output: IO[bytes]) -> int:
    """Start a site's process, which stays once it answers; the exit status of what started it."""
    # Where Craton runs from a source tree, the site must find the same tree.
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(Path(installer.__file__).parent.parent), *([inherited] if inherited else [])])
    started = subprocess.run(
        [sys.executable, "-P", "-m", f"{__package__}.simulator", str(directory)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=os.environ | {"PYTHONPATH": path},
        timeout=_DEADLINE,
        check=False,
    )
    return started.returncode


class SiteClient:
    """One cluster's site, under the home directory and apart from the cluster's own."""

    def __init__(self, cluster: str) -> None:
        self.directory = home() / "rehearsal" / cluster
        self._known: tuple[tuple[int, int, int], dict[str, Any]] = (0, 0, 0), {}
        """Where the site listens, and the version of the file that says so."""

    def exists(self) -> bool:
        """Whether there is anything of the site: a directory, though its process may be gone."""
        return self.directory.is_dir()

    def alive(self) -> bool:
        """Whether the site's process answers."""
        return self._greeting() is not None

    def runs(self) -> bool:
        """Whether the process of the site that listens is there, answering or not."""
        try:
            os.kill(self._address()["pid"], 0)
        except (KeyError, OSError):
            return False
        return True

    def _greeting(self) -> dict[str, Any] | None:
        """What the site's process says of itself; None if it does not answer."""
        try:
            greeting = self.call("hello")
        except InstallerError:
            return None
        return greeting if isinstance(greeting, dict) else {}

    def start(self) -> None:
        """Start the site's process unless it answers; the machines on record come back. Raises InstallerError."""
        greeting = self._greeting()
        if greeting is not None and greeting.get("protocol") == PROTOCOL:
            return
        if greeting is not None:
            self.call("shutdown")
            self._await_end()
        private_directory(self.directory)
        log = self.directory / "site.log"
        with log.open("wb") as output, processors.every():
            log.chmod(0o600)
            try:
                status = launch(self.directory, output)
            except subprocess.TimeoutExpired:
                raise self._not_started(f"no answer within {_DEADLINE:.0f} s") from None
        if status != 0:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise self._not_started(lines[0] if lines else f"exit status {status}")
        self._await_answer()

    def stop(self) -> None:
        """End the process and remove all that it kept; no error if there is nothing. Raises InstallerError."""
        if not self.exists():
            return
        if self.alive():
            self.call("shutdown")
        self._await_end()
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, method: str, **arguments: Any) -> Any:
        """One request. Raises RefusedError; InstallerError, retryable, if the site does not answer."""
        address = self._address()
        if not address:
            raise self._silent("it is not running")
        request = {"token": address["token"], "method": method, "arguments": arguments}
        try:
            with socket.create_connection(("127.0.0.1", address["port"]), timeout=_DEADLINE) as connection:
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as stream:
                    reply = json_reader.parse(stream.readline())
        except (OSError, ValueError) as error:
            raise self._silent(_words(error)) from None
        if not isinstance(reply, dict) or not ("result" in reply or "refused" in reply):
            raise self._silent(_STRANGER)
        if "refused" in reply:
            raise RefusedError(method, str(reply.get("kind", "")), str(reply["refused"]))
        return reply["result"]

    def machine(self, name: str, patience: float = 0.0) -> StandInView | None:
        """One machine; of one that is starting, once it has started or failed, or after `patience` seconds."""
        found = self.call("machine", name=name, patience=patience)
        return self._view(found) if found else None

    def machines(self) -> list[StandInView]:
        found = self.call("machines")
        if not isinstance(found, list):
            raise self._silent(_STRANGER)
        return [self._view(one) for one in found]

    def _view(self, found: Any) -> StandInView:
        try:
            return StandInView(**found)
        except TypeError:
            raise self._silent(_STRANGER) from None

    def _address(self) -> dict[str, Any]:
        """Where the site said that it listens; empty if it said nothing. Read again when the file has changed."""
        path = self.directory / ADDRESS
        try:
            status = path.stat()
            version = status.st_mtime_ns, status.st_size, status.st_ino
            if self._known[0] != version:
                self._known = version, self._read_address(path)
        except (OSError, ValueError):
            return {}
        return self._known[1]

    def _read_address(self, path: Path) -> dict[str, Any]:
        address: dict[str, Any] = shaped(json_reader.parse(path.read_bytes()), _ADDRESS)
        return address if _ADDRESS.keys() <= address.keys() and 0 < address["port"] < 65536 else {}

    def _await_answer(self) -> None:
        """The process that was started, or one that another program is starting, has to answer."""
        end = time.monotonic() + _DEADLINE
        while not self.alive():
            if time.monotonic() > end:
                raise self._not_started(f"no answer within {_DEADLINE:.0f} s")
            time.sleep(0.05)

    def _await_end(self) -> None:
        """The process holds a lock as long as it lives: wait until it can be had."""
        end = time.monotonic() + _DEADLINE
        with (self.directory / LOCK).open("w") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise self._not_ended() from None
                    time.sleep(0.02)
                else:
                    return

    def _not_ended(self) -> InstallerError:
        observed = f"process {self._address().get('pid', '')} did not end within {_DEADLINE:.0f} s"
        hint = f"end it yourself (fuser {self.directory / LOCK} names it), then destroy again"
        return InstallerError("stop the rehearsal site", observed, hint=hint)

    def _silent(self, why: str) -> InstallerError:
        hint = "if its process ended, resume starts it again with the same machines"
        return InstallerError("reach the rehearsal site", why, hint=hint, retryable=True)

    def _not_started(self, why: str) -> InstallerError:
        return InstallerError("start the rehearsal site", why, hint=f"its log is {self.directory / 'site.log'}")


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_DEADLINE:.0f} s"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens at its port: its process ended"
    return "it closed the connection without an answer" if isinstance(error, ValueError) else str(error)
