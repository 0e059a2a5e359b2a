"""Pinned host keys: a cluster's known_hosts file, in OpenSSH's format, by machine name (HostKeyAlias)."""

from __future__ import annotations

import base64
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from installer.common.paths import ClusterDirectory, write_private
from installer.ssh.host_keys import known_hosts
from installer.ssh.host_keys.known_hosts import Line, Marker

_lock = threading.Lock()
"""Held by whoever writes a file of pinned keys."""
_wanted_lock = threading.Lock()
_wanted: dict[tuple[Path, str], str] = {}
"""Keys to be pinned, by file and machine, that nobody has written yet."""


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
    return next(iter(_pinned_keys(directory, machine)), None)


def pinned_each(directory: ClusterDirectory, machines: Iterable[str]) -> dict[str, str]:
    """The host keys pinned for `machines`, as `pinned` gives them, of those that have one."""
    found = known_hosts.about_each(directory.known_hosts, machines)
    return {name: keys[0] for name, lines in found.items() if (keys := _keys(lines))}


def lines(directory: ClusterDirectory, machine: str) -> tuple[Line, ...]:
    """What the cluster's file says about `machine`, revoked keys that people added included."""
    return known_hosts.about(directory.known_hosts, machine)


def pin(directory: ClusterDirectory, machine: str, host_key: str) -> None:
    """Trust `host_key` (`TYPE BASE64`), and no other, to be `machine`. Safe to call from several threads.

    Calls that wait for each other share one write: each of a thousand machines is pinned while others are.
    """
    with _wanted_lock:
        _wanted[directory.known_hosts, machine] = host_key
    with _lock:
        with _wanted_lock:
            mine = [name for path, name in _wanted if path == directory.known_hosts]
            keys = {name: _wanted.pop((directory.known_hosts, name)) for name in mine}
        new = {name: key for name, key in keys.items() if _pinned_keys(directory, name) != [key]}
        if new:
            try:
                _write_new(directory, new)
            except BaseException:
                with _wanted_lock:  # whoever waits for one of these writes it itself, and hears of the error
                    for name, key in ((name, key) for name, key in new.items() if name != machine):
                        _wanted.setdefault((directory.known_hosts, name), key)
                raise


def _write_new(directory: ClusterDirectory, new: Mapping[str, str]) -> None:
    """Write keys of machines that have another or none yet."""
    replaces = any(_pinned_keys(directory, name) for name in new)
    kept = _without(directory, *new)
    size = _write(directory, [*kept, *(f"{name} {key}" for name, key in new.items())])
    if replaces or any("," in name or known_hosts.is_pattern(name) for name in new):
        known_hosts.forget()
    else:
        known_hosts.appended(directory.known_hosts, len(kept), new, size)


def _pinned_keys(directory: ClusterDirectory, machine: str) -> list[str]:
    return _keys(lines(directory, machine))


def _keys(lines: Iterable[Line]) -> list[str]:
    """Those that are pinned: a marked line revokes its key, or says whose signature will do."""
    return [line.key for line in lines if line.marker is Marker.KEY]


def unpin(directory: ClusterDirectory, machine: str) -> None:
    """Forget the key of a machine that is gone: one made again under its name has another."""
    with _lock:
        if _pinned_keys(directory, machine):
            _write(directory, _without(directory, machine))
            known_hosts.forget()


def _without(directory: ClusterDirectory, *machines: str) -> list[str]:
    """The file's lines without the keys of `machines`; comments and marked lines stay as they are."""
    try:
        text = os.fsdecode(directory.known_hosts.read_bytes())
    except FileNotFoundError:
        return []
    kept: list[str | None] = [*text.removesuffix("\n").split("\n")]
    for machine in machines:
        if _pinned_keys(directory, machine):
            kept = [line if line is None else _forget(line, machine) for line in kept]
    return [line for line in kept if line is not None]


def _forget(text: str, machine: str) -> str | None:
    """A line without one machine's name: None if it has no other, changed if it has."""
    line = known_hosts.parse(text)
    if line is None or line.marker is not Marker.KEY or not line.names(machine):
        return text
    others = [name for name in line.hosts.split(",") if not Line(line.marker, name, line.key).names(machine)]
    return f"{','.join(others)} {line.key}" if others else None


def _write(directory: ClusterDirectory, lines: list[str]) -> int:
    """How many bytes it has now."""
    content = os.fsencode("".join(f"{line}\n" for line in lines))
    write_private(directory.known_hosts, content)
    return len(content)
