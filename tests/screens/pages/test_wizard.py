"""The wizard: answering as a person would, from the first page to a reviewed plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from installer.plan import planfile
from installer.plan.questions import draft
from installer.plan.questions.catalogue import PAGES
from screens.app import CratonApp
from screens.dialogs.choice import ChoiceDialog
from screens.dialogs.help import HelpDialog
from screens.dialogs.preview import PreviewDialog
from screens.dialogs.save import SaveDialog
from screens.pages.review import ReviewScreen
from screens.pages.wizard import WizardScreen
from screens.widgets.choices import Choices
from screens.widgets.question import QuestionField
from screens.widgets.trail import Trail
from tests.screens.stand_ins import footer, settle, visible
from tests.screens.watching import shows, until

Wizard = Callable[..., CratonApp]
TITLES = [page.title for page in PAGES if page.asked({})]
"""Of a rehearsal."""


@pytest.fixture
def wizard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Wizard:
    """An application that starts with the wizard, in a home directory without clusters, drafts and keys."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def with_answers(answers: Mapping[str, Any] | None = None, output: Path | None = None) -> CratonApp:
        return CratonApp(lambda: WizardScreen(answers, output))

    return with_answers


def open_page(pilot: Pilot[Any]) -> str:
    """Title of the page that is open."""
    screen = pilot.app.screen
    assert isinstance(screen, WizardScreen)
    fields = {field.question.field for field in screen.query(QuestionField)}
    return next(page.title for page in PAGES if {question.field for question in page.questions} == fields)


async def go_to(pilot: Pilot[Any], title: str) -> None:
    """As a click on the trail would, straight to a page: none of those before it is drawn."""
    pilot.app.screen.post_message(Trail.Asked(TITLES.index(title)))
    await until(pilot, lambda: open_page(pilot) == title, f"the page {title}")
    await pilot.pause()


async def retype(pilot: Pilot[Any], text: str) -> None:
    """Replace what stands in the focused input."""
    await pilot.press("ctrl+u", *text) if text else await pilot.press("ctrl+u")
    await pilot.pause()


async def test_enter_alone_leads_from_the_first_page_to_the_review_of_a_saved_plan(
    wizard: Wizard, tmp_path: Path
) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        for _ in range(40):
            if not isinstance(pilot.app.screen, WizardScreen):
                break
            await pilot.press("enter")
            await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert planfile.load(tmp_path / "demo.yaml").machine_count == 6
        assert draft.load_draft() is None


async def test_every_page_says_why_it_asks_and_which_rules_apply(wizard: Wizard) -> None:
    async with wizard().run_test(size=(90, 40)) as pilot:
        await go_to(pilot, "Workers")
        text = " ".join(visible(pilot).split())
        assert "You can add more later" in text
        assert "W1 MUST Workers accept all traffic from masters." in text


