"""The palette finds more than actions: machines, clusters, the wizard's pages and questions, terms and docs."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.widgets import Input, LoadingIndicator

from installer.common import manual, paths
from installer.common.paths import ClusterDirectory
from installer.operations import clusters
from screens import palette as palette_module
from screens.app import CratonApp
from screens.dialogs.glossary import GlossaryDialog
from screens.dialogs.manual import ManualDialog
from screens.pages.home import HomeScreen
from screens.pages.progress import ProgressScreen
from screens.pages.wizard import WizardScreen
from screens.place import Place
from screens.widgets.question import QuestionField
from tests.patience import PATIENCE
from tests.screens.journals import halfway, run
from tests.screens.stand_ins import plan, summary, visible
from tests.screens.watching import shows, until


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without clusters and keys, in which the palette opens."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def find(pilot: Pilot[int], text: str, *, kind: str) -> None:
    """Type `text` into the palette, wait for a `kind` of thing that is found first, and go there."""
    await pilot.press("ctrl+p", *text)
    palette = pilot.app.screen
    assert isinstance(palette, CommandPalette)
    found = palette.query_one(CommandList)
    await until(pilot, lambda: found.option_count and kind in str(found.get_option_at_index(0).prompt), kind)
    await pilot.press("enter")
    await until(pilot, lambda: pilot.app.screen is not palette, "another screen")
    await pilot.pause()


async def test_a_page_and_a_question_of_the_wizard() -> None:
    async with CratonApp(lambda: WizardScreen({"name": "demo"})).run_test() as pilot:
        await pilot.pause()
        await find(pilot, "Hardening", kind="page")
        await shows(pilot, "Which pods may run")
        await find(pilot, "service network", kind="question on Networks")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input), "the question with the focus")
        assert pilot.app.focused is not None
        assert pilot.app.focused.query_ancestor(QuestionField).question.field == "networks.services"


async def test_a_machine_that_the_filter_hides(tmp_path: Path) -> None:
    with run(tmp_path, plan()) as demo:
        halfway(demo)
        async with CratonApp(lambda: ProgressScreen(demo.directory)).run_test(size=(120, 40)) as pilot:
            await shows(pilot, "worker-2")
            await pilot.press("slash", *"master", "enter")
            await find(pilot, "demo-worker-2", kind="machine")
            screen = pilot.app.screen
            assert isinstance(screen, ProgressScreen)
            assert screen.selected is not None
            assert screen.selected.name == "demo-worker-2"
            assert "demo-worker-2" in screen.list.names


async def test_a_cluster_from_another_screen_and_from_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "summaries", lambda: [summary("shop", "installed"), summary("staging", "failed")])
    for name in ("shop", "staging"):
        paths.write_private(ClusterDirectory.of(name).plan, f"name: {name}\n")
    async with CratonApp(lambda: WizardScreen({"name": "demo"})).run_test() as pilot:
        await pilot.pause()
        await find(pilot, "staging", kind="cluster")
        screen = pilot.app.screen
        assert isinstance(screen, HomeScreen)
        await until(pilot, lambda: screen.chosen is not None and screen.chosen.name == "staging", "the cluster")
        await find(pilot, "shop", kind="cluster")
        await until(pilot, lambda: screen.chosen is not None and screen.chosen.name == "shop", "the cluster")


async def test_a_term_and_a_page_of_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "summaries", list)
    async with CratonApp(HomeScreen).run_test() as pilot:
        await pilot.pause()
        await find(pilot, "vxlan", kind="term")
        assert isinstance(pilot.app.screen, GlossaryDialog)
        await shows(pilot, "The way flannel carries packets")
        await pilot.press("escape")
        await find(pilot, "what a word means", kind="docs: how-do-i")
        assert isinstance(pilot.app.screen, ManualDialog)
        await shows(pilot, "Press f3 on any screen")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_a_link_in_the_docs_leads_to_the_other_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "summaries", list)
    async with CratonApp(HomeScreen).run_test() as pilot:
        await pilot.pause()
        dialog = ManualDialog("tutorial")
        await pilot.app.push_screen(dialog)
        await shows(pilot, "Tutorial: from bare machines")
        markdown = dialog.query_one("Markdown")
        markdown.post_message(type(markdown).LinkClicked(markdown, "contract.md#x"))  # type: ignore[attr-defined]
        title = next(section.title for section in manual.sections() if section.page == "contract")
        await until(pilot, lambda: title in visible(pilot), title)


def test_the_sections_are_the_headings_without_what_is_only_code() -> None:
    found = manual.sections()
    assert {section.page for section in found} == set(manual.pages())
    assert not [section for section in found if "`" in section.title or "](" in section.title]
    assert manual.Section("glossary", "Glossary", "# Glossary") in found
    assert "How do I find out what a word means?" in {section.title for section in found}


async def test_it_says_that_it_loads_only_while_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy computer Textual's countdown is heard after the search has ended."""
    read = threading.Event()

    def elsewhere(_screen: object) -> list[Place]:
        assert read.wait(PATIENCE)
        return []

    monkeypatch.setattr(palette_module, "_elsewhere", elsewhere)
    async with CratonApp(lambda: WizardScreen({"name": "demo"})).run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+p")
        palette = pilot.app.screen
        assert isinstance(palette, CommandPalette)
        await until(pilot, lambda: any(worker.node is palette for worker in palette.workers), "a search")
        palette._show_busy = True
        await until(pilot, lambda: palette.query_one(LoadingIndicator).has_class("--visible"), "the sign of loading")
        read.set()
        await until(pilot, lambda: all(worker.is_finished for worker in palette.workers), "the end of the search")
        palette._show_busy = True
        await pilot.pause()
        assert not palette.query_one(LoadingIndicator).has_class("--visible")
        assert "Loading" not in visible(pilot)
