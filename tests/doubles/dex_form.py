"""Dex's sign-in with e-mail and password, and an API server that believes its tokens, over TLS at one port.

Refused as the real ones do: unknown clients and redirects (server/oauth2.go), wrong passwords with 401 and the form
again (server/handlers.go, handlePasswordLogin), codes that are used twice, tokens that it did not give.
"""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.doubles.certificates import Made
from tests.doubles.serving import serving

CALLBACK = "http://localhost/callback"


@dataclass
class DexForm:
    """`people` are passwords by e-mail. `trusted` says whether the API server takes Dex' tokens."""

    people: dict[str, str]
    port: int = 0
    trusted: bool = True
    approves: bool = False
    """Whether a page of its own follows the form, as before Dex 2.27."""
    requests: dict[str, dict[str, str]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    def get(self, path: str, query: dict[str, str]) -> tuple[int, str]:
        """Status, and where it leads or what it says."""
        if path == "/":
            return 200, "<html>"
        if path == "/dex/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": f"https://{self.host}/dex"})
        if path == "/dex/auth" and query.pop("connector_id", "") == "local":
            return 302, f"/dex/auth/local?{urlencode(query)}"
        if path == "/dex/auth/local":
            known = query.get("client_id") == "craton" and query.get("redirect_uri") == CALLBACK
            if not known or query.get("response_type") != "code" or "openid" not in query.get("scope", "").split():
                return 400, "Bad Request"
            state = secrets.token_hex(8)
            self.requests[state] = query
            return 302, f"/dex/auth/local/login?{urlencode({'state': state, 'back': ''})}"
        if path == "/dex/auth/local/login":
            return (200, "<form>") if query.get("state") in self.requests else (400, "User session error.")
        if path == "/dex/approval" and (asked := self.requests.pop(query["req"], None)):
            return 303, self._back(asked)
        return 404, "404 page not found"

    def post(self, path: str, query: dict[str, str], form: dict[str, str], bearer: str) -> tuple[int, str]:
        if path == "/dex/auth/local/login" and query.get("state") in self.requests:
            if self.people.get(form.get("login", ""), None) != form.get("password"):
                return 401, "Invalid Email Address and password."
            asked = self.requests[query["state"]]
            asked["who"] = form["login"]
            if self.approves:
                return 303, f"/dex/approval?req={query['state']}"
            return 303, self._back(self.requests.pop(query["state"]))
        if path == "/dex/token":
            who = self.codes.pop(form.get("code", ""), None)
            if form.get("client_id") != "craton" or form.get("redirect_uri") != CALLBACK or who is None:
                return 400, json.dumps({"error": "invalid_grant"})
            token = f"e30.{secrets.token_urlsafe(8)}.signature"
            self.tokens[token] = who
            return 200, json.dumps({"access_token": "x", "token_type": "bearer", "id_token": token})
        if path == "/apis/authentication.k8s.io/v1/selfsubjectreviews":
            if not self.trusted or bearer not in self.tokens:
                return 401, json.dumps({"kind": "Status", "message": "Unauthorized", "code": 401})
            who = f"oidc:{self.tokens[bearer]}"
            return 201, json.dumps({"kind": "SelfSubjectReview", "status": {"userInfo": {"username": who}}}, indent=2)
        return 404, "404 page not found"

    def _back(self, asked: dict[str, str]) -> str:
        code = secrets.token_hex(12)
        self.codes[code] = asked["who"]
        return f"{CALLBACK}?{urlencode({'code': code, 'state': asked['state']})}"


@contextmanager
def running(dex: DexForm, made: Made, directory: Path) -> Iterator[DexForm]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._say(*dex.get(parts.path, _single(parts.query)))

        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            self._say(*dex.post(parts.path, _single(parts.query), _single(text), bearer))

        def _say(self, status: int, text: str) -> None:
            leads = 300 <= status < 400
            self.send_response(status)
            if leads:
                self.send_header("Location", text)
            body = b"" if leads else text.encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests say what they saw."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.write(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    dex.port = server.server_port
    with serving(server):
        yield dex


def _single(query: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(query).items()}