async def test_the_explanation_follows_the_highlighted_answer(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await go_to(pilot, "Ingress")
        text = " ".join(visible(pilot).split())
        assert "Infra nodes: Machines of their own that take web traffic" in text
        assert "For this plan: Infra nodes, unless" in text
        await pilot.press("down")
        await pilot.pause()
        text = " ".join(visible(pilot).split())
        assert "Load balancer: A service of the platform" in text
        assert "What it costs: No machines. Clouds charge by the hour" in text
        assert "Machines of their own" not in text


async def test_a_key_opens_the_glossary_with_the_terms_on_the_screen_first(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await go_to(pilot, "Masters")
        await pilot.press("f3")
        await pilot.pause()
        text = visible(pilot)
        assert text.index("On this screen") < text.index("The programs that manage a cluster")
        assert "Other terms" not in text
        await pilot.press(*"vxl")
        await pilot.pause()
        text = visible(pilot)
        assert text.index("Other terms") < text.index("The way flannel carries packets")
        assert "The programs that manage" not in text
        await pilot.press("escape")
        assert open_page(pilot) == "Masters"


async def test_answers_are_given_with_arrows_and_letters(wizard: Wizard, tmp_path: Path) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await retype(pilot, "prod")
        await go_to(pilot, "Masters")
        await pilot.press("down")
        await pilot.press("ctrl+down")
        await pilot.pause()
        await retype(pilot, "7")
        await pilot.press("ctrl+r")
        await settle(pilot)
        plan = planfile.load(tmp_path / "prod.yaml")
        assert (plan.masters, plan.workers) == (5, 7)


async def test_an_answer_that_cannot_stand_is_said_as_it_is_typed_and_not_gone_past(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await retype(pilot, "Demo")
        assert "✕ Enter a name: up to 20 lowercase letters" in visible(pilot)
        assert "✕ Name" in visible(pilot)
        await pilot.press("enter")
        assert open_page(pilot) == "Name"
        await retype(pilot, "demo")
        assert "✕" not in visible(pilot)


async def test_a_problem_between_fields_is_shown_on_the_page_where_it_can_be_corrected(wizard: Wizard) -> None:
    async with wizard({"workers": 0}).run_test() as pilot:
        await go_to(pilot, "Workers")
        await pilot.press("ctrl+down")
        await pilot.pause()
        assert open_page(pilot) == "Ingress"
        assert "✕ Workers" in visible(pilot)
        await pilot.press("ctrl+up")
        await pilot.pause()
        assert "You need at least one worker" in " ".join(visible(pilot).split())


async def test_finishing_with_a_problem_opens_its_page(wizard: Wizard) -> None:
    async with wizard({"workers": 0}).run_test() as pilot:
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert open_page(pilot) == "Workers"


async def test_a_load_balancer_that_is_not_there_cannot_be_chosen(wizard: Wizard) -> None:
    async with wizard({"rehearsal.load_balancers": False}).run_test() as pilot:
        await go_to(pilot, "Ingress")
        await pilot.press("down")
        assert pilot.app.screen.query(Choices).first().chosen == ("infra",)


async def test_questions_that_no_longer_apply_disappear(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await go_to(pilot, "Ingress")
        assert "How many infra nodes?" in visible(pilot)
        await pilot.press("down")
        await pilot.pause()
        assert "How many infra nodes?" not in visible(pilot)


async def test_the_drawing_follows_every_answer(wizard: Wizard) -> None:
    async with wizard().run_test(size=(120, 40)) as pilot:
        await go_to(pilot, "Workers")
        assert "6 machines" in visible(pilot)
        await retype(pilot, "12")
        assert "16 machines" in visible(pilot)
        assert "12 workers" in visible(pilot)


async def test_a_drawing_of_answers_that_cannot_stand_says_so(wizard: Wizard) -> None:
    async with wizard().run_test(size=(120, 40)) as pilot:
        await go_to(pilot, "Workers")
        await retype(pilot, "many")
        assert "the diagram shows its default" in " ".join(visible(pilot).split())


@pytest.mark.parametrize("key", ["f2", "p"])
async def test_a_narrow_terminal_draws_on_a_key(wizard: Wizard, key: str) -> None:
    async with wizard().run_test() as pilot:
        await go_to(pilot, "Masters")
        assert "6 machines" not in visible(pilot)
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, PreviewDialog)
        assert "6 machines" in visible(pilot)
        await pilot.press(key)
        assert isinstance(pilot.app.screen, WizardScreen)


async def test_p_in_a_name_is_a_letter(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await retype(pilot, "p")
        assert pilot.app.screen.query_one(Input).value == "p"


@pytest.mark.parametrize(("width", "offered"), [(80, True), (120, False)])
async def test_the_footer_offers_what_works(wizard: Wizard, width: int, offered: bool) -> None:
    async with wizard().run_test(size=(width, 30)) as pilot:
        await pilot.pause()
        expected = {"Next", "Back", "Pages", "Terms", "Save", "Leave", "Help"}
        assert footer(pilot) == (expected | {"Preview"} if offered else expected)


async def test_the_space_key_is_offered_where_it_switches(wizard: Wizard) -> None:
    async with wizard().run_test(size=(120, 40)) as pilot:
        await go_to(pilot, TITLES[-1])
        rules = pilot.app.screen.query(Choices).last()
        rules.focus()
        await pilot.pause()
        assert "On/off" in footer(pilot)
        before = rules.chosen
        await pilot.press("space")
        assert rules.chosen != before


async def test_help_tells_of_the_focused_question(wizard: Wizard) -> None:
    async with wizard().run_test(size=(100, 40)) as pilot:
        await pilot.pause()
        await pilot.press("question_mark")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpDialog)
        assert "It becomes part of the machines' names" in " ".join(visible(pilot).split())
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, WizardScreen)


async def test_escape_goes_back_a_page_and_leaves_from_the_first(wizard: Wizard) -> None:
    app = wizard()
    async with app.run_test() as pilot:
        await go_to(pilot, "Platform")
        await pilot.press("escape")
        await pilot.pause()
        assert open_page(pilot) == "Name"
        await pilot.press("escape")
    assert app.return_value == 0


@pytest.mark.parametrize("key", ["ctrl+q", "escape"])
async def test_leaving_keeps_what_was_typed(wizard: Wizard, key: str) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await retype(pilot, "precious")
        await pilot.press(key)
    kept = draft.load_draft()
    assert kept is not None
    assert kept.answers == {"name": "precious"}


@pytest.mark.parametrize("key", ["ctrl+q", "escape"])
async def test_where_no_draft_can_be_kept_leaving_is_asked_for_twice(wizard: Wizard, tmp_path: Path, key: str) -> None:
    (tmp_path / "craton").write_text("a file where the state would be")
    app = wizard()
    async with app.run_test(notifications=True, size=(120, 40)) as pilot:
        await pilot.pause()
        await retype(pilot, "precious")
        await pilot.press(key)
        await shows(pilot, "Your answers can't be kept as a draft")
        assert app.return_code is None
        await pilot.press(key)
    assert app.return_value == (8 if key == "ctrl+q" else 0)


async def test_without_drafts_the_wizard_goes_on_to_the_end(wizard: Wizard, tmp_path: Path) -> None:
    (tmp_path / "craton").write_text("a file where the state would be")
    async with wizard({"name": "demo", "subdomain": "example.test"}).run_test(notifications=True) as pilot:
        await go_to(pilot, "Workers")
        await shows(pilot, "can't be kept")
        assert open_page(pilot) == "Workers"


async def test_every_page_is_kept_as_it_is_left(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await go_to(pilot, "Workers")
        kept = draft.load_draft()
        assert kept is not None
        assert kept.page == "Workers"


async def test_a_draft_is_continued_where_it_was_left(wizard: Wizard, tmp_path: Path) -> None:
    draft.save_draft({"name": "prod", "masters": 5}, "Workers")
    async with wizard().run_test() as pilot:
        await pilot.pause()
        assert isinstance(pilot.app.screen, ChoiceDialog)
        assert "A draft of prod is kept" in visible(pilot)
        await pilot.press("c")
        await pilot.pause()
        assert open_page(pilot) == "Workers"
        assert "● Masters" in visible(pilot)


async def test_starting_afresh_discards_the_draft(wizard: Wizard) -> None:
    draft.save_draft({"name": "prod"}, "Workers")
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await pilot.press("a")
        await pilot.pause()
        assert open_page(pilot) == "Name"
        assert draft.load_draft() is None


async def test_putting_the_question_aside_keeps_the_draft(wizard: Wizard) -> None:
    draft.save_draft({"name": "prod"}, "Workers")
    app = wizard()
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("escape")
    kept = draft.load_draft()
    assert kept is not None
    assert kept.answers == {"name": "prod"}


async def test_given_answers_ask_for_no_draft(wizard: Wizard) -> None:
    draft.save_draft({"name": "prod"}, "Workers")
    async with wizard({"name": "given"}).run_test() as pilot:
        await pilot.pause()
        assert pilot.app.screen.query_one(Input).value == "given"


async def test_saving_under_a_name_leads_to_the_review_of_that_file(wizard: Wizard, tmp_path: Path) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert isinstance(pilot.app.screen, SaveDialog)
        await retype(pilot, str(tmp_path / "mine.yaml"))
        assert "a new file" in visible(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert planfile.load(tmp_path / "mine.yaml").name == "demo"


async def test_the_plan_goes_where_the_command_line_said(wizard: Wizard, tmp_path: Path) -> None:
    output = tmp_path / "said.yaml"
    async with wizard({"name": "said"}, output).run_test() as pilot:
        await go_to(pilot, TITLES[-1])
        await pilot.press("ctrl+down")
        await settle(pilot)
        assert planfile.load(output).name == "said"


@pytest.mark.parametrize(("key", "workers"), [("r", 2), ("escape", 9)])
async def test_another_plan_of_that_name_is_not_replaced_unasked(
    wizard: Wizard, tmp_path: Path, key: str, workers: int
) -> None:
    from installer.plan.model import InstallPlan

    path = tmp_path / "demo.yaml"
    planfile.save(path, InstallPlan(name="demo", subdomain="example.test", workers=9))
    async with wizard().run_test() as pilot:
        await go_to(pilot, TITLES[-1])
        await pilot.press("ctrl+down")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ChoiceDialog)
        await pilot.press(key)
        await settle(pilot)
        assert planfile.load(path).workers == workers


async def test_pages_that_may_be_left_out_say_so_and_a_key_leads_to_the_review(wizard: Wizard, tmp_path: Path) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        assert "ctrl+r goes to the review" not in visible(pilot)
        await go_to(pilot, "Kubernetes")
        assert "ctrl+r goes to the review" in visible(pilot)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
        assert planfile.load(tmp_path / "demo.yaml").machine_count == 6


async def test_where_not_all_pages_fit_the_open_one_is_in_sight_and_can_be_clicked(wizard: Wizard) -> None:
    async with wizard().run_test(size=(60, 12)) as pilot:
        await go_to(pilot, "Hardening")
        assert "Hardening" in visible(pilot)
        assert "Platform" not in visible(pilot)
        lines = visible(pilot).splitlines()
        await pilot.click(offset=(4, next(number for number, line in enumerate(lines) if "Sign-in" in line)))
        await pilot.pause()
        assert open_page(pilot) == "Sign-in"


async def test_a_terminal_too_slim_for_the_trail_has_the_page_in_its_title(wizard: Wizard) -> None:
    async with wizard().run_test(size=(50, 12)) as pilot:
        await go_to(pilot, "Masters")
        await until(pilot, lambda: "new cluster · 3/13 Masters" in visible(pilot))
        assert "○ Workers" not in visible(pilot)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "○ Workers" in visible(pilot))
        assert "3/13" not in visible(pilot)


async def test_page_down_reads_on_in_an_explanation_that_does_not_fit(wizard: Wizard) -> None:
    async with wizard().run_test(size=(50, 12)) as pilot:
        await go_to(pilot, "Ingress")
        await settle(pilot)
        assert "What it costs" not in visible(pilot)
        for _ in range(9):
            await pilot.press("pagedown")
            if "What it costs" in visible(pilot):
                return
    raise AssertionError("the explanation of an answer can't be read to its end")


async def test_the_pages_can_be_clicked(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        await pilot.pause()
        await pilot.click("Trail", offset=(4, 4))
        await pilot.pause()
        assert open_page(pilot) == "Workers"


async def test_the_rehearsal_says_so_on_every_page(wizard: Wizard) -> None:
    async with wizard().run_test() as pilot:
        for _ in TITLES[1:]:
            await pilot.pause()
            assert "rehearsal · nothing leaves this computer" in visible(pilot)
            await pilot.press("ctrl+down")
