"""`craton etcd`, `craton kubeconfig`: what keeps a cluster, and the way into it."""

from __future__ import annotations

import typer

app = typer.Typer(pretty_exceptions_enable=False)
