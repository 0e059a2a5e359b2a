"""Pinned host keys: a cluster's known_hosts file, in OpenSSH's format, by machine name (HostKeyAlias)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading

from installer.state import ClusterDirectory, write_private

_lock = threading.Lock()


def fingerprint(host_key: str) -> str:
    """The SHA256 fingerprint of a key given as `TYPE BASE64`, as OpenSSH prints it."""
    try:
        blob = base64.b64decode(host_key.split()[1], validate=True)
    except (IndexError, binascii.Error):
        return "no readable key"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def pinned(directory: ClusterDirectory, machine: str) -> str | None:
    """The host key pinned for `machine` as `TYPE BASE64`, or None."""
    return _read(directory).get(machine)


def pin(directory: ClusterDirectory, machine: str, host_key: str) -> None:
    """Trust `host_key` (`TYPE BASE64`), and no other, to be `machine`. Safe to call from several threads."""
    with _lock:
        keys = _read(directory)
        if keys.get(machine) != host_key:
            _write(directory, {**keys, machine: host_key})


def unpin(directory: ClusterDirectory, machine: str) -> None:
    """Forget the key of a machine that is gone: one made again under its name has another."""
    with _lock:
        keys = _read(directory)
        if keys.pop(machine, None) is not None:
            _write(directory, keys)


def _read(directory: ClusterDirectory) -> dict[str, str]:
    try:
        lines = directory.known_hosts.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    entries = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return {words[0]: f"{words[1]} {words[2]}" for words in entries if len(words) >= 3}


def _write(directory: ClusterDirectory, keys: dict[str, str]) -> None:
    write_private(directory.known_hosts, "".join(f"{machine} {key}\n" for machine, key in sorted(keys.items())))
