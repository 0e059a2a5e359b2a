"""The questions before a run, asked and answered line by line on a plain terminal."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence

from installer.common.console import ask_line, notify
from installer.common.scrub import safe
from installer.common.text import columns, tilde
from installer.operations.login.questions import (
    Answer,
    NewHostKeys,
    Passphrase,
    Question,
    Questions,
    Rebuilt,
    known_before,
)
from installer.operations.login.survey import FoundKey, Survey

_COLUMNS = ("machine", "address", "key type", "fingerprint")


def settle(questions: Questions, answer: Callable[[Question], Answer]) -> Survey | None:
    """Have every question answered; the last look at the machines. Raises what the questions or answers raise."""
    given: Answer = None
    try:
        question = next(questions)
        while True:
            given = answer(question)
            question = questions.send(given)
    except StopIteration as end:
        found: Survey | None = end.value
        return found
    finally:
        questions.close()


def ask(question: Question) -> Answer:
    """Ask on the terminal: stderr shows, stdin answers. The end of input is a no."""
    if isinstance(question, NewHostKeys):
        return _ask_about_new(question.keys)
    if isinstance(question, Rebuilt):
        return _ask_about_changed(question.key)
    return _ask_for_passphrase(question)


def table(keys: Sequence[FoundKey]) -> str:
    """Host keys, one a line under a heading, to be compared with those of the machines."""
    rows = [_COLUMNS, *((key.title, key.address, key.type, key.fingerprint) for key in keys)]
    return "\n".join(columns(rows, indent="  "))


def _ask_about_new(keys: Sequence[FoundKey]) -> set[str]:
    notify(f"\n{'This host key is' if len(keys) == 1 else f'These {len(keys)} host keys are'} not known yet:\n")
    notify(table(keys))
    notify(
        "\nCompare them with what `ssh-keygen -lf` says about the .pub files in /etc/ssh on the machines. "
        "If they differ, something else is answering in their place."
    )
    answer = _choose("Are these the keys of your machines?", ("yes", "no", "show"), "show asks about each by itself")
    if answer == "show":
        return {key.name for key in keys if _show(key)}
    return {key.name for key in keys} if answer == "yes" else set()


def _show(key: FoundKey) -> bool:
    behind = f", on the way to {', '.join(key.machines)}" if key.machines != (key.name,) else ""
    notify(f"\n  {key.title} at {key.address}{behind}\n    {key.type} {key.fingerprint}")
    return _choose(f"Is this the key of {key.title}?", ("yes", "no")) == "yes"


def _ask_about_changed(key: FoundKey) -> bool:
    notify(f"\nThe host key of {key.title} at {key.address} changed:")
    notify(f"  before  {known_before(key)}")
    notify(f"  now     {key.type} {key.fingerprint}")
    notify("A rebuilt machine has a new key. So does an impostor.")
    return _choose(f"Was {key.title} rebuilt?", ("yes", "no")) == "yes"


def _ask_for_passphrase(question: Passphrase) -> str | None:
    if question.wrong:
        notify("That isn't the passphrase.")
    named = ", ".join(question.machines[:4]) + (" ..." if len(question.machines) > 4 else "")
    try:
        return getpass.getpass(safe(f"Passphrase of {tilde(question.path)}, for {named} (empty: do without): ")) or None
    except EOFError:
        return None


def _choose(prompt: str, answers: Sequence[str], detail: str = "") -> str:
    """One of the answers, which may be shortened to its first letter; `no` if nothing is said."""
    by_letter = {answer[0]: answer for answer in answers}
    note = f"; {detail}" if detail else ""
    while True:
        line = ask_line(f"{prompt} ({'/'.join(answers)}{note}) [no]")
        reply = line.strip().lower()
        if not line:
            notify("no")
        if not reply:
            return "no"
        if reply in answers or reply in by_letter:
            return by_letter[reply[0]]
