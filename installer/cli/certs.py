"""`craton certs`: how long a cluster's certificates last, and their renewal."""

from __future__ import annotations

import typer

from installer.cli.common import Cluster, Json, Plain, Yes, mode_of, unlock_keys
from installer.cli.groups import RUNNING
from installer.cli.run_options import Run, starts_a_run
from installer.common.console import result, result_json
from installer.common.errors import ExitCode

app = typer.Typer(pretty_exceptions_enable=False)
certs = typer.Typer(
    name="certs",
    help="Show how long a cluster's certificates last, and renew them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(certs, rich_help_panel=RUNNING)


@certs.command()
def show(cluster: Cluster, as_json: Json = False, plain: Plain = False, yes: Yes = False) -> None:
    """List every certificate on the machines and on this computer, soonest to expire first."""
    from installer.operations import certificates, lookup

    mode = mode_of(as_json=as_json, plain=plain)
    unlock_keys(lookup.load(cluster), mode, asks=not yes)
    found = certificates.certificates(cluster)
    if as_json:
        result_json(found.as_dict(), indent=2)
    else:
        result(certificates.render(found))
    raise typer.Exit(ExitCode.VERIFICATION if found.silent else ExitCode.DONE)


@certs.command()
@starts_a_run()
def renew(cluster: Cluster, run: Run) -> None:
    """Renew the certificates: one master after another, then kubelets, the console and the kubeconfig."""
    from installer.operations import lookup, runs

    plan = lookup.load(cluster)
    run.explain(
        f"{cluster}: certificates older than a month are renewed, one master after another\n"
        "  etcd and the control plane of each restart; workloads keep running\n"
        "  certificates from your own files are yours to renew"
    )
    run.confirm(f"Renew the certificates of {cluster}?")
    run.settle_access(plan)
    run.show(lambda: runs.start_renewal(cluster, run.options))
