"""Requests to HTTP servers, by one policy for sums, files, images and tokens.

* Only http and https addresses are asked, and from https no redirect leads to http (`web_address.followed`).
* A token goes to the address that it is for, and to none that it redirects to.
* The environment's proxies are used, unless no_proxy covers the address (`proxies.route`).
* An answer counts once it has come to its end, and only if its length is what was announced.
* What may pass is tried again, until the work's deadline at the latest.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import TypeVar, cast
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request

from installer import __version__
from installer.artifacts import proxies
from installer.common import web_address
from installer.common.deadline import Deadline
from installer.common.scrub import safe

T = TypeVar("T")
Headers = Mapping[str, str]
Get = Callable[[Headers], HTTPResponse]
"""Asks for one thing with these headers (such as a Range), and gives the answer to read. Raises Failure."""

_SILENCE = 30.0
"""Seconds without a byte after which a connection counts as dead."""
_PAUSE = 0.5
"""Seconds before what may pass is tried again; doubled each time that nothing more came, up to `_LONGEST`."""
_LONGEST = 4.0
_CHUNK = 256 * 1024
_LONGEST_WORDS = 500
"""Characters of what was seen that are shown: a server may say more."""
_REDIRECTS = 10
_MOVED = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT = frozenset({404, 410})
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class Failure(Exception):  # noqa: N818 (whoever knows what was wanted makes an error of it)
    """A request that failed: `status` is 0 if nobody answered, `url` where redirects had led."""

    def __init__(
        self,
        observed: str,
        *,
        status: int = 0,
        url: str = "",
        challenge: str = "",
        passing: bool = False,
        hint: str = "",
    ) -> None:
        self.observed = " ".join(safe(observed).split())[:_LONGEST_WORDS]
        """One line; words of the server may be in it."""
        super().__init__(self.observed)
        self.status = status
        self.url = url
        self.challenge = challenge
        """What a 401 says about how to log in."""
        self.passing = passing
        """Whether trying again may help."""
        self.hint = hint
        self.route = ""
        """Why it went through a proxy or not, as a sentence; empty where no proxy is set."""

    @property
    def absent(self) -> bool:
        """Whether the server says that there is no such thing."""
        return self.status in _ABSENT

    def hints(self, otherwise: str) -> str:
        """What to do: its own hint, or `otherwise`, and by which way it was asked."""
        return "; ".join(filter(None, (self.hint or otherwise, self.route)))


class Stopped(Exception):  # noqa: N818 (somebody wanted it so)
    """The work is to end; what came so far is kept."""


@dataclass
class Work:
    """What the downloads of one piece of work have in common."""

    deadline: Deadline
    stop: threading.Event = field(default_factory=threading.Event)
    received: Callable[[int], None] = lambda _count: None
    """Hears of every few bytes that came."""

    def check(self) -> None:
        """Raises Stopped, or Failure when time is up."""
        if self.stop.is_set():
            raise Stopped
        if not self.deadline.left:
            raise Failure(f"not done within {self.deadline.seconds:.0f} s")


def ask(url: str, work: Work, headers: Headers = {}, token: str | None = None) -> HTTPResponse:  # noqa: B006 (only read)
    """GET `url` once, follow redirects, and give the answer (status 200 or 206) to read. Raises Failure."""
    for _ in range(_REDIRECTS + 1):
        answer = _ask_one(url, work, headers, token)
        if answer.status not in _MOVED:
            return answer
        with answer:
            location = answer.headers.get("Location")
        if not location:
            raise Failure(f"HTTP status {answer.status} without an address to go to", status=answer.status, url=url)
        try:
            url, token = web_address.followed(url, location), None
        except ValueError as error:
            raise Failure(f"it redirects to {location}, which is {error}", url=url) from None
    raise Failure(f"it redirects more than {_REDIRECTS} times", url=url)


def _ask_one(url: str, work: Work, headers: Headers, token: str | None) -> HTTPResponse:
    """GET `url` and give the answer: one to read, or a redirect. Raises Failure."""
    try:
        address = web_address.parse(url)
    except ValueError as error:
        raise Failure(f"{url} is {error}") from None
    try:
        route = proxies.route(address)
    except ValueError as error:
        raise Failure(str(error), hint="correct it, or unset it") from None
    request = Request(url, headers={"User-Agent": f"craton/{__version__}", **headers})  # noqa: S310 (checked above)
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    route.use(request)
    try:
        return _open(request, min(_SILENCE, work.deadline.patience))
    except Failure as failure:
        failure.route = route.reason
        raise


def _open(request: Request, timeout: float) -> HTTPResponse:
    try:
        answer = cast(HTTPResponse, _opener().open(request, timeout=timeout))
    except URLError as error:
        raise _unreachable(error.reason) from None
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None
    if answer.status in (200, 206) or answer.status in _MOVED:
        return answer
    answer.close()
    challenges = answer.headers.get_all("WWW-Authenticate") or [""]
    raise Failure(
        f"HTTP status {answer.status}",
        status=answer.status,
        url=request.full_url,
        challenge=next((each for each in challenges if each.lower().startswith("bearer ")), challenges[0]),
        passing=answer.status in _PASSING,
    )


def _opener() -> OpenerDirector:
    """One that only asks: redirects, proxies, statuses and the like are decided here."""
    opener = OpenerDirector()
    opener.add_handler(HTTPHandler())
    opener.add_handler(HTTPSHandler())
    return opener


def _unreachable(reason: object) -> Failure:
    observed = str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
    if isinstance(reason, ssl.SSLCertVerificationError):
        hint = "trust its certificate authority on this computer (SSL_CERT_FILE names a file of them)"
        return Failure(f"its certificate is not trusted: {reason.verify_message}", hint=hint)
    if isinstance(reason, HTTPException):
        observed = f"it doesn't speak HTTP: {type(reason).__name__} {reason}"
    return Failure(observed, passing=True)


def tried(attempt: Callable[[], T], work: Work, reached: Callable[[], int] = lambda: 0) -> T:
    """What `attempt` gives; again while that may help, and for as long as it gets on (`reached` grows)."""
    pause, furthest = _PAUSE, reached()
    while True:
        work.check()
        try:
            return attempt()
        except Failure as failure:
            if reached() > furthest:
                pause, furthest = _PAUSE, reached()
            if not failure.passing or pause > _LONGEST or work.deadline.left < pause:
                raise
        work.stop.wait(pause)
        pause *= 2


def read(get: Get, work: Work, *, largest: int) -> bytes:
    """All of a small answer. Raises Failure, also if it is larger than `largest` bytes, or compressed unasked."""
    return tried(lambda: _read_once(get, work, largest), work)


def _read_once(get: Get, work: Work, largest: int) -> bytes:
    data = bytearray()
    with get({}) as answer:
        if answer.status != 200:
            raise Failure("it sent only a part of the file")
        encoding = answer.headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise Failure(f"its answer is compressed ({encoding}), which Craton didn't ask for")
        announced = length(answer, largest)
        while chunk := next_chunk(answer, work):
            data += chunk
            if len(data) > largest:
                raise too_large(largest)
    check_whole(len(data), announced)
    return bytes(data)


def length(answer: HTTPResponse, largest: int) -> int | None:
    """How many bytes an answer announces; None if it says nothing. Raises Failure: nonsense, or more than `largest`."""
    lengths = {each.strip() for each in answer.headers.get_all("Content-Length") or ()}
    if not lengths or answer.chunked:  # then the chunks say where it ends (RFC 9112, section 6.3)
        return None
    if len(lengths) > 1 or not _LENGTH.fullmatch(min(lengths)):
        raise Failure(f"its Content-Length is {', '.join(sorted(lengths))!r}, which isn't a number of bytes")
    if int(min(lengths)) > largest:
        raise too_large(largest)
    return int(min(lengths))


def too_large(largest: int) -> Failure:
    return Failure(f"it is larger than {largest} bytes")


def next_chunk(answer: HTTPResponse, work: Work) -> bytes:
    """The next few bytes of an answer; none at its end. Raises Failure or Stopped."""
    work.check()
    try:
        chunk = answer.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None
    work.received(len(chunk))
    return chunk


def check_whole(came: int, announced: int | None) -> None:
    """Raises Failure if less came than was announced."""
    if announced is not None and came < announced:
        raise Failure(f"broke off after {came} of {announced} bytes", passing=True)
