"""The command `craton new`: from flags, prompts or screens to a plan file. Its flags are the questions."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from installer.common.console import notify, result
from installer.common.errors import ExitCode, InstallerError
from installer.plan.question import Flag, Kind
from installer.plan.questions.catalogue import flags, question_of

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan
from typing import TYPE_CHECKING

from installer.cli.common import Mode, mode_of

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan


Screens = Callable[[Mapping[str, Any], Path | None], int]
"""Runs the wizard on the answers so far and a place for the plan; returns the exit code."""


def wizard() -> Screens | None:
    """What runs the wizard's screens; None without a terminal."""
    if mode_of(as_json=False, plain=False) is not Mode.SCREEN:
        return None
    from screens.app import run_wizard

    return run_wizard


def command(wizard: Callable[[], Screens | None]) -> Callable[..., None]:
    """The function that typer makes the command of.

    `wizard` returns what runs the screens, or None where there is no terminal for them.
    """

    def new(output: Path | None, yes: bool, plain: bool, force: bool, **given: Any) -> None:
        from installer.plan.questions.answers import answers_of_flags, plan_of

        answers = answers_of_flags(given)
        screens = None if yes or plain else wizard()
        if output is not None and not force:
            _refuse_to_overwrite(output)
        if screens:
            raise typer.Exit(screens(answers, output))
        _say_notes(given)
        if not yes:
            answers = _ask(answers)
        plan = plan_of(answers)
        path = _save(plan, output, force=force)
        if not yes:
            _ask_password(plan)
        notify(f"next: craton review {path}, then craton apply {path}")

    new.__doc__ = (
        "Answer a few questions and get a plan. A flag answers its question in advance; --yes takes the other defaults."
    )
    parameters = [
        _parameter("output", Path | None, "--output", "-o", help="The plan file to write; default NAME.yaml."),
        _parameter("yes", bool, "--yes", "-y", help="Ask nothing: no flag means the default.", default=False),
        _parameter("plain", bool, "--plain", help="Ask in plain lines instead of screens.", default=False),
        _parameter("force", bool, "--force", help="Overwrite an existing plan file.", default=False),
        *(_flag_parameter(flag) for flag in flags()),
    ]
    # typer reads a command's options from its signature; here they are made from the questions.
    new.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    new.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return new


def _say_notes(given: Mapping[str, Any]) -> None:
    """Say how lists in flags were read, and what was left out of them."""
    from installer.plan.questions import reading

    for flag in flags():
        text = given.get(flag.parameter)
        if isinstance(text, str) and (note := reading.note(question_of(flag.field), text)):
            notify(note)


def _parameter(name: str, type_: Any, *declarations: str, default: Any = None, **more: Any) -> inspect.Parameter:
    annotation = Annotated[type_, typer.Option(*declarations, **more)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flag_parameter(flag: Flag) -> inspect.Parameter:
    type_ = bool | None if flag.kind is Kind.YES_NO else str | None
    metavar = Kind.TEXT if flag.kind is Kind.INVENTORY else flag.kind
    more: dict[str, Any] = {} if flag.kind is Kind.YES_NO else {"metavar": metavar.upper()}
    if flag.kind is Kind.INVENTORY:
        more["autocompletion"] = complete_aliases
    return _parameter(
        flag.parameter, type_, flag.name, help=flag.help, rich_help_panel="Answers", show_default=False, **more
    )


def complete_aliases(incomplete: str) -> list[str]:
    """Hosts of ~/.ssh/config that go on as the word begun last does."""
    from installer.ssh.config_hosts import aliases

    head, separator, begun = re.match(r"(?s)(.*?)([\s,]?)([^\s,]*)$", incomplete).groups()  # type: ignore[union-attr]
    return [f"{head}{separator}{name}" for name in aliases() if name.startswith(begun)]


def _ask(answers: dict[str, Any]) -> dict[str, Any]:
    if not sys.stdin.isatty():
        raise InstallerError(
            "ask the questions",
            "there is no terminal to ask on",
            hint="pass --yes and flags such as --name and --subdomain",
            exit_code=ExitCode.USAGE,
        )
    from installer.cli import prompts

    return prompts.ask(answers)


def _ask_password(plan: InstallPlan) -> None:
    from installer.cli.sign_in import ask_before_install

    try:
        ask_before_install(plan)
    except (KeyboardInterrupt, EOFError):
        hint = f"the plan is saved; Craton makes a password, and `craton password {plan.name}` sets another afterwards"
        raise InstallerError("ask", "interrupted", hint=hint, exit_code=ExitCode.INTERRUPTED) from None


def _save(plan: InstallPlan, output: Path | None, *, force: bool) -> Path:
    from installer.plan import planfile
    from installer.plan.questions import draft

    path = output or Path(f"{plan.name}.yaml")
    if not force:
        _refuse_to_overwrite(path)
    planfile.save(path, plan, replace=force)
    draft.discard_draft()
    result(str(path))
    return path


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise InstallerError(
            "write the plan",
            f"{path} exists already",
            hint="give another place with --output, or overwrite it with --force",
            exit_code=ExitCode.USAGE,
        )
