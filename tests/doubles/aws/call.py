"""One request to AWS as boto3 sent it, and how its service words a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

_SERVICES = {"elasticloadbalancing": "elbv2", "servicequotas": "service-quotas", "monitoring": "cloudwatch"}
"""boto3's names of services that sign requests with another."""
IAM_PREFIXES = {"elb": "elasticloadbalancing", "elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
"""What a policy calls a service, where that is not boto3's name."""
_CLASSIC = b"Version=2012-06-01"
"""How a request to Elastic Load Balancing says that it is about Classic Load Balancers."""
_READS = ("Describe", "Get", "List", "Search", "Simulate")


class Refused(Exception):  # noqa: N818 (an answer of the service)
    """The service refuses a call. `code` is AWS's own."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class Lost(Exception):  # noqa: N818 (what a network does)
    """The answer gets lost on its way: the connection ends without one."""


@dataclass(frozen=True)
class Call:
    """`params` are as boto3 names them. `dry_run` and `token` are those of EC2."""

    service: str
    action: str
    params: Mapping[str, Any]
    region: str
    key: str
    """The access key id that signed it."""
    protocol: str = field(default="query", compare=False)

    @property
    def name(self) -> str:
        return f"{self.service}:{self.action}"

    @property
    def permission(self) -> str:
        """The action as a policy names it."""
        return f"{IAM_PREFIXES.get(self.service, self.service)}:{self.action}"

    @property
    def changes(self) -> bool:
        """Whether it changes something, unless it is a dry run."""
        return not self.action.startswith(_READS) and not self.dry_run

    @property
    def dry_run(self) -> bool:
        return self.params.get("DryRun") is True

    @property
    def token(self) -> str:
        return str(self.params.get("ClientToken", ""))


def read(environ: dict[str, Any]) -> Call:
    """What a signed request asks for. Raises Refused if it is not one that its service has."""
    try:
        credential = environ.get("HTTP_AUTHORIZATION", "").split("Credential=")[1].split(",")[0]
        key, _, region, signed, _ = credential.split("/")
    except (IndexError, ValueError):
        raise Refused("MissingAuthenticationToken", "Request is missing Authentication Token", 403) from None
    service = _SERVICES.get(signed, signed)
    if service == "elbv2" and _CLASSIC in environ["wsgi.input"].getvalue():
        service = "elb"
    try:
        model = get_service_model(service)
        request = Request(environ)
        operation, from_url = get_service_router(service).match(request)
    except (UnknownServiceError, NotFound):
        raise Refused("InvalidAction", f"The action is not one of {service}.") from None
    protocol = determine_request_protocol(model, request.content_type)
    parser = PROTOCOL_PARSERS[protocol](operation)
    params = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": from_url,
        }
    )
    return Call(service, operation.name, params, region, key, protocol)


def refusal(protocol: str, refused: Refused) -> tuple[int, str, bytes]:
    """Status, content type and body with which a service says no."""
    code, message = escape(refused.code), escape(refused.message)
    if protocol == "ec2":
        text = f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
    elif protocol in ("query", "rest-xml"):
        error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
        text = f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
    else:
        text = json.dumps({"__type": refused.code, "message": refused.message})
        return refused.status, "application/x-amz-json-1.1", text.encode()
    return refused.status, "text/xml", f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
