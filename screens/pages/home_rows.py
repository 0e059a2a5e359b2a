"""What the home screen says of clusters: a row for each, what enter does with it, and the first words of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from screens import theme
from screens.pages.home_actions import ACTIONS
from screens.theme import Mark
from screens.widgets.table import Row, cell, marked

if TYPE_CHECKING:
    from installer.operations.clusters import ClusterSummary

_MARKS: dict[str, Mark] = {
    "installing": theme.RUNNING,
    "upgrading": theme.RUNNING,
    "removing": theme.RUNNING,
    "renewing": theme.RUNNING,
    "destroying": theme.RUNNING,
    "installed": theme.DONE,
    "failed": theme.FAILED,
    "interrupted": theme.WARNING,
    "partly destroyed": theme.WARNING,
    "unknown": theme.WARNING,
    "unreadable": theme.WARNING,
}
_RUNNING = tuple(state for state, mark in _MARKS.items() if mark is theme.RUNNING)
_CHECKS = {"pass": theme.DONE, "warn": theme.WARNING, "fail": theme.FAILED}
ENTER = {
    "installing": ("watch", "enter shows the install as it runs"),
    "upgrading": ("watch", "enter shows the upgrade as it runs"),
    "removing": ("watch", "enter shows how machines leave"),
    "renewing": ("watch", "enter shows how certificates are renewed"),
    "destroying": ("watch", "enter shows the destroy as it runs"),
    "installed": ("review", "enter reviews it"),
    "failed": ("watch", "enter shows what failed; r tries again"),
    "interrupted": ("resume", "enter goes on where it stopped"),
    "partly destroyed": ("destroy", "enter destroys the rest"),
    "unknown": ("resume", "its journal is lost; enter looks at what is there and goes on"),
    "unreadable": ("check", "craton list says which file can't be read; enter checks it"),
}
"""What enter does with a cluster, by its state."""

ALLOWED = {
    "resume": ("failed", "interrupted", "unknown"),
    "check": ("installed", "failed", "interrupted", "unknown", "unreadable"),
    "destroy": ("installed", "failed", "interrupted", "partly destroyed", "unknown", "unreadable"),
    **dict.fromkeys(ACTIONS, ("installed",)),
    "watch": (*_RUNNING, "failed", "interrupted", "installed"),
    "review": tuple(_MARKS),
    "open": tuple(_MARKS),
}
"""States in which an action makes sense."""

_WELCOME = """\
Craton installs Kubernetes on machines of your own. It asks a handful of questions, writes a plan that you can \
review, and turns machines into a cluster. An install can be interrupted, resumed and undone at any time.

A rehearsal is a good start: it runs a whole install on simulated machines on this computer, \
takes a minute, and leaves nothing behind.
"""


def ago(seconds: float) -> str:
    """How long since, in one unit: `40 s`, `4 min`, `2 h`, `3 d`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(0, int(seconds))} s"


def cluster_row(cluster: ClusterSummary, now: float) -> Row:
    running = cluster.state in _RUNNING
    words = f"{cluster.state}  {cluster.fraction:4.0%}  {cluster.phase}" if running else cluster.state
    checked = cell("–", "faint")
    if cluster.last_check_at is not None:
        mark = _CHECKS.get(cluster.last_check, theme.UNKNOWN)
        checked = marked(mark, f"{cluster.last_check}, {ago(now - cluster.last_check_at)} ago")
    return (
        cell(cluster.name, "bold"),
        marked(_MARKS.get(cluster.state, theme.UNKNOWN), words.rstrip()),
        cell(f"{cluster.machines:,}"),
        cell(cluster.kubernetes),
        cell(cluster.platform),
        cell(ago(now - cluster.created)),
        checked,
    )


def welcome_text(draft: str) -> Content:
    keys = [
        ("n", "go on with the draft" if draft else "plan a new cluster"),
        ("o", "open a plan file"),
        ("q", "quit"),
        ("?", "help"),
    ]
    lines = [Content.styled(f"{key}  ", "$primary bold") + Content(words) for key, words in keys]
    return Content("\n").join([Content.styled("Welcome to Craton", "bold"), Content(""), Content(_WELCOME), *lines])
