"""The metadata service of EC2's instances, IMDSv2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

import json
import secrets
import socket
import time
from http.server import BaseHTTPRequestHandler

from tests.doubles.cloud.machines import Launch
from tests.doubles.cloud.metadata_service import Find, MetadataService, answer

_TTL, _TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
_VERSIONS = ("latest", "2021-03-23")
_LONGEST = 21600
"""Seconds that a token lives at most."""


class Metadata(MetadataService):
    """EC2's service."""

    def __init__(self, find: Find, address: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(find, address, port)
        self._tokens: dict[str, tuple[str, float]] = {}

    def put(self, request: BaseHTTPRequestHandler) -> None:
        """A token for whoever asks, but not for one who asks through a proxy."""
        launch = self.find(request.client_address[0])
        seconds = request.headers.get(_TTL, "")
        if launch is None or request.path != "/latest/api/token":
            return answer(request, 404)
        if request.headers.get("X-Forwarded-For"):
            return answer(request, 403)
        if not (seconds.isdecimal() and 1 <= int(seconds) <= _LONGEST):
            return answer(request, 400)
        if launch.hop_limit:
            request.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, launch.hop_limit)
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (launch.id, time.monotonic() + int(seconds))
        return answer(request, 200, token.encode(), {_TTL: seconds})

    def get(self, request: BaseHTTPRequestHandler) -> None:
        launch = self.find(request.client_address[0])
        if launch is None:
            return answer(request, 404)
        token = request.headers.get(_TOKEN)
        known = self._tokens.get(token or "", ("", 0.0))
        if (token or launch.tokens_required) and (known[0] != launch.id or known[1] < time.monotonic()):
            return answer(request, 401)
        version, _, path = request.path.strip("/").partition("/")
        found = _entry(launch, path) if version in _VERSIONS else None
        return answer(request, 404) if found is None else answer(request, 200, found)


def entries(launch: Launch) -> dict[str, str]:
    """Metadata by path."""
    document = {
        "instanceId": launch.id, "region": launch.region, "availabilityZone": launch.zone,
        "accountId": launch.account, "imageId": launch.image, "instanceType": launch.kind,
        "privateIp": launch.private, "architecture": launch.architecture,
    }  # fmt: skip
    card = f"network/interfaces/macs/{launch.mac}"
    found = {
        "ami-id": launch.image,
        "ami-launch-index": str(launch.index),
        "hostname": f"ip-{launch.private.replace('.', '-')}.{launch.region}.compute.internal",
        "instance-id": launch.id,
        "instance-type": launch.kind,
        "local-ipv4": launch.private,
        f"{card}/device-number": "0",
        f"{card}/local-ipv4s": launch.private,
        f"{card}/mac": launch.mac,
        "placement/availability-zone": launch.zone,
        "placement/region": launch.region,
        **({"public-ipv4": launch.public} if launch.public else {}),
        **({f"iam/security-credentials/{launch.role}": launch.credentials} if launch.credentials else {}),
    }
    inside = {f"meta-data/{path}": value for path, value in found.items()}
    return {**inside, "dynamic/instance-identity/document": json.dumps(document)}


def _entry(launch: Launch, path: str) -> bytes | None:
    """What is at a path; a directory lists what it has, as the service does."""
    if path == "user-data":
        return launch.user_data or None
    known = entries(launch)
    if path in known:
        return known[path].encode()
    below = [key[len(path) + 1 :] for key in known if key.startswith(f"{path}/")]
    listed = dict.fromkeys(f"{key.partition('/')[0]}/" if "/" in key else key for key in below)
    return "\n".join(listed).encode() if listed else None
