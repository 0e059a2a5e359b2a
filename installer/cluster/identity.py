"""Who is who: what Dex, the console and the API servers are configured with so that they believe each other. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from installer.plan.model import InstallPlan
from installer.plan.oidc_names import PREFIX, PROBE_EMAIL

KUBECTL_CLIENT, CONSOLE_CLIENT = "craton", "craton-console"
"""Ids of Dex's clients: `craton login` on people's computers, which can keep no secret, and the console."""
CONSOLE_SECRET = "console"
"""Name of the Secret with which the console shows Dex that it is the console."""


def authenticator(plan: InstallPlan, certificate: str) -> dict[str, object]:
    """How the API server judges Dex's tokens (JWTAuthenticator of apiserver.config.k8s.io/v1)."""
    issuer: dict[str, object] = {
        "url": plan.issuer,
        "audiences": [KUBECTL_CLIENT, CONSOLE_CLIENT],
        "audienceMatchPolicy": "MatchAny",
    }
    if certificate:
        issuer["certificateAuthority"] = certificate
    claims = {name: {"claim": claim, "prefix": PREFIX} for name, claim in (("username", "email"), ("groups", "groups"))}
    return {"issuer": issuer, "claimMappings": claims}


_API = "rbac.authorization.k8s.io"


def administrators(plan: InstallPlan) -> list[dict[str, str]]:
    """Subjects of the ClusterRoleBinding of those who administer the cluster by signing in."""
    user = {"apiGroup": _API, "kind": "User", "name": f"{PREFIX}{plan.administrator}"}
    return [user, *subjects(plan.sign_in.groups)]


def subjects(groups: Sequence[str]) -> list[dict[str, str]]:
    """Groups that people are in by signing in, as subjects of a binding."""
    return [{"apiGroup": _API, "kind": "Group", "name": f"{PREFIX}{group}"} for group in groups]


_REFRESH = {"absoluteLifetime": "720h", "validIfNotUsedFor": "168h", "reuseInterval": "30s"}
"""The console refreshes one token in several requests at once: without an interval Dex refuses all but the first."""


def dex_configuration(
    plan: InstallPlan,
    administrator: str,
    probe: str,
    secret: str,
    connectors: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Dex's configuration, as JSON, which is YAML. `administrator` and `probe` are bcrypt hashes of their passwords;
    without one, there is no account for the checks. Secret."""
    passwords = [
        {"email": plan.administrator, "hash": administrator, "username": "admin", "userID": "craton-administrator"}
    ]
    if probe:
        passwords.append({"email": PROBE_EMAIL, "hash": probe, "username": "probe", "userID": "craton-probe"})
    kubectl = {"id": KUBECTL_CLIENT, "name": "kubectl", "public": True, "redirectURIs": []}
    console = {"id": CONSOLE_CLIENT, "name": "Console", "secret": secret}
    console |= {"redirectURIs": [f"https://{plan.console_host}/oidc-callback"]}  # type: ignore[dict-item]
    more = {"connectors": list(connectors)} if connectors else {}
    return json.dumps({
        "issuer": plan.issuer,
        "storage": {"type": "kubernetes", "config": {"inCluster": True}},
        "web": {"http": "0.0.0.0:5556"},
        "oauth2": {"skipApprovalScreen": True},
        "expiry": {"idTokens": "1h", "refreshTokens": _REFRESH},
        "enablePasswordDB": True,
        "staticPasswords": passwords,
        "staticClients": [kubectl, console],
        **more,
    }, indent=1)  # fmt: skip


def console_environment(plan: InstallPlan) -> list[dict[str, object]]:
    """Headlamp's settings, as environment variables of its container."""
    if not plan.addons.sign_in:
        return []
    values = {
        "HEADLAMP_CONFIG_OIDC_CLIENT_ID": CONSOLE_CLIENT,
        "HEADLAMP_CONFIG_OIDC_IDP_ISSUER_URL": plan.issuer,
        "HEADLAMP_CONFIG_OIDC_SCOPES": "openid,email,profile,groups,offline_access",
    }
    if plan.certificate.source in ("craton", "ca"):
        values["SSL_CERT_FILE"] = "/etc/craton-trust/ca.crt"
    else:  # besides the authorities that systems know; Go reads them from their usual file
        values["SSL_CERT_DIR"] = "/etc/craton-trust"
    named: list[dict[str, object]] = [{"name": name, "value": value} for name, value in values.items()]
    secret = {"secretKeyRef": {"name": CONSOLE_SECRET, "key": "secret"}}
    return [*named, {"name": "HEADLAMP_CONFIG_OIDC_CLIENT_SECRET", "valueFrom": secret}]
