"""`craton nodes`, `craton upgrade`: an installed cluster changes while it runs."""

from __future__ import annotations

import typer

app = typer.Typer(pretty_exceptions_enable=False)
