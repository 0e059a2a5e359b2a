"""A real ACME server on loopback: pebble, with which Let's Encrypt tests clients."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.doubles.certificates import make
from tests.needs import require
from tests.patience import PATIENCE, eventually


@contextmanager
def running(room: Path, accounts: Mapping[str, str] = {}) -> Iterator[tuple[str, Path]]:
    """The directory's address, and the file with the certificate of who signed the server's.

    `accounts` are HMAC keys by their ids; with some, nobody without one may have an account.
    """
    require("pebble")
    room.mkdir(parents=True, exist_ok=True)
    authority = make("Test CA", ca=True)
    certificate, key = make("localhost", authority, names=("localhost",)).write(room)
    (room / "root.pem").write_text(authority.chain())
    port = _free_port()
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{_free_port()}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 5002,
        "tlsPort": 5001,
        "externalAccountBindingRequired": bool(accounts),
        "externalAccountMACKeys": dict(accounts),
    }
    (room / "pebble.json").write_text(json.dumps({"pebble": settings}))
    with (room / "log").open("w") as log:
        server = subprocess.Popen(["pebble", "-config", str(room / "pebble.json")], stdout=log, stderr=log)
        try:
            eventually(lambda: _answers(f"https://localhost:{port}/dir"), "pebble's directory")
            yield f"https://localhost:{port}/dir", room / "root.pem"
        finally:
            server.terminate()
            server.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, verify=False).status_code == 200
    except httpx2.HTTPError:
        return False
