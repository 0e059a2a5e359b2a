"""Dex's connectors, from the plan and the files with their secrets."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from installer.common.errors import ExitCode, InstallerError
from installer.common.homes import expanded
from installer.common.paths import ClusterDirectory, write_private
from installer.plan.connectors import Connector
from installer.plan.model import InstallPlan
from installer.steps.step import Context, Observation, Proof

_LARGEST = 64 * 1024
_LDAPS = 636
_FIELD = "sign_in.connectors"


def kept_file(directory: ClusterDirectory, connector: str) -> Path:
    """Where `craton secret` keeps a connector's secret."""
    return directory.path / "connectors" / connector


def keep(directory: ClusterDirectory, connector: str, secret: str) -> None:
    """Keep a secret for the next run, which brings it into the cluster. Raises InstallerError (usage)."""
    if not secret or len(secret) > _LARGEST or not secret.isprintable():
        hint = "type it, or give it on one line of standard input"
        observed = "it is empty, or has characters that no secret has"
        raise InstallerError(f"keep the secret of {connector}", observed, hint=hint, exit_code=ExitCode.USAGE)
    write_private(kept_file(directory, connector), secret)


def lacking(plan: InstallPlan) -> tuple[Connector, ...]:
    """Connectors whose secret no file of the plan has, and nobody typed. Stand-ins need none."""
    if plan.traits.stand_ins or not plan.addons.sign_in:
        return ()
    directory = ClusterDirectory.of(plan.name)
    return tuple(
        each
        for each in plan.sign_in.connectors
        if each.has_secret and not each.secret_file and not kept_file(directory, each.id).exists()
    )


@dataclass(frozen=True)
class CheckConnectors(Proof):
    """Every file that a connector needs can be read: nothing else begins before."""

    plan: InstallPlan

    def observe(self, ctx: Context) -> Observation:  # noqa: ARG002 (asks only this computer)
        found = configurations(self.plan)
        return Observation(True, ", ".join(each["id"] for each in found))


def configurations(plan: InstallPlan) -> list[dict[str, Any]]:
    """What Dex is told of each connector. Secret. Raises InstallerError (preflight) naming a file that is no use."""
    return [
        {"type": each.type, "id": each.id, "name": each.name or each.id, "config": _of_type(plan, each)}
        for each in plan.sign_in.connectors
    ]


def _of_type(plan: InstallPlan, given: Connector) -> dict[str, Any]:
    if given.type == "ldap":
        return _ldap(plan, given)
    config: dict[str, Any] = {
        "clientID": given.client_id,
        "clientSecret": _secret(plan, given),
        "redirectURI": f"{plan.issuer}/callback",
    }
    if given.type == "github":
        # Without an organization GitHub names no groups, and everybody there may sign in, with no rights.
        return config | {"orgs": [{"name": name} for name in given.organizations], "teamNameField": "slug"}
    if given.type == "google":
        return config | {"hostedDomains": list(given.organizations)}
    scopes = ["profile", "email", "groups"]
    return config | {"issuer": given.issuer, "scopes": scopes, "insecureEnableGroups": True, "getUserInfo": True}


def _secret(plan: InstallPlan, given: Connector) -> str:
    """From the file that the plan names, or as somebody typed it. Secret. Raises InstallerError (preflight)."""
    if given.secret_file:
        return read_secret(given.secret_file, _FIELD)
    place = kept_file(ClusterDirectory.of(plan.name), given.id)
    if place.exists():
        return read_secret(str(place), _FIELD)
    if plan.traits.stand_ins:
        return "rehearsed"
    observed = f"nobody has given the secret of {given.id} yet"
    hint = f"craton secret {plan.name} {given.id} (before the install, with the plan's file for {plan.name})"
    raise InstallerError("read a connector's secret", observed, hint=hint, exit_code=ExitCode.PREFLIGHT)


def _ldap(plan: InstallPlan, given: Connector) -> dict[str, Any]:
    host = given.host or ""
    config: dict[str, Any] = {
        "host": host if ":" in host else f"{host}:{_LDAPS}",
        "usernamePrompt": "E-mail",
        "userSearch": {
            "baseDN": given.users,
            "filter": "(objectClass=person)",
            "username": "mail",
            "idAttr": "DN",
            "emailAttr": "mail",
            "nameAttr": "cn",
        },
    }
    if given.bind_dn:
        config |= {"bindDN": given.bind_dn, "bindPW": _secret(plan, given)}
    if given.ca_file:
        config["rootCAData"] = base64.b64encode(read_secret(given.ca_file, _FIELD).encode()).decode()
    if given.groups:
        config["groupSearch"] = {
            "baseDN": given.groups,
            "filter": "(objectClass=groupOfNames)",
            "userMatchers": [{"userAttr": "DN", "groupAttr": "member"}],
            "nameAttr": "cn",
        }
    return config


def read_secret(place: str | None, field: str) -> str:
    """What is in a file that `field` of a plan names, without the end of its last line. Secret.

    Raises InstallerError (preflight).
    """
    assert place, "a plan without it is refused"
    try:
        with expanded(place).open(encoding="utf-8") as file:
            text = file.read(_LARGEST + 1).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(place, getattr(error, "strerror", None) or "it is no text", field) from None
    if not text or len(text) > _LARGEST:
        raise _refused(place, "it is empty" if not text else "it is too long", field)
    return text


def _refused(place: str, observed: str, field: str) -> InstallerError:
    hint = f"correct {field} in the plan, or put the secret there (chmod 600)"
    return InstallerError("read a secret", f"{place}: {observed}", hint=hint, exit_code=ExitCode.PREFLIGHT)
