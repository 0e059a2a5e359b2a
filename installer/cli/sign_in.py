"""`craton login`, `logout`, `credential`, `password` and `secret`: people who use a cluster."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import AnyCluster, Cluster, PlanOrAnyCluster, PlanOrCluster, pick
from installer.cli.groups import RUNNING
from installer.common.console import notify, result, result_json, shell_word
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory

if TYPE_CHECKING:
    from installer.plan.model import InstallPlan

app = typer.Typer(pretty_exceptions_enable=False)


@app.command(rich_help_panel=RUNNING)
def login(
    cluster: AnyCluster = None,
    device: Annotated[bool, typer.Option("--device", help="Show a code to enter on another computer.")] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or show the address.")
    ] = True,
) -> None:
    """Sign in to a cluster, for `kubectl` with a kubeconfig of `craton kubeconfig --oidc`."""
    import webbrowser

    from installer.operations.sign_in import session

    name = pick(cluster)
    who = session.sign_in(name, device=device, open_browser=webbrowser.open if browser else _opens_none, notify=notify)
    result(f"{name}: signed in as {who}")


@app.command(rich_help_panel=RUNNING)
def logout(cluster: AnyCluster = None) -> None:
    """Remove your session with a cluster from this computer."""
    from installer.operations.sign_in import session

    name = pick(cluster)
    result(f"{name}: {'signed out' if session.sign_out(name) else 'nobody was signed in'}")


@app.command(hidden=True)
def credential(cluster: Cluster) -> None:
    """Print a token for kubectl, as its exec plugins do."""
    from installer.operations.sign_in import session

    result_json(session.credential(cluster))  # whole: `result` hides what looks like a secret


@app.command(rich_help_panel=RUNNING)
def password(
    target: PlanOrAnyCluster = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Set the password with which the administrator signs in, also for a plan that isn't installed yet."""
    from installer.cluster import administrator

    plan, following = _meant(target)
    given = _line() if password_stdin else _asked(f"New password of {plan.administrator}")
    administrator.set_password(ClusterDirectory.of(plan.name), given)
    result(f"{plan.name}: kept. Now run `{following}`: {plan.administrator} signs in with it after that.")


@app.command(rich_help_panel=RUNNING)
def secret(
    target: PlanOrCluster,
    connector: Annotated[str, typer.Argument(help="The connector's id in the plan.")],
    secret_stdin: Annotated[bool, typer.Option("--secret-stdin", help="Read the secret from standard input.")] = False,
) -> None:
    """Set the secret of a sign-in connector, such as GitHub's, also for a plan that isn't installed yet."""
    from installer.cluster import connectors

    plan, following = _meant(target)
    found = next((each for each in plan.sign_in.connectors if each.id == connector and each.has_secret), None)
    if found is None or found.secret_file:
        observed = f"it is in {found.secret_file}" if found else f"the plan has no connector {connector} with one"
        hint = "change that file, then resume" if found else "sign_in.connectors in the plan has their ids"
        raise InstallerError("set a connector's secret", observed, hint=hint, exit_code=ExitCode.USAGE)
    given = _line() if secret_stdin else _asked(f"Secret of {connector}", "--secret-stdin")
    connectors.keep(ClusterDirectory.of(plan.name), connector, given)
    result(f"{plan.name}: kept. Now run `{following}`.")


def ask_for_secrets(plan: InstallPlan) -> None:
    """Ask for secrets of connectors that nobody has given; without a terminal, nothing is asked."""
    from installer.cluster import connectors

    for each in connectors.lacking(plan) if sys.stdin.isatty() else ():
        given = getpass.getpass(f"Secret of the connector {each.name or each.id}: ")
        connectors.keep(ClusterDirectory.of(plan.name), each.id, given)


def _meant(target: str | None) -> tuple[InstallPlan, str]:
    """The plan of a file or of a cluster, and the command that brings about what is set for it."""
    from installer.operations import lookup
    from installer.plan import planfile

    if target is not None and (target.endswith((".yaml", ".yml")) or "/" in target):
        plan = planfile.load(Path(target))
        return plan, f"craton apply {shell_word(target)}"
    name = pick(target)
    return lookup.load(name), f"craton resume {name}"


def ask_before_install(plan: InstallPlan) -> None:
    """Ask for the administrator's password of a plan that is new; nothing typed means that Craton makes one."""
    from installer.cluster import administrator

    if administrator.is_asked_for(plan):
        notify("\nIf you type nothing, Craton makes a password, and the end of the install says where it is.")
        administrator.choose(plan, _typed_twice(plan.administrator, administrator.problem))


def _typed_twice(email: str, problem: Callable[[str], str]) -> str | None:
    """A password that can be used, typed twice; None if nothing was typed."""
    while True:
        first = getpass.getpass(f"Password with which {email} will sign in: ")
        if not first:
            return None
        wrong = problem(first)
        if not wrong and getpass.getpass("The same again: ") == first:
            return first
        notify(wrong or "The two are not the same.")


def _line() -> str:
    """The first line of standard input. Secret."""
    return sys.stdin.readline().rstrip("\r\n")


def _asked(what: str, option: str = "--password-stdin") -> str:
    """Asked for twice, unseen. Secret. Raises InstallerError (usage)."""
    if not sys.stdin.isatty():
        raise InstallerError(
            "ask for a secret",
            "there is no terminal to ask on",
            hint=f"give it on standard input with {option}",
            exit_code=ExitCode.USAGE,
        )
    first = getpass.getpass(f"{what}: ")
    if getpass.getpass("The same again: ") != first:
        raise InstallerError(
            "set a secret", "the two that you typed differ", hint="try again", exit_code=ExitCode.USAGE
        )
    return first


def _opens_none(_url: str) -> bool:
    return False
