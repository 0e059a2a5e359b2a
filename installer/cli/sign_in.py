"""`craton login`, `logout`, `credential` and `password`: people who use a cluster."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from installer.cli.common import AnyCluster, Cluster, pick
from installer.cli.groups import RUNNING
from installer.common.console import notify, result, result_json
from installer.common.errors import ExitCode, InstallerError

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
    cluster: AnyCluster = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Set the password with which the administrator signs in. The next `craton apply` or `resume` brings it there."""
    from installer.cluster import administrator
    from installer.operations import lookup

    name = pick(cluster)
    directory, plan = lookup.existing(name), lookup.load(name)
    administrator.set_password(
        directory, sys.stdin.readline().rstrip("\n") if password_stdin else _asked(plan.administrator)
    )
    result(f"{name}: kept. Now run `craton resume {name}`: {plan.administrator} signs in with it after that.")


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


def _asked(email: str) -> str:
    if not sys.stdin.isatty():
        raise InstallerError(
            "ask for the password",
            "there is no terminal to ask on",
            hint="give it on standard input with --password-stdin",
            exit_code=ExitCode.USAGE,
        )
    first = getpass.getpass(f"New password of {email}: ")
    if getpass.getpass("The same again: ") != first:
        raise InstallerError("set the password", "the two passwords differ", hint="try again", exit_code=ExitCode.USAGE)
    return first


def _opens_none(_url: str) -> bool:
    return False
