"""A cluster's entries in the text of somebody's kubeconfig: brought in, and taken out again to the byte.

The entries are a cluster NAME, a user NAME-admin and a context NAME, in the format of `kubectl config view`. What
they replaced, such as `clusters: null`, is kept as text in an extension of the file named `craton`, which kubectl
carries along. Every result is read again before it is handed out: a file that would mean something else, or that
Craton couldn't give back as it was, is refused.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from installer.cluster.admin_access import AdminAccess, user_name
from installer.common import yaml_editor, yaml_foreign, yaml_reader
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import shown
from installer.common.yaml_editor import REMOVED, Raw
from installer.operations.kubeconfig_text import CURRENT, INNER, Config, broken

_EXTENSIONS = "extensions"
_DOCUMENT = "document"
"""In the record: the file's whole text, such as `null`."""
_RECORD = "craton"
"""The name of the extension with the record: by key, the text of the value before, or None where there was none.

For the current context, there is such a text for each context of Craton's that became it.
"""
_FRAME = {"apiVersion": "v1", "kind": "Config"}


def merged(text: str, access: AdminAccess, where: Path, *, use: bool = False, force: bool = False) -> str:
    """`text`, a kubeconfig or nothing, with the entries of `access`; `use` makes its context the current one.

    A namespace that a user added to the context stays. Raises InstallerError if `text` is not a kubeconfig, or if its
    entries of these names lead elsewhere or hold more than Craton sets, unless `force` replaces them.
    """
    config, name = Config.read(text, where), access.cluster
    if not force:
        _refuse_others(config, access)
    changes = _Changes(config)
    changes.set_item("clusters", name, dict(access.settings))
    changes.set_item("users", user_name(name), dict(access.credentials))
    changes.set_item("contexts", name, {**config.inner("contexts", name), "cluster": name, "user": user_name(name)})
    current = config.values.get(CURRENT)
    if (use or not current) and current != name:
        changes.set_current(name)
    result = changes.checked()
    is_new = all(config.place(kind, entry) is None for kind, entry in _own(name).items())
    if is_new and _removal(result, name)[0].text() != text:
        raise _unchangeable(where)
    return result.text


def without(text: str, cluster: str, where: Path, server: str | None = None) -> tuple[str, tuple[str, ...]]:
    """`text` without the entries of a cluster, and what stayed because other contexts need it.

    Nothing goes that is of another cluster by the same name: whose server is not `server`, if that is known.
    """
    config = Config.read(text, where)
    if server and config.inner("clusters", cluster).get("server", server) != server:
        return text, ()
    removal, stayed = _removal(config, cluster)
    return removal.checked().text, stayed


def _own(cluster: str) -> dict[str, str]:
    return {"clusters": cluster, "users": user_name(cluster), "contexts": cluster}


def _removal(config: Config, cluster: str) -> tuple[_Changes, tuple[str, ...]]:
    own = _own(cluster)
    others = [inner for name, inner in config.named("contexts") if name != cluster]
    needed = [kind for kind, key in (("clusters", "cluster"), ("users", "user"))
              if any(context.get(key) == own[kind] for context in others)]  # fmt: skip
    changes = _Changes(config)
    for kind, name in own.items():
        if kind not in needed:
            changes.drop_item(kind, name)
    changes.leave_current(cluster)
    return changes, tuple(f"{INNER[kind]} {own[kind]}" for kind in needed)


