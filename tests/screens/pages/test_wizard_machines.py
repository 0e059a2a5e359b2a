"""The wizard's page of machines: typing, seeing how far each is reached, and what can be done about it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from installer.cluster import administrator
from installer.common.paths import ClusterDirectory
from installer.operations.login import connection_tests
from installer.operations.login.connection_tests import Notify, Trial
from installer.plan import planfile
from installer.plan.host import Host
from installer.plan.questions import draft, reading
from installer.plan.questions.catalogue import question_of
from installer.plan.sections import SSH
from screens.app import CratonApp
from screens.dialogs.password import PasswordDialog
from screens.pages.review import ReviewScreen
from screens.pages.wizard import WizardScreen
from screens.widgets import inventory as widget
from screens.widgets.inventory import InventoryTable
from screens.widgets.inventory_text import InventoryText
from tests.doubles.connection_tester import REFUSED, UNKNOWN, FakeConnectionTester
from tests.patience import PATIENCE
from tests.screens.stand_ins import settle, visible
from tests.screens.watching import ended, hides, shows, until

WIDE = (140, 40)
ENDS = {"10.0.0.2": ("host key", *UNKNOWN), "10.0.0.3": ("log in", *REFUSED)}
Wizard = Callable[..., CratonApp]


@pytest.fixture
def tester() -> FakeConnectionTester:
    return FakeConnectionTester(ENDS)


@pytest.fixture
def wizard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tester: FakeConnectionTester) -> Wizard:
    """An application that starts with the wizard for own machines, which are tried by `tester`."""
    monkeypatch.setenv("CRATON_HOME", str(tmp_path / "craton"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "ada")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(connection_tests, "ConnectionTester", lambda: tester)
    monkeypatch.setattr(widget, "LOOKS", 0.01)
    monkeypatch.setattr(widget, "IDLE", 60.0)

    def with_machines(text: str = "", **answers: Any) -> CratonApp:
        listed = reading.parse(question_of("machines.inventory"), text)
        given = {"name": "demo", "platform": "machines", "subdomain": "example.test", "machines.inventory": listed}
        return CratonApp(lambda: WizardScreen({**given, **answers}))

    return with_machines


async def open_page(pilot: Pilot[Any]) -> InventoryText:
    """Go to the page of machines; returns its text."""
    await pilot.pause()
    await pilot.press("ctrl+down", "ctrl+down")
    await shows(pilot, "Which machines should")
    return pilot.app.screen.query_one(InventoryText)


def row(pilot: Pilot[Any], address: str) -> str:
    """The line of the table about a machine."""
    table = pilot.app.screen.query_one(InventoryTable).region
    lines = visible(pilot).split("\n")[table.y : table.bottom]
    return next((line[table.x :].strip() for line in lines if address in line[table.x :]), "")


async def row_shows(pilot: Pilot[Any], address: str, words: str) -> None:
    await until(pilot, lambda: words in row(pilot, address), f"{words!r} in the row of {address}")


async def test_a_machine_is_tried_while_the_next_one_is_typed(wizard: Wizard, tester: FakeConnectionTester) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await pilot.press(*"10.0.0.1", "enter", *"10.0.0.4")
        await row_shows(pilot, "10.0.0.1", "● ready")
        assert tester.tried == ["10.0.0.1"]
        assert "ready" not in row(pilot, "10.0.0.4")


async def test_the_last_line_is_tried_once_nothing_is_typed_for_a_while(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widget, "IDLE", 0.05)
    async with wizard().run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await pilot.press(*"10.0.0.1")
        await row_shows(pilot, "10.0.0.1", "● ready")


async def test_a_pasted_list_becomes_a_table(wizard: Wizard) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert("10.0.0.[1-3]\nroot@10.0.0.4:2222 role=infra\n10.0.0.5\n")
        await row_shows(pilot, "10.0.0.1", "master-1  ada     22            ● ready")
        await row_shows(pilot, "10.0.0.2", "master-2  ada     22            ▲ new host key SHA256:Vt8mH1sYc3k9")
        await row_shows(pilot, "10.0.0.3", "master-3  ada     22            ✕ log in: ada was refused")
        await row_shows(pilot, "10.0.0.4", "infra-1   root  2222            ● ready")
        await row_shows(pilot, "10.0.0.5", "worker-1  ada     22            ● ready")
        await shows(pilot, "✕ 1 unreachable  ▲ 1 to be asked  ● 3 ready")


async def test_a_line_with_a_mistake_has_its_row_and_the_others_are_tried(wizard: Wizard) -> None:
    async with wizard("10.0.0.1\n10.0.0.9 role=boss\n10.0.0.4").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await row_shows(pilot, "10.0.0.9", "✕ line 2: role: ")
        await row_shows(pilot, "10.0.0.4", "● ready")


async def test_lines_that_cannot_be_read_and_machines_that_cannot_be_reached_are_counted_apart(wizard: Wizard) -> None:
    async with wizard("10.0.0.1\n10.0.0.3\noh!\nnot a host!!\n10.0.0.1\n10.0.0.4").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await shows(pilot, "✕ 2 unreadable  ✕ 1 listed twice  ✕ 1 unreachable  ● 2 ready")
        await row_shows(pilot, "not a host!!", "✕ line 4: not a host!! isn't a machine")


async def test_an_inventory_of_another_program_is_read_and_what_was_left_out_is_said(wizard: Wizard) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert("[masters]\nm1 ansible_host=10.0.0.4\n[workers]\nw1 ansible_host=10.0.0.5 rack=7\n")
        await row_shows(pilot, "10.0.0.4", "master-1")
        await row_shows(pilot, "10.0.0.5", "worker-1")
        await shows(pilot, "Read as an Ansible inventory. Ignored: the variable rack.")
        await pilot.press("tab", "end", "i")
        await row_shows(pilot, "10.0.0.5", "infra-1")
        assert text.text == "10.0.0.4 role=master  # m1\n10.0.0.5 role=infra  # w1\n"
        await hides(pilot, "Read as")


async def test_a_key_shown_at_the_bottom_goes_on_from_the_text(wizard: Wizard) -> None:
    async with wizard("10.0.0.[4-8]").run_test() as pilot:
        await open_page(pilot)
        await shows(pilot, "^n Next")
        await pilot.press("ctrl+n")
        await shows(pilot, "How many masters?")
        assert "^n" not in visible(pilot)


async def test_the_key_does_not_go_on_past_a_mistake(wizard: Wizard) -> None:
    async with wizard("10.0.0.4\n10.0.0.4").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await pilot.press("ctrl+n")
        await shows(pilot, "line 2: 10.0.0.4 is already listed in line 1")
        assert "How many masters?" not in visible(pilot)


async def test_the_row_under_the_cursor_is_told_stage_by_stage(wizard: Wizard) -> None:
    async with wizard("10.0.0.[1-3]").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await row_shows(pilot, "10.0.0.3", "✕ log in")
        await pilot.press("tab", "down", "down")
        await shows(pilot, "✕ it accepts one of your keys", REFUSED[0], REFUSED[1], "○ sudo needs no password")
        await pilot.press("up")
        await shows(pilot, "▲ its host key is known", "It is asked once, before the install.")


async def test_a_short_terminal_tells_the_stage_that_does_not_hold(wizard: Wizard) -> None:
    async with wizard("10.0.0.[1-3]").run_test() as pilot:
        await open_page(pilot)
        await row_shows(pilot, "10.0.0.3", "✕ log in")
        await pilot.press("tab", "down", "down")
        await shows(pilot, "● resolve", "✕ log in    ○ shell", "add the key to ~/.ssh/authorized_keys")


async def test_enter_ends_a_line_in_the_text_and_goes_on_from_the_table(wizard: Wizard) -> None:
    async with wizard("10.0.0.[4-8]").run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        await pilot.press("enter", *"10.0.0.9")
        assert text.text.endswith("10.0.0.8\n10.0.0.9")
        await pilot.press("tab", "enter")
        await shows(pilot, "How many masters?")


ROLES = [
    (("m",), "10.0.0.4 role=master\n10.0.0.5\n10.0.0.6\n"),
    (("i",), "10.0.0.4 role=infra\n10.0.0.5\n10.0.0.6\n"),
    (("down", "w"), "10.0.0.4\n10.0.0.5 role=worker\n10.0.0.6\n"),
    (("space",), "10.0.0.4 role=master\n10.0.0.5\n10.0.0.6\n"),
    (("space", "space"), "10.0.0.4 role=infra\n10.0.0.5\n10.0.0.6\n"),
    (("space", "space", "space", "space"), "10.0.0.4\n10.0.0.5\n10.0.0.6\n"),
]


@pytest.mark.parametrize(("keys", "expected"), ROLES)
async def test_a_role_is_given_with_a_key_and_stands_in_the_text(
    wizard: Wizard, keys: tuple[str, ...], expected: str
) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert("10.0.0.[4-6]\n")
        await row_shows(pilot, "10.0.0.6", "ready")
        await pilot.press("tab")
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        assert text.text == expected


async def test_changing_a_role_tries_nothing_again(wizard: Wizard, tester: FakeConnectionTester) -> None:
    async with wizard("10.0.0.[4-6]").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await row_shows(pilot, "10.0.0.6", "ready")
        await pilot.press("tab", "end", "m")
        await row_shows(pilot, "10.0.0.6", "master-1")
        assert sorted(tester.tried) == ["10.0.0.4", "10.0.0.5", "10.0.0.6"]


async def test_a_machine_is_tried_again_on_a_key(wizard: Wizard) -> None:
    async with wizard("10.0.0.[3-5]").run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await row_shows(pilot, "10.0.0.3", "✕ log in")
        await pilot.press("tab", "r")
        await row_shows(pilot, "10.0.0.3", "● ready")


async def test_addresses_that_names_stand_for_are_filled_in_on_a_key(wizard: Wizard) -> None:
    async with wizard("10.0.0.4\n10.0.0.5").run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert("\nweb # shop\n")
        await row_shows(pilot, "web", "10.0.0.16?")
        await shows(pilot, "✕ Machines", "✕ web internal:")
        await pilot.press("tab", "f")
        await hides(pilot, "✕")
        assert text.text == "10.0.0.4\n10.0.0.5\nweb internal=10.0.0.16 # shop\n"
        assert "f Fill" not in visible(pilot)


async def test_a_name_of_the_ssh_configuration_is_offered_as_it_is_begun(wizard: Wizard, tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host *.example.com\nHost bastion web-1 web-2\n")
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        await pilot.press(*"10.0.0.1, ada@we")
        assert text.suggestion == "b-1"
        await pilot.press("right")
        assert text.text == "10.0.0.1, ada@web-1"


async def test_what_was_typed_is_in_the_plan(wizard: Wizard, tmp_path: Path) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert("10.0.0.[4-8]\nada@web:2222 internal=10.0.0.9 role=worker")
        await pilot.pause()
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert isinstance(pilot.app.screen, PasswordDialog)
        await pilot.press(*"correct horse", "enter", *"correct horse", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await settle(pilot)
    kept = administrator.hash_file(ClusterDirectory.of("demo")).read_text()
    assert kept.startswith("$2b$12$")
    assert "correct horse" not in (tmp_path / "demo.yaml").read_text()
    plan = planfile.load(tmp_path / "demo.yaml")
    assert (plan.masters, plan.infra, plan.workers, plan.ssh.user) == (3, 1, 2, "ada")
    assert [host.address for host in plan.inventory] == [*(f"10.0.0.{n}" for n in range(4, 9)), "web"]


async def test_a_list_stands_as_it_was_typed_when_one_comes_back_to_it(wizard: Wizard) -> None:
    typed = "10.0.0.[4-8]  # the old rack\n\n"
    async with wizard().run_test(size=WIDE) as pilot:
        text = await open_page(pilot)
        text.insert(typed)
        await pilot.pause()
        await pilot.press("ctrl+down", "ctrl+up")
        await shows(pilot, "Which machines should", "the old rack")
        assert pilot.app.screen.query_one(InventoryText).text == typed


async def test_a_list_that_is_not_right_yet_is_kept_in_the_draft(wizard: Wizard) -> None:
    async with wizard().run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await pilot.press(*"10.0.0.", "ctrl+q")
    kept = draft.load_draft()
    assert kept is not None
    assert (kept.page, kept.answers["machines.inventory"]) == ("Machines", "10.0.0.")


async def test_a_rehearsal_has_no_page_of_machines(wizard: Wizard) -> None:
    async with wizard(platform="rehearsal").run_test(size=WIDE) as pilot:
        await pilot.pause()
        await pilot.press("ctrl+down", "ctrl+down")
        await shows(pilot, "How many masters?")
        assert "Machines" not in visible(pilot)
        await pilot.press("escape")
        await shows(pilot, "Where do the machines come from?")


async def test_leaving_the_page_and_craton_waits_for_no_machine(
    wizard: Wizard, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    class Stuck(FakeConnectionTester):
        def __call__(self, host: Host, ssh: SSH, notify: Notify) -> Trial:
            begun.set()
            go.wait(PATIENCE)
            return super().__call__(host, ssh, notify)

    monkeypatch.setattr(connection_tests, "ConnectionTester", Stuck)
    app = wizard("10.0.0.[4-8]")
    async with app.run_test(size=WIDE) as pilot:
        await open_page(pilot)
        await until(pilot, begun.is_set, "the first trial")
        await pilot.press("ctrl+down")
        await shows(pilot, "How many masters?")
        await pilot.press("ctrl+q")
        await ended(pilot, 8)
    go.set()
