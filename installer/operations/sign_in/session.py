"""Sign in to a cluster, give kubectl a token that is valid, and sign out again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from installer.cluster.admin_access import server_of
from installer.cluster.console_certificate import issuer_certificate
from installer.common import paths, yaml_editor
from installer.common.errors import ExitCode, InstallerError
from installer.common.paths import ClusterDirectory
from installer.operations import lookup
from installer.operations.kubeconfig import kept_access
from installer.operations.sign_in import tokens
from installer.operations.sign_in.browser import listening
from installer.operations.sign_in.provider import Provider
from installer.operations.sign_in.tokens import Tokens
from installer.plan.model import InstallPlan

PATIENCE = 300.0
"""Seconds in which somebody has to sign in."""
_LEAST = 60.0
"""Seconds that a token lasts at least when kubectl gets it."""


def sign_in(cluster: str, *, device: bool, open_browser: Callable[[str], bool], notify: Callable[[str], None]) -> str:
    """Sign in, and keep the tokens. Returns as whom. Raises InstallerError."""
    directory, plan = _known(cluster)
    found = provider(directory, plan)
    if device:
        kept = found.device(lambda address, code: notify(f"Open {address} and enter {code}"), PATIENCE)
    else:
        kept = _by_browser(found, open_browser, notify)
    tokens.save(directory, kept)
    return str(kept.claims.get("email") or kept.claims.get("sub"))


def credential(cluster: str) -> dict[str, Any]:
    """What kubectl asks of its plugin (client.authentication.k8s.io/v1): a token that lasts. Secret.

    Raises InstallerError (usage) if somebody has to sign in first.
    """
    directory, plan = _known(cluster)
    kept = tokens.load(directory)
    if kept is None or kept.issuer != plan.issuer:
        raise _nobody(cluster)
    if not kept.lasts(_LEAST):
        kept = _refreshed(directory, plan)
    ends = datetime.fromtimestamp(kept.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status = {"token": kept.id_token, "expirationTimestamp": ends}
    return {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}


def _refreshed(directory: ClusterDirectory, plan: InstallPlan) -> Tokens:
    """Fresh tokens. Of several kubectl at once only one asks: a refresh token works once."""
    import fcntl

    lock = tokens.place(directory).with_suffix(".lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        kept = tokens.load(directory)
        if kept is None or not kept.lasts(_LEAST):
            if kept is None:
                raise _nobody(plan.name)
            kept = provider(directory, plan).refreshed(kept)
            tokens.save(directory, kept)
        return kept


def _nobody(cluster: str) -> InstallerError:
    return InstallerError(
        f"sign in to {cluster}", "nobody is signed in", hint=f"craton login {cluster}", exit_code=ExitCode.USAGE
    )


def sign_out(cluster: str) -> bool:
    """Remove the tokens from this computer; whether there were any."""
    return tokens.forget(lookup.existing(cluster))


def kubeconfig(cluster: str, program: str) -> str:
    """A kubeconfig without any secret: kubectl asks `program` for a token each time, whatever its own environment."""
    directory, plan = _known(cluster)
    access = kept_access(directory, plan)
    user = f"{cluster}-oidc"
    run = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": program,
        "args": ["credential", cluster],
        "env": [{"name": "CRATON_HOME", "value": str(paths.home())}],
        "interactiveMode": "Never",
        "installHint": "Craton gives kubectl its tokens: install it, then `craton login`.",
    }
    settings = {"certificate-authority-data": access.authority, "server": server_of(plan)}
    return yaml_editor.block(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": settings}],
            "users": [{"name": user, "user": {"exec": run}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
            "current-context": cluster,
        }
    )


def provider(directory: ClusterDirectory, plan: InstallPlan) -> Provider:
    """Raises InstallerError if it does not answer."""
    return Provider.discover(plan.name, plan.issuer, issuer_certificate(plan, directory))


def _by_browser(found: Provider, open_browser: Callable[[str], bool], notify: Callable[[str], None]) -> Tokens:
    with listening() as answer:
        url, answer.state, verifier = found.authorization(answer.redirect)
        if not open_browser(url):
            notify(f"Open this address in a browser on this computer:\n  {url}")
        notify(f"Waiting up to {PATIENCE:.0f} s for the sign-in in the browser ...")
        if not answer.came.wait(PATIENCE):
            answer.error = f"nobody signed in within {PATIENCE:.0f} s"
        if answer.error:
            raise InstallerError(
                f"sign in to {found.cluster}", answer.error, hint="try again", exit_code=ExitCode.USAGE
            )
        return found.exchange(answer.redirect, answer.code, verifier)


def _known(cluster: str) -> tuple[ClusterDirectory, InstallPlan]:
    """Raises InstallerError (usage) if nobody can sign in to that cluster."""
    directory, plan = lookup.existing(cluster), lookup.load(cluster)
    if not plan.addons.sign_in or plan.traits.stand_ins:
        why = "it is a rehearsal: nothing answers there" if plan.traits.stand_ins else "its plan leaves sign-in out"
        hint = f"craton kubeconfig {cluster} has the administrator's certificate"
        raise InstallerError(f"sign in to {cluster}", why, hint=hint, exit_code=ExitCode.USAGE)
    return directory, plan
