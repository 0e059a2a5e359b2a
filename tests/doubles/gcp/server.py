"""The HTTP server of the double, in threads of the process that asks for it."""

from __future__ import annotations

import base64
import json
import re
import sys
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.doubles.cloud.addresses import Addresses
from tests.doubles.gcp import (
    catalogue,
    faults,
    group_managers,
    instances,
    os_login,
    permissions,
    secret_manager,
    services,
    things,
    tokens,
)
from tests.doubles.gcp.calls import Call, handler
from tests.doubles.gcp.documents import NotAllowed, check_body, find
from tests.doubles.gcp.faults import Failed, Fault, Lost, Refused
from tests.doubles.gcp.project import ACCOUNT, PROJECT, REGION, Project
from tests.doubles.serving import serving

__all__ = ["catalogue", "group_managers", "instances", "os_login", "secret_manager", "served", "services", "things",
           "tokens"]  # fmt: skip  # they bring their handlers
TOKEN = "token-of-the-double"
_OTHERS = ("debian-cloud", "ubuntu-os-cloud")


class Gate:
    """Every request's way in: signed, allowed by Google's document, counted, perhaps failed, and only then done."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def answer(self, http: str, target: str, headers: Any, sent: bytes) -> tuple[int, bytes]:
        """Status and body. Raises Lost."""
        url = urlsplit(target)
        if (http, url.path) == ("POST", "/token"):
            return 200, json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode()
        with self.project.lock:
            try:
                return 200, json.dumps(self._call(http, url.path, parse_qs(url.query), headers, sent)).encode()
            except NotAllowed as error:
                self.project.refused.append(str(error))
                refused = Refused(400, "invalid", str(error))
            except Refused as error:
                if error.status == 501:
                    self.project.refused.append(error.message)
                refused = error
            except Lost:
                raise
            except Exception:
                self.project.refused.append(traceback.format_exc())
                refused = Refused(500, "backendError", "The double itself failed.")
        return refused.status, refused.body

    def _call(self, http: str, path: str, query: dict[str, list[str]], headers: Any, sent: bytes) -> dict[str, Any]:
        project = self.project
        method, params = find(http, path, query)
        project.calls[method.id] += 1
        mail = ""
        if method.id != "sts.token":  # what is exchanged there is the proof
            mail = _check_signature(project, str(headers.get("Authorization", "")))
        body = _body(headers, sent)
        check_body(method, body)
        call = Call(method, params, body or {})
        if params.get("project", PROJECT) not in (PROJECT, *_OTHERS):
            raise Refused(404, "notFound", f"The resource 'projects/{params['project']}' was not found")
        service = method.id.partition(".")[0]
        if service != "sts" and service not in project.services:
            raise Refused(403, "accessNotConfigured", f"{service} has not been used in project {PROJECT} before.")
        fault = project.next_fault(method.id)
        operation = service == "compute" and method.changes
        if fault is not None and fault is not Fault.LOST:
            return self._fail(call, faults.error(method.id, fault, REGION))
        _check_permissions(project, call, mail)
        if not method.id.endswith("Operations.wait"):
            project.pass_time()
        answer = self._repeated(call) if operation else None
        if answer is None:
            answer = handler(method.id)(project, call)
            if method.changes:
                project.changed.append(method.id)
                project.after(method.id)
        if fault is Fault.LOST:
            raise Lost
        return answer

    def _repeated(self, call: Call) -> dict[str, Any] | None:
        """The operation of an earlier request with the same requestId, which does nothing again."""
        request = str(call.params.get("requestId") or "")
        if not request:
            return None
        if uuid.UUID(request).int == 0:
            raise Refused(400, "invalid", "Invalid value for field 'requestId'.")
        known = self.project.requests.get(request)
        if known is None:
            return None
        if known[0] != call.method.id:
            raise Refused(409, "conflict", "The requestId was used by another method.")
        return self.project.shown(self.project.operations[known[1]])

    def _fail(self, call: Call, error: Exception) -> dict[str, Any]:
        """An HTTP error is raised; a failed operation is answered, and found by those who wait for it."""
        if not isinstance(error, Failed):
            raise error

        def done() -> None:
            raise error

        return self.project.begin(call.method, call.key("-"), done, str(call.params.get("requestId") or ""))


def _check_permissions(project: Project, call: Call, mail: str) -> None:
    """`mail` is the service account of the machine that asks; empty if it is none."""
    if mail and not secret_manager.may_read(project, mail, call):
        raise Refused(403, "forbidden", f"Permission denied to {mail} for {call.method.id}")
    if mail:
        return
    if call.params.get("project") in _OTHERS:  # everybody may read the images there
        return
    for permission in permissions.needed(call):
        if not project.permits(permission):
            raise Refused(403, "forbidden", f"Required '{permission}' permission for 'projects/{PROJECT}'")


def _check_signature(project: Project, header: str) -> str:
    """A token that the double gave, or one that the test's service account signed itself.

    Return the service account of a machine that shows its token, and nothing of others.
    """
    kind, _, token = header.partition(" ")
    if kind == "Bearer" and token in project.tokens:
        return project.tokens[token]
    if kind == "Bearer" and (token == TOKEN or token.startswith(tokens.BEGINS)):
        return ""
    parts = token.split(".")
    if len(parts) == 3:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        if claims.get("iss") == ACCOUNT:
            return ""
    raise Refused(401, "required", "Login Required.")


def _body(headers: Any, sent: bytes) -> Any:
    """A form (RFC 8693) is spelled with underscores, and in the document as JSON is."""
    if not sent:
        return None
    if "x-www-form-urlencoded" not in str(headers.get("Content-Type", "")):
        return json.loads(sent)
    given = {name: values[0] for name, values in parse_qs(sent.decode()).items()}
    return {re.sub("_([a-z])", lambda found: found.group(1).upper(), name): value for name, value in given.items()}


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that are killed."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


@contextmanager
def served() -> Iterator[tuple[Project, str]]:
    """A new project, and the endpoint of its APIs, as long as the context. External addresses are loopback ones."""
    project = Project()
    gate = Gate(project)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, format: str, *args: Any) -> None:
            return

        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, body = gate.answer(self.command, self.path, self.headers, sent)
            except Lost:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 (http.server's names)

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with Addresses() as addresses:
        project.next_address = addresses.next
        gate.project = project
        try:
            with serving(server):
                yield project, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            project.machines.close()


def renew(project: Project) -> None:
    """A new project: nothing exists, nothing was called."""
    with project.lock:
        project.machines.close()
        Project.__init__(project, lock=project.lock, next_address=project.next_address)
