"""The one place that prints. Results go to stdout, all else to stderr; nothing leaves that is unsafe for a terminal."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from installer.common.scrub import safe


def notify(text: str) -> None:
    """Say something to the person; stdout is left to results."""
    print(safe(text), file=sys.stderr, flush=True)


def ask_line(prompt: str) -> str:
    """What is typed after `prompt`, a newline at its end; empty at the end of input."""
    print(safe(prompt), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def result(text: str, out: TextIO | None = None) -> None:
    """Print a result for people, on stdout unless `out` is given."""
    print(safe(text), file=out, flush=True)


def result_json(document: Mapping[str, Any] | Sequence[Any], *, indent: int | None = None) -> None:
    """Print a result for programs: JSON in printable ASCII, in which every letter is written out whole."""
    print(json.dumps(document, indent=indent).replace("\x7f", "\\u007f"), flush=True)


def shell_word(text: str) -> str:
    """`text` quoted for a shell; in octal where `result` would change it."""
    if safe(text) == text:
        return shlex.quote(text)
    octal = "".join(f"\\{byte:03o}" for byte in text.encode("utf-8", "surrogateescape"))
    return f'"$(printf {shlex.quote(octal)})"'
