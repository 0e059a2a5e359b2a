"""The client's side of public key authentication (RFC 4252, 7): it asks whether a key would do before it signs."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import (
    MSG_SERVICE_ACCEPT,
    MSG_USERAUTH_BANNER,
    MSG_USERAUTH_FAILURE,
    MSG_USERAUTH_INFO_REQUEST,
    MSG_USERAUTH_SUCCESS,
    cMSG_SERVICE_REQUEST,
    cMSG_USERAUTH_REQUEST,
)

from installer.common.deadline import Deadline
from installer.ssh.keys import wire
from installer.ssh.keys.identities import Offer

_PUBLIC_KEY_OK = MSG_USERAUTH_INFO_REQUEST  # one number, whose meaning depends on the method
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_BANNER_LIMIT = 8192
"""Characters of a banner that are kept."""


class Says(Enum):
    """What a server may answer."""

    BEGIN = "begin"
    WOULD_DO = "this key would do"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Answer:
    """`methods` are those with which one may go on; `partial` says that the key was right but is not enough."""

    says: Says
    methods: tuple[str, ...] = ()
    partial: bool = False


class Login(AuthHandler):
    """One attempt to log in over a transport whose key exchange is done.

    paramiko's own signs unasked: an agent would want a touch, and a file its passphrase, for keys that are refused.
    """

    def __init__(self, transport: paramiko.Transport, user: str) -> None:
        super().__init__(transport)
        self.username = user
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.greeting = ""
        """What the server shows to whoever wants to log in (RFC 4252, 5.4), as it came: it may hold anything."""
        self._handlers: dict[int, Callable[[paramiko.Message], None]] = {
            MSG_SERVICE_ACCEPT: lambda _message: self._answers.put(Answer(Says.BEGIN)),
            MSG_USERAUTH_SUCCESS: self._parse_success,
            MSG_USERAUTH_FAILURE: self._parse_failure,
            MSG_USERAUTH_BANNER: self._parse_banner,
            _PUBLIC_KEY_OK: lambda _message: self._answers.put(Answer(Says.WOULD_DO)),
        }
        transport.auth_handler = self

    @property
    def _handler_table(self) -> dict[int, Callable[[paramiko.Message], None]]:
        return self._handlers

    def abort(self) -> None:
        """The transport ended."""
        self._answers.put(Answer(Says.GONE))

    def begin(self, deadline: Deadline) -> Answer:
        """Ask to log in at all. Like the others, raises TimeoutError at the deadline."""
        message = paramiko.Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        return self._send(message, deadline)

    def without_key(self, deadline: Deadline) -> Answer:
        """Ask for the methods that the server offers; a server may let one in at that (RFC 4252, 5.2)."""
        return self._send(self._request("none"), deadline)

    def ask(self, offer: Offer, deadline: Deadline) -> Answer:
        """Ask whether the key would do."""
        message = self._request("publickey")
        message.add_boolean(False)
        message.add_string(self._algorithm(offer))
        message.add_string(offer.blob)
        return self._send(message, deadline)

    def prove(self, offer: Offer, deadline: Deadline) -> Answer:
        """Log in with the key. Raises AgentError and KeyFileError too, where nobody signs."""
        assert offer.sign is not None, "a locked key cannot sign"
        algorithm = self._algorithm(offer)
        message = self._request("publickey")
        message.add_boolean(True)
        message.add_string(algorithm)
        message.add_string(offer.blob)
        session = self.transport.session_id or b""
        signature = offer.sign(wire.string(session) + message.asbytes(), algorithm, deadline)
        message.add_string(signature)
        return self._send(message, deadline)

    def _request(self, method: str) -> paramiko.Message:
        message = paramiko.Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        message.add_string(self.username or "")
        message.add_string("ssh-connection")
        message.add_string(method)
        return message

    def _algorithm(self, offer: Offer) -> str:
        """The signature algorithm: RSA keys have several, of which the server says what it takes (RFC 8308)."""
        kind = wire.kind(offer.blob)
        if not kind.startswith("ssh-rsa"):
            return kind
        taken: bytes = self.transport.server_extensions.get("server-sig-algs", b"")  # type: ignore[attr-defined]
        fitting = [name for name in _RSA if name.encode() in taken.split(b",")]
        return (fitting or _RSA)[0] + kind.removeprefix("ssh-rsa")

    def _send(self, message: paramiko.Message, deadline: Deadline) -> Answer:
        if not self.transport.is_active():
            return Answer(Says.GONE)
        try:
            self.transport._send_message(message)  # type: ignore[attr-defined]
        except (OSError, EOFError, paramiko.SSHException):
            return Answer(Says.GONE)
        try:
            return self._answers.get(timeout=deadline.patience)
        except queue.Empty:
            raise TimeoutError from None

    def _parse_banner(self, message: paramiko.Message) -> None:
        self.greeting += message.get_string()[: _BANNER_LIMIT - len(self.greeting)].decode("utf-8", "replace")

    def _parse_success(self, _message: paramiko.Message) -> None:
        self.authenticated = True
        self.transport._auth_trigger()  # type: ignore[attr-defined]
        self._answers.put(Answer(Says.ACCEPTED))

    def _parse_failure(self, message: paramiko.Message) -> None:
        methods = tuple(message.get_list())
        self._answers.put(Answer(Says.REFUSED, methods, message.get_boolean()))
