"""The command `craton glossary`: the terms that screens and pages use."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from installer.cli.groups import STARTED
from installer.common.console import result
from installer.common.errors import ExitCode, InstallerError
from installer.common.text import shown
from installer.plan import glossary
from installer.plan.glossary import Term

app = typer.Typer(pretty_exceptions_enable=False)

_WIDTH = 90


@app.command("glossary", rich_help_panel=STARTED)
def explain(
    term: Annotated[str, typer.Argument(help="A term, or part of one; without it, all are listed.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the page docs/glossary.md.")] = False,
) -> None:
    """Explain the terms that Craton's screens use, such as etcd, ingress or taint."""
    if markdown:
        result(glossary.page().rstrip())
        return
    exact = glossary.find(term)
    found = (exact,) if exact else glossary.matching(term)
    if not found:
        raise InstallerError(
            "explain a term",
            f"the glossary has nothing about '{shown(term)}'",
            hint="list every term with `craton glossary`",
            exit_code=ExitCode.USAGE,
        )
    result("\n\n".join(_entry(one) for one in found))


def _entry(term: Term) -> str:
    return "\n".join([term.name, *textwrap.wrap(term.meaning, _WIDTH, initial_indent="  ", subsequent_indent="  ")])
