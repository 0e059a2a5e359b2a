"""Who Craton is in Google Cloud: application default credentials, or a service account that they may act as.

google-auth finds the first: what `gcloud auth application-default login` left, the file that
GOOGLE_APPLICATION_CREDENTIALS names (a service account's key, or a workload identity federation), or the machine's own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from installer.accounts.gcp.errors import no_credentials
from installer.common.errors import ExitCode, InstallerError

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_KINDS = {
    "google.oauth2.credentials": "gcloud auth application-default login",
    "google.oauth2.service_account": "the key of a service account",
    "google.auth.compute_engine.credentials": "the machine that Craton runs on",
    "google.auth.impersonated_credentials": "an impersonated service account",
}


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Credentials of google-auth, the project that they belong to, if any, and in words who they are."""

    credentials: Any
    project: str | None
    who: str
    how: str


def sign_in(impersonate: str | None) -> SignedIn:
    """Raises InstallerError if there are no credentials. On a machine of Google's, the machine itself is asked."""
    try:
        import google.auth
        from google.auth import exceptions, impersonated_credentials
    except ImportError:
        raise missing_library("google-auth") from None
    try:
        found, project = google.auth.default(scopes=_SCOPES)
    except exceptions.GoogleAuthError as error:
        raise no_credentials(f"no credentials were found: {' '.join(str(error).split())[:200]}") from None
    how = _KINDS.get(type(found).__module__, "workload identity federation")
    who = str(getattr(found, "service_account_email", "") or getattr(found, "account", "") or "a user")
    if impersonate:
        place = endpoint("iamcredentials")
        where = f"{place}v1/projects/-/serviceAccounts/{impersonate}:generateAccessToken" if place else None
        found = impersonated_credentials.Credentials(found, impersonate, list(_SCOPES), iam_endpoint_override=where)
        who, how = impersonate, f"{how}, acting as a service account"
    return SignedIn(found, project, who, how)


def endpoint(service: str) -> str | None:
    """Where gcloud, too, is told to find a service: a private endpoint, or a test's."""
    return os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service.upper()}") or None


def missing_library(name: str) -> InstallerError:
    return InstallerError(
        "talk to Google Cloud",
        f"the library {name} is not installed",
        hint="Install Craton with it: uv tool install 'craton[gcp]'.",
        exit_code=ExitCode.USAGE,
    )


def root(service: str) -> str | None:
    """As google-api-python-client takes it: with the path of Compute Engine, whose methods have none."""
    found = endpoint(service)
    return f"{found.rstrip('/')}/compute/v1/" if found and service == "compute" else found
