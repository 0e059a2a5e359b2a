"""An OpenID provider over TLS that is as strict as Dex: codes once, PKCE, refresh tokens once, device codes in time."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.doubles.certificates import make
from tests.doubles.serving import serving as in_a_thread


@dataclass
class FakeProvider:
    """`issuer` is its address, `certificate` its CA's in PEM. `approve` enters a device's code."""

    issuer: str = ""
    certificate: str = ""
    email: str = "ada@example.test"
    lifetime: float = 3600.0
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: set[str] = field(default_factory=set)
    devices: dict[str, list[str]] = field(default_factory=dict)
    """What the next question about a device code is answered with; nothing left means tokens."""
    changed: dict[str, Any] = field(default_factory=dict)
    """Of the discovery document."""
    claims: dict[str, Any] = field(default_factory=dict)
    """Of tokens, in place of the right ones."""
    count: int = 0

    def discovery(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "auth", "token_endpoint": "token"}
        paths |= {"device_authorization_endpoint": "device/code", "jwks_uri": "keys"}
        return {"issuer": self.issuer} | {key: f"{self.issuer}/{path}" for key, path in paths.items()} | self.changed

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser of somebody who gave the right password is sent."""
        wanted = {"client_id": "craton", "response_type": "code", "code_challenge_method": "S256"}
        place = urlsplit(query["redirect_uri"])
        if any(query.get(key) != value for key, value in wanted.items()) or not query.get("code_challenge"):
            raise Refusal("invalid_request")
        if (place.scheme, place.hostname) != ("http", "localhost") or "openid" not in query["scope"].split():
            raise Refusal("invalid_request")
        self.count += 1
        code = f"code-{self.count}"
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        if form.get("client_id") != "craton":
            raise Refusal("invalid_client")
        match form.get("grant_type"):
            case "authorization_code":
                asked = self.codes.pop(form.get("code", ""), None)
                digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                if not asked or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
                    raise Refusal("invalid_grant")
            case "refresh_token":
                if form.get("refresh_token") not in self.refresh:
                    raise Refusal("invalid_grant")
                self.refresh.remove(form["refresh_token"])
            case "urn:ietf:params:oauth:grant-type:device_code":
                answers = self.devices.get(form.get("device_code", ""), ["expired_token"])
                if answers:
                    raise Refusal(answers.pop(0))
            case _:
                raise Refusal("unsupported_grant_type")
        return self._tokens()

    def device(self) -> dict[str, Any]:
        return {
            "device_code": "device-1",
            "user_code": "ABCD-EFGH",
            "verification_uri": f"{self.issuer}/device",
            "interval": 1,
        }

    def _tokens(self) -> dict[str, Any]:
        self.count += 1
        new = f"refresh-{self.count}"
        self.refresh.add(new)
        claims = {"iss": self.issuer, "aud": "craton", "email": self.email, "exp": int(time.time() + self.lifetime)}
        parts = [{"alg": "RS256"}, claims | self.claims]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        token = ".".join([*encoded, f"signature-{self.count}"])
        return {
            "id_token": token,
            "access_token": "a",
            "refresh_token": new,
            "token_type": "bearer",
            "expires_in": 3600,
        }


class Refusal(Exception):  # noqa: N818 (an answer of OAuth's)
    pass


@contextmanager
def serving(directory: Path) -> Iterator[FakeProvider]:
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/dex/.well-known/openid-configuration":
                self._say(200, provider.discovery())
            elif parts.path == "/dex/auth":
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                self.send_response(303)
                self.send_header("Location", provider.authorize(query))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {key: values[0] for key, values in parse_qs(text).items()}
            if self.path == "/dex/device/code":
                self._say(200, provider.device())
                return
            try:
                self._say(200, provider.token(form))
            except Refusal as refusal:
                self._say(400, {"error": str(refusal)})

        def _say(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests say what they saw."""

    authority = make("Test CA", ca=True)
    chain, key = make("localhost", authority, names=("localhost",)).write(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    provider.issuer = f"https://localhost:{server.server_port}/dex"
    provider.certificate = authority.chain()
    with in_a_thread(server):
        yield provider
