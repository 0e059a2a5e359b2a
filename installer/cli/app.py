"""The commands. Each says what it does, hands over to the product, and turns the outcome into an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Any

import typer

from installer.cli import (
    aws,
    backup,
    bundle,
    certs,
    clusters,
    destroy,
    gcp,
    glossary,
    install,
    local,
    new,
    nodes,
    plans,
    releases,
    sign_in,
    support,
)
from installer.cli.common import (
    Mode,
    mode_of,
)
from installer.cli.groups import RUNNING, STARTED
from installer.common import streams
from installer.common.console import notify, result, result_json
from installer.common.errors import ExitCode, FileError, InstallerError
from installer.common.scrub import safe

app = typer.Typer(
    name="craton",
    help="Install self-hosted Kubernetes. Installs survive interruption, plans can be reviewed rule by rule, and a "
    "destroy proves that nothing is left.\n\nWithout a command, `craton` opens the home screen.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


for _commands in (
    plans,
    glossary,
    install,
    clusters,
    nodes,
    certs,
    releases,
    destroy,
    backup,
    bundle,
    sign_in,
    support,
):
    app.add_typer(_commands.app)
app.add_typer(local.app, rich_help_panel=RUNNING)
app.add_typer(aws.app, rich_help_panel=RUNNING)
app.add_typer(gcp.app, rich_help_panel=RUNNING)


@app.callback(invoke_without_command=True)
def home(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of internal errors.")] = False,
) -> None:
    """Without a command: the home screen on a terminal, this help elsewhere."""
    if debug:
        os.environ["CRATON_DEBUG"] = "1"
    if version:
        from installer import __version__

        result(f"craton {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    if mode_of(as_json=False, plain=False) is Mode.SCREEN:
        from screens.app import run_home

        raise typer.Exit(run_home())
    result(context.get_help())


app.command(name="new", rich_help_panel=STARTED)(new.command(new.wizard))


def run(*, can_print: bool = True) -> int:
    """Run the command line and return the exit code; errors become words on stderr.

    Where standard output can't be written to from the beginning, nothing is begun.
    """
    try:
        if not can_print:
            raise streams.not_written("standard output is closed")
        code = _code_of_command()
        sys.stdout.flush()
        return code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _misuse(error) if hasattr(error, "format_message") else report(error)


def _code_of_command() -> int:
    try:
        return _exit_code(app(standalone_mode=False))
    except SystemExit as exit_:
        return _exit_code(exit_.code)


def _misuse(error: Any) -> int:
    """Say what typer found wrong with the command line, as typer does, but with the user's words made safe."""
    from typer.rich_utils import rich_format_error

    message = safe(error.format_message())
    error.format_message = lambda: message
    rich_format_error(error)
    return int(error.exit_code)


def _exit_code(code: object) -> int:
    """typer ends with 130 after ctrl+c and with 1 after ctrl+d or an abort; both are an interruption."""
    if code in (1, 130):
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.DONE


def _in_words(error: Exception) -> InstallerError:
    if isinstance(error, InstallerError):
        return error
    if isinstance(error, OSError) and error.filename:
        return FileError(error, str(error.filename))
    if isinstance(error, FileNotFoundError):  # which only the current directory is, without a name
        return FileError(error, "the current directory")
    return InstallerError(
        "run the command",
        f"internal error: {type(error).__name__}: {error}",
        hint="run it again with `craton --debug ...` and report what it prints; no cluster was touched by this message",
    )


def report(failure: Exception) -> int:
    """Say on stderr what went wrong; return the exit code."""
    error = _in_words(failure)
    if os.environ.get("CRATON_DEBUG"):
        notify("".join(traceback.format_exception(failure)))
    if "--json" in sys.argv:
        with suppress(InstallerError):  # what went wrong before is worth more than that this can't be written
            result_json({"error": error.as_dict()})
    notify(f"error: {error}")
    if error.hint:
        notify(f"what to do: {error.hint}")
    return error.exit_code or ExitCode.USAGE
