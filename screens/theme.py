"""How things look: the dark and the light theme, and the shape, letter and colour of a state."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text
from textual.content import Content
from textual.theme import Theme

DARK = Theme(
    name="craton-dark",
    dark=True,
    primary="#7fb4e0",
    secondary="#8b949e",
    accent="#7fb4e0",
    foreground="#d6d9de",
    background="#15181d",
    surface="#1a1e24",
    panel="#2b313a",
    success="#79b98a",
    warning="#d9a94e",
    error="#e5746c",
    variables={
        "footer-background": "#15181d",
        "footer-key-foreground": "#7fb4e0",
        "footer-description-foreground": "#98a1ad",
        "block-cursor-background": "#2b3a4a",
        "block-cursor-foreground": "#f2f4f7",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#20262e",
        "block-cursor-blurred-foreground": "#d6d9de",
        "block-hover-background": "#20262e",
        "input-selection-background": "#7fb4e0 30%",
        "scrollbar": "#2b313a",
        "scrollbar-hover": "#3a424e",
        "scrollbar-active": "#7fb4e0",
        "scrollbar-background": "#15181d",
        "scrollbar-background-hover": "#15181d",
        "scrollbar-background-active": "#15181d",
        "scrollbar-corner-color": "#15181d",
        "faint": "#98a1ad",
    },
)

LIGHT = Theme(
    name="craton-light",
    dark=False,
    primary="#0b5c9e",
    secondary="#57606a",
    accent="#0b5c9e",
    foreground="#1f2328",
    background="#fbfbfa",
    surface="#f3f3f1",
    panel="#d5d8dc",
    success="#1a7f37",
    warning="#8a5a00",
    error="#c0302b",
    variables={
        "footer-background": "#fbfbfa",
        "footer-key-foreground": "#0b5c9e",
        "footer-description-foreground": "#57606a",
        "block-cursor-background": "#d3e3f2",
        "block-cursor-foreground": "#10151a",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#e9ecef",
        "block-cursor-blurred-foreground": "#1f2328",
        "block-hover-background": "#e9ecef",
        "input-selection-background": "#0b5c9e 25%",
        "scrollbar": "#d5d8dc",
        "scrollbar-hover": "#b9bec4",
        "scrollbar-active": "#0b5c9e",
        "scrollbar-background": "#fbfbfa",
        "scrollbar-background-hover": "#fbfbfa",
        "scrollbar-background-active": "#fbfbfa",
        "scrollbar-corner-color": "#fbfbfa",
        "faint": "#57606a",
    },
)

THEMES = (DARK, LIGHT)


def preferred(environ: Mapping[str, str], light: bool | None = None) -> str:
    """Name of the theme to start with: `CRATON_THEME` (dark or light), else what suits the terminal's background.

    `light` is what the terminal said of it; where it said nothing, COLORFGBG may.
    """
    asked = environ.get("CRATON_THEME", "")
    if asked in ("dark", "light"):
        return f"craton-{asked}"
    if light is not None:
        return LIGHT.name if light else DARK.name
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name


def has_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the terminal can be expected to draw the shapes: a UTF-8 locale, and not the kernel's own console."""
    return environ.get("TERM") != "linux" and locale.getpreferredencoding(False).lower().replace("-", "") == "utf8"


@dataclass(frozen=True, slots=True)
class Mark:
    """How a state looks: `glyph` where there is Unicode, `letter` elsewhere; `colour` is a variable of the theme."""

    glyph: str
    letter: str
    colour: str


WAITING = Mark("○", ".", "faint")
RUNNING = Mark("◐", ">", "primary")
DONE = Mark("●", "+", "success")
WARNING = Mark("▲", "!", "warning")
FAILED = Mark("✕", "x", "error")
NOT_APPLICABLE = Mark("–", "-", "faint")
UNKNOWN = Mark("?", "?", "faint")


def shape(mark: Mark) -> str:
    """The one character for a state in this terminal."""
    return mark.glyph if has_unicode(os.environ) else mark.letter


def content(mark: Mark, words: str = "") -> Content:
    """Shape and words as styled content for widgets that resolve the theme's variables themselves."""
    styled = Content.styled(shape(mark), f"${mark.colour}")
    return styled + Content(f" {words}") if words else styled


def legend(*meanings: tuple[Mark, str]) -> Content:
    """What each mark in a table means, in one line for the border below it."""
    return Content("  ").join([content(mark) + Content.styled(f" {meaning}", "$faint") for mark, meaning in meanings])


def text(mark: Mark, variables: Mapping[str, str], words: str = "") -> Text:
    """Shape and words for the cells of a DataTable; `variables` is the application's `theme_variables`."""
    cell = Text(shape(mark), style=variables[mark.colour], no_wrap=True)
    return cell.append(f" {words}", style=variables["foreground"]) if words else cell
