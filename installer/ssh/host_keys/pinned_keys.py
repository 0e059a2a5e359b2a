"""Pinned host keys: a cluster's known_hosts file, in OpenSSH's format, by machine name (HostKeyAlias)."""

from __future__ import annotations

import base64
import hashlib
import os
import threading

from installer.common.paths import ClusterDirectory, write_private
from installer.ssh.host_keys import known_hosts
from installer.ssh.host_keys.known_hosts import Line, Marker

_lock = threading.Lock()


def fingerprint(host_key: str) -> str:
    """The SHA256 fingerprint of a key given as `TYPE BASE64`, as OpenSSH prints it."""
    try:
        blob = base64.b64decode(host_key.split()[1], validate=True)
    except (IndexError, ValueError):
        return "no readable key"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def pinned(directory: ClusterDirectory, machine: str) -> str | None:
    """The host key pinned for `machine` as `TYPE BASE64`, or None."""
    return next((line.key for line in lines(directory, machine) if line.marker is Marker.KEY), None)


def lines(directory: ClusterDirectory, machine: str) -> tuple[Line, ...]:
    """What the cluster's file says about `machine`, revoked keys that people added included."""
    return tuple(line for line in known_hosts.read(directory.known_hosts) if line.names(machine))


def pin(directory: ClusterDirectory, machine: str, host_key: str) -> None:
    """Trust `host_key` (`TYPE BASE64`), and no other, to be `machine`. Safe to call from several threads."""
    with _lock:
        if [line.key for line in lines(directory, machine) if line.marker is Marker.KEY] != [host_key]:
            _write(directory, [*_without(directory, machine), f"{machine} {host_key}"])


def unpin(directory: ClusterDirectory, machine: str) -> None:
    """Forget the key of a machine that is gone: one made again under its name has another."""
    with _lock:
        if any(line.marker is Marker.KEY for line in lines(directory, machine)):
            _write(directory, _without(directory, machine))


def _without(directory: ClusterDirectory, machine: str) -> list[str]:
    """The file's lines without the keys of `machine`; comments and marked lines stay as they are."""
    try:
        text = os.fsdecode(directory.known_hosts.read_bytes())
    except FileNotFoundError:
        return []
    kept = (_forget(line, machine) for line in text.removesuffix("\n").split("\n"))
    return [line for line in kept if line is not None]


def _forget(text: str, machine: str) -> str | None:
    """A line without one machine's name: None if it has no other, changed if it has."""
    line = known_hosts.parse(text)
    if line is None or line.marker is not Marker.KEY or not line.names(machine):
        return text
    others = [name for name in line.hosts.split(",") if not Line(line.marker, name, line.key).names(machine)]
    return f"{','.join(others)} {line.key}" if others else None


def _write(directory: ClusterDirectory, kept: list[str]) -> None:
    write_private(directory.known_hosts, os.fsencode("".join(f"{line}\n" for line in kept)))
    known_hosts.forget()
