"""The script that asks the console's name, run against a real server: it trusts what the API server trusts."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from installer.cluster.identity import authenticator
from installer.cluster.kubeadm import authentication
from installer.health.probing import asset
from installer.plan.model import InstallPlan
from tests.doubles.certificates import Made, make

PLAN = InstallPlan(name="demo", subdomain="example.test")
CA = make("ca", ca=True)


class Site(http.server.BaseHTTPRequestHandler):
    """A console with Dex."""

    pages: ClassVar[dict[str, bytes]] = {
        "/": b"<html>",
        "/dex/.well-known/openid-configuration": json.dumps({"issuer": PLAN.issuer}).encode(),
    }

    def do_GET(self) -> None:
        self.send_response(200 if self.path in self.pages else 404)
        self.end_headers()
        self.wfile.write(self.pages.get(self.path, b""))

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def site(made: Made, directory: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*made.write(directory))
    with http.server.HTTPServer(("127.0.0.1", 0), Site) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def asked(port: int, given: Path) -> str:
    script = asset("console.sh").replace("/etc/kubernetes/craton/authentication.yaml", str(given))
    text = f"host=localhost:{port}\n{script}"
    return subprocess.run(["sh"], input=text, capture_output=True, text=True, check=False).stdout


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("trusted", "answers"), [(CA, True), (make("another", ca=True), False), (None, True)])
def test_the_servers_certificate_is_judged_by_what_the_api_server_was_given(
    trusted: Made | None, answers: bool, tmp_path: Path
) -> None:
    given = tmp_path / "authentication.yaml"
    given.write_text(authentication([authenticator(PLAN, trusted.chain())] if trusted else []))
    with site(make(names=("localhost",), issuer=CA), tmp_path) as port:
        output = asked(port, given)
    assert ("status 200" in output) is answers
    assert (PLAN.issuer in output.partition("#sign-in")[2]) is answers
    assert output.startswith("expires ") is answers
    if not answers:
        assert "curl: (60)" in output
