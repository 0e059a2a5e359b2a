"""The way into a cluster: its entries in the user's own kubeconfig, brought in and taken out again.

Everything else in that file stays as it was, byte for byte. The entries: a cluster NAME, a user NAME-admin and a
context NAME, in the format of `kubectl config view` (apiVersion v1, kind Config).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.common import yaml_editor, yaml_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import private_directory, write_private

BACKUP = ".before-craton"
"""What the name of the file ends in that keeps what was there before the last change."""

_INNER = {"clusters": "cluster", "users": "user", "contexts": "context"}
"""The lists of a kubeconfig, and the key beside `name` in each one's items."""
_PATIENCE = 5.0
"""Seconds in which another program, such as kubectl, has to be done with the file."""

Entries = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """What opens one cluster, as its kubeconfig has it: the settings of the API server, and the credentials."""

    cluster: str
    settings: Mapping[str, Any]
    credentials: Mapping[str, Any]

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self.settings.get("server", ""))


def user_name(cluster: str) -> str:
    return f"{cluster}-admin"


def user_file() -> Path:
    """The file that kubectl reads first: of KUBECONFIG, or ~/.kube/config."""
    given = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(given[0]).expanduser() if given else Path.home() / ".kube" / "config"


def read_access(cluster: str, text: str, where: Path) -> Access:
    """The access in the kubeconfig that a cluster's first master gave. Raises InstallerError if it has none."""
    config = _data(_root(text, where))
    clusters, users = _items(config, "clusters"), _items(config, "users")
    if not clusters or not users:
        raise _broken(where, "no cluster or no user in it", "fetch it again: remove the file, then resume")
    return Access(cluster, clusters[0].get("cluster") or {}, users[0].get("user") or {})


def merged(text: str, access: Access, where: Path, *, use: bool = False, force: bool = False) -> str:
    """`text`, a kubeconfig or nothing, with the entries of `access`; `use` makes its context the current one.

    What a user added to them, such as a namespace, stays. Raises InstallerError if `text` is no kubeconfig, or if its
    entries of these names lead elsewhere, unless `force`.
    """
    name, root = access.cluster, _root(text, where)
    config = _data(root)
    wanted = {
        "clusters": (name, dict(access.settings)),
        "users": (user_name(name), dict(access.credentials)),
        "contexts": (name, {"cluster": name, "user": user_name(name)}),
    }
    if not force:
        _refuse_others(config, wanted, where)
    changes: dict[str, Any] = {}
    for kind, (entry, values) in wanted.items():
        before = _items(config, kind)
        after = _with_entry(before, entry, _INNER[kind], values)
        if after != before:
            changes[kind] = after
    if (use or not config.get("current-context")) and config.get("current-context") != name:
        changes["current-context"] = name
    if root is None:
        return text + yaml_editor.block({"apiVersion": "v1", "kind": "Config", **changes})
    return yaml_editor.changed(text, root, changes) if changes else text


def without(text: str, cluster: str, where: Path, server: str | None = None) -> tuple[str, tuple[str, ...]]:
    """`text` without the entries of a cluster, and what stayed because other contexts need it.

    Nothing is taken out that is of another cluster by the same name: whose server is not `server`, if that is known.
    """
    root = _root(text, where)
    config = _data(root)
    contexts = _items(config, "contexts")
    own = {"clusters": cluster, "users": user_name(cluster), "contexts": cluster}
    if root is None or (server and _server(config, cluster) not in (None, server)):
        return text, ()
    others = [entry.get("context") or {} for entry in contexts if entry.get("name") != cluster]
    needed = {kind for kind, key in (("clusters", "cluster"), ("users", "user"))
              if any(context.get(key) == own[kind] for context in others)}  # fmt: skip
    changes: dict[str, Any] = {}
    for kind, name in own.items():
        before = _items(config, kind)
        after = [entry for entry in before if entry.get("name") != name or kind in needed]
        if after != before:
            changes[kind] = after
    if config.get("current-context") == cluster:
        changes["current-context"] = ""
    stayed = tuple(f"{_INNER[kind]} {own[kind]}" for kind in sorted(needed))
    return (yaml_editor.changed(text, root, changes) if changes else text), stayed


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a file: whether it is another one now, and where that is kept which was there before."""

    changed: bool
    backup: Path | None = None


def change(path: Path, edit: Callable[[str], str]) -> Changed:
    """Put what `edit` makes of a kubeconfig's text in its place (mode 0600), if that is another one.

    Another program that changes the file now, as kubectl does, is waited for. Raises InstallerError.
    """
    path = path.resolve()  # a link stays one
    with _failures(path), _locked(path):
        before = _read(path)
        after = edit(before or "")
        if after == (before or ""):
            return Changed(False)
        backup = path.with_name(path.name + BACKUP) if before is not None else None
        if backup:
            write_private(backup, path.read_bytes())
        write_private(path, after)
        return Changed(True, backup)


def save(path: Path, content: str, *, force: bool) -> bool:
    """Write a cluster's kubeconfig to a file of its own, mode 0600; whether that changed it.

    Raises InstallerError if something else is there, unless `force`.
    """
    with _failures(path):
        if path.exists() and path.read_bytes() == content.encode():
            path.chmod(0o600)
            return False
        if path.exists() and not force:
            raise InstallerError(
                "write the kubeconfig",
                f"{path} is there already, and something else",
                hint="give another place with --output, bring the entries into the file with --merge, or overwrite "
                "it with --force",
                exit_code=ExitCode.USAGE,
            )
        write_private(path.resolve(), content)
    return True


def _refuse_others(config: Entries, wanted: Mapping[str, tuple[str, Mapping[str, Any]]], where: Path) -> None:
    """Raises InstallerError if entries of our names are somebody else's."""
    name, settings = wanted["clusters"]
    server = _server(config, name)
    context = next((entry.get("context") or {} for entry in _items(config, "contexts") if entry["name"] == name), {})
    if server not in (None, settings.get("server")):
        found = f"the cluster {name} there leads to {server}, not to {settings.get('server')}"
    elif context.get("cluster", name) != name or context.get("user", user_name(name)) != user_name(name):
        found = f"the context {name} there is of the cluster {context.get('cluster')}, user {context.get('user')}"
    else:
        return
    raise InstallerError(
        "merge the kubeconfig",
        f"{where}: {found}",
        hint="rename that entry, write a file of its own with --output, or replace it with --force",
        exit_code=ExitCode.USAGE,
    )


