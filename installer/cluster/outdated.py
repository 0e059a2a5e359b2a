"""Masters whose etcd holds what a restore went back behind: no members, whatever they say, until they are reset.

Those that did not answer while another master's etcd was made anew from a backup come back with the old data, and two
of them would be a majority among themselves. A file of the cluster's directory remembers each.
"""

from __future__ import annotations

from pathlib import Path

from installer.state import ClusterDirectory, write_private


def mark(directory: ClusterDirectory, machine: str) -> None:
    write_private(_mark(directory, machine), "")


def is_marked(directory: ClusterDirectory, machine: str) -> bool:
    return _mark(directory, machine).exists()


def forget(directory: ClusterDirectory, machine: str) -> None:
    """The machine is no member any more, and so holds nothing old; one that was not marked is no error."""
    _mark(directory, machine).unlink(missing_ok=True)


def _mark(directory: ClusterDirectory, machine: str) -> Path:
    return directory.path / "outdated" / machine
