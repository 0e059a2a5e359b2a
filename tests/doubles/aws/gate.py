"""Every request's way to moto: counted, checked as AWS checks it, and only then carried out."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tests.doubles.aws import faults, rules, sessions
from tests.doubles.aws.account import Account, unknown_key
from tests.doubles.aws.call import Call, Lost, Refused, read, refusal
from tests.doubles.aws.faults import Fault

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass
class Answer:
    """An HTTP answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def fine(self) -> bool:
        return self.status.startswith("2")


class Gate:
    """The WSGI application that boto3 talks to."""

    def __init__(self, account: Account, moto: Application) -> None:
        self._account = account
        self._moto = moto

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        sent = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(sent)
        protocol = "query"
        try:
            call = read(environ)
            protocol = call.protocol
            with self._account.lock:
                answer = self._answer(call, environ, sent)
        except Refused as refused:
            status, kind, body = refusal(protocol, refused)
            answer = Answer(f"{status} Refused", [("Content-Type", kind)], body)
        except Lost:
            raise ConnectionAbortedError("the answer is lost, as the test asked") from None
        except Exception:
            self._account.errors.append(traceback.format_exc())
            status, kind, body = refusal(protocol, Refused("InternalError", "The double itself failed."))
            answer = Answer("500 Broken", [("Content-Type", kind)], body)
        headers = [(name, value) for name, value in answer.headers if name.lower() != "content-length"]
        start_response(answer.status, [*headers, ("Content-Length", str(len(answer.body)))])
        return [answer.body]

    def _answer(self, call: Call, environ: Environ, sent: bytes) -> Answer:
        account = self._account
        account.calls[call.name] += 1
        session = sessions.of(account, call)
        if refused := sessions.refusal(session, call, environ, sent) if session else unknown_key(call):
            raise refused
        fault = None if call.dry_run else account.next_fault(call)  # a fault is for a call that would do something
        if fault is not None and fault is not Fault.LOST:
            raise faults.error(call, fault)
        if session:
            sessions.check(account, session, call)
        else:
            account.check_permission(call, call.permission, *rules.permissions(call))
        if call.changes:
            account.before(call.name)
        answer = self._carry_out(call, environ, sent)
        if call.changes and answer.fine:
            account.changed.append(call.name)
            account.after(call.name)
        if fault is Fault.LOST:
            raise Lost
        return answer

    def _carry_out(self, call: Call, environ: Environ, sent: bytes) -> Answer:
        """What AWS would do: refuse, answer from what it did before, or do it."""
        account = self._account
        if made := rules.answered(account, call):
            return Answer("200 OK", [("Content-Type", made.kind)], made.body)
        rules.check(account, call)
        if call.dry_run:
            raise Refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        if changes := rules.rewritten(call):
            environ["wsgi.input"] = io.BytesIO(urlencode(dict(parse_qsl(sent.decode())) | changes).encode())
            environ["CONTENT_LENGTH"] = str(environ["wsgi.input"].getbuffer().nbytes)
        else:
            environ["wsgi.input"] = io.BytesIO(sent)
        with rules.shown(account, call):
            answer = self._ask_moto(environ)
        if answer.fine:
            answer.body = rules.done(account, call, answer.body)
        return answer

    def _ask_moto(self, environ: Environ) -> Answer:
        begun: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], None]:
            begun.append((status, headers))
            return lambda _data: None

        body = b"".join(self._moto(environ, start))
        status, headers = begun[-1]
        return Answer(status, headers, body)
