"""`craton bundle`: everything that a plan installs, in one place, for machines without internet."""

from __future__ import annotations

import typer

app = typer.Typer(pretty_exceptions_enable=False)
