"""Files of sums, from HTTP servers or a directory: small texts, all within one deadline."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from installer.artifacts.http import Failure, Work, ask, read
from installer.common.deadline import Deadline
from installer.common.errors import ExitCode, InstallerError

_LARGEST = 256 * 1024
"""Bytes: a file of sums has a few lines."""
_UNREAD = (
    "check the network, http_proxy and https_proxy of this computer, name a mirror (artifacts.mirror), "
    "or use `craton apply --artifacts DIR`"
)


def retrieve(places: Mapping[str, str], deadline: float) -> dict[str, str]:
    """The texts at the addresses of `places`, by its keys; those that do not exist (HTTP 404) are left out.

    `deadline` is in seconds for all together. Raises InstallerError naming the address and what was seen.
    """
    work = Work(Deadline(deadline))
    texts: dict[str, str | None] = {}
    failures: list[Exception] = []

    def get(key: str, url: str) -> None:
        try:
            texts[key] = _get(url, work)
        except Exception as error:  # whatever it was, it must not pass for a file that does not exist
            failures.append(error)

    # Daemons: a name server that never answers must not hold up the program's end.
    threads = [threading.Thread(target=get, args=place, daemon=True) for place in places.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(work.deadline.left)
        if failures:
            work.stop.set()
            raise failures[0]
    late = [url for key, url in places.items() if key not in texts]
    if late:
        raise _unread(late[0], Failure(f"no answer within {deadline:.0f} s"))
    return {key: text for key, text in texts.items() if text is not None}


def _get(url: str, work: Work) -> str | None:
    """The text at `url`, or None if there is none."""
    try:
        return _text(read(lambda headers: ask(url, work, headers), work, largest=_LARGEST))
    except Failure as failure:
        if failure.absent:
            return None
        raise _unread(url, failure) from None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Failure("it isn't UTF-8 text, so it isn't a list of checksums") from None


def _unread(url: str, failure: Failure) -> InstallerError:
    return InstallerError(
        "read the sums",
        f"GET {url}: {failure.observed}",
        hint=failure.hints(_UNREAD),
        exit_code=ExitCode.PREFLIGHT,
    )


def read_directory(places: Mapping[str, str]) -> dict[str, str]:
    """The texts of the files of `places`, by its keys; those that do not exist are left out. Raises InstallerError."""
    texts: dict[str, str] = {}
    for key, path in places.items():
        try:
            with Path(path).open("rb") as file:
                data = file.read(_LARGEST + 1)
            if len(data) > _LARGEST:
                raise Failure(f"more than {_LARGEST} bytes")
            texts[key] = _text(data)
        except FileNotFoundError:
            continue
        except (OSError, Failure) as error:
            observed = f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
            raise InstallerError("read the sums", observed, exit_code=ExitCode.PREFLIGHT) from None
    return texts
