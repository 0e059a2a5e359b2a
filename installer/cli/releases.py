"""The command `craton releases`: which Kubernetes releases there are, and where clusters can go from theirs."""

from __future__ import annotations

from typing import Any

import typer

from installer.cli.common import AlwaysPlain, Json
from installer.cli.groups import RUNNING
from installer.common.console import result, result_json
from installer.common.text import columns
from installer.plan import releases

app = typer.Typer(pretty_exceptions_enable=False)


@app.command("releases", rich_help_panel=RUNNING)
def list_releases(as_json: Json = False, plain: AlwaysPlain = False) -> None:  # noqa: ARG001
    """List Kubernetes releases, how long each is supported, and what your clusters could be upgraded to."""
    from installer.common.paths import ClusterDirectory
    from installer.operations import clusters

    known = [(one.name, one.kubernetes) for one in clusters.summaries() if one.kubernetes]
    found = [(name, release) for name, release in known if clusters.installed(ClusterDirectory.of(name))]
    if as_json:
        result_json({"minors": [_minor(minor) for minor in _newest_first()], "clusters": _clusters(found)}, indent=2)
        return
    day = releases.today()
    rows = [(minor.name, minor.newest, str(minor.end), _words(minor.newest)) for minor in _newest_first()]
    lines = columns([("minor", "newest known", "end of support", "today"), *rows])
    unlisted = f"As this Craton knows them on {day}. It tries newer minors, after a warning."
    ways = [(name, release, ", ".join(releases.targets(release)) or "nothing newer") for name, release in found]
    clusters_table = columns([("cluster", "runs", "could be upgraded to"), *ways]) if ways else []
    result("\n".join([*lines, "", unlisted, *(["", *clusters_table] if ways else [])]))


def _newest_first() -> tuple[releases.Minor, ...]:
    return tuple(reversed(releases.MINORS))


def _words(release: str) -> str:
    support = releases.support(release, releases.today())
    return "critical fixes only" if support is releases.Support.MAINTENANCE else support.value


def _minor(minor: releases.Minor) -> dict[str, Any]:
    return {
        "minor": minor.name,
        "newest": minor.newest,
        "maintenance": str(minor.maintenance),
        "end": str(minor.end),
        "support": str(releases.support(minor.newest, releases.today())),
    }


def _clusters(found: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "kubernetes": release, "upgrades": list(releases.targets(release))} for name, release in found
    ]