def _server(config: Entries, cluster: str) -> str | None:
    for entry in _items(config, "clusters"):
        if entry.get("name") == cluster:
            return str((entry.get("cluster") or {}).get("server", ""))
    return None


def _with_entry(entries: list[Entries], name: str, inner: str, values: Mapping[str, Any]) -> list[Entries]:
    changed = [
        {**entry, inner: {**(entry.get(inner) or {}), **values}} if entry.get("name") == name else entry
        for entry in entries
    ]
    return changed if any(entry.get("name") == name for entry in entries) else [*entries, {"name": name, inner: values}]


def _root(text: str, where: Path) -> yaml_reader.Mapping | None:
    """The kubeconfig as nodes, None if nothing is in it. Raises InstallerError with the line of what is wrong."""
    document = yaml_reader.read(text)
    if document.flaws:
        flaw = document.flaws[0]
        field = f"{flaw.field}: " if flaw.field else ""
        raise _broken(where, f"line {flaw.line}, column {flaw.column}: {field}{flaw.found}")
    root = document.root
    if root is None or (isinstance(root, yaml_reader.Scalar) and root.value is None):
        return None
    if not isinstance(root, yaml_reader.Mapping):
        raise _broken(where, "line 1: not a kubeconfig: it has no keys")
    for kind in _INNER:
        if kind in root.entries:
            _check_list(kind, root.entries[kind].value, where)
    return root


def _check_list(kind: str, node: yaml_reader.Node, where: Path) -> None:
    if isinstance(node, yaml_reader.Scalar) and node.value is None:
        return
    if not isinstance(node, yaml_reader.Sequence):
        raise _broken(where, f"line {node.span.line}: {kind} is no list")
    for item in node.items:
        inner = isinstance(item, yaml_reader.Mapping) and item.entries.get(_INNER[kind])
        if not isinstance(item, yaml_reader.Mapping) or "name" not in item.entries:
            raise _broken(where, f"line {item.span.line}: an item of {kind} without a name")
        if inner and not isinstance(inner.value, yaml_reader.Mapping) and yaml_reader.data(inner.value) is not None:
            raise _broken(where, f"line {inner.span.line}: {_INNER[kind]} is no mapping")


def _data(root: yaml_reader.Mapping | None) -> Entries:
    return {} if root is None else {key: yaml_reader.data(entry.value) for key, entry in root.entries.items()}


def _items(config: Entries, kind: str) -> list[Entries]:
    return list(config.get(kind) or [])


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise _broken(path, f"line {line}: not UTF-8") from None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold kubectl's own lock on a kubeconfig: a file beside it (client-go, clientcmd/config.go)."""
    private_directory(path.parent)
    lock, until = path.with_name(f"{path.name}.lock"), time.monotonic() + _PATIENCE
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > until:
                raise _in_use(path, lock) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def _in_use(path: Path, lock: Path) -> InstallerError:
    return InstallerError(
        "change the kubeconfig",
        f"another program has changed {path} for more than {_PATIENCE:.0f} s: {lock} is there",
        hint=f"wait for it; if none runs, remove {lock}",
        exit_code=ExitCode.USAGE,
    )


@contextmanager
def _failures(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InstallerError(
            "write the kubeconfig",
            f"{error.filename or path}: {error.strerror or error}",
            hint="give another place with --output",
            exit_code=ExitCode.USAGE,
        ) from None


def _broken(
    where: Path, observed: str, hint: str = "mend the file, or write another one with --output"
) -> InstallerError:
    return InstallerError("read the kubeconfig", f"{where}: {observed}", hint=hint, exit_code=ExitCode.USAGE)
