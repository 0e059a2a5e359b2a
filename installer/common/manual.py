"""The pages under `docs/`, which ship with the program so that screens can open them where there is no browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

_HEADING = re.compile(r"^#{1,3} (?P<title>.+)$|^\*\*\.\.\. (?P<question>.+?)\*\*", re.MULTILINE)
"""Headings, and the questions of the page "How do I ...?"."""
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. `page` is the file's name without its suffix, `begins` the first words of its Markdown."""

    page: str
    title: str
    begins: str


def read(page: str) -> str:
    """The Markdown of a page. Raises FileNotFoundError if there is none of that name."""
    return (_directory() / f"{page}.md").read_text(encoding="utf-8")


def pages() -> list[str]:
    """The names of all pages, sorted."""
    return sorted(file.name.removesuffix(".md") for file in _directory().iterdir() if file.name.endswith(".md"))


@cache
def sections() -> tuple[Section, ...]:
    """Every section of every page, page by page in the order of the text."""
    return tuple(section for page in pages() for section in _sections(page))


def _sections(page: str) -> Iterator[Section]:
    for found in _HEADING.finditer(_FENCED.sub("", read(page))):
        words = found["title"] or f"How do I {found['question']}"
        yield Section(page, re.sub(r"[`*]|\[(.+?)\]\(.+?\)", r"\1", words), found[0])


@cache
def _directory() -> Traversable:
    """`assets/docs` of an installed wheel, which a checkout has beside its assets."""
    assets = resources.files("assets")
    shipped = assets / "docs"
    return shipped if shipped.is_dir() else assets / ".." / "docs"
