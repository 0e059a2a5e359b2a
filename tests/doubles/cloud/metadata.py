"""The metadata service of a cloud's instances, IMDSv2 as EC2 has it: who asks is known by the address it asks from.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from tests.doubles.cloud.machines import Launch

_TTL, _TOKEN = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
_LONGEST = 21600
"""Seconds that a token lives at most."""


class Metadata:
    """Serves on an address and port as long as the context. `find` says whose machine an address is."""

    def __init__(self, find: Callable[[str], Launch | None], address: str = "127.0.0.1", port: int = 0) -> None:
        self._find = find
        self._tokens: dict[str, tuple[str, float]] = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: Any) -> None:
                return

            def do_PUT(self) -> None:
                service.token(self)

            def do_GET(self) -> None:
                service.get(self)

        self._server = ThreadingHTTPServer((address, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> Metadata:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def token(self, request: BaseHTTPRequestHandler) -> None:
        """A token for whoever asks, but not for one who asks through a proxy."""
        launch = self._find(request.client_address[0])
        seconds = request.headers.get(_TTL, "")
        if launch is None or request.path != "/latest/api/token":
            return _answer(request, 404)
        if request.headers.get("X-Forwarded-For"):
            return _answer(request, 403)
        if not (seconds.isdecimal() and 1 <= int(seconds) <= _LONGEST):
            return _answer(request, 400)
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (launch.id, time.monotonic() + int(seconds))
        return _answer(request, 200, token.encode(), {_TTL: seconds})

    def get(self, request: BaseHTTPRequestHandler) -> None:
        launch = self._find(request.client_address[0])
        if launch is None:
            return _answer(request, 404)
        token = request.headers.get(_TOKEN)
        known = self._tokens.get(token or "", ("", 0.0))
        if (token or launch.tokens_required) and (known[0] != launch.id or known[1] < time.monotonic()):
            return _answer(request, 401)
        found = _entry(launch, request.path.rstrip("/").removeprefix("/latest/").removeprefix("2021-03-23/"))
        return _answer(request, 404) if found is None else _answer(request, 200, found)


def entries(launch: Launch) -> dict[str, str]:
    """Metadata by path."""
    return {
        "ami-id": launch.image,
        "ami-launch-index": str(launch.index),
        "hostname": f"ip-{launch.private.replace('.', '-')}.{launch.region}.compute.internal",
        "instance-id": launch.id,
        "instance-type": launch.kind,
        "local-ipv4": launch.private,
        "placement/availability-zone": launch.zone,
        "placement/region": launch.region,
        **({"public-ipv4": launch.public} if launch.public else {}),
    }


def _entry(launch: Launch, path: str) -> bytes | None:
    if path == "user-data":
        return launch.user_data or None
    if path == "dynamic/instance-identity/document":
        document = {
            "instanceId": launch.id, "region": launch.region, "availabilityZone": launch.zone,
            "accountId": launch.account, "imageId": launch.image, "instanceType": launch.kind,
            "privateIp": launch.private, "architecture": launch.architecture,
        }  # fmt: skip
        return json.dumps(document).encode()
    if path != "meta-data" and not path.startswith("meta-data/"):
        return None
    known, wanted = entries(launch), path.removeprefix("meta-data").strip("/")
    if wanted in known:
        return known[wanted].encode()
    below = [key[len(wanted) :].lstrip("/") for key in known if not wanted or key.startswith(f"{wanted}/")]
    listed = dict.fromkeys(f"{key.partition('/')[0]}/" if "/" in key else key for key in below)
    return "\n".join(listed).encode() if listed else None


def _answer(
    request: BaseHTTPRequestHandler, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    request.send_response(status)
    for name, value in {"Content-Type": "text/plain", "Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
