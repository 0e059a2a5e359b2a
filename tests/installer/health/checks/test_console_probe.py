"""The script that asks the console's name, run against a real server: it trusts what the API server trusts."""

from __future__ import annotations

import base64
import http.server
import json
import os
import shutil
import ssl
import subprocess
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
from tests.doubles.dex_form import DexForm, running
from tests.doubles.serving import serving

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
    server = http.server.HTTPServer(("127.0.0.1", 0), Site)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.server_port


def asked(port: int, given: Path) -> str:
    script = asset("console.sh").replace("/etc/kubernetes/craton/authentication.yaml", str(given))
    text = f"host=localhost:{port}\nserver=https://localhost:{port}\n{script}"
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
    assert output.startswith("begins ") is answers
    assert ("\nexpires " in output) is answers
    if not answers:
        assert "curl: (60)" in output


PROBE = "craton-probe@craton.invalid"
PASSWORD = "a-Random_one"


def signed_in(dex: DexForm, room: Path, password: str = PASSWORD) -> tuple[str, str]:
    """What the script says of a sign-in with the password that a Secret has, and every argument that its curl got."""
    given = room / "authentication.yaml"
    given.write_text(authentication([authenticator(PLAN, CA.chain())]))
    (room / "ca.crt").write_text(CA.chain())
    encoded = base64.b64encode(password.encode()).decode()
    programs = {"kubectl": f"echo {encoded}", "curl": f'echo "$@" >>{room}/arguments; exec {shutil.which("curl")} "$@"'}
    (room / "bin").mkdir()
    for name, body in programs.items():
        (room / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (room / "bin" / name).chmod(0o755)
    script = asset("console.sh").replace("/etc/kubernetes/craton/authentication.yaml", str(given))
    script = script.replace("/etc/kubernetes/pki/ca.crt", str(room / "ca.crt"))
    text = f"host={dex.host}\nserver=https://{dex.host}\n{script}"
    path = f"{room / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(["sh"], input=text, capture_output=True, text=True, check=False, env={"PATH": path})
    assert not done.stderr
    return done.stdout.partition("#signed-in\n")[2].strip(), (room / "arguments").read_text()


@pytest.fixture(params=[False, True], ids=["straight", "approved"])
def dex(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DexForm]:
    double = DexForm({PROBE: PASSWORD}, approves=request.param)
    with running(double, make(names=("localhost",), issuer=CA), tmp_path) as found:
        yield found


@pytest.mark.needs("curl")
def test_a_probe_signs_in_as_people_do_and_the_api_server_says_who_it_is(dex: DexForm, tmp_path: Path) -> None:
    who, arguments = signed_in(dex, tmp_path)
    assert who == f"oidc:{PROBE}"
    assert PASSWORD not in arguments
    assert not [token for token in dex.tokens if token in arguments]


@pytest.mark.needs("curl")
def test_a_sign_in_that_fails_says_where(dex: DexForm, tmp_path: Path) -> None:
    dex.trusted = False
    (tmp_path / "untrusted").mkdir()
    (tmp_path / "wrong").mkdir()
    assert signed_in(dex, tmp_path / "untrusted")[0] == "the API server says: Unauthorized"
    assert signed_in(dex, tmp_path / "wrong", "wrong")[0] == "the form answered 401, and no code came back"