class _Changes:
    """What is to become of a file: what it will mean, the edits that do it, and the record of what was there."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._values: dict[str, Any] = dict(config.values) if config.root else dict(_FRAME)
        self._edits: dict[str, Any] = {}
        found = config.inner("extensions", _RECORD).get("before")
        self._before: dict[str, Any] = found if isinstance(found, dict) else {}
        self._record = dict(self._before)
        currents = self._before.get(CURRENT)
        self._currents: dict[str, str | None] = dict(currents) if isinstance(currents, dict) else {}
        self._flow = partial(yaml_editor.flow, as_json=yaml_foreign.is_json(config.text))

    def set_item(self, kind: str, name: str, inner: dict[str, Any]) -> None:
        """Give the item of that name these settings; add one if there is none. Raises InstallerError."""
        items, place = self._config.items(kind), self._config.place(kind, name)
        if place is None:
            items.append({"name": name, INNER[kind]: inner})
        elif isinstance(items[place], dict):
            items[place] = {**items[place], INNER[kind]: inner}
        else:
            raise broken(self._config.where, f"the {INNER[kind]} {name} is given by an alias, {shown(items[place])}")
        self._set_list(kind, items)

    def drop_item(self, kind: str, name: str) -> None:
        place, items = self._config.place(kind, name), self._config.items(kind)
        if place is not None:
            self._set_list(kind, [*items[:place], *items[place + 1 :]])

    def set_current(self, name: str) -> None:
        """Make a context the current one, and record which one was when it first became that."""
        if self._config.root and (self._config.place("contexts", name) is None or name not in self._currents):
            self._currents[name] = self._config.raw(CURRENT)
        self._values[CURRENT] = self._edits[CURRENT] = name

    def leave_current(self, name: str) -> None:
        """Of a context that goes: if it is the current one, make that current which was before it."""
        raw = self._currents.pop(name, '""')
        for later, before in self._currents.items():
            if _text_of(before) == name:
                self._currents[later] = raw
        if self._config.values.get(CURRENT) == name:
            self._put(CURRENT, raw, _text_of(raw))

    def checked(self) -> Config:
        """The new file. Raises InstallerError if it would mean anything else than it should."""
        config = self._config
        if not self._edits:
            return config
        text = self.text()
        try:
            result = Config.read(text, config.where)
        except InstallerError:
            raise _unchangeable(config.where) from None
        json_lost = yaml_foreign.is_json(config.text) and not yaml_foreign.is_json(text)
        if json_lost or _meaning(result.values) != _meaning(self._values):
            raise _unchangeable(config.where)
        return result

    def text(self) -> str:
        """The new file's text, unchecked."""
        config = self._config
        if not self._edits:
            return config.text
        self._settle_record()
        if config.root is None:
            return _filled(config, self._values, self._flow)
        if self._leaves_nothing():
            self._values = {}
            return _emptied(config, self._before.get(_DOCUMENT) or "")
        return yaml_editor.changed(config.text, config.root, self._edits)

    def _set_list(self, kind: str, items: list[Any]) -> None:
        before = self._config.items(kind)
        if items == before:
            return
        self._values[kind] = items
        if before and items:
            self._edits[kind] = items
        elif items:
            raw = self._config.raw(kind)
            if self._config.root:
                self._record[kind] = raw
            self._edits[kind] = items if raw is None else Raw(_opened(raw) + self._flow(items)[1:])
        else:
            self._put(kind, self._record.pop(kind, "[]"), None)

    def _put(self, key: str, raw: str | None, value: Any) -> None:
        """Give a key the text that it had; None takes it away."""
        self._edits[key] = REMOVED if raw is None else Raw(raw)
        self._values[key] = value

    def _settle_record(self) -> None:
        """Keep what is still to be put back, and nothing else."""
        config, record, node = self._config, self._record, self._config.document.root
        if config.root is None and node is not None and node.span.end > node.span.start:
            record[_DOCUMENT] = config.text[node.span.start : node.span.end]
        ours = self._own_contexts()
        if not ours:
            record = {key: raw for key, raw in record.items() if key == _EXTENSIONS}
        record[CURRENT] = {name: raw for name, raw in self._currents.items() if name in ours}
        self._record = record = {key: raw for key, raw in record.items() if key != CURRENT or raw}
        if record == self._before:
            return
        if not record.keys() - {_EXTENSIONS}:
            self.drop_item(_EXTENSIONS, _RECORD)
            return
        if config.root and not config.items(_EXTENSIONS):
            record[_EXTENSIONS] = config.raw(_EXTENSIONS)
        self.set_item(_EXTENSIONS, _RECORD, {"before": dict(record)})

    def _own_contexts(self) -> list[str]:
        """The contexts that Craton brought in, of those that there will be."""
        return [
            name
            for item in self._contexts()
            if isinstance(name := item.get("name"), str)
            and {"cluster": name, "user": user_name(name)}.items() <= (item.get("context") or {}).items()
        ]

    def _contexts(self) -> list[dict[str, Any]]:
        """The contexts that there will be, except aliases."""
        return [item for item in self._values.get("contexts") or () if isinstance(item, dict)]

    def _leaves_nothing(self) -> bool:
        """Whether the file says nothing any more but what its first entry of Craton's brought along."""
        config = self._config
        if config.root is None or _meaning(self._values) != _FRAME:
            return False
        remarks = "#" in config.text[config.root.span.start : config.root.span.end]
        made_here = not config.root.flow and not remarks and self._before.keys() <= {CURRENT, _EXTENSIONS}
        return _DOCUMENT in self._before or made_here


