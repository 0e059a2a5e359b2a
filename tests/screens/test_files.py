"""Files are picked with the keyboard: from where the typed path points, up and down, and back without a choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from installer.operations import clusters
from installer.operations.login import connection_tests
from installer.plan import planfile
from installer.plan.model import InstallPlan
from screens.app import CratonApp
from screens.dialogs.files import FileDialog, FileTree, begins_at
from screens.pages.home import HomeScreen
from screens.pages.review import ReviewScreen
from screens.pages.wizard import WizardScreen
from screens.widgets.inventory_text import InventoryText
from tests.accounts import live_in
from tests.doubles.connection_tester import FakeConnectionTester
from tests.screens.stand_ins import visible
from tests.screens.watching import shows, until


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home directory with two keys, a hidden file and a folder of lists."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / ".craton"))
    live_in(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connection_tests, "ConnectionTester", lambda: FakeConnectionTester({}))
    monkeypatch.setattr(clusters, "summaries", list)
    for name in (".ssh/id_one", ".ssh/id_two", ".hidden", "lists/machines.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("10.0.0.1\n")
    return tmp_path


async def under_cursor(pilot: Pilot[Any], name: str) -> None:
    """Wait until the tree's cursor is on a file or folder."""

    def there() -> bool:
        node = pilot.app.screen.query_one(FileTree).cursor_node
        return node is not None and node.data is not None and node.data.path.name == name

    await until(pilot, there, f"the cursor on {name}")


@pytest.mark.parametrize(
    ("typed", "usual", "folder", "name"),
    [
        ("", "~/.ssh", ".ssh", ""),
        ("", "~/nothing", "", "nothing"),
        ("~/.ssh/id_two", ".", ".ssh", "id_two"),
        ("~/.ssh/not-there", ".", ".ssh", "not-there"),
        ("lists", "~/.ssh", "lists", ""),
        ("ssh-ed25519 AAAA you@host", "~/.ssh", ".ssh", ""),
        ("/nowhere/at/all", "~/.ssh", ".ssh", ""),
        ("~nobody-of-that-name/x", "~/.ssh", ".ssh", ""),
        ("a\0b", "~/.ssh", ".ssh", ""),
    ],
)
def test_picking_begins_where_the_typed_path_points(home: Path, typed: str, usual: str, folder: str, name: str) -> None:
    assert begins_at(typed, usual) == (home / folder, name)


async def test_a_key_is_picked_for_a_question_that_wants_one() -> None:
    answers = {"name": "demo", "platform": "machines", "machines.inventory": ({"address": "10.0.0.1"},)}
    async with CratonApp(lambda: WizardScreen({**answers, "ssh.key": "~/.ssh/id_one"})).run_test() as pilot:
        await pilot.pause()
        await pilot.app.run_action("screen.page(7)")
        await shows(pilot, "Which private key")
        await pilot.press("enter")
        await shows(pilot, "^o Files")
        await pilot.press("ctrl+o")
        assert isinstance(pilot.app.screen, FileDialog)
        await under_cursor(pilot, "id_one")
        await pilot.press("down")
        await under_cursor(pilot, "id_two")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen), "the wizard")
        assert isinstance(pilot.app.focused, Input)
        assert pilot.app.focused.value == "~/.ssh/id_two"
        await pilot.press("ctrl+o")
        await under_cursor(pilot, "id_two")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, WizardScreen)
        assert pilot.app.focused.value == "~/.ssh/id_two"


async def test_a_file_of_machines_becomes_a_line_of_the_list() -> None:
    async with CratonApp(lambda: WizardScreen({"name": "demo", "platform": "machines"})).run_test() as pilot:
        await pilot.pause()
        await pilot.app.run_action("screen.page(2)")
        await shows(pilot, "Which machines should")
        await pilot.press("ctrl+o")
        await shows(pilot, "lists")
        assert "hidden" not in visible(pilot).partition("Hidden files")[0]
        await pilot.press("full_stop")
        await shows(pilot, ".hidden")
        await pilot.press("full_stop")
        await until(pilot, lambda: "  .hidden" not in visible(pilot), "no hidden files")
        await pilot.press("home", "down")
        await under_cursor(pilot, "lists")
        await pilot.press("right")
        await shows(pilot, "machines.txt")
        await pilot.press("down", "left")
        await under_cursor(pilot, "lists")
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, WizardScreen), "the wizard")
        assert pilot.app.screen.query_one(InventoryText).text == "@~/lists/machines.txt"


async def test_the_folder_above_shows_with_the_cursor_on_the_one_it_came_from(home: Path) -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await pilot.app.push_screen(FileDialog("Which?", "~/lists/machines.txt"))
        await under_cursor(pilot, "machines.txt")
        await pilot.press("left")
        await until(pilot, lambda: Path(pilot.app.screen.query_one(FileTree).path) == home, "the folder above")
        await under_cursor(pilot, "lists")


async def test_a_plan_is_opened_from_home(home: Path) -> None:
    planfile.save(home / "shop.yaml", InstallPlan(name="shop", subdomain="example.test"))
    async with CratonApp(HomeScreen).run_test() as pilot:
        await shows(pilot, "open a plan file")
        await pilot.press("o")
        await shows(pilot, "shop.yaml")
        await pilot.press("end")
        await under_cursor(pilot, "shop.yaml")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen), "the review")


async def test_a_file_that_is_no_plan_is_said_to_be_none() -> None:
    async with CratonApp(HomeScreen).run_test() as pilot:
        await shows(pilot, "open a plan file")
        await pilot.press("o")
        await shows(pilot, "lists")
        await pilot.press("home", "down", "right", "down", "enter")
        await shows(pilot, "machines.txt", "this is a single value")
