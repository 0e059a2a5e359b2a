"""How Google gives out tokens for others than a key's owner: token exchange, and service accounts acted as."""

from __future__ import annotations

import json
import secrets
from typing import Any

from tests.doubles.gcp.calls import Call, handles
from tests.doubles.gcp.faults import Refused
from tests.doubles.gcp.project import Project

BEGINS = "given-by-the-double-"
"""What every token given to people begins with."""
OF_MACHINES = "given-to-a-machine-"
AUDIENCE = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/office/providers/ci"
SUBJECT = "a-token-of-the-other-side"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_SCOPES = {f"https://www.googleapis.com/auth/{name}" for name in ("cloud-platform", "iam")}
"""What a token may be for: everything, or acting as a service account alone."""


def of_machine(project: Project, mail: str) -> str:
    """What the metadata service gives to whoever asks on a machine: a token of its service account."""
    token = f"{OF_MACHINES}{secrets.token_urlsafe(30)}"
    project.tokens[token] = mail
    return json.dumps({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})


@handles("sts.token")
def exchange(project: Project, call: Call) -> dict[str, Any]:
    """https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token"""
    body = call.body
    if body.get("grantType") != _GRANT or body.get("requestedTokenType") != _ACCESS:
        raise Refused(400, "invalid_request", "Invalid grant_type or requested_token_type.")
    if body.get("audience") != AUDIENCE:
        raise Refused(400, "invalid_target", "The target service indicated by the audience parameters is invalid.")
    if body.get("subjectToken") != SUBJECT or body.get("scope") not in _SCOPES:
        raise Refused(400, "invalid_grant", "The subject token is invalid.")
    return {"access_token": f"{BEGINS}federation", "issued_token_type": _ACCESS, "token_type": "Bearer",
            "expires_in": 3600}  # fmt: skip


@handles("iamcredentials.projects.serviceAccounts.generateAccessToken")
def generate(project: Project, call: Call) -> dict[str, Any]:
    """https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken"""
    place, _, mail = call.params["name"].rpartition("/")
    if place != "projects/-/serviceAccounts":
        raise Refused(400, "badRequest", "The wildcard character for the project is required.")
    if not call.body.get("scope"):
        raise Refused(400, "badRequest", "At least one scope is required.")
    if mail not in project.creators:
        words = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist)."
        raise Refused(403, "forbidden", words)
    return {"accessToken": f"{BEGINS}{mail}", "expireTime": "2099-01-01T00:00:00Z"}
