"""A file of this computer, picked from a tree instead of typed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import DirectoryTree, Footer, Static

from installer.common.errors import InstallerError
from installer.common.homes import expanded


def begins_at(typed: str, usual: str) -> tuple[Path, str]:
    """The folder that a typed path points to, and the file's name in it; `usual` is the folder where nothing helps."""
    for text in (typed.strip(), usual, "."):
        try:
            path = expanded(text).absolute() if text else None
            if path is not None and path.is_dir():
                return path, ""
            if path is not None and path.parent.is_dir() and ("/" in text or path.exists()):
                return path.parent, path.name
        except (InstallerError, OSError, ValueError):  # no such account, or nothing like a path
            continue
    return Path("/"), ""


class FileTree(DirectoryTree):
    """Folders first. Names that begin with a dot show only while `hidden` is set, or below a folder of such a name."""

    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_FILE = "  "
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open"),
        Binding("right", "unfold", "Unfold", show=False),
        Binding("left,backspace", "up", "Folder above", key_display="←"),
        Binding("full_stop", "hidden", "Hidden files", key_display="."),
    ]
    DEFAULT_CSS = """
    FileTree { height: 1fr; background: transparent; padding: 0; }
    FileTree:focus { background-tint: transparent; }
    """

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__(folder)
        self.hidden = name.startswith(".")
        self.wanted = name
        """Name of the file to put the cursor on once the folder is read."""
        self.show_guides = False
        self.guide_depth = 2

    def filter_paths(self, paths: Iterable[Path]) -> Iterable[Path]:
        return paths if self.hidden else [path for path in paths if not path.name.startswith(".")]

    def _populate_node(self, node, content) -> None:  # type: ignore[no-untyped-def] # as Textual has it
        super()._populate_node(node, content)
        found = [child for child in node.children if child.data and child.data.path.name == self.wanted]
        if node is self.root and found:
            self.wanted = ""
            self.call_after_refresh(self.move_cursor, found[0])

    def action_unfold(self) -> None:
        if self.cursor_node is not None and self.cursor_node.allow_expand:
            self.cursor_node.expand()

    def action_up(self) -> None:
        """Close the open folder under the cursor, or show the folder above."""
        node = self.cursor_node
        if node is not None and node is not self.root and node.is_expanded:
            node.collapse()
        elif node is not None and node.parent is not None and node.parent is not self.root:
            self.move_cursor(node.parent)
        else:
            here = Path(self.path).resolve()
            self.wanted, self.path = here.name, here.parent

    def action_hidden(self) -> None:
        self.hidden = not self.hidden
        self.reload()


class FileDialog(ModalScreen[Path | None]):
    """Returns the file that was chosen, or None. `typed` and `usual` say where to begin, as `begins_at` has it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]
    DEFAULT_CLASSES = "dialog"
    DEFAULT_CSS = "FileDialog > Vertical { height: 90%; }"

    def __init__(self, title: str, typed: str = "", usual: str = ".") -> None:
        super().__init__()
        self._title = title
        self._begins_at = begins_at(typed, usual)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content(self._title), classes="title")
            yield FileTree(*self._begins_at)
        yield Footer(show_command_palette=False)

    def on_directory_tree_file_selected(self, event: DirectoryTree.FileSelected) -> None:
        self.dismiss(event.path)