def _meaning(values: dict[str, Any]) -> dict[str, Any]:
    """What a kubeconfig says: a key with nothing in it says nothing."""
    return {key: value for key, value in values.items() if value}


def _opened(raw: str) -> str:
    """An empty list's text up to its end, with the remarks in it; a bracket for what is no list."""
    return raw.removesuffix("]") if raw.endswith("]") else "["


def _text_of(raw: str | None) -> str:
    """What the text of a scalar means."""
    if not raw:
        return ""
    root = yaml_foreign.read(raw).root
    return str(root.value or "") if isinstance(root, yaml_reader.Scalar) else ""


def _filled(config: Config, values: dict[str, Any], flow: partial[str]) -> str:
    """An empty file with these values: instead of `null`, else before its comments or after them."""
    text, node = config.text, config.document.root
    if node is not None and node.span.end > node.span.start:
        return text[: node.span.start] + flow(values) + text[node.span.end :]
    newline = "\r\n" if "\r\n" in text else "\n"
    block = yaml_editor.block(values, newline=newline)
    if config.document.start:
        place = text.find("\n", config.document.start) + 1
        return text[:place] + block + text[place:] if place else text + newline + block.removesuffix(newline)
    place = len(text) if text.endswith("\n") else len(text) - len(text.removeprefix("\ufeff"))
    return text[:place] + block + text[place:]


def _emptied(config: Config, raw: str) -> str:
    """The file as it was when it was empty, or `raw`."""
    assert config.root is not None
    text, start, end = config.text, config.root.span.start, config.root.span.end
    if raw:
        return text[:start] + raw + text[end:]
    line_end = text.find("\n", end) + 1 or len(text)
    return yaml_editor.as_ended(text, text[:start] + text[line_end:])


def _refuse_others(config: Config, access: AdminAccess) -> None:
    """Raises InstallerError if entries of our names are somebody else's, or hold what Craton doesn't set."""
    name, user = access.cluster, user_name(access.cluster)
    settings, context = config.inner("clusters", name), config.inner("contexts", name)
    server = settings.get("server", access.server)
    surplus = [
        f"{INNER[kind]} {entry}: {shown(key)}"
        for kind, entry, own in (("clusters", name, access.settings), ("users", user, access.credentials))
        for key in config.inner(kind, entry)
        if key not in own
    ]
    if server != access.server:
        found = f"the cluster {name} there leads to {shown(str(server))}, not to {access.server}"
    elif context.get("cluster", name) != name or context.get("user", user) != user:
        cluster, other = (shown(str(context.get(key))) for key in ("cluster", "user"))
        found = f"the context {name} there is of the cluster {cluster}, user {other}"
    elif surplus:
        found = f"Craton's own entries there hold what it never sets ({', '.join(surplus)})"
    else:
        return
    raise InstallerError(
        "merge the kubeconfig",
        f"{config.where}: {found}",
        hint="Rename that entry, write a file of its own with --output, or replace it with --force.",
        exit_code=ExitCode.USAGE,
    )


def _unchangeable(where: Path) -> InstallerError:
    return InstallerError(
        "change the kubeconfig",
        f"{where} is written in a way that Craton can't change without altering the rest",
        hint="Write a file of its own with --output, and name both in KUBECONFIG.",
        exit_code=ExitCode.USAGE,
    )
