"""`craton aws`: what an AWS account needs to let Craton do."""

from __future__ import annotations

import json

import typer

from installer.common.console import result

app = typer.Typer(
    name="aws",
    help="AWS: the permissions that Craton needs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Commands about AWS."""


@app.command()
def policy() -> None:
    """Print the smallest IAM policy that lets Craton install and destroy a cluster."""
    from installer.platforms.aws.policy import document

    result(json.dumps(document(), indent=2))
