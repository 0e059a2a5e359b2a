"""Requests to HTTP servers, and files from there: resumed, checked against their sums, put in place in one step.

Proxies and trusted certificates are those of this computer's environment.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, TypeVar, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from installer import __version__
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError
from installer.common.sanitise import clean

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
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


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
        super().__init__(observed)
        self.observed = clean(observed)
        """Words of the server may be in it."""
        self.status = status
        self.url = url
        self.challenge = challenge
        """What a 401 says about how to log in."""
        self.passing = passing
        """Whether trying again may help."""
        self.hint = hint


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


def ask(url: str, headers: Headers = {}, token: str | None = None) -> HTTPResponse:  # noqa: B006 (it is only read)
    """GET `url` once and give the answer to read. A token goes to that address alone, to none that it redirects to."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise Failure(f"{url} is no http or https address")
    request = Request(url, headers={"User-Agent": f"craton/{__version__}", **headers})  # noqa: S310 (checked above)
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        return cast(HTTPResponse, build_opener(_Redirects()).open(request, timeout=_SILENCE))
    except HTTPError as error:
        error.close()
        challenge = error.headers.get("WWW-Authenticate") or ""
        passing = error.code in _PASSING
        observed = f"HTTP status {error.code}"
        raise Failure(observed, status=error.code, url=error.url, challenge=challenge, passing=passing) from None
    except URLError as error:
        raise _unreachable(error.reason) from None
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None


class _Redirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and (req.type, scheme) != ("http", "http"):
            raise Failure(f"it redirects to {newurl}, which anybody on the way could change")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _unreachable(reason: object) -> Failure:
    observed = str(getattr(reason, "strerror", None) or reason or type(reason).__name__)
    if isinstance(reason, ssl.SSLCertVerificationError):
        hint = "trust its certificate authority on this computer (SSL_CERT_FILE names a file of them)"
        return Failure(f"its certificate is not trusted: {reason.verify_message}", hint=hint)
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
    """All of a small answer. Raises Failure, also if it is larger than `largest` bytes."""
    return tried(lambda: _read_once(get, work, largest), work)


def _read_once(get: Get, work: Work, largest: int) -> bytes:
    data = bytearray()
    with get({}) as answer:
        while chunk := _next(answer, work):
            data += chunk
            if len(data) > largest:
                raise Failure(f"more than {largest} bytes")
    _check_length(answer, len(data))
    return bytes(data)


def download(get: Get, target: Path, sha256: str, work: Work, *, largest: int) -> None:
    """The file `target` with this SHA-256 sum; what came of it before is at `target`.part, and is not asked for again.

    Raises Failure, also if it is larger than `largest` bytes or has another sum, and InstallerError if it cannot be
    written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists()
        while True:
            tried(lambda: _append(get, part, work, largest), work, lambda: _size(part))
            with part.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found == sha256:
                part.replace(target)
                return
            part.unlink()
            if not resumed:
                raise Failure(f"it has the SHA-256 sum {found}, expected {sha256}")
            resumed = False  # what was there before may be the head of another file: from the start, once
    except OSError as error:
        raise not_written(target, error) from None


def not_written(target: Path, error: OSError) -> InstallerError:
    hint = "free space there (df -h), or write elsewhere; the same command again goes on where this one stopped"
    return InstallerError(f"write {target}", error.strerror or str(error), hint=hint, exit_code=ExitCode.PREFLIGHT)


def _append(get: Get, part: Path, work: Work, largest: int) -> None:
    start = _size(part)
    try:
        answer = get({"Range": f"bytes={start}-"} if start else {})
    except Failure as failure:
        if failure.status == 416 and start:
            return  # all of it had come already
        raise
    with answer:
        if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise Failure("it answers with another part of the file than was asked for")
        came = start if answer.status == 206 else 0
        offset = came
        with part.open("ab" if came else "wb") as file:
            while chunk := _next(answer, work):
                came += len(chunk)
                if came > largest:
                    raise Failure(f"it is larger than {largest} bytes")
                file.write(chunk)
                file.flush()  # what came stays, however this ends
    _check_length(answer, came - offset)


def _next(answer: HTTPResponse, work: Work) -> bytes:
    work.check()
    try:
        chunk = answer.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _unreachable(error) from None
    work.received(len(chunk))
    return chunk


def _check_length(answer: HTTPResponse, came: int) -> None:
    announced = int(answer.headers.get("Content-Length") or came)
    if came < announced:
        raise Failure(f"broke off after {came} of {announced} bytes", passing=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
