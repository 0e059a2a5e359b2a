"""What to know before an install, as labelled lines; for own machines also how many of them answer right now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Thread

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from installer.common.text import count
from installer.operations.account import AccountProcess, ask_costs
from installer.operations.login import connection_tests
from installer.operations.login.connection_tests import State, Trial, Trials
from installer.operations.outlook import Outlook
from installer.plan.host import Host
from installer.plan.model import InstallPlan
from installer.plan.topology import hosts
from screens import theme

LOOKS = 0.2
"""Seconds between looks at what has come of the connections that are being tried."""
_ASKING = "asking your account for its prices …"
_NAMED = 3
"""Machines that are named; of more there is a number."""

Line = tuple[str, str]


class OutlookPane(Vertical):
    """Shows an Outlook. Own machines are tried on threads, and a cloud's account is asked for prices unless `offline`.

    Nothing here waits for either.
    """

    DEFAULT_CSS = """
    OutlookPane {
        height: auto;
        margin-top: 1;
        .line { layout: horizontal; height: auto; }
        .label { width: 12; color: $faint; }
        .text { width: 1fr; max-width: 90; height: auto; }
    }
    """

    class CostsCame(Message):
        """The account has said what the machines cost, or that nobody knows."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, plan: InstallPlan, *, offline: bool = False) -> None:
        super().__init__()
        self._hosts: Sequence[Host] = tuple(hosts(plan).values())
        self._ssh = plan.ssh
        self._outlook: Outlook | None = None
        self._tester: connection_tests.ConnectionTester | None = None
        self._trials: Trials | None = None
        self._seen = -1
        self._plan = plan
        self._costs = _ASKING if plan.traits.cloud and not offline else ""
        self._account: AccountProcess | None = None

    def compose(self) -> ComposeResult:
        yield Static("Before you install", classes="title")
        for label in ("takes", "needs", "downloads", "costs", "undo", *(["reachable"] if self._hosts else [])):
            with Vertical(classes="line"):
                yield Static(label, classes="label")
                yield Static("…", id=label, classes="text")

    def on_mount(self) -> None:
        if self._hosts:
            self._tester = connection_tests.ConnectionTester()
            self._trials = Trials(self._tester)
            self._trials.want(self._hosts, self._ssh)
            self.set_interval(LOOKS, self._look)
        if self._costs:
            self._account = AccountProcess()
            ask_costs(self._plan, self._account, self._costs_came)

    def _costs_came(self, words: str) -> None:
        """Called on another thread."""
        self.post_message(self.CostsCame(words))

    def on_outlook_pane_costs_came(self, event: CostsCame) -> None:
        self._costs = event.words
        if self._outlook:
            self.show(self._outlook)

    def on_unmount(self) -> None:
        if self._account:
            self._account.close()
        if self._trials and self._tester:
            self._trials.close()
            Thread(target=self._tester.close, daemon=True).start()

    def show(self, outlook: Outlook) -> None:
        outlook = self._outlook = replace(outlook, costs=self._costs or outlook.costs)
        for label, words in outlook.lines:
            self.query_one(f"#{label}", Static).update(Content(words))

    @property
    def lines(self) -> tuple[Line, ...]:
        """What is shown, for a dialog to show as well."""
        told = self._outlook.lines if self._outlook else ()
        return (*told, *([("reachable", self.reached.plain)] if self._hosts else []))

    @property
    def reached(self) -> Content:
        """How many of the user's machines answer, as far as that is known."""
        trials = self._trials
        return reachable([(host.address, trials.of(host) if trials else None) for host in self._hosts])

    @property
    def can_try_again(self) -> bool:
        return bool(self._hosts)

    def try_again(self) -> None:
        """Try every machine once more that wasn't reached."""
        for host in self._hosts:
            trial = self._trials.of(host) if self._trials else None
            if self._trials and trial and trial.state in (State.FAILED, State.ASKS):
                self._trials.again(host)

    def _look(self) -> None:
        if self._trials and self._trials.version != self._seen:
            self._seen = self._trials.version
            self.query_one("#reachable", Static).update(self.reached)


def reachable(found: Sequence[tuple[str, Trial | None]]) -> Content:
    """In a sentence: how many of the machines answered, which didn't and why, and which key tries them again."""
    ready, asking, failed = (
        [name for name, trial in found if trial and trial.state is state]
        for state in (State.READY, State.ASKS, State.FAILED)
    )
    pending = len(found) - len(ready) - len(asking) - len(failed)
    words = [f"{len(ready)} of {count(len(found), 'machine')} can be logged in to"]
    if pending:
        words.append(f"{pending} being tried")
    if asking:
        words.append(f"{len(asking)} will ask you something first")
    if failed:
        words.append(f"{len(failed)} can't be reached: {_some(failed, found)}")
    mark = theme.RUNNING if pending else theme.FAILED if failed else theme.WARNING if asking else theme.DONE
    again = " (t tries again)" if failed or asking else ""
    return theme.content(mark, f"{', '.join(words)}{again}")


def _some(names: Sequence[str], found: Sequence[tuple[str, Trial | None]]) -> str:
    stages = {name: trial.at.id for name, trial in found if trial and trial.at}
    named = ", ".join(f"{name} ({stages.get(name, 'unknown')})" for name in names[:_NAMED])
    return f"{named} and {len(names) - _NAMED} more" if len(names) > _NAMED else named
