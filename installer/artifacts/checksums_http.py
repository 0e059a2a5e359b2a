"""Small files from HTTP servers, several at once, within one deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from installer import __version__
from installer.common.errors import ExitCode, InstallerError

_LARGEST = 256 * 1024
"""Bytes: a file of sums has a few lines."""
_PAUSE = 0.5
"""Seconds before what may pass is tried again; doubled each time."""
_TRIES = 4
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT = frozenset({404, 410})


def retrieve(places: Mapping[str, str], deadline: float) -> dict[str, str]:
    """The texts at the addresses of `places`, by its keys; those that do not exist (HTTP 404) are left out.

    Proxies are those of the environment. `deadline` is in seconds for all together.
    Raises InstallerError naming the address and what was seen.
    """
    until = time.monotonic() + deadline
    texts: dict[str, str | None] = {}
    failures: list[InstallerError] = []

    def get(key: str, url: str) -> None:
        try:
            texts[key] = _get(url, until)
        except InstallerError as error:
            failures.append(error)

    # Daemons: a name server that never answers must not hold up the program's end.
    threads = [threading.Thread(target=get, args=place, daemon=True) for place in places.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
        if failures:
            raise failures[0]
    late = [url for (_, url), thread in zip(places.items(), threads, strict=True) if thread.is_alive()]
    if late:
        raise _failure(late[0], f"no answer within {deadline:.0f} s")
    return {key: text for key, text in texts.items() if text is not None}


def _get(url: str, until: float) -> str | None:
    """The text at `url`, or None if there is none."""
    pause = _PAUSE
    for left in reversed(range(_TRIES)):
        try:
            return _get_once(url, until)
        except _Passing as passing:
            if not left or until - time.monotonic() < pause:
                raise _failure(url, passing.observed) from None
        time.sleep(pause)
        pause *= 2
    raise AssertionError("the last try returns or raises")


class _Passing(Exception):  # noqa: N818 (not the end: it is tried again)
    def __init__(self, observed: str) -> None:
        super().__init__(observed)
        self.observed = observed


def _get_once(url: str, until: float) -> str | None:
    request = Request(url, headers={"User-Agent": f"craton/{__version__}"})  # noqa: S310 (plans allow http and https)
    try:
        # An opener of its own: the common one keeps the proxies that it found first.
        with build_opener().open(request, timeout=max(0.1, until - time.monotonic())) as answer:
            data: bytes = answer.read(_LARGEST + 1)
            announced = int(answer.headers.get("Content-Length") or 0)
    except HTTPError as error:
        error.close()
        if error.code in _ABSENT:
            return None
        if error.code in _PASSING:
            raise _Passing(f"HTTP status {error.code}") from None
        raise _failure(url, f"HTTP status {error.code}") from None
    except URLError as error:
        raise _Passing(str(getattr(error.reason, "strerror", None) or error.reason)) from None
    except (OSError, HTTPException) as error:
        raise _Passing(str(error) or type(error).__name__) from None
    if len(data) > _LARGEST:
        raise _failure(url, f"more than {_LARGEST} bytes: it is no list of sums")
    if len(data) < announced:
        raise _Passing(f"broke off after {len(data)} of {announced} bytes")
    return data.decode("utf-8", "replace")


def _failure(url: str, observed: str) -> InstallerError:
    return InstallerError(
        "read the sums",
        f"GET {url}: {observed}",
        hint="check the network, and http_proxy and https_proxy of this computer; or name a mirror in the plan "
        "(artifacts.mirror), or give `craton apply` a directory (--artifacts)",
        exit_code=ExitCode.PREFLIGHT,
    )


def read_directory(places: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files of `places`, by its keys; those that do not exist are left out. Raises InstallerError."""
    texts: dict[str, str] = {}
    for key, path in places.items():
        try:
            texts[key] = Path(path).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            observed = f"{path} cannot be read: {error.strerror or error}"
            raise InstallerError("read the sums", observed, exit_code=ExitCode.PREFLIGHT) from None
    return texts
