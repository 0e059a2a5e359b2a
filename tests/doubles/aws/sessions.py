"""Credentials of instances' own roles: given by the metadata service, and good for what the role's policies allow.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.doubles.aws import faults
from tests.doubles.aws.account import ACCOUNT, Account
from tests.doubles.aws.call import Call, Refused


@dataclass(frozen=True)
class Session:
    """What an instance signs requests with."""

    role: str
    key: str
    secret: str
    token: str

    def document(self) -> str:
        """As the metadata service shows it."""
        return json.dumps(
            {
                "Code": "Success",
                "Type": "AWS-HMAC",
                "AccessKeyId": self.key,
                "SecretAccessKey": self.secret,
                "Token": self.token,
                "Expiration": "2100-01-01T00:00:00Z",
            }
        )


def issue(account: Account, role: str) -> Session:
    made = Session(role, f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(60))
    account.note("sessions", dict)[made.key] = made
    return made


def of(account: Account, call: Call) -> Session | None:
    """The session that signed a call, if an instance's did."""
    found: Session | None = account.note("sessions", dict).get(call.key)
    return found


def refusal(session: Session, call: Call, environ: Mapping[str, Any], sent: bytes) -> Refused | None:
    """The answer to a request whose token or signature is wrong."""
    if environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != session.token:
        return Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    authorization = environ["HTTP_AUTHORIZATION"]
    fields = dict(part.strip().partition("=")[::2] for part in authorization.partition(" ")[2].split(","))
    headers = {name: _header(environ, name) for name in fields.get("SignedHeaders", "").split(";")}
    if not {"host", "x-amz-date"} <= headers.keys():
        return Refused("InvalidSignatureException", "The host and the date have to be signed.", 403)
    signer = SigV4Auth(
        Credentials(session.key, session.secret, session.token), fields["Credential"].split("/")[3], call.region
    )
    request = AWSRequest(
        environ["REQUEST_METHOD"], f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}", headers, sent
    )
    request.context["timestamp"] = headers["x-amz-date"]
    wanted = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if fields.get("Signature") != wanted:
        words = "The request signature we calculated does not match the signature you provided."
        return Refused("InvalidSignatureException", words, 403)
    return None


def check(account: Account, session: Session, call: Call) -> None:
    """Raises Refused unless a policy of the role allows the call on what it names."""
    resource = _resource(account, call)
    for statement in _statements(account, session.role):
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        fits = any(fnmatchcase(call.permission, one) for one in actions)
        if fits and not statement.get("Condition") and any(fnmatchcase(resource, one) for one in resources):
            return
    raise faults.denied(call)


def _statements(account: Account, role: str) -> Iterator[dict[str, Any]]:
    for one in account.store("iam").roles.values():
        if one.name == role:
            for text in one.policies.values():
                yield from (each for each in json.loads(text)["Statement"] if each["Effect"] == "Allow")


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _resource(account: Account, call: Call) -> str:
    """The ARN of what a call is about; nothing that a policy could name, of calls that no test has an instance make."""
    if call.service != "secretsmanager":
        return ""
    id = call.params.get("SecretId", "")
    known = account.store("secretsmanager", call.region).secrets
    found = known[id] if id in known.keys() else None  # noqa: SIM118 (moto's store finds other names, too)
    return found.arn if found else f"arn:aws:secretsmanager:{call.region}:{ACCOUNT}:secret:{id}-unknow"


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    return str(environ.get(key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}", ""))
