"""Files from HTTP servers: resumed, checked against their sums, put in place in one step."""

from __future__ import annotations

import hashlib
from pathlib import Path

from installer.artifacts.http import Failure, Get, Work, check_whole, length, next_chunk, too_large, tried
from installer.common.errors import ExitCode, InstallerError


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
    hint = "free some space there (df -h), or write elsewhere; then run the same command again to continue"
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
        resumes = answer.status == 206
        if resumes and (not start or not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")):
            raise Failure("it sent a different part of the file than requested")
        came = offset = start if resumes else 0
        announced = length(answer, largest - offset)
        with part.open("ab" if came else "wb") as file:
            while chunk := next_chunk(answer, work):
                came += len(chunk)
                if came > largest:
                    raise too_large(largest)
                file.write(chunk)
                file.flush()  # what came stays, however this ends
    check_whole(came - offset, announced)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
