"""YAML templates in `assets`: readable files, into which values are written as JSON."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from string import Template


def render(path: str, **values: object) -> str:
    """The template at `path` below `assets`, with `values` for its placeholders, each of them once or more.

    JSON is YAML, too (for letters up to U+FFFF), and quotes what it has to: no value becomes anything but that value.
    """
    return _template(path).substitute({name: json.dumps(value) for name, value in values.items()})


@cache
def _template(path: str) -> Template:
    return Template(resources.files("assets").joinpath(*path.split("/")).read_text(encoding="utf-8"))
